//! CPython 3.13's tests of `wait` and `as_completed` (in `test_tasks.py`), idea for idea. The name of the case stands above each
//! test.
//!
//! | left out | why |
//! |---|---|
//! | `test_wait_errors`, `test_wait_invalid_args`, `test_as_completed_invalid_args` | what is no set of handles does not compile; an empty one is waited for in no time, where Python refuses it |
//! | coroutines in `test_as_completed*` | the members are handles; a function is spawned first |
//! | the async iterators in `test_as_completed*` | there is one kind of iterator, whose `next` waits |
//! | `test_as_completed_reverse_wait` | the iterator gives members that have ended, and not futures to wait for in any order |
//! | `test_as_completed_coroutine_without_loop`, `_use_running_loop` | a handle belongs to its run |

#[path = "task_order/trace.rs"]
mod trace;

use std::time::{Duration, Instant};

use cede::task::{Awaitable, Promise, ReturnWhen, Waited, as_completed, wait};
use cede::{JoinHandle, sleep, spawn, time, try_spawn, yield_now};
use trace::{SECOND, log, logged, run};

const MS: Duration = Duration::from_millis(1);

fn sleeper(ms: u32) -> JoinHandle<()> {
    spawn(move || sleep(ms * MS))
}

fn gives_after<T: 'static>(ms: u32, value: T) -> JoinHandle<T> {
    spawn(move || {
        sleep(ms * MS);
        value
    })
}

fn fails_after(ms: u32) -> JoinHandle<()> {
    try_spawn(move || {
        if ms > 0 {
            sleep(ms * MS);
        }
        Err("zero")
    })
}

/// The numbers of the tasks that are done, and of those that are not.
fn ids<T>(waited: &Waited<&JoinHandle<T>>) -> (Vec<u64>, Vec<u64>) {
    let ids = |handles: &[&JoinHandle<T>]| handles.iter().map(|handle| handle.id()).collect();
    (ids(&waited.done), ids(&waited.pending))
}

fn ms_since(start: Instant) -> u128 {
    (time::now() - start).as_millis()
}

// test_wait
#[test]
fn waiting_for_all_takes_until_the_last_and_no_time_afterwards() {
    run(|| {
        let start = time::now();
        let (a, b) = (sleeper(100), sleeper(150));
        for _ in 0..2 {
            let waited = wait([&b, &a], ReturnWhen::AllCompleted, None);
            assert_eq!(ids(&waited), (vec![b.id(), a.id()], vec![]));
            assert_eq!(ms_since(start), 150);
        }
    });
}

// test_wait_duplicate_coroutines
#[test]
fn a_task_that_is_given_twice_is_waited_for_once() {
    run(|| {
        let (c, d) = (gives_after(0, "test"), gives_after(0, "spam"));
        let waited = wait([&c, &c, &d], ReturnWhen::AllCompleted, None);
        assert!(waited.pending.is_empty());
        let mut values: Vec<_> = waited.done.iter().map(|task| task.join_cloned().unwrap()).collect();
        values.dedup();
        assert_eq!(values, ["test", "spam"]);
    });
}

// test_wait_first_completed
#[test]
fn waiting_for_the_first_leaves_the_others_running() {
    run(|| {
        let start = time::now();
        let (a, b) = (sleeper(10_000), sleeper(100));
        let waited = wait([&b, &a], ReturnWhen::FirstCompleted, None);
        assert_eq!(ids(&waited), (vec![b.id()], vec![a.id()]));
        assert!(!a.is_finished() && b.is_finished());
        assert_eq!(ms_since(start), 100);
        assert!(wait([&a, &b], ReturnWhen::AllCompleted, None).pending.is_empty());
    });
}

// test_wait_really_done
#[test]
fn what_ends_before_the_one_that_waits_goes_on_is_done_too() {
    run(|| {
        let a = spawn(yield_now);
        let b = spawn(|| {
            yield_now();
            yield_now();
        });
        let waited = wait([&b, &a], ReturnWhen::FirstCompleted, None);
        assert_eq!(ids(&waited), (vec![b.id(), a.id()], vec![]));
    });
}

// test_wait_first_exception
#[test]
fn waiting_for_the_first_failure_ends_at_once_with_a_task_that_fails_at_once() {
    run(|| {
        let start = time::now();
        let (a, b) = (sleeper(10_000), fails_after(0));
        let waited = wait([&b, &a], ReturnWhen::FirstException, None);
        assert_eq!(ids(&waited), (vec![b.id()], vec![a.id()]));
        assert_eq!(ms_since(start), 0);
        // It has failed already.
        let waited = wait([&b, &a], ReturnWhen::FirstException, None);
        assert_eq!(ids(&waited), (vec![b.id()], vec![a.id()]));
        assert_eq!(ms_since(start), 0);
    });
}

// test_wait_first_exception_in_wait
#[test]
fn waiting_for_the_first_failure_ends_with_it() {
    run(|| {
        let start = time::now();
        let (a, b, c) = (sleeper(10_000), fails_after(10), sleeper(5));
        let waited = wait([&b, &a, &c], ReturnWhen::FirstException, None);
        assert_eq!(ids(&waited), (vec![b.id(), c.id()], vec![a.id()]));
        assert_eq!(ms_since(start), 10);
    });
}

// test_wait_with_exception
#[test]
fn waiting_for_all_goes_on_after_a_failure() {
    run(|| {
        let start = time::now();
        let (a, b) = (sleeper(100), fails_after(150));
        for _ in 0..2 {
            let waited = wait([&b, &a], ReturnWhen::AllCompleted, None);
            assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
            let failed = waited.done.iter().filter(|task| task.outcome().unwrap().is_err());
            assert_eq!(failed.count(), 1);
            assert_eq!(ms_since(start), 150);
        }
    });
}

// test_wait_with_timeout
#[test]
fn a_limit_ends_the_wait_and_not_the_tasks() {
    run(|| {
        let start = time::now();
        let (a, b) = (sleeper(100), sleeper(150));
        let waited = wait([&b, &a], ReturnWhen::AllCompleted, Some(110 * MS));
        assert_eq!(ids(&waited), (vec![a.id()], vec![b.id()]));
        assert_eq!(ms_since(start), 110);
        assert!(b.join().is_ok());
        assert_eq!(ms_since(start), 150);
    });
}

// test_wait_concurrent_complete
#[test]
fn a_task_that_ends_when_the_limit_is_reached_is_done() {
    run(|| {
        let start = time::now();
        let (a, b) = (sleeper(100), sleeper(150));
        // They set their timers first.
        yield_now();
        let waited = wait([&b, &a], ReturnWhen::AllCompleted, Some(100 * MS));
        assert_eq!(ids(&waited), (vec![a.id()], vec![b.id()]));
        assert_eq!(ms_since(start), 100);
    });
}

// test_wait_with_iterator_of_tasks, test_wait_generator
#[test]
fn the_tasks_may_come_from_an_iterator() {
    run(|| {
        let start = time::now();
        let tasks = [sleeper(100), sleeper(150)];
        let waited = wait(tasks.iter(), ReturnWhen::AllCompleted, None);
        assert_eq!((waited.done.len(), waited.pending.len(), ms_since(start)), (2, 0, 150));
        let made = wait((0..10).map(|i| spawn(move || i)), ReturnWhen::AllCompleted, None);
        assert!(made.pending.is_empty());
        assert!(made.done.iter().map(|task| task.join().unwrap()).eq(0..10));
    });
}

// test_yield_wait_does_not_shield_cancel
#[test]
fn a_wait_that_is_cancelled_leaves_the_tasks_running() {
    run(|| {
        let waiter = Promise::new();
        let waited = waiter.clone();
        let outer = spawn(move || {
            let inner = spawn(move || {
                waited.join().unwrap();
                log("inner");
            });
            wait([&inner], ReturnWhen::AllCompleted, None);
            log("unreachable");
        });
        yield_now();
        yield_now();
        outer.cancel();
        assert!(outer.join().unwrap_err().is_cancelled());
        waiter.set_result(()).unwrap();
        yield_now();
        assert_eq!(logged(), ["inner"]);
    });
}

// test_as_completed
#[test]
fn tasks_come_in_the_order_in_which_they_end() {
    run(|| {
        let start = time::now();
        let tasks = [gives_after(10, "b"), gives_after(150, "c"), gives_after(10, "a")];
        let values: Vec<_> = as_completed(&tasks, None).map(|task| task.unwrap().join().unwrap()).collect();
        assert_eq!(values, ["b", "a", "c"]);
        assert_eq!(ms_since(start), 150);
    });
}

// test_as_completed_same_tasks_in_as_out
#[test]
fn the_handles_that_come_out_are_those_that_were_given() {
    run(|| {
        let (a, b) = (spawn(|| 'a'), spawn(|| 'b'));
        let expected = [a.id(), b.id()];
        let out: Vec<_> = as_completed([a, b], None).map(|task| task.unwrap().id()).collect();
        assert_eq!(out, expected);
    });
}

// test_as_completed_with_timeout
#[test]
fn a_limit_gives_an_error_for_each_task_that_is_late() {
    run(|| {
        let start = time::now();
        let tasks = [gives_after(100, "a"), gives_after(150, "b")];
        let mut values = Vec::new();
        for task in as_completed(&tasks, Some(120 * MS)) {
            values.push(task.map(|task| task.join().unwrap()).ok());
        }
        assert_eq!(values, [Some("a"), None]);
        assert_eq!(ms_since(start), 120);
        assert_eq!(tasks[1].join().unwrap(), "b");
    });
}

// test_as_completed_with_unused_timeout
#[test]
fn a_limit_that_is_not_reached_does_nothing() {
    run(|| {
        let start = time::now();
        for task in as_completed([gives_after(10, "a")], Some(SECOND)) {
            assert_eq!(task.unwrap().join().unwrap(), "a");
        }
        assert_eq!(ms_since(start), 10);
    });
}

// test_as_completed_resume_iterator
#[test]
fn the_iteration_may_be_left_and_taken_up_again() {
    run(|| {
        let tasks: Vec<_> = (0..4).map(|i| spawn(move || i)).collect();
        let mut completed = as_completed(&tasks, None);
        let mut collected: Vec<_> =
            completed.by_ref().take(2).map(|task| task.unwrap().join().unwrap()).collect();
        assert_eq!(collected.len(), 2);
        collected.extend(completed.map(|task| task.unwrap().join().unwrap()));
        assert_eq!(collected, [0, 1, 2, 3]);
    });
}

// test_as_completed_concurrent
#[test]
fn what_came_out_can_be_waited_for_together() {
    run(|| {
        let start = time::now();
        let tasks = [gives_after(50, "a"), gives_after(50, "b")];
        let out: Vec<_> = as_completed(&tasks, None).map(Result::unwrap).collect();
        let waited = wait(out, ReturnWhen::AllCompleted, None);
        let values: Vec<_> = waited.done.iter().map(|task| task.join().unwrap()).collect();
        assert_eq!(values, ["a", "b"]);
        assert_eq!(ms_since(start), 50);
    });
}

// test_as_completed_duplicate_coroutines
#[test]
fn a_task_that_is_given_twice_comes_out_once() {
    run(|| {
        let (ham, spam) = (spawn(|| "ham"), spawn(|| "spam"));
        let values: Vec<_> =
            as_completed([&ham, &ham, &spam], None).map(|task| task.unwrap().join().unwrap()).collect();
        assert_eq!(values, ["ham", "spam"]);
    });
}
