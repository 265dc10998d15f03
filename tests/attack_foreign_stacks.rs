//! Another crate's coroutines switch stacks where cede does not see it. Nothing of cede may then be suspended from a stack
//! that is not its own.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cede::{Generator, Yielder};
use corosensei::{Coroutine, CoroutineResult};

/// A coroutine of corosensei's that runs cede, and was suspended from inside one of its tasks.
fn run_suspended_in_a_task() -> Coroutine<(), (), u32> {
    let mut foreign = Coroutine::new(|outer: &corosensei::Yielder<(), ()>, ()| {
        cede::run(|| {
            outer.suspend(());
            cede::yield_now();
            7
        })
    });
    assert!(matches!(foreign.resume(()), CoroutineResult::Yield(())));
    foreign
}

fn finishes(mut foreign: Coroutine<(), (), u32>) {
    assert!(matches!(foreign.resume(()), CoroutineResult::Return(7)));
}

fn refusal(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it is refused");
    payload.downcast_ref::<String>().cloned().expect("a message")
}

#[test]
fn a_task_is_not_suspended_from_the_stack_of_the_thread_while_its_run_is_suspended() {
    let foreign = run_suspended_in_a_task();
    assert!(refusal(cede::yield_now).contains("only on its own stack"));
    assert!(refusal(|| cede::sleep(std::time::Duration::from_millis(1))).contains("only on its own stack"));
    finishes(foreign);
}

#[test]
fn a_task_is_not_suspended_by_a_generator_that_it_did_not_resume() {
    let foreign = run_suspended_in_a_task();
    let g = Generator::new(|y: &Yielder<u32>| {
        y.yield_(1);
        cede::yield_now();
    });
    assert_eq!(g.advance().unwrap().yielded(), Some(1));
    assert!(refusal(|| drop(g.advance())).contains("only on its own stack"));
    finishes(foreign);
}

#[test]
fn a_task_is_suspended_by_generators_that_it_resumed_at_any_depth_and_on_grown_segments() {
    fn nest(depth: u32) -> Generator<u32> {
        Generator::new(move |y: &Yielder<u32>| {
            if depth > 0 {
                let inner = nest(depth - 1);
                for value in &inner {
                    y.yield_(value);
                }
            }
            cede::grow_with(usize::MAX, 1 << 16, cede::yield_now);
            y.yield_(depth);
        })
    }
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&seen);
    cede::run(move || {
        let other = Rc::clone(&sink);
        let ticker = cede::spawn(move || {
            for _ in 0..4 {
                other.borrow_mut().push(100);
                cede::yield_now();
            }
        });
        for value in nest(3) {
            sink.borrow_mut().push(value);
        }
        ticker.join().unwrap();
    });
    assert_eq!(*seen.borrow(), [100, 0, 100, 1, 100, 2, 100, 3]);
}

#[test]
fn a_generator_does_not_yield_from_a_foreign_coroutine_inside_its_body() {
    let g = Generator::new(|y: &Yielder<u32>| {
        let mut refused = None;
        corosensei::ScopedCoroutine::new(|_: &corosensei::Yielder<(), ()>, ()| {
            refused = Some(y.try_yield(1).is_err());
        })
        .scope(|mut inner| {
            inner.as_mut().resume(());
        });
        assert_eq!(refused, Some(true));
        y.yield_(2);
    });
    assert_eq!(g.collect::<Vec<_>>(), [2]);
}
