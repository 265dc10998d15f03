//! corosensei, bare: generators, and the least that a scheduler of its coroutines could do, which is to resume them in turn.

use std::collections::VecDeque;
use std::hint::black_box;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use peers::{Peer, sum_below, timed, unsupported};

const GENERATOR_STACK_SIZE: usize = 64 * 1024;
const TASK_STACK_SIZE: usize = 32 * 1024;

fn stack(size: usize) -> DefaultStack {
    DefaultStack::new(size).expect("a stack")
}

fn values(values: u64) {
    let mut generator: Coroutine<(), u64, ()> = Coroutine::new(move |yielder, ()| {
        for value in 0..black_box(values) {
            yielder.suspend(value);
        }
    });
    let mut sum = 0u64;
    while let CoroutineResult::Yield(value) = generator.resume(()) {
        sum = sum.wrapping_add(black_box(value));
    }
    assert_eq!(sum, sum_below(values));
}

/// One stack is handed on from generator to generator, as a pool would.
fn generators(generators: u64) {
    let mut stack = stack(GENERATOR_STACK_SIZE);
    for _ in 0..generators {
        let mut three: Coroutine<(), u64, (), DefaultStack> = Coroutine::with_stack(stack, |yielder, ()| {
            for value in 0..3 {
                yielder.suspend(value);
            }
        });
        let mut sum = 0;
        while let CoroutineResult::Yield(value) = three.resume(()) {
            sum += black_box(value);
        }
        assert_eq!(sum, 3);
        stack = three.into_stack();
    }
}

fn yields(tasks: u64, each: u64) {
    let task = |_| {
        Coroutine::<(), (), (), DefaultStack>::with_stack(stack(TASK_STACK_SIZE), move |yielder, ()| {
            for _ in 0..each {
                yielder.suspend(());
            }
        })
    };
    let mut ready: VecDeque<_> = (0..tasks).map(task).collect();
    while let Some(mut task) = ready.pop_front() {
        if let CoroutineResult::Yield(()) = task.resume(()) {
            ready.push_back(task);
        }
    }
}

fn main() {
    let peer = Peer::from_command_line("corosensei");
    let first = peer.number(0);
    match peer.workload() {
        "gen" => peer.report(first, timed(|| values(first)).1),
        "gennew" => peer.report(first, timed(|| generators(first)).1),
        "yield" => {
            let each = peer.number(1);
            peer.report(first * each, timed(|| yields(first, each)).1);
        }
        _ => unsupported(),
    }
}
