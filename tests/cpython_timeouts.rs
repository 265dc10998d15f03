//! CPython 3.13's tests of timeouts (`test_timeouts.py`), idea for idea. The name of the case stands above each test.
//!
//! Python raises `TimeoutError` where [`Elapsed`] is given here. An exception that leaves the block is a value of the block, an
//! error mostly, and so comes back as `Ok(Err(error))`. What the block gives says who has won: the block or the clock.
//!
//! | left out | why |
//! |---|---|
//! | the chains of causes (`__context__`, `__cause__`) in nine cases | Rust's errors have no implicit context; the cases are ported without |
//! | `time.sleep` in `test_nested_timeouts_concurrent`, `_loop_busy` | virtual time does not pass while a task runs; deadlines that are due together stand for it |
//! | `test_timeout_already_entered`, `_double_enter`, `_not_entered` | a timeout is entered when it is made, and is no object that could be entered again |

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cede::time::{Elapsed, Timeout, now, timeout_with};
use cede::{catch_cancelled, current, finally, sleep, spawn, timeout, timeout_at, try_scope, yield_now};
use trace::{SECOND, log, logged, panic_text, run, silent_panic};

const MS: Duration = Duration::from_millis(1);

/// Waits much longer than any timeout here; fails when it is cancelled.
fn fail_when_cancelled(text: &'static str) -> Result<(), &'static str> {
    catch_cancelled(|| sleep(10 * SECOND)).map_err(|_| text)
}

/// Waits for as long; says so when it is cancelled.
fn note_when_cancelled(text: &str) {
    if let Err(cancelled) = catch_cancelled(|| sleep(10 * SECOND)) {
        log(text);
        cancelled.resume();
    }
}

/// A timeout from now, with the handle given beside the result.
fn with_handle<T>(after: Option<Duration>, f: impl FnOnce() -> T) -> (Timeout, Result<T, Elapsed>) {
    let handle = RefCell::new(None);
    let result = timeout_with(after.map(|after| now() + after), |inner| {
        handle.replace(Some(inner.clone()));
        f()
    });
    (handle.take().unwrap(), result)
}

// test_timeout_basic
#[test]
fn a_block_that_takes_too_long_gives_that_the_time_was_up() {
    run(|| {
        let (handle, result) = with_handle(Some(10 * MS), || sleep(10 * SECOND));
        assert!(result.is_err());
        assert!(handle.expired());
    });
}

// test_timeout_at_basic
#[test]
fn a_deadline_is_a_moment_that_the_handle_knows_also_afterwards() {
    run(|| {
        let deadline = now() + 10 * MS;
        assert!(timeout_at(deadline, || sleep(10 * SECOND)).is_err());
        assert_eq!(now(), deadline);
        let deadline = now() + 10 * MS;
        let (handle, result) = with_handle(Some(10 * MS), || sleep(10 * SECOND));
        assert!(result.is_err());
        assert!(handle.expired());
        assert_eq!(handle.when(), Some(deadline));
    });
}

// test_nested_timeouts
#[test]
fn of_nested_timeouts_that_expire_at_once_the_outer_one_says_so() {
    run(|| {
        let handles = RefCell::new(None);
        let deadline = Some(now() + 10 * MS);
        let result = timeout_with(deadline, |outer| {
            let inner = catch_cancelled(|| {
                timeout_with(deadline, |inner| {
                    handles.replace(Some((outer.clone(), inner.clone())));
                    sleep(10 * SECOND);
                })
            });
            log("cancelled");
            inner.unwrap_err().resume()
        });
        let result: Result<(), _> = result;
        assert!(result.is_err());
        let (outer, inner) = handles.take().unwrap();
        assert!(outer.expired() && inner.expired());
        assert_eq!(logged(), ["cancelled"]);
    });
}

// test_waiter_cancelled
#[test]
fn the_block_sees_a_cancellation_when_the_time_is_up() {
    run(|| {
        assert!(timeout(10 * MS, || note_when_cancelled("cancelled")).is_err());
        assert_eq!(logged(), ["cancelled"]);
    });
}

// test_timeout_not_called
#[test]
fn a_block_that_is_in_time_gives_its_value_and_the_deadline_stays_known() {
    run(|| {
        let (handle, result) = with_handle(Some(10 * SECOND), || sleep(10 * MS));
        assert_eq!(result, Ok(()));
        assert!(!handle.expired());
        assert!(handle.when().unwrap() > now());
    });
}

// test_timeout_disabled, test_timeout_at_disabled
#[test]
fn no_deadline_is_no_timeout() {
    run(|| {
        let (handle, result) = with_handle(None, || sleep(100 * SECOND));
        assert_eq!(result, Ok(()));
        assert!(!handle.expired());
        assert_eq!(handle.when(), None);
    });
}

// test_timeout_zero, test_timeout_zero_sleep_zero
#[test]
fn a_timeout_of_nothing_expires_at_the_first_wait_even_if_that_is_for_nothing() {
    run(|| {
        let start = now();
        for length in [10 * SECOND, Duration::ZERO] {
            let (handle, result) = with_handle(Some(Duration::ZERO), || sleep(length));
            assert!(result.is_err());
            assert!(handle.expired());
            assert_eq!(handle.when(), Some(start));
        }
        assert!(timeout(Duration::ZERO, yield_now).is_err());
        assert_eq!(now(), start);
    });
}

// test_timeout_in_the_past_sleep_zero
#[test]
fn a_deadline_in_the_past_expires_at_the_first_wait_even_if_that_is_for_nothing() {
    run(|| {
        let start = now();
        let deadline = start - 11 * SECOND;
        let mut kept = None;
        let result = timeout_with(Some(deadline), |handle| {
            kept = Some(handle.clone());
            sleep(Duration::ZERO);
        });
        assert!(result.is_err());
        let kept = kept.unwrap();
        assert!(kept.expired());
        assert_eq!(kept.when(), Some(deadline));
        assert_eq!(now(), start);
    });
}

// test_foreign_exception_passed
#[test]
fn an_error_of_the_block_goes_through() {
    run(|| {
        let (handle, result) = with_handle(Some(10 * MS), || Err::<(), _>("key"));
        assert_eq!(result, Ok(Err("key")));
        assert!(!handle.expired());
        assert_eq!(panic_text(|| timeout(10 * MS, || silent_panic("key"))), "key");
    });
}

// test_timeout_exception_context
#[test]
fn a_clean_up_after_an_error_that_takes_too_long_gives_that_the_time_was_up() {
    run(|| {
        let result = timeout(10 * MS, || finally(|| Err::<(), _>("zero"), || sleep(SECOND)));
        assert!(result.is_err());
        let result = timeout(10 * MS, || finally(|| silent_panic("zero"), || sleep(SECOND)));
        let result: Result<(), _> = result;
        assert!(result.is_err(), "the cancellation has taken the place of the panic");
    });
}

// test_foreign_exception_on_timeout
#[test]
fn an_error_of_the_clean_up_takes_the_place_of_the_timeout() {
    run(|| {
        let (handle, result) = with_handle(Some(10 * MS), || fail_when_cancelled("zero"));
        assert_eq!(result, Ok(Err("zero")));
        assert!(handle.expired());
        let cleanup = || finally(|| sleep(SECOND), || silent_panic("zero"));
        assert_eq!(panic_text(|| timeout(10 * MS, cleanup)), "zero");
        assert_eq!(current().unwrap().cancelling(), 0);
        yield_now();
    });
}

// test_foreign_exception_on_timeout_2
#[test]
fn the_last_error_of_nested_clean_ups_takes_the_place_of_the_timeout() {
    run(|| {
        let innermost = || finally(|| silent_panic("value"), || sleep(SECOND));
        let nested = || finally(|| silent_panic("key"), || silent_panic("zero"));
        let text = panic_text(|| timeout(10 * MS, || finally(innermost, nested)));
        assert_eq!(text, "zero");
        yield_now();
    });
}

// test_foreign_cancel_doesnt_timeout_if_not_expired
#[test]
fn a_cancellation_that_is_not_the_timeouts_goes_through() {
    run(|| {
        let task = spawn(|| {
            let mut kept = None;
            let end = catch_cancelled(|| {
                timeout_with(Some(now() + 10 * SECOND), |handle| {
                    kept = Some(handle.clone());
                    current().unwrap().cancel();
                    sleep(10 * SECOND);
                })
            });
            assert!(!kept.unwrap().expired());
            end.unwrap_err().resume()
        });
        let task: cede::JoinHandle<()> = task;
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

// test_outer_task_is_not_cancelled
#[test]
fn a_task_whose_timeout_expires_is_not_cancelled() {
    run(|| {
        let task = spawn(|| assert!(timeout(MS, || sleep(10 * SECOND)).is_err()));
        task.join().unwrap();
        assert!(task.is_finished());
    });
}

// test_nested_timeouts_concurrent
#[test]
fn an_outer_timeout_that_expires_first_goes_through_the_inner_one() {
    run(|| {
        let result = timeout(2 * MS, || {
            let inner = timeout(100 * MS, || sleep(SECOND));
            log(format!("unreachable: {inner:?}"));
        });
        assert!(result.is_err());
        assert_eq!(logged(), [""; 0]);
    });
}

// test_nested_timeouts_loop_busy
#[test]
fn timeouts_that_are_due_together_the_inner_one_first_expire_together_at_the_outer_one() {
    run(|| {
        let start = now();
        let both_at = Some(start + 100 * MS);
        let result = timeout_with(None, |outer| {
            let inner = timeout_with(both_at, |_| {
                // Its timer comes after the inner one's.
                outer.reschedule(both_at).unwrap();
                sleep(SECOND);
            });
            log(format!("unreachable: {inner:?}"));
            sleep(10 * SECOND);
        });
        assert!(result.is_err());
        assert_eq!(now() - start, 100 * MS);
        assert_eq!(logged(), [""; 0]);
        assert_eq!(current().unwrap().cancelling(), 0);
        yield_now();
    });
}

// test_reschedule
#[test]
fn a_deadline_is_moved_and_taken_away_from_another_task() {
    run(|| {
        let first = now() + 10 * SECOND;
        let second = first + 20 * SECOND;
        let shared: Rc<RefCell<Option<Timeout>>> = Rc::default();
        let other = Rc::clone(&shared);
        let task = spawn(move || {
            timeout_with(Some(first), |handle| {
                other.replace(Some(handle.clone()));
                sleep(50 * SECOND);
            })
        });
        yield_now();
        let handle = shared.take().unwrap();
        assert_eq!(handle.when(), Some(first));
        handle.reschedule(Some(second)).unwrap();
        assert_eq!(handle.when(), Some(second));
        handle.reschedule(None).unwrap();
        assert_eq!(handle.when(), None);
        sleep(40 * SECOND);
        assert!(!task.is_finished());
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(!handle.expired());
    });
}

fn shown(handle: &Timeout) -> String {
    format!("{handle:?}")
}

// test_repr_active, test_repr_expired, test_repr_finished, test_repr_disabled
#[test]
fn a_handle_shows_its_deadline_and_whether_it_has_expired() {
    run(|| {
        timeout_with(Some(now() + 10 * SECOND), |handle| {
            assert!(shown(handle).starts_with("Timeout { when: Some("), "{}", shown(handle));
            assert!(shown(handle).ends_with(", expired: false }"), "{}", shown(handle));
        })
        .unwrap();
        let (handle, _) = with_handle(Some(10 * MS), || sleep(10 * SECOND));
        assert!(shown(&handle).ends_with(", expired: true }"), "{}", shown(&handle));
        let (handle, _) = with_handle(Some(10 * SECOND), yield_now);
        assert!(shown(&handle).ends_with(", expired: false }"), "{}", shown(&handle));
        let (handle, _) = with_handle(None, || ());
        assert_eq!(shown(&handle), "Timeout { when: None, expired: false }");
    });
}

// test_nested_timeout_in_finally
#[test]
fn a_clean_up_after_a_timeout_may_have_a_timeout_of_its_own() {
    run(|| {
        let inner = Cell::new(false);
        let start = now();
        let outer = timeout(10 * MS, || {
            finally(|| sleep(SECOND), || inner.set(timeout(10 * MS, || sleep(10 * SECOND)).is_err()))
        });
        assert!(outer.is_err() && inner.get());
        assert_eq!(now() - start, 20 * MS);
    });
}

// test_timeout_after_cancellation
#[test]
fn a_timeout_after_a_cancellation_that_was_caught_expires_all_the_same() {
    run(|| {
        let task = spawn(|| {
            current().unwrap().cancel();
            assert!(catch_cancelled(|| sleep(SECOND)).is_err());
            assert_eq!(current().unwrap().cancelling(), 1);
            assert!(timeout(Duration::ZERO, || sleep(SECOND)).is_err());
            assert_eq!(current().unwrap().cancelling(), 1);
        });
        task.join().unwrap();
    });
}

// test_cancel_in_timeout_after_cancellation
#[test]
fn a_second_cancellation_goes_through_a_timeout_after_the_first_was_caught() {
    run(|| {
        let task = spawn(|| {
            current().unwrap().cancel();
            assert!(catch_cancelled(|| sleep(SECOND)).is_err());
            let again = catch_cancelled(|| {
                timeout(SECOND, || {
                    current().unwrap().cancel();
                    sleep(2 * SECOND);
                })
            });
            assert!(again.is_err());
        });
        task.join().unwrap();
    });
}

// test_timeout_finished
#[test]
fn a_timeout_whose_block_was_left_can_not_be_moved() {
    run(|| {
        let (handle, result) = with_handle(Some(10 * MS), || ());
        assert_eq!(result, Ok(()));
        assert!(handle.reschedule(Some(now() + 20 * MS)).unwrap_err().is_finished());
    });
}

// test_timeout_expired
#[test]
fn a_timeout_that_has_expired_can_not_be_moved() {
    run(|| {
        let (handle, result) = with_handle(Some(10 * MS), || sleep(SECOND));
        assert!(result.is_err());
        assert!(handle.reschedule(Some(now() + 20 * MS)).unwrap_err().is_expired());
    });
}

// test_timeout_expiring
#[test]
fn a_timeout_that_is_expiring_can_not_be_moved() {
    run(|| {
        let result = timeout_with(Some(now() + 10 * MS), |handle| {
            assert!(catch_cancelled(|| sleep(SECOND)).is_err());
            assert!(handle.expired());
            assert!(handle.reschedule(Some(now() + 20 * MS)).unwrap_err().is_expiring());
        });
        assert_eq!(result, Ok(()));
    });
}

// test_timeout_without_task
#[test]
fn only_a_task_can_have_a_timeout() {
    let said = "cede: only a task can have a timeout: call this inside cede::run";
    assert_eq!(panic_text(|| timeout(10 * MS, || ())), said);
    run(|| {
        cede::call_soon(|| log(panic_text(|| timeout(10 * MS, || ()))));
        yield_now();
        assert_eq!(logged(), [said]);
    });
}

// test_timeout_taskgroup
#[test]
fn the_error_of_a_child_that_the_timeout_cancels_comes_out_of_the_group() {
    run(|| {
        let result = timeout(10 * MS, || {
            try_scope(|s| {
                s.try_spawn(|| fail_when_cancelled("zero"));
                finally(|| Err::<(), _>("value"), || sleep(SECOND))
            })
        });
        let error = result.expect("an error takes the place of the timeout").unwrap_err();
        let texts: Vec<_> = error.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["zero"]);
        assert_eq!(current().unwrap().cancelling(), 0);
        yield_now();
    });
}
