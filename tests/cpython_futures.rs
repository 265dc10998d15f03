//! CPython 3.13's tests of futures (`test_futures.py`, `test_futures2.py`), idea for idea: a future is a [`Promise`] here. The name
//! of the case stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `test_generic_alias`, `test_isfuture`, `test_constructor_positional`, `test_uninitialized`, `test_inherit_without_*`, `test_ensure_future`, `*_segfault` | about classes of Python and their C versions |
//! | `test_constructor_use_running_loop`, `_use_global_loop` | a promise belongs to no run, so there is none to find or ask for |
//! | `test_future_cancel_message_*` | a cancellation carries no message |
//! | `test_stop_iteration_*`, `test_iter`, `test_future_stop_iteration_args`, `test_future_iter_throw` | waiting is a call here, not an iterator that `StopIteration` would end |
//! | `test_exception_class` | an error is a value; there is no class to make one of |
//! | `test_log_traceback`, `test_future_traceback`, `test_future_del_collect` | about asyncio's inner fields, tracebacks and the collector |
//! | `test_wrap_future*` | work of other threads has handles of its own: `cpython_threads.rs` |
//! | `test_remove_done_callbacks_list_mutation`, `_list_clear`, `test_schedule_callbacks_list_mutation_2` | callbacks are told apart by what `on_done` gave, and nothing of the user's compares them |
//! | `test_recursive_repr_for_pending_tasks` | what is shown of a task does not show its value |

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;

use cede::task::{Awaitable, DoneCallback, Promise};
use cede::{JoinError, call_soon, spawn, try_spawn, yield_now};
use trace::{log, logged, reported, run};

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

// test_initial_state
#[test]
fn a_new_promise_has_not_ended_and_can_be_cancelled() {
    run(|| {
        let promise = Promise::<()>::new();
        assert!(!promise.is_cancelled() && !promise.is_finished());
        assert!(promise.outcome().is_none());
        promise.cancel();
        assert!(promise.is_cancelled());
    });
}

// test_constructor_without_loop
#[test]
fn a_promise_can_be_made_and_kept_outside_of_a_run() {
    let promise = Promise::new();
    promise.set_result(42).unwrap();
    assert!(promise.is_finished());
    assert_eq!(run(|| promise.join().unwrap()), 42);
}

// test_cancel
#[test]
fn a_promise_that_was_cancelled_gives_that_and_can_not_be_kept() {
    run(|| {
        let promise = Promise::new();
        assert!(promise.cancel());
        assert!(promise.is_cancelled() && promise.is_finished());
        assert!(promise.join().unwrap_err().is_cancelled());
        assert!(promise.outcome().unwrap().unwrap_err().is_cancelled());
        assert_eq!(promise.set_result(7).unwrap_err().0, 7);
        assert_eq!(promise.set_error("late").unwrap_err().0.to_string(), "late");
        assert!(!promise.cancel());
    });
}

// test_result
#[test]
fn a_promise_that_was_kept_gives_its_value_and_can_not_be_kept_again() {
    run(|| {
        let promise = Promise::new();
        promise.set_result(42).unwrap();
        assert!(!promise.is_cancelled() && promise.is_finished());
        assert_eq!(promise.join_cloned().unwrap(), 42);
        assert!(promise.outcome().unwrap().is_ok());
        assert_eq!(promise.set_result(7).unwrap_err().0, 7);
        assert!(promise.set_error("late").is_err());
        assert!(!promise.cancel());
        assert_eq!(promise.join().unwrap(), 42);
    });
}

// test_exception
#[test]
fn a_promise_that_was_given_an_error_gives_it_each_time_and_can_not_be_kept() {
    run(|| {
        let promise = Promise::<u32>::new();
        promise.set_error("disk").unwrap();
        assert!(!promise.is_cancelled() && promise.is_finished());
        for _ in 0..2 {
            assert_eq!(promise.join().unwrap_err().to_string(), "disk");
            assert_eq!(promise.outcome().unwrap().unwrap_err().to_string(), "disk");
        }
        assert!(promise.set_result(7).is_err());
        assert!(promise.set_error("late").is_err());
        assert!(!promise.cancel());
    });
}

// test_yield_from_twice
#[test]
fn a_promise_is_waited_for_once_and_there_from_then_on() {
    run(|| {
        let promise = Promise::new();
        let waited = promise.clone();
        let task = spawn(move || {
            log("A");
            log(format!("B {}", waited.join_cloned().unwrap()));
            log(format!("C {}", waited.join().unwrap()));
            waited.join().unwrap_err().is_already_taken()
        });
        yield_now();
        assert_eq!(logged(), ["A"]);
        promise.set_result(42).unwrap();
        yield_now();
        assert_eq!(logged(), ["B 42", "C 42"]);
        assert!(task.join().unwrap());
    });
}

// test_future_repr, test_future_source_traceback
#[test]
fn a_promise_shows_whether_it_has_ended_and_where_it_was_made() {
    run(|| {
        let line = line!() + 1;
        let promise = Promise::<()>::new();
        let shown = format!("{promise:?}");
        assert!(shown.contains("finished: false"), "{shown}");
        assert!(shown.contains(&format!("{}:{line}:", file!())), "{shown}");
        promise.cancel();
        assert!(format!("{promise:?}").contains("finished: true"));
    });
}

// test_copy_state
#[test]
fn how_one_promise_ended_can_be_set_as_the_end_of_another() {
    run(|| {
        let failed = Promise::<u32>::new();
        failed.set_error(std::io::Error::other("disk")).unwrap();
        let copy = Promise::<u32>::new();
        copy.set_error(failed.join().unwrap_err()).unwrap();
        let error = copy.join().unwrap_err();
        assert_eq!(error.error().unwrap().downcast_ref::<std::io::Error>().unwrap().to_string(), "disk");

        // As in asyncio, what was not cancelled but is told so is not "cancelled": its error is.
        let cancelled = Promise::<u32>::new();
        cancelled.set_error(JoinError::cancelled()).unwrap();
        assert!(!cancelled.is_cancelled());
        assert!(cancelled.join().unwrap_err().is_cancelled());
    });
}

/// What is reported when a promise goes that was treated like this.
fn reports_of(treat: impl FnOnce(&Promise<u32>)) -> Vec<String> {
    let ((), reports) = reported(|| {
        run(|| {
            let promise = Promise::new();
            treat(&promise);
            drop(promise);
            yield_now();
        });
    });
    reports
}

// test_tb_logger_abandoned, test_tb_logger_result_unretrieved, test_tb_logger_result_retrieved
#[test]
fn a_promise_without_an_error_goes_in_silence() {
    assert_eq!(reports_of(|_| ()), [""; 0]);
    assert_eq!(reports_of(|promise| promise.set_result(42).unwrap()), [""; 0]);
    let retrieved = reports_of(|promise| {
        promise.set_result(42).unwrap();
        promise.join().unwrap();
    });
    assert_eq!(retrieved, [""; 0]);
}

// test_tb_logger_not_called_after_cancel
#[test]
fn an_error_that_somebody_wanted_to_cancel_afterwards_is_not_reported() {
    let reports = reports_of(|promise| {
        promise.set_error("disk").unwrap();
        assert!(!promise.cancel());
    });
    assert_eq!(reports, [""; 0]);
}

// test_tb_logger_exception_unretrieved, test_future_exception_never_retrieved, _debug
#[test]
fn an_error_that_nobody_has_looked_at_is_reported() {
    let reports = reports_of(|promise| promise.set_error("disk").unwrap());
    assert_eq!(reports.len(), 1);
    assert!(reports[0].starts_with("a promise made at tests/cpython_futures.rs:"), "{reports:?}");
    assert!(reports[0].ends_with(": failed and nobody asked: disk"), "{reports:?}");
}

// test_tb_logger_exception_retrieved, test_tb_logger_exception_result_retrieved
#[test]
fn an_error_that_somebody_has_looked_at_is_not_reported() {
    let by_outcome = reports_of(|promise| {
        promise.set_error("disk").unwrap();
        assert!(promise.outcome().unwrap().is_err());
    });
    let by_join = reports_of(|promise| {
        promise.set_error("disk").unwrap();
        assert!(promise.join().is_err());
    });
    assert_eq!((by_outcome, by_join), (vec![], vec![]));
}

// test_set_result_unless_cancelled
#[test]
fn a_value_for_a_promise_that_was_cancelled_is_given_back() {
    run(|| {
        let promise = Promise::new();
        promise.cancel();
        assert!(promise.set_result(2).is_err());
        assert!(promise.is_cancelled());
    });
}

/// Three callbacks on a promise, and what is called when some were taken back.
fn called_without(remove: impl FnOnce(&Promise<&'static str>, &[DoneCallback; 3])) -> Vec<String> {
    run(|| {
        let promise = Promise::new();
        let callbacks = ["42", "17", "100"].map(|text| promise.on_done(move |_| log(text)));
        remove(&promise, &callbacks);
        assert_eq!(logged(), [""; 0]);
        promise.set_result("foo").unwrap();
        assert_eq!(logged(), [""; 0]);
        yield_now();
        assert_eq!(promise.join().unwrap(), "foo");
    });
    logged()
}

// test_callbacks_remove_first_callback
#[test]
fn the_first_callback_can_be_taken_back_once() {
    let called = called_without(|promise, callbacks| {
        assert!(promise.remove_done_callback(&callbacks[0]));
        assert!(!promise.remove_done_callback(&callbacks[0]));
    });
    assert_eq!(called, texts(&["17", "100"]));
}

// test_callbacks_remove_first_and_second_callback
#[test]
fn two_callbacks_can_be_taken_back() {
    let called = called_without(|promise, callbacks| {
        assert!(promise.remove_done_callback(&callbacks[0]));
        assert!(promise.remove_done_callback(&callbacks[1]));
        assert!(!promise.remove_done_callback(&callbacks[0]));
    });
    assert_eq!(called, texts(&["100"]));
}

// test_callbacks_remove_third_callback
#[test]
fn the_last_callback_can_be_taken_back_once() {
    let called = called_without(|promise, callbacks| {
        assert!(promise.remove_done_callback(&callbacks[2]));
        assert!(!promise.remove_done_callback(&callbacks[2]));
    });
    assert_eq!(called, texts(&["42", "17"]));
}

// test_callbacks_invoked_on_set_result
#[test]
fn callbacks_are_called_in_the_tick_after_the_promise_was_kept_in_their_order() {
    assert_eq!(called_without(|_, _| ()), texts(&["42", "17", "100"]));
}

// test_callbacks_invoked_on_set_exception
#[test]
fn callbacks_are_called_for_an_error_and_for_a_cancellation_too() {
    run(|| {
        let failed = Promise::<()>::new();
        failed.on_done(|_| log("failed"));
        failed.set_error("disk").unwrap();
        let cancelled = Promise::<()>::new();
        cancelled.on_done(|_| log("cancelled"));
        cancelled.cancel();
        assert_eq!(logged(), [""; 0]);
        yield_now();
        assert_eq!(logged(), ["failed", "cancelled"]);
        assert_eq!(failed.outcome().unwrap().unwrap_err().to_string(), "disk");
    });
}

// test_remove_done_callback
#[test]
fn of_many_callbacks_that_do_the_same_each_is_taken_back_by_itself() {
    run(|| {
        let promise = Promise::new();
        let other = Promise::<()>::new();
        let ones: Vec<_> = (0..6).map(|_| promise.on_done(|_| log("1"))).collect();
        promise.on_done(|_| log("2"));
        let elsewhere = other.on_done(|_| log("3"));
        assert!(!promise.remove_done_callback(&elsewhere));
        assert!(ones[..5].iter().all(|one| promise.remove_done_callback(one)));
        promise.set_result(()).unwrap();
        yield_now();
        assert_eq!(logged(), ["1", "2"]);
        assert!(other.remove_done_callback(&elsewhere));
    });
}

// test_schedule_callbacks_list_mutation_1
#[test]
fn a_callback_that_takes_others_back_while_they_are_being_called_is_too_late() {
    run(|| {
        let promise = Rc::new(Promise::new());
        let others: Rc<std::cell::RefCell<Vec<DoneCallback>>> = Rc::default();
        let (asked, taken) = (Rc::clone(&promise), Rc::clone(&others));
        promise.on_done(move |_| {
            for other in &*taken.borrow() {
                log(format!("{}", asked.remove_done_callback(other)));
            }
        });
        others.borrow_mut().extend(["one", "two"].map(|text| promise.on_done(move |_| log(text))));
        promise.set_result(1).unwrap();
        yield_now();
        assert_eq!(logged(), ["false", "false", "one", "two"]);
    });
}

/// The context in which that happens is tested in `cpython_tasks_context.rs`.
#[test]
fn an_error_of_a_task_or_of_a_callback_is_reported() {
    let ((), reports) = reported(|| {
        run(|| {
            drop(try_spawn(|| Err::<(), _>("zero")));
            call_soon(|| trace::silent_panic("callback"));
            yield_now();
        });
    });
    assert_eq!(reports, ["task 2 \"Task-2\": failed and nobody asked: zero", "callback: panicked: callback"]);
}
