//! No memory left for stacks: the tasks that get none fail with an error that says so, and all others go on.

#![cfg(target_os = "linux")]

use std::error::Error;
use std::fs;
use std::rc::Rc;

use cede::stack::{StackError, stats};
use cede::sync::Event;
use cede::{JoinHandle, Runner, scope, spawn, yield_now};
use rustix::process::{Resource, Rlimit, setrlimit};

#[path = "generator_statements/child.rs"]
mod child;

const STACK_SIZE: usize = 64 << 10;

/// Lets this process have so much more address space.
fn limit_address_space(more: usize) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').next().unwrap().parse().unwrap();
    let limit = (pages * 4096 + more) as u64;
    setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: Some(limit) }).unwrap();
}

fn run<T>(main: impl FnOnce() -> T) -> T {
    Runner::builder().stack_size(STACK_SIZE).virtual_time(true).build().run(main).unwrap()
}

fn is_out_of_memory(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(StackError::OutOfMemory { size: STACK_SIZE, .. }))
}

/// Spawns so many tasks that wait for an event, and lets them begin.
fn crowd(count: u32, event: &Rc<Event>) -> Vec<JoinHandle<u32>> {
    let spawn = |number| {
        let event = Rc::clone(event);
        spawn(move || {
            event.wait();
            number
        })
    };
    let tasks = (0..count).map(spawn).collect();
    yield_now();
    tasks
}

#[test]
fn tasks_without_a_stack_fail_and_the_others_live_on() {
    child::alone("tasks_without_a_stack_fail_and_the_others_live_on", None, || {
        limit_address_space(160 << 20);
        run(|| {
            let event = Rc::new(Event::new());
            let tasks = crowd(4_000, &event);
            let (failed, alive): (Vec<_>, Vec<_>) = tasks.into_iter().partition(JoinHandle::is_finished);
            assert!(failed.len() > 1_000 && alive.len() > 1_000, "{} failed", failed.len());
            assert_eq!(stats().in_use, alive.len() + 1);
            for task in &failed {
                let error = task.join().unwrap_err();
                assert!(error.error().is_some_and(is_out_of_memory), "{error}");
                assert!(error.to_string().contains("no memory for a stack of 65536 bytes"), "{error}");
            }
            // Whoever reports this needs memory too, and so does what the others do next.
            let report: Vec<String> = failed.iter().map(|task| format!("{task:?}")).collect();
            assert!(report.iter().all(|line| line.contains("finished: true")));
            assert!(Vec::<u8>::new().try_reserve_exact(4 << 20).is_ok());
            event.set();
            let sum: u32 = alive.iter().map(|task| task.join().unwrap()).sum();
            assert_eq!(sum, (0..alive.len() as u32).sum(), "those got a stack that came first");
            // Their stacks serve the next ones.
            event.clear();
            let again = crowd(alive.len() as u32, &event);
            assert!(!again.iter().any(JoinHandle::is_finished));
            event.set();
            assert!(again.iter().all(|task| task.join().is_ok()));
        });
    });
}

#[test]
fn a_scope_that_gets_no_stack_for_a_child_ends_with_that_error() {
    child::alone("a_scope_that_gets_no_stack_for_a_child_ends_with_that_error", None, || {
        limit_address_space(64 << 20);
        run(|| {
            let ended = scope(|s| (0..3_000).for_each(|_| drop(s.spawn(|| Event::new().wait()))));
            let error = ended.unwrap_err();
            assert!(error.iter().all(|error| error.error().is_some_and(is_out_of_memory)), "{error}");
            assert_eq!(stats().in_use, 1, "the children that lived were cancelled");
        });
    });
}
