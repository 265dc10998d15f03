//! Promises: who keeps them, who waits for them, and what becomes of both when one is cancelled.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io;
use std::rc::Rc;

use cede::task::{Awaitable, InvalidState, Promise};
use cede::{
    Cancelled, JoinError, RunError, Runner, call_soon, catch_cancelled, current, no_cancel, spawn, yield_now,
};
use trace::{Logs, log, logged, logged_since, reported, run, silent_panic, tick, ticking, ticks};

#[derive(Debug, thiserror::Error)]
#[error("no such word")]
struct NoSuchWord;

#[test]
fn join_gives_the_value_once_and_each_clone_is_the_same_promise() {
    run(|| {
        let promise = Promise::new();
        let other = promise.clone();
        assert!(!promise.is_finished() && promise.outcome().is_none());
        other.set_result(String::from("peace")).unwrap();
        assert!(promise.is_finished() && !promise.is_cancelled());
        assert!(promise.outcome().unwrap().is_ok());
        assert_eq!(promise.join_cloned().unwrap(), "peace");
        assert_eq!(promise.join().unwrap(), "peace");
        assert!(other.join().unwrap_err().is_already_taken());
    });
}

#[test]
fn a_promise_is_kept_once_and_what_comes_later_is_given_back() {
    let promise = Promise::new();
    promise.set_result(Box::new(1)).unwrap();
    let InvalidState(value) = promise.set_result(Box::new(2)).unwrap_err();
    assert_eq!(*value, 2);
    let error = promise.set_error(NoSuchWord).unwrap_err();
    assert_eq!(error.to_string(), "the promise has a result already, or was cancelled");
    assert!(error.0.is::<NoSuchWord>());
    assert!(!promise.cancel());
    let cancelled = Promise::<u8>::new();
    assert!(cancelled.cancel() && !cancelled.cancel());
    assert!(cancelled.set_result(1).is_err());
}

#[test]
fn an_error_is_given_to_each_who_asks() {
    run(|| {
        let promise = Promise::<u8>::new();
        promise.set_error(NoSuchWord).unwrap();
        for _ in 0..2 {
            assert!(promise.join().unwrap_err().error().unwrap().is::<NoSuchWord>());
        }
        assert!(promise.outcome().unwrap().unwrap_err().error().is_some());
        assert!(!promise.is_cancelled());
        let text = Promise::<u8>::new();
        text.set_error("no disk").unwrap();
        assert_eq!(text.join().unwrap_err().to_string(), "no disk");
    });
}

#[test]
fn waiters_and_callbacks_come_one_tick_after_the_result_in_the_order_in_which_they_came() {
    ticking(|| {
        let promise = Promise::new();
        let waiter = |name: &'static str| {
            let promise = promise.clone();
            spawn(move || {
                promise.join_cloned().unwrap();
                log(name);
            })
        };
        let first = waiter("first");
        yield_now();
        promise.on_done(|_| log("callback"));
        let last = waiter("last");
        yield_now();
        promise.set_result(()).unwrap();
        let set = tick();
        first.join().unwrap();
        last.join().unwrap();
        let seen = [(1, "first"), (1, "callback"), (1, "last")];
        assert_eq!(logged_since(set), seen.map(|(at, text)| (at, text.to_owned())));
        assert_eq!(ticks(|| promise.join().unwrap()), 0);
    });
}

#[test]
fn a_callback_on_what_is_done_already_comes_in_the_next_tick_and_can_be_taken_back_before_the_end_only() {
    ticking(|| {
        let promise = Promise::new();
        let early = promise.on_done(|_| log("early"));
        let kept = promise.on_done(|_| log("kept"));
        assert!(promise.remove_done_callback(&early));
        assert!(!promise.remove_done_callback(&early));
        promise.set_result(()).unwrap();
        assert!(!promise.remove_done_callback(&kept));
        promise.on_done(|_| log("late"));
        let set = tick();
        yield_now();
        assert_eq!(logged_since(set), [(1, "kept".to_owned()), (1, "late".to_owned())]);
    });
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_cancels_the_promise_for_all() {
    ticking(|| {
        let promise = Promise::<u8>::new();
        let waiters = [0, 1].map(|_| {
            let promise = promise.clone();
            spawn(move || match catch_cancelled(|| promise.join()) {
                Err(cancelled) => {
                    log("cancelled");
                    cancelled.resume()
                }
                Ok(told) => {
                    log("told");
                    told.unwrap_err().is_cancelled()
                }
            })
        });
        yield_now();
        let cancelled_at = tick();
        assert!(waiters[0].cancel());
        assert!(promise.is_finished() && promise.is_cancelled());
        assert!(waiters[0].join().unwrap_err().is_cancelled());
        assert!(waiters[1].join().unwrap());
        assert_eq!(logged_since(cancelled_at), [(1, "cancelled".to_owned()), (1, "told".to_owned())]);
    });
}

#[test]
fn a_cancellation_that_was_requested_before_the_wait_cancels_the_promise_as_the_wait_begins() {
    ticking(|| {
        let promise = Promise::<u8>::new();
        let inside = promise.clone();
        let task = spawn(move || {
            current().unwrap().cancel();
            let begun = tick();
            let cancelled = catch_cancelled(|| inside.join()).unwrap_err();
            assert_eq!(tick() - begun, 1);
            cancelled.resume()
        });
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(promise.is_cancelled());
    });
}

#[test]
fn a_result_and_a_cancellation_in_one_tick_end_in_the_cancellation_and_the_value_stays() {
    run(|| {
        let promise = Promise::new();
        let inside = promise.clone();
        let task = spawn(move || inside.join());
        yield_now();
        promise.set_result(7).unwrap();
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(promise.join().unwrap(), 7);
    });
}

#[test]
fn a_wait_inside_no_cancel_leaves_the_promise_alone() {
    run(|| {
        let promise = Promise::new();
        let inside = promise.clone();
        let task = spawn(move || {
            let value = no_cancel(|| inside.join().unwrap());
            log(format!("got {value}"));
            yield_now();
            unreachable!();
        });
        yield_now();
        task.cancel();
        yield_now();
        promise.set_result(1).unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["got 1"]);
    });
}

#[test]
fn an_error_of_a_task_can_be_handed_on_as_it_is() {
    run(|| {
        let relay = |error: JoinError| {
            let promise = Promise::<u8>::new();
            promise.set_error(error).unwrap();
            (promise.is_cancelled(), promise.join().unwrap_err())
        };
        let panicked = spawn(|| silent_panic("went wrong")).join().map(|(): ()| ()).unwrap_err();
        assert!(relay(panicked).1.is_panic());
        let (was_cancelled, error) = relay(JoinError::cancelled());
        assert!(!was_cancelled && error.is_cancelled(), "an error, as CancelledError by set_exception");
        let done = spawn(|| ());
        done.join().unwrap();
        assert!(relay(done.join().unwrap_err()).1.error().is_some());
    });
}

#[test]
fn a_cancellation_can_be_raised_by_hand() {
    run(|| {
        let task = spawn(|| {
            let _logs = Logs("destructor");
            Cancelled::raise()
        });
        assert!(task.join().map(|(): ()| ()).unwrap_err().is_cancelled());
        assert_eq!((task.cancelling(), logged()), (0, vec!["destructor".to_owned()]));
        let caught = spawn(|| {
            let _ = catch_cancelled(|| no_cancel(|| -> u8 { Cancelled::raise() })).unwrap_err();
            yield_now();
            "goes on"
        });
        assert_eq!(caught.join().unwrap(), "goes on");
    });
    let outside = trace::panic_text(|| -> u8 { Cancelled::raise() });
    assert!(outside.contains("only a task can be cancelled"), "{outside}");
}

#[test]
fn code_outside_of_a_run_may_keep_a_promise_for_tasks_inside() {
    let runner = Runner::builder().virtual_time(true).build();
    let promise = Promise::new();
    let inside = promise.clone();
    let waiter = runner
        .run(|| {
            let waiter = spawn(move || inside.join().unwrap());
            let other = promise.clone();
            promise.on_done(move |_| other.outcome().map(|_| log("callback")).unwrap());
            yield_now();
            waiter
        })
        .unwrap();
    promise.set_result("from outside").unwrap();
    assert_eq!(runner.run(|| waiter.join().unwrap()).unwrap(), "from outside");
    assert_eq!(logged(), ["callback"]);
}

#[test]
fn a_callback_of_a_run_that_is_over_is_dropped_and_the_others_are_called() {
    let promise = Promise::new();
    let ((), reports) = reported(|| {
        run(|| {
            struct PanicsInDrop;
            impl Drop for PanicsInDrop {
                fn drop(&mut self) {
                    silent_panic("destructor");
                }
            }
            let held = PanicsInDrop;
            promise.on_done(move |_| drop(held));
        });
        run(|| {
            promise.on_done(|_| log("called"));
            promise.set_result(()).unwrap();
            yield_now();
        });
    });
    assert_eq!(reports, ["a callback of a run that is over: panicked: destructor"]);
    assert_eq!(logged(), ["called"]);
}

#[test]
fn callbacks_may_do_to_the_promise_whatever_they_like() {
    run(|| {
        let promise = Promise::new();
        let other = promise.clone();
        promise.on_done(move |_| {
            assert!(!other.cancel());
            assert_eq!(other.join_cloned().unwrap(), 1, "nothing to wait for");
            let taken = other.join().unwrap();
            let more = other.clone();
            other.on_done(move |_| log(format!("{taken} {}", more.join().unwrap_err().is_already_taken())));
        });
        call_soon({
            let promise = promise.clone();
            move || promise.set_result(1).unwrap()
        });
        (0..3).for_each(|_| yield_now());
        assert_eq!(logged(), ["1 true"]);
    });
}

#[test]
fn a_panic_in_a_callback_goes_to_the_hook_and_the_next_is_called() {
    let ((), reports) = reported(|| {
        run(|| {
            let promise = Promise::new();
            promise.on_done(|_| silent_panic("in a callback"));
            promise.on_done(|_| log("the next"));
            promise.set_result(()).unwrap();
            yield_now();
        });
    });
    assert_eq!(reports, ["callback: panicked: in a callback"]);
    assert_eq!(logged(), ["the next"]);
}

#[test]
fn a_callback_that_waits_is_told_that_only_tasks_can() {
    let ((), reports) = reported(|| {
        run(|| {
            let promise = Promise::new();
            let never = Promise::<()>::new();
            promise.on_done(move |_| drop(never.join()));
            promise.set_result(()).unwrap();
            yield_now();
        });
    });
    assert!(reports[0].contains("only a task can wait"), "{reports:?}");
}

#[test]
fn a_promise_that_nobody_can_keep_is_a_deadlock_that_says_where_it_was_made() {
    let runner = Runner::builder().virtual_time(true).build();
    let error = runner.run(|| Promise::<u8>::new().join()).unwrap_err();
    let RunError::Deadlock(deadlock) = error else { panic!("{error}") };
    let line = line!() - 2;
    let expected = format!("joins a promise made at {}:{line}:", file!());
    assert!(deadlock.tasks[0].waits_for.starts_with(&expected), "{}", deadlock.tasks[0].waits_for);
}

#[test]
fn an_error_that_nobody_looked_at_is_reported_and_one_that_somebody_did_is_not() {
    let ((), reports) = reported(|| {
        let promise = Promise::<u8>::new();
        promise.set_error(NoSuchWord).unwrap();
        let seen = Promise::<u8>::new();
        seen.set_error(NoSuchWord).unwrap();
        assert!(seen.outcome().unwrap().is_err());
        Promise::<u8>::new().cancel();
        let told = Promise::<u8>::new();
        told.set_error(JoinError::cancelled()).unwrap();
        drop((promise, seen, told));
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].starts_with("a promise made at tests/task_promise.rs:"), "{}", reports[0]);
    assert!(reports[0].ends_with(": failed and nobody asked: no such word"), "{}", reports[0]);
}

#[test]
fn a_conversion_into_an_error_may_set_the_promise_first() {
    struct Sets(Promise<u8>);
    impl From<Sets> for Box<dyn Error> {
        fn from(sets: Sets) -> Self {
            sets.0.set_result(1).unwrap();
            "too late".into()
        }
    }
    let promise = Promise::new();
    let InvalidState(error) = promise.set_error(Sets(promise.clone())).unwrap_err();
    assert_eq!(error.to_string(), "too late");
    assert_eq!(run(|| promise.join().unwrap()), 1);
}

#[test]
fn a_promise_may_hold_what_borrows() {
    let word = String::from("word");
    let promise = Promise::new();
    promise.set_result(word.as_str()).unwrap();
    assert_eq!(run(|| promise.join().unwrap()), "word");
}

#[test]
fn dropping_values_and_callbacks_runs_their_destructors_when_nothing_is_borrowed() {
    struct Reenters(RefCell<Option<Promise<Reenters>>>, &'static str);
    impl Drop for Reenters {
        fn drop(&mut self) {
            if let Some(promise) = self.0.take() {
                assert!(promise.is_finished());
                assert!(promise.outcome().is_some());
            }
            log(self.1);
        }
    }
    run(|| {
        let promise = Promise::new();
        let value = Reenters(RefCell::new(Some(promise.clone())), "value");
        promise.set_result(value).unwrap();
        let held = Reenters(RefCell::new(Some(promise.clone())), "callback");
        promise.on_done(move |_| drop(held));
        drop(promise.join());
        yield_now();
        assert_eq!(logged(), ["value", "callback"]);
    });
}

#[test]
fn io_errors_keep_their_kind_through_a_promise() {
    run(|| {
        let promise = Promise::<u8>::new();
        promise.set_error(io::Error::from(io::ErrorKind::NotFound)).unwrap();
        assert_eq!(io::Error::from(promise.join().unwrap_err()).kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_cancelled_waiter_that_catches_it_may_wait_again_for_something_else() {
    run(|| {
        let (first, second) = (Promise::<u8>::new(), Promise::new());
        let (one, two) = (first.clone(), second.clone());
        let seen = Rc::new(Cell::new(0));
        let sink = Rc::clone(&seen);
        let task = spawn(move || {
            let _ = catch_cancelled(|| one.join()).unwrap_err();
            sink.set(two.join().unwrap());
        });
        yield_now();
        task.cancel();
        (0..2).for_each(|_| yield_now());
        second.set_result(2).unwrap();
        task.join().unwrap();
        assert_eq!((seen.get(), first.is_cancelled(), second.is_cancelled()), (2, true, false));
    });
}
