//! CPython 3.13's tests of `wait_for` (`test_waitfor.py`), idea for idea. The name of the case stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `timeout=-1` in `test_wait_for_timeout_less_then_0_or_0` | no length of time is negative |
//! | the chained `CancelledError` in `test_wait_for_waits_for_task_cancellation*` | Rust's errors have no implicit context; the cases are ported without |

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;
use std::time::Duration;

use cede::task::{Awaitable, Promise, ReturnWhen, shield, wait, wait_for};
use cede::{call_soon, catch_cancelled, finally, sleep, spawn, time, try_spawn, yield_now};
use trace::{SECOND, log, logged, run};

const MS: Duration = Duration::from_millis(1);

/// Runs for a while, whoever wants to cancel it, and says that it has come to its end.
fn stubborn() {
    let until = time::now() + 200 * MS;
    while time::now() < until {
        let _ = catch_cancelled(|| time::sleep_until(until));
    }
    log("exited");
}

// test_asyncio_wait_for_cancelled
#[test]
fn a_wait_that_is_cancelled_lets_what_it_runs_come_to_its_end() {
    run(|| {
        let waiting = spawn(|| wait_for(Some(400 * MS), stubborn));
        yield_now();
        waiting.cancel();
        let waited = wait([&waiting], ReturnWhen::AllCompleted, None);
        assert_eq!(waited.done.len(), 1);
        assert_eq!(logged(), ["exited"]);
    });
}

// test_asyncio_wait_for_timeout
#[test]
fn a_limit_that_is_reached_lets_what_it_runs_come_to_its_end() {
    run(|| {
        let _ = wait_for(Some(100 * MS), stubborn);
        assert_eq!(logged(), ["exited"]);
    });
}

// test_wait_for_timeout_less_then_0_or_0_future_done
#[test]
fn what_is_there_is_given_with_no_time_at_all() {
    run(|| {
        let promise = Promise::new();
        promise.set_result("done").unwrap();
        assert_eq!(wait_for(Some(Duration::ZERO), &promise).unwrap().unwrap(), "done");
        assert!(promise.is_finished());
    });
}

// test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started
#[test]
fn a_function_is_not_called_with_no_time_at_all() {
    run(|| {
        assert!(wait_for(Some(Duration::ZERO), || log("unreachable")).is_err());
        assert_eq!(logged(), [""; 0]);
    });
}

// test_wait_for_timeout_less_then_0_or_0
#[test]
fn a_task_that_runs_is_cancelled_with_no_time_at_all() {
    run(|| {
        let started = Promise::new();
        let start = started.clone();
        let task = spawn(move || {
            start.set_result(()).unwrap();
            finally(|| sleep(10 * SECOND), || log("left"));
            "done"
        });
        started.join().unwrap();
        assert!(wait_for(Some(Duration::ZERO), &task).is_err());
        assert!(task.is_finished() && task.is_cancelled());
        assert_eq!(logged(), ["left"]);
    });
}

// test_wait_for
#[test]
fn a_task_that_takes_too_long_is_cancelled() {
    run(|| {
        let start = time::now();
        let task = spawn(|| {
            finally(|| sleep(10_000 * SECOND), || log("left"));
            "done"
        });
        assert!(wait_for(Some(100 * MS), &task).is_err());
        assert!(task.is_finished() && task.is_cancelled());
        assert_eq!(logged(), ["left"]);
        assert_eq!(time::now() - start, 100 * MS);
    });
}

// test_wait_for_blocking
#[test]
fn no_limit_is_no_timeout() {
    run(|| {
        let value = wait_for(None, || {
            sleep(1000 * SECOND);
            "done"
        });
        assert_eq!(value.unwrap(), "done");
    });
}

// test_wait_for_race_condition
#[test]
fn a_promise_that_is_kept_in_the_next_tick_is_in_time() {
    run(|| {
        let promise = Promise::new();
        let kept = promise.clone();
        call_soon(move || kept.set_result("ok").unwrap());
        assert_eq!(wait_for(Some(200 * MS), &promise).unwrap().unwrap(), "ok");
    });
}

// test_wait_for_cancellation_race_condition, test_wait_for_cancel_suppressed
#[test]
fn the_value_of_a_function_that_has_caught_the_cancellation_is_given() {
    run(|| {
        let caught = || catch_cancelled(|| sleep(SECOND)).map_or(42, |()| 0);
        assert_eq!(wait_for(Some(10 * MS), caught).unwrap(), 42);
        let task = spawn(caught);
        assert_eq!(wait_for(Some(10 * MS), &task).unwrap().unwrap(), 42);
    });
}

/// A task that takes a while to clean up, and says that it has.
fn lingering() -> cede::JoinHandle<()> {
    spawn(|| {
        finally(
            || sleep(10 * SECOND),
            || {
                sleep(MS);
                log("cleaned up");
            },
        );
    })
}

// test_wait_for_waits_for_task_cancellation
#[test]
fn the_clean_up_of_a_task_that_takes_too_long_is_waited_for() {
    run(|| {
        assert!(wait_for(Some(MS), &lingering()).is_err());
        assert_eq!(logged(), ["cleaned up"]);
    });
}

// test_wait_for_waits_for_task_cancellation_w_timeout_0
#[test]
fn the_clean_up_of_a_task_is_waited_for_with_no_time_at_all() {
    run(|| {
        let task = lingering();
        sleep(MS);
        assert!(wait_for(Some(Duration::ZERO), &task).is_err());
        assert_eq!(logged(), ["cleaned up"]);
    });
}

// test_wait_for_reraises_exception_during_cancellation
#[test]
fn an_error_that_a_task_has_while_it_is_cancelled_is_given() {
    run(|| {
        let task = try_spawn(|| catch_cancelled(|| sleep(200 * MS)).map_err(|_| "foo"));
        let error = wait_for(Some(MS), &task).expect("the error is given").unwrap_err();
        assert_eq!(error.to_string(), "foo");
    });
}

fn cancelling_the_wait_cancels_the_task(limit: Option<Duration>) {
    run(|| {
        let task = Rc::new(spawn(|| Promise::<()>::new().join().unwrap()));
        let waited = Rc::clone(&task);
        let waiting = Rc::new(spawn(move || wait_for(limit, &*waited).map(drop)));
        let victim = Rc::clone(&waiting);
        call_soon(move || assert!(victim.cancel()));
        assert!(waiting.join().unwrap_err().is_cancelled());
        assert!(task.is_cancelled());
    });
}

// test_cancel_blocking_wait_for
#[test]
fn a_cancellation_of_a_wait_without_limit_cancels_the_task() {
    cancelling_the_wait_cancels_the_task(None);
}

// test_cancel_wait_for
#[test]
fn a_cancellation_of_a_wait_with_a_limit_cancels_the_task() {
    cancelling_the_wait_cancels_the_task(Some(60 * SECOND));
}

// test_wait_for_issue86296
#[test]
fn a_cancellation_in_the_tick_in_which_the_task_has_ended_is_not_lost() {
    run(|| {
        let inner = Rc::new(spawn(|| "done"));
        let waited = Rc::clone(&inner);
        let task = spawn(move || {
            log(wait_for(Some(100 * SECOND), &*waited).unwrap().unwrap());
            sleep(SECOND);
            log("unreachable");
        });
        assert!(!task.is_finished());
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(inner.outcome().unwrap().is_ok());
        assert_eq!(logged(), ["done"]);
    });
}

fn done_after(length: Duration) -> cede::JoinHandle<&'static str> {
    spawn(move || {
        sleep(length);
        "done"
    })
}

// WaitForShieldTests.test_zero_timeout
#[test]
fn no_time_at_all_cancels_the_shield_and_not_what_is_behind_it() {
    run(|| {
        let task = done_after(10 * MS);
        let shielded = shield(&task);
        assert!(wait_for(Some(Duration::ZERO), &shielded).is_err());
        assert!(!task.is_finished() && !task.is_cancelled());
        assert!(shielded.is_cancelled());
        sleep(100 * MS);
        assert!(task.is_finished());
    });
}

// WaitForShieldTests.test_none_timeout
#[test]
fn a_shield_without_limit_gives_the_value() {
    run(|| {
        let task = done_after(100 * MS);
        assert_eq!(wait_for(None, &shield(&task)).unwrap().unwrap(), "done");
        assert!(task.is_finished());
    });
}

// WaitForShieldTests.test_shielded_timeout
#[test]
fn a_shield_keeps_the_limit_from_the_task() {
    run(|| {
        let task = done_after(100 * MS);
        assert!(wait_for(Some(10 * MS), &shield(&task)).is_err());
        assert!(!task.is_finished() && !task.is_cancelled());
        assert_eq!(task.join().unwrap(), "done");
    });
}
