//! What the tests of `sync` have in common: tasks that share a thing, cancelling at each tick, and two runs on two threads.

#![allow(dead_code, reason = "each file of tests uses a part")]

#[path = "../task_order/trace.rs"]
pub(crate) mod trace;

use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::thread;

use cede::{JoinHandle, spawn, yield_now};
use trace::{panic_text, run};

/// What a wait outside of a task panics with.
pub(crate) const NO_TASK: &str = "cede: only a task can wait: call this inside cede::run, not in a callback";

/// Starts a task that uses what is shared.
pub(crate) fn task<S: ?Sized + 'static, T: 'static>(
    shared: &Rc<S>,
    f: impl FnOnce(&S) -> T + 'static,
) -> JoinHandle<T> {
    let shared = Rc::clone(shared);
    spawn(move || f(&shared))
}

/// Lets this many ticks pass.
pub(crate) fn pass(ticks: usize) {
    (0..ticks).for_each(|_| yield_now());
}

/// Has a task cancelled by a callback of the next tick.
pub(crate) fn cancel_soon<T: 'static>(task: JoinHandle<T>) -> Rc<JoinHandle<T>> {
    let task = Rc::new(task);
    let victim = Rc::clone(&task);
    cede::call_soon(move || {
        victim.cancel();
    });
    task
}

/// Whether a task was cancelled; waits for its end.
pub(crate) fn was_cancelled<T>(task: &JoinHandle<T>) -> bool {
    task.join().is_err_and(|error| error.is_cancelled())
}

/// Asserts that a wait is refused where there is no task.
pub(crate) fn assert_needs_a_task<T>(wait: impl FnOnce() -> T) {
    assert_eq!(panic_text(wait), NO_TASK);
}

/// Cancels one of the tasks of a program after no tick, after one, and so on, until all of them end before that. Each time it
/// waits for them all, and has the program checked. Gives how many were cancelled in the end.
pub(crate) fn cancel_at_each_tick<P>(
    make: impl Fn() -> (Rc<P>, Vec<JoinHandle<()>>),
    check: impl Fn(&P),
) -> usize {
    let mut cancelled = 0;
    for ticks in 0.. {
        let late = run(|| {
            let number = make().1.len();
            let mut late = 0;
            for victim in 0..number {
                let (program, tasks) = make();
                pass(ticks);
                late += usize::from(!tasks[victim].cancel());
                cancelled += tasks.iter().filter(|task| was_cancelled(task)).count();
                check(&program);
            }
            late == number
        });
        if late {
            return cancelled;
        }
        assert!(ticks < 1000, "the program does not end");
    }
    unreachable!("the ticks do not end")
}

/// Runs something on two threads at once, each in a run of its own. Gives their values.
pub(crate) fn on_two_threads<S: Send + Sync + 'static, T: Send + 'static>(
    shared: S,
    f: fn(&Arc<S>, usize) -> T,
) -> [T; 2] {
    let (shared, start) = (Arc::new(shared), Arc::new(Barrier::new(2)));
    let threads = [0, 1].map(|number| {
        let (shared, start) = (Arc::clone(&shared), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            cede::run(|| f(&shared, number))
        })
    });
    threads.map(|thread| thread.join().unwrap())
}
