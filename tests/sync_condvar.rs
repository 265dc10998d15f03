//! Condition variables: notifying, timeouts, and that the mutex is locked again however a wait ends.
//!
//! They share their core with conditions, whose ports of CPython's tests are in `sync_condition.rs`.

mod sync_shared;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cede::sync::{Condvar, Mutex};
use cede::time::now;
use cede::{JoinHandle, Runner, call_soon, catch_cancelled, no_switch, sleep, spawn, yield_now};
use sync_shared::trace::{SECOND, panic_text, run, silent_panic};
use sync_shared::{NO_TASK, cancel_at_each_tick, on_two_threads, pass, task, was_cancelled};

#[derive(Default)]
struct Shared {
    value: Mutex<u32>,
    changed: Condvar,
}

impl Shared {
    fn set(&self, value: u32) {
        *self.value.lock() = value;
        self.changed.notify_all();
    }
}

/// Waits for a value other than 0, and takes one away from it.
fn taker(shared: &Rc<Shared>) -> JoinHandle<u32> {
    task(shared, |shared| {
        let mut value = shared.changed.wait_while(shared.value.lock(), |value| *value == 0);
        *value -= 1;
        *value
    })
}

#[test]
fn one_is_woken_or_all_in_the_order_in_which_they_came() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let takers = [(); 3].map(|()| taker(&shared));
        yield_now();
        assert_eq!(format!("{:?}", shared.changed), "Condvar { waiting: 3 }");
        *shared.value.lock() = 3;
        shared.changed.notify_one();
        pass(3);
        assert_eq!(takers.each_ref().map(JoinHandle::is_finished), [true, false, false]);
        shared.changed.notify_all();
        assert_eq!(takers.map(|taker| taker.join().unwrap()), [2, 1, 0]);
    });
}

#[test]
fn the_mutex_is_free_while_one_waits_and_locked_when_it_goes_on() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let waits = task(&shared, |shared| {
            let value = shared.changed.wait(shared.value.lock());
            assert!(shared.value.is_locked());
            *value
        });
        yield_now();
        let mut value = shared.value.try_lock().unwrap();
        shared.changed.notify_one();
        pass(3);
        assert!(!waits.is_finished(), "the mutex is locked");
        *value = 7;
        drop(value);
        assert_eq!(waits.join().unwrap(), 7);
        assert!(!shared.value.is_locked());
    });
}

#[test]
fn one_that_is_cancelled_locks_the_mutex_again_and_releases_it_as_it_unwinds() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let waits = task(&shared, |shared| {
            let waited = catch_cancelled(|| drop(shared.changed.wait(shared.value.lock())));
            *shared.value.lock() += 1;
            waited.unwrap_err().resume();
        });
        yield_now();
        let value = shared.value.lock();
        for _ in 0..3 {
            waits.cancel();
            pass(2);
            assert!(!waits.is_finished(), "it waits for the mutex");
        }
        assert_eq!(*value, 0);
        drop(value);
        assert!(was_cancelled(&waits));
        assert_eq!(*shared.value.try_lock().unwrap(), 1);
    });
}

#[test]
fn one_that_was_notified_and_cancelled_notifies_another() {
    for ticks in 0..3 {
        run(|| {
            let shared = Rc::<Shared>::default();
            let takers = [(); 2].map(|()| taker(&shared));
            yield_now();
            let mut value = shared.value.lock();
            *value = 1;
            shared.changed.notify_one();
            pass(ticks);
            takers[0].cancel();
            drop(value);
            assert_eq!(takers[1].join().unwrap(), 0);
            assert!(was_cancelled(&takers[0]));
        });
    }
}

#[test]
fn a_wait_that_takes_too_long_says_so_and_has_the_mutex() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let start = now();
        let (value, result) = shared.changed.wait_timeout(shared.value.lock(), SECOND);
        assert!(result.timed_out() && shared.value.is_locked());
        assert_eq!((*value, now() - start), (0, SECOND));
        assert_eq!(format!("{:?}", shared.changed), "Condvar { waiting: 0 }");
        let (_value, result) = shared.changed.wait_timeout(value, Duration::ZERO);
        assert!(result.timed_out());
    });
}

#[test]
fn a_wait_that_is_notified_in_time_is_not_timed_out_however_long_it_waits_for_the_mutex() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let waits = task(&shared, |shared| {
            let (value, result) = shared.changed.wait_timeout(shared.value.lock(), SECOND);
            (*value, result.timed_out())
        });
        yield_now();
        let mut value = shared.value.lock();
        shared.changed.notify_one();
        sleep(10 * SECOND);
        *value = 5;
        drop(value);
        assert_eq!(waits.join().unwrap(), (5, false));
    });
}

#[test]
fn a_wait_with_a_timeout_that_is_cancelled_unwinds() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let waits = task(&shared, |shared| drop(shared.changed.wait_timeout(shared.value.lock(), SECOND)));
        yield_now();
        shared.changed.notify_one();
        waits.cancel();
        assert!(was_cancelled(&waits));
        assert!(!shared.value.is_locked());
    });
}

#[test]
fn nothing_is_lost_wherever_a_task_is_cancelled() {
    let cancelled = cancel_at_each_tick(
        || {
            let shared = Rc::<Shared>::default();
            let mut tasks: Vec<_> = (0..3)
                .map(|_| {
                    task(&shared, |shared| {
                        *shared.changed.wait_while(shared.value.lock(), |value| *value == 0) -= 1;
                    })
                })
                .collect();
            // More than are needed.
            tasks.extend((0..4).map(|_| {
                task(&shared, |shared| {
                    let mut value = shared.value.lock();
                    *value += 1;
                    shared.changed.notify_one();
                    yield_now();
                })
            }));
            (shared, tasks)
        },
        |shared| {
            assert!(shared.value.try_lock().is_some());
            assert_eq!(format!("{:?}", shared.changed), "Condvar { waiting: 0 }");
        },
    );
    assert!(cancelled > 20, "{cancelled}");
}

#[test]
fn a_wait_that_is_refused_and_a_question_that_panics_release_the_mutex() {
    let shared = Shared::default();
    assert_eq!(panic_text(|| drop(shared.changed.wait(shared.value.lock()))), NO_TASK);
    assert!(!shared.value.is_locked());
    run(|| {
        let text =
            panic_text(|| no_switch(|| drop(shared.changed.wait_timeout(shared.value.lock(), SECOND))));
        assert!(text.contains("inside no_switch"), "{text}");
        assert!(!shared.value.is_locked());
        let asks = || shared.changed.wait_while(shared.value.lock(), |_| silent_panic("in the question"));
        assert_eq!(panic_text(|| drop(asks())), "in the question");
        assert!(!shared.value.is_locked());
    });
}

#[test]
fn one_serves_several_mutexes_and_may_be_notified_from_callbacks_and_outside_of_runs() {
    let shared = Shared::default();
    shared.changed.notify_all();
    run(|| {
        let (shared, other) = (Rc::<Shared>::default(), Rc::new(Mutex::new(1)));
        let waits = taker(&shared);
        let both = Rc::clone(&shared);
        let also = task(&other, move |other| *both.changed.wait(other.lock()));
        yield_now();
        let sets = Rc::clone(&shared);
        call_soon(move || sets.set(1));
        assert_eq!((waits.join().unwrap(), also.join().unwrap()), (0, 1));
    });
}

#[test]
fn two_runs_on_two_threads_hand_a_value_to_and_fro() {
    on_two_threads(Shared::default(), |shared, number| {
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(shared);
                spawn(move || {
                    for _ in 0..200 {
                        let mut value = shared
                            .changed
                            .wait_while(shared.value.lock(), |value| *value as usize % 2 != number);
                        *value += 1;
                        shared.changed.notify_all();
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
        assert!(*shared.value.lock() >= 799);
    });
}

#[test]
fn the_report_of_a_deadlock_says_where_it_was_made() {
    let (shared, line) = (Shared { changed: Condvar::new(), value: Mutex::new(0) }, line!());
    let runner = Runner::builder().virtual_time(true).build();
    let text = runner.run(|| drop(shared.changed.wait(shared.value.lock()))).unwrap_err().to_string();
    assert!(text.contains(&format!("waits for Condvar made at tests/sync_condvar.rs:{line}:")), "{text}");
}
