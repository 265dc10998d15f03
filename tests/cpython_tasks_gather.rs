//! CPython 3.13's tests of `gather` and `shield` (in `test_tasks.py`), idea for idea. The name of the case stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `test_constructor_*`, `test_shield_coroutine_*`, but for the empty ones | handles and promises belong to no loop that could be asked for, or differ |
//! | `test_issue46672` | what is neither a handle nor a function does not compile |
//! | messages of cancellations in `test_cancel_gather_2` | there are none |

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cede::task::{Awaitable, Member, Promise, gather, gather_results, shield};
use cede::{JoinError, JoinHandle, sleep, spawn, time, try_spawn, yield_now};
use trace::{log, logged, reported, run};

const MS: Duration = Duration::from_millis(1);

/// Lets everything run that is ready.
fn settle() {
    (0..10).for_each(|_| yield_now());
}

fn promises<const N: usize>() -> [Promise<u32>; N] {
    std::array::from_fn(|_| Promise::new())
}

/// A task for each promise, which ends as that does: what CPython's cases call coroutines.
fn tasks(promises: &[Promise<u32>]) -> Vec<JoinHandle<u32>> {
    let task = |promise: &Promise<u32>| {
        let promise = promise.clone();
        try_spawn(move || promise.join_cloned())
    };
    promises.iter().map(task).collect()
}

/// The promises themselves.
fn as_they_are(promises: &[Promise<u32>]) -> Vec<Promise<u32>> {
    promises.to_vec()
}

/// The text of each error, and the values.
fn shown(results: Vec<Result<u32, JoinError>>) -> Vec<String> {
    results.into_iter().map(|result| result.map_or_else(|e| e.to_string(), |v| v.to_string())).collect()
}

fn gives_the_values_in_order<A: Member<Value = u32>>(wrap: fn(&[Promise<u32>]) -> Vec<A>) {
    run(|| {
        let all @ [a, b, c] = &promises();
        let fut = gather(wrap(all));
        fut.on_done(|_| log("done"));
        b.set_result(1).unwrap();
        a.set_result(2).unwrap();
        settle();
        assert!(!fut.is_finished());
        assert_eq!(logged(), [""; 0]);
        c.set_result(3).unwrap();
        settle();
        assert_eq!(logged(), ["done"]);
        assert_eq!(fut.join().unwrap(), [2, 1, 3]);
    });
}

// FutureGatherTests.test_success, CoroutineGatherTests.test_success
#[test]
fn a_gather_gives_the_values_in_the_order_of_its_members() {
    gives_the_values_in_order(as_they_are);
    gives_the_values_in_order(tasks);
}

fn gives_results_in_order<A: Member<Value = u32>>(wrap: fn(&[Promise<u32>]) -> Vec<A>) {
    run(|| {
        let all @ [a, b, c] = &promises();
        let fut = gather_results(wrap(all));
        fut.on_done(|_| log("done"));
        b.set_result(1).unwrap();
        a.set_result(2).unwrap();
        settle();
        assert!(!fut.is_finished());
        c.set_result(3).unwrap();
        settle();
        assert_eq!(logged(), ["done"]);
        assert_eq!(shown(fut.join().unwrap()), ["2", "1", "3"]);
    });
}

// test_result_exception_success
#[test]
fn a_gather_of_results_gives_the_values_in_the_order_of_its_members() {
    gives_results_in_order(as_they_are);
    gives_results_in_order(tasks);
}

fn ends_with_the_first_error<A: Member<Value = u32>>(wrap: fn(&[Promise<u32>]) -> Vec<A>) {
    run(|| {
        let all @ [a, b, c, d, e] = &promises();
        let fut = gather(wrap(all));
        fut.on_done(|_| log("done"));
        a.set_result(1).unwrap();
        b.set_error("zero").unwrap();
        settle();
        assert!(fut.is_finished());
        assert_eq!(logged(), ["done"]);
        assert_eq!(fut.outcome().unwrap().unwrap_err().to_string(), "zero");
        // Nothing comes of these.
        c.set_result(3).unwrap();
        d.cancel();
        e.set_error("runtime").unwrap();
        assert!(e.outcome().unwrap().is_err());
        settle();
        assert_eq!(fut.join().unwrap_err().to_string(), "zero");
        assert_eq!(logged(), [""; 0]);
    });
}

// test_one_exception
#[test]
fn a_gather_ends_with_the_first_error() {
    ends_with_the_first_error(as_they_are);
    ends_with_the_first_error(tasks);
}

fn gives_errors_as_values<A: Member<Value = u32>>(wrap: fn(&[Promise<u32>]) -> Vec<A>) {
    run(|| {
        let all @ [a, b, c, d] = &promises();
        let fut = gather_results(wrap(all));
        fut.on_done(|_| log("done"));
        b.set_result(1).unwrap();
        c.set_error("zero").unwrap();
        a.set_result(3).unwrap();
        settle();
        assert!(!fut.is_finished());
        d.set_error("runtime").unwrap();
        settle();
        assert!(fut.is_finished());
        assert_eq!(logged(), ["done"]);
        assert_eq!(shown(fut.join().unwrap()), ["3", "1", "zero", "runtime"]);
    });
}

// test_return_exceptions
#[test]
fn a_gather_of_results_gives_errors_as_values_and_waits_for_all() {
    gives_errors_as_values(as_they_are);
    gives_errors_as_values(tasks);
}

// test_constructor_empty_sequence_use_running_loop
#[test]
fn a_gather_of_nothing_is_done() {
    run(|| {
        let fut = gather(Vec::<Promise<u32>>::new());
        settle();
        assert!(fut.is_finished());
        assert_eq!(fut.join().unwrap(), [0; 0]);
        assert_eq!(gather_results(Vec::<Promise<u32>>::new()).join().unwrap().len(), 0);
    });
}

// test_constructor_homogenous_futures
#[test]
fn two_gathers_may_have_the_same_members() {
    run(|| {
        let all = promises::<3>();
        let (one, two) = (gather(all.to_vec()), gather(all.to_vec()));
        settle();
        assert!(!one.is_finished() && !two.is_finished());
        for promise in &all {
            promise.set_error("zero").unwrap();
        }
        assert!(one.join().is_err() && two.join().is_err());
    });
}

// FutureGatherTests.test_one_cancellation
#[test]
fn a_gather_with_a_member_that_is_cancelled_fails_and_is_not_cancelled_itself() {
    run(|| {
        let all @ [a, b, c, d, e] = &promises();
        let fut = gather(all.to_vec());
        fut.on_done(|_| log("done"));
        a.set_result(1).unwrap();
        b.cancel();
        settle();
        assert!(fut.is_finished());
        assert_eq!(logged(), ["done"]);
        assert!(!fut.is_cancelled());
        assert!(fut.outcome().unwrap().unwrap_err().is_cancelled());
        // Nothing comes of these.
        c.set_result(3).unwrap();
        d.cancel();
        e.set_error("runtime").unwrap();
        assert!(e.outcome().unwrap().is_err());
        settle();
        assert_eq!(logged(), [""; 0]);
    });
}

// FutureGatherTests.test_result_exception_one_cancellation
#[test]
fn a_gather_of_results_gives_cancellations_as_values() {
    run(|| {
        let all @ [a, b, c, d, e, f] = &promises();
        let fut = gather_results(all.to_vec());
        fut.on_done(|_| log("done"));
        a.set_result(1).unwrap();
        b.set_error("zero").unwrap();
        c.cancel();
        settle();
        assert!(!fut.is_finished());
        d.set_result(3).unwrap();
        e.cancel();
        f.set_error("runtime").unwrap();
        let results = fut.join().unwrap();
        let cancelled = |i: usize| results[i].as_ref().is_err_and(JoinError::is_cancelled);
        assert!(cancelled(2) && cancelled(4));
        let gone = "the task was cancelled";
        assert_eq!(shown(results), ["1", "zero", gone, "3", gone, "runtime"]);
        assert_eq!(logged(), ["done"]);
    });
}

// CoroutineGatherTests.test_duplicate_coroutines
#[test]
fn a_member_that_is_given_more_than_once_is_waited_for_once() {
    run(|| {
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        let c = spawn(move || count.set(count.get() + 1));
        let d = spawn(|| ());
        let fut = gather_results([&c, &c, &d, &c]);
        settle();
        assert!(fut.is_finished());
        assert_eq!(calls.get(), 1);
        // A value is handed out once.
        let results = fut.join().unwrap();
        let taken: Vec<_> =
            results.iter().map(|r| r.as_ref().is_err_and(JoinError::is_already_taken)).collect();
        assert_eq!(taken, [false, true, false, true]);
    });
}

// CoroutineGatherTests.test_cancellation_broadcast
#[test]
fn cancelling_the_task_that_waits_for_a_gather_cancels_its_members_and_what_they_wait_for() {
    run(|| {
        let waiter = Promise::<()>::new();
        let child = || {
            let waited = waiter.clone();
            Rc::new(spawn(move || {
                waited.join().unwrap();
                log("unreachable");
            }))
        };
        let children = [child(), child()];
        let [one, two] = children.clone();
        let fut = Rc::new(Cell::new(None));
        let slot = Rc::clone(&fut);
        let outer = spawn(move || {
            let fut = Rc::new(gather([&*one, &*two]));
            slot.set(Some(Rc::clone(&fut)));
            let _ = fut.join();
            log("unreachable");
        });
        yield_now();
        assert!(outer.cancel());
        assert!(outer.join().unwrap_err().is_cancelled());
        assert!(!fut.take().unwrap().cancel());
        assert!(waiter.is_cancelled());
        assert!(children.iter().all(|child| child.is_cancelled()));
        settle();
        assert_eq!(logged(), [""; 0]);
    });
}

// CoroutineGatherTests.test_exception_marking
#[test]
fn errors_after_the_first_are_not_reported() {
    let ((), reports) = reported(|| {
        run(|| {
            let all @ [a, b] = &promises();
            let inner = |promise: &Promise<u32>| {
                let promise = promise.clone();
                try_spawn(move || {
                    promise.join().unwrap();
                    Err::<u32, _>("should not be ignored")
                })
            };
            let members: Vec<_> = all.iter().map(inner).collect();
            let outer = try_spawn(move || gather(members).join().map(drop));
            yield_now();
            a.set_result(0).unwrap();
            yield_now();
            b.set_result(0).unwrap();
            settle();
            assert_eq!(outer.outcome().unwrap().unwrap_err().to_string(), "should not be ignored");
        });
    });
    assert_eq!(reports, [""; 0]);
}

// test_cancel_gather_1
#[test]
fn a_gather_whose_members_are_all_done_can_not_be_cancelled() {
    run(|| {
        let promise = Promise::new();
        let fut = Rc::new(gather(tasks(std::slice::from_ref(&promise))));
        // The promise's callbacks come in their order: the task is woken first.
        yield_now();
        let asked = Rc::clone(&fut);
        promise.on_done(move |_| log(format!("{}", asked.cancel())));
        promise.set_result(42).unwrap();
        assert_eq!(fut.join().unwrap(), [42]);
        assert_eq!(logged(), ["false"]);
        assert!(!fut.is_cancelled());
    });
}

// test_cancel_gather_2
#[test]
fn a_cancellation_goes_through_a_gather_of_results() {
    run(|| {
        let start = time::now();
        let task = spawn(|| {
            for _ in 0..20 {
                gather_results([spawn(|| sleep(50 * MS))]).join().unwrap();
            }
            log("unreachable");
        });
        sleep(200 * MS);
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, 200 * MS);
        assert_eq!(logged(), [""; 0]);
    });
}

// test_shield_result
#[test]
fn a_shield_gives_the_value() {
    run(|| {
        let inner = Promise::new();
        let outer = shield(&inner);
        inner.set_result(42).unwrap();
        assert_eq!(outer.join().unwrap(), 42);
    });
}

// test_shield_exception
#[test]
fn a_shield_gives_the_error() {
    run(|| {
        let inner = Promise::<u32>::new();
        let outer = shield(&inner);
        yield_now();
        inner.set_error("expected").unwrap();
        yield_now();
        assert_eq!(outer.outcome().unwrap().unwrap_err().to_string(), "expected");
    });
}

// test_shield_cancel_inner
#[test]
fn cancelling_what_is_behind_a_shield_cancels_the_shield() {
    run(|| {
        let inner = Promise::<u32>::new();
        let outer = shield(&inner);
        yield_now();
        inner.cancel();
        yield_now();
        assert!(outer.is_cancelled());
    });
}

// test_shield_cancel_outer
#[test]
fn cancelling_a_shield_leaves_what_is_behind_it_alone() {
    run(|| {
        let inner = Promise::<u32>::new();
        let outer = shield(&inner);
        yield_now();
        assert!(outer.cancel());
        yield_now();
        assert!(outer.is_cancelled());
        assert!(!inner.is_finished());
    });
}

// test_shield_shortcut
#[test]
fn a_shield_around_what_is_there_takes_no_tick() {
    trace::ticking(|| {
        let promise = Promise::new();
        promise.set_result(42).unwrap();
        assert_eq!(trace::ticks(|| assert_eq!(shield(&promise).join().unwrap(), 42)), 0);
    });
}

// test_shield_effect
#[test]
fn cancelling_the_task_that_waits_for_a_shield_leaves_what_is_behind_it_running() {
    run(|| {
        let waiter = Promise::new();
        let waited = waiter.clone();
        let outer = spawn(move || {
            let inner = move || {
                waited.join().unwrap();
                log("inner");
            };
            shield(inner).join().unwrap();
            log("unreachable");
        });
        yield_now();
        yield_now();
        outer.cancel();
        assert!(outer.join().unwrap_err().is_cancelled());
        waiter.set_result(()).unwrap();
        settle();
        assert_eq!(logged(), ["inner"]);
    });
}

// test_shield_gather
#[test]
fn cancelling_a_shield_around_a_gather_leaves_the_gather_alone() {
    run(|| {
        let all @ [one, two] = &promises();
        let parent = gather(all.to_vec());
        let outer = shield(&parent);
        yield_now();
        outer.cancel();
        yield_now();
        assert!(outer.is_cancelled());
        one.set_result(1).unwrap();
        two.set_result(2).unwrap();
        yield_now();
        assert!(parent.is_finished());
        assert_eq!(parent.join().unwrap(), [1, 2]);
    });
}

// test_gather_shield
#[test]
fn cancelling_a_gather_of_shields_cancels_these_and_not_what_is_behind_them() {
    run(|| {
        let all @ [one, two] = &promises();
        let shields = [shield(one), shield(two)];
        let parent = gather(shields.each_ref());
        yield_now();
        assert!(parent.cancel());
        yield_now();
        assert!(parent.outcome().unwrap().unwrap_err().is_cancelled());
        assert!(shields.iter().all(|shield| shield.is_cancelled()));
        one.set_result(1).unwrap();
        two.set_result(2).unwrap();
        settle();
        assert_eq!(all.each_ref().map(|promise| promise.join().unwrap()), [1, 2]);
    });
}
