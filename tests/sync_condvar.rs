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

/// Has a task woken by another thread for a wait that it has left by then, in the tick in which this returns.
struct LateWakeUp {
    waits: cede::sync::Event,
    queue: Arc<cede::sync::Queue<()>>,
}

impl LateWakeUp {
    fn new() -> Rc<Self> {
        Rc::new(LateWakeUp {
            waits: cede::sync::Event::new(),
            queue: Arc::new(cede::sync::Queue::unbounded()),
        })
    }

    /// Is on its way when this returns; the next wait of this task gets it.
    fn order(self: &Rc<Self>) {
        let orders = Rc::clone(self);
        spawn(move || {
            // In the next tick, before the one that waits has its turn, since this is called before that is woken.
            let queue = Arc::clone(&orders.queue);
            call_soon(move || std::thread::spawn(move || queue.put_nowait(()).unwrap()).join().unwrap());
            orders.waits.set();
        });
        // Both are complete: the first wins, and the wake-up for the second is on its way.
        cede::select! {
            () = self.waits.waiting() => {},
            _ = self.queue.getting() => panic!("the event comes first"),
        }
    }
}

#[test]
fn a_wake_up_that_comes_late_from_another_thread_costs_nobody_its_place() {
    run(|| {
        let (shared, late) = (Rc::<Shared>::default(), LateWakeUp::new());
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let first = {
            let order = Rc::clone(&order);
            task(&shared, move |shared| {
                late.order();
                let (mut value, result) =
                    shared.changed.wait_timeout_while(shared.value.lock(), SECOND, |value| *value == 0);
                assert!(!result.timed_out());
                order.borrow_mut().push(1);
                *value -= 1;
            })
        };
        pass(3);
        let second = {
            let order = Rc::clone(&order);
            task(&shared, move |shared| {
                *shared.changed.wait_while(shared.value.lock(), |value| *value == 0) -= 1;
                order.borrow_mut().push(2);
            })
        };
        pass(3);
        for _ in 0..2 {
            *shared.value.lock() += 1;
            shared.changed.notify_one();
            pass(5);
        }
        assert_eq!(*order.borrow(), [1, 2]);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn a_wait_ends_for_nothing_but_a_notification() {
    run(|| {
        let (shared, late) = (Rc::<Shared>::default(), LateWakeUp::new());
        let waits = task(&shared, move |shared| {
            late.order();
            drop(shared.changed.wait(shared.value.lock()));
        });
        pass(10);
        assert!(!waits.is_finished());
        shared.changed.notify_one();
        waits.join().unwrap();
    });
}

#[test]
fn who_waits_for_a_mutex_keeps_its_place_when_a_wake_up_comes_late() {
    run(|| {
        let (value, late) = (Rc::new(Mutex::new(Vec::new())), LateWakeUp::new());
        let guard = value.lock();
        let first = task(&value, move |value| {
            late.order();
            value.lock().push(1);
        });
        pass(3);
        let second = task(&value, |value| value.lock().push(2));
        pass(5);
        drop(guard);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(*value.lock(), [1, 2]);
    });
}

/// The time of the first is over in the very tick in which it is notified, before or after that.
#[test]
fn a_notification_that_meets_the_end_of_the_time_is_received_or_goes_to_the_next() {
    for notify_at in [SECOND - Duration::from_nanos(1), SECOND, SECOND + Duration::from_nanos(1)] {
        for notifier_is_first in [true, false] {
            run(|| {
                let shared = Rc::<Shared>::default();
                let notifier = |shared: &Rc<Shared>| {
                    let shared = Rc::clone(shared);
                    cede::task::call_later(notify_at, move || shared.changed.notify_one());
                };
                if notifier_is_first {
                    notifier(&shared);
                }
                let limited = task(&shared, |shared| {
                    shared.changed.wait_timeout(shared.value.lock(), SECOND).1.timed_out()
                });
                let patient = task(&shared, |shared| drop(shared.changed.wait(shared.value.lock())));
                yield_now();
                if !notifier_is_first {
                    notifier(&shared);
                }
                let timed_out = limited.join().unwrap();
                sleep(SECOND);
                assert_eq!(patient.is_finished(), timed_out, "{notify_at:?}: one of the two got it");
                shared.changed.notify_all();
                patient.join().unwrap();
            });
        }
    }
}

#[test]
fn no_notification_is_lost_between_workers_whose_waits_time_out_all_the_time() {
    let runtime = cede::Runtime::builder().workers(2).build().unwrap();
    let rounds = 2_000;
    runtime
        .run(|| {
            let shared = Arc::new(Shared::default());
            let takers: Vec<_> = (0..4)
                .map(|number| {
                    let shared = Arc::clone(&shared);
                    cede::spawn_any(move || {
                        let mut taken = 0;
                        // The last one has all the time in the world: it is the next when the others are too late.
                        let limit = Duration::from_micros(if number == 3 { u64::MAX } else { 20 * number });
                        loop {
                            let mut value = shared.value.lock();
                            while *value == 0 {
                                value = shared.changed.wait_timeout(value, limit).0;
                            }
                            if *value == u32::MAX {
                                return taken;
                            }
                            *value -= 1;
                            taken += 1;
                        }
                    })
                })
                .collect();
            for _ in 0..rounds {
                *shared.value.lock() += 1;
                shared.changed.notify_one();
                yield_now();
            }
            while *shared.value.lock() > 0 {
                yield_now();
            }
            shared.set(u32::MAX);
            let taken: u32 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
            assert_eq!(taken, rounds);
        })
        .unwrap();
}

#[test]
fn a_wait_for_a_condition_that_takes_too_long_says_so_whatever_comes_meanwhile() {
    run(|| {
        let shared = Rc::<Shared>::default();
        let start = now();
        let notifies = Rc::clone(&shared);
        let nagging = spawn(move || {
            loop {
                sleep(SECOND / 4);
                notifies.changed.notify_all();
            }
        });
        let (value, result) =
            shared.changed.wait_timeout_while(shared.value.lock(), SECOND, |value| *value == 0);
        assert!(result.timed_out());
        assert_eq!(now() - start, SECOND);
        let (_value, result) = shared.changed.wait_timeout_while(value, Duration::ZERO, |value| *value != 0);
        assert!(!result.timed_out());
        nagging.cancel();
    });
}
