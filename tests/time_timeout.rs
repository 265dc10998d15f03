//! Timeouts: what they give, how they nest and move, and what they leave of requests to cancel.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::Queue;
use cede::time::{Timeout, now, sleep_until, timeout_with};
use cede::{catch_cancelled, current, no_cancel, sleep, spawn, timeout, timeout_at, yield_now};
use trace::{Logs, SECOND, log, logged, panic_text, run, silent_panic};

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

#[test]
fn a_block_that_takes_too_long_is_unwound_and_one_that_does_not_gives_its_value() {
    run(|| {
        let start = now();
        let late = timeout(SECOND, || {
            let _held = Logs("unwound");
            sleep(2 * SECOND);
        });
        assert_eq!(late.unwrap_err().to_string(), "the time was up");
        assert_eq!(now() - start, SECOND);
        assert_eq!(timeout(SECOND, || sleep(SECOND / 2)), Ok(()));
        assert_eq!(io::Error::from(late.unwrap_err()).kind(), io::ErrorKind::TimedOut);
        assert_eq!(current().unwrap().cancelling(), 0);
        sleep(5 * SECOND);
    });
    assert_eq!(logged(), ["unwound"]);
}

#[test]
fn timeouts_nest_and_the_one_that_expires_is_the_one_that_says_so() {
    run(|| {
        let inner = timeout(2 * SECOND, || timeout(SECOND, forever));
        assert!(inner.unwrap().is_err());
        let outer = timeout(SECOND, || timeout(2 * SECOND, forever));
        assert!(outer.is_err());
        let both = timeout(SECOND, || {
            let inner = timeout(SECOND, forever);
            log(format!("inner {}", inner.is_err()));
            yield_now();
            log("unreachable");
        });
        assert!(both.is_err());
        yield_now();
    });
    // Both fire in one tick: the cancellation that is delivered is the outer one's as well, as in asyncio.
    assert!(logged().iter().all(|line| line != "unreachable"));
}

#[test]
fn a_timeout_inside_and_a_cancellation_from_outside_stay_apart() {
    run(|| {
        let task = spawn(|| {
            let _ = timeout(SECOND, forever);
            log("unreachable");
        });
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        // In the same tick as the timeout: the request from outside wins.
        let until = now() + SECOND;
        let shared: Rc<RefCell<Option<cede::TaskHandle>>> = Rc::default();
        let other = Rc::clone(&shared);
        spawn(move || {
            sleep_until(until);
            other.take().unwrap().cancel();
        });
        yield_now();
        let task = spawn(move || {
            shared.replace(current());
            let _ = timeout_at(until, forever);
            log("unreachable");
        });
        assert!(task.join().unwrap_err().is_cancelled());
    });
    assert_eq!(logged(), [""; 0]);
}

#[test]
fn a_value_that_comes_in_the_tick_of_the_timeout_is_given_and_the_request_taken_back() {
    run(|| {
        let until = now() + SECOND;
        let value = timeout_at(until, || {
            let _ = catch_cancelled(forever);
            "caught"
        });
        assert_eq!(value, Ok("caught"));
        assert_eq!(current().unwrap().cancelling(), 0);
        let masked = timeout(SECOND, || no_cancel(|| sleep(3 * SECOND)));
        assert_eq!(masked, Ok(()), "there was no wait at which it could have been delivered");
        yield_now();
    });
}

#[test]
fn a_deadline_that_has_passed_fires_at_the_first_wait() {
    run(|| {
        assert_eq!(timeout(Duration::ZERO, || 1), Ok(1));
        assert!(timeout(Duration::ZERO, || sleep(SECOND)).is_err());
        assert_eq!(timeout_at(now() - SECOND, || 1), Ok(1));
        assert!(timeout_at(now() - SECOND, forever).is_err());
    });
}

#[test]
fn the_handle_moves_the_deadline_as_long_as_the_block_runs() {
    run(|| {
        let start = now();
        let (kept, value) = timeout_with(Some(start + SECOND), |handle| {
            assert_eq!(handle.when(), Some(start + SECOND));
            handle.reschedule(Some(start + 3 * SECOND)).unwrap();
            sleep(2 * SECOND);
            handle.reschedule(None).unwrap();
            sleep(100 * SECOND);
            (handle.clone(), 5)
        })
        .unwrap();
        assert_eq!(value, 5);
        assert!(!kept.expired());
        let error = kept.reschedule(Some(now())).unwrap_err();
        assert_eq!(error.to_string(), "the timeout is over, since its block was left, and can't be moved");
        sleep(5 * SECOND);
    });
}

#[test]
fn a_handle_in_another_task_moves_the_deadline_and_knows_that_it_expired() {
    run(|| {
        let shared: Rc<RefCell<Option<Timeout>>> = Rc::default();
        let other = Rc::clone(&shared);
        let task = spawn(move || {
            timeout_with(None, |handle| {
                other.replace(Some(handle.clone()));
                forever();
            })
        });
        yield_now();
        let handle = shared.take().unwrap();
        handle.reschedule(Some(now() + SECOND)).unwrap();
        handle.reschedule(Some(now())).unwrap();
        assert!(!handle.expired());
        yield_now();
        assert!(handle.expired());
        assert!(handle.reschedule(None).is_err());
        assert!(task.join().unwrap().is_err());
        assert!(handle.expired());
    });
}

#[test]
fn a_panic_in_the_block_goes_on_and_disarms_the_timeout() {
    run(|| {
        assert_eq!(panic_text(|| timeout(SECOND, || silent_panic("block"))), "block");
        sleep(2 * SECOND);
        assert_eq!(current().unwrap().cancelling(), 0);
    });
}

#[test]
fn a_timeout_around_a_join_cancels_the_joined_task() {
    run(|| {
        let task = spawn(forever);
        assert!(timeout(SECOND, || task.join()).is_err());
        assert!(task.is_finished());
    });
}

#[test]
fn a_timeout_around_a_scope_ends_its_children_first() {
    run(|| {
        let data = [1, 2, 3];
        let result = timeout(SECOND, || {
            cede::scope(|s| {
                s.spawn(|| cede::finally(forever, || log(format!("child sees {data:?}"))));
            })
        });
        assert!(result.is_err());
    });
    assert_eq!(logged(), ["child sees [1, 2, 3]"]);
}
