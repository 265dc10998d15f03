//! Locks: turns, cancellation, and what is done without waiting.
//!
//! The cases are those of `LockTests` in CPython's test_locks. Left out:
//!
//! | case | why |
//! |---|---|
//! | `test_lock`, `test_lock_by_with_statement` | a lock that is awaited, and `with await lock`, do not compile |
//! | `test_lock_doesnt_accept_loop_parameter` | there are no loops to name |

mod sync_shared;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cede::sync::{Lock, NotAcquired};
use cede::{Runner, call_soon, no_switch, select, spawn, yield_now};
use sync_shared::trace::{panic_text, reported, run, silent_panic, ticking, ticks};
use sync_shared::{
    NO_TASK, assert_needs_a_task, cancel_at_each_tick, cancel_soon, on_two_threads, pass, task, was_cancelled,
};

#[derive(Default)]
struct Shared {
    lock: Lock,
    result: RefCell<Vec<u32>>,
}

impl Shared {
    fn acquire_and_push(&self, number: u32) {
        self.lock.acquire().forget();
        self.result.borrow_mut().push(number);
    }
}

// test_repr
#[test]
fn its_debug_form_says_whether_it_is_locked_and_how_many_wait() {
    run(|| {
        let lock = Rc::new(Lock::new());
        assert_eq!(format!("{lock:?}"), "Lock { locked: false, waiting: 0 }");
        let held = lock.acquire();
        assert_eq!(format!("{held:?}"), "LockGuard { lock: Lock { locked: true, waiting: 0 } }");
        let waits = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        assert_eq!(format!("{lock:?}"), "Lock { locked: true, waiting: 1 }");
        drop(held);
        waits.join().unwrap();
    });
}

// test_acquire
#[test]
fn each_release_lets_one_in_and_who_comes_later_waits_behind() {
    run(|| {
        let shared = Rc::new(Shared::default());
        let result = || shared.result.borrow().clone();
        shared.lock.acquire().forget();
        let first = task(&shared, |shared| shared.acquire_and_push(1));
        let second = task(&shared, |shared| shared.acquire_and_push(2));
        yield_now();
        assert_eq!(result(), []);
        shared.lock.release().unwrap();
        yield_now();
        assert_eq!(result(), [1]);
        yield_now();
        assert_eq!(result(), [1]);
        let third = task(&shared, |shared| shared.acquire_and_push(3));
        shared.lock.release().unwrap();
        yield_now();
        assert_eq!(result(), [1, 2]);
        shared.lock.release().unwrap();
        yield_now();
        assert_eq!(result(), [1, 2, 3]);
        assert!([first, second, third].iter().all(|task| task.is_finished()));
    });
}

// test_acquire_cancel
#[test]
fn a_waiter_that_is_cancelled_leaves_no_trace() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let held = lock.acquire();
        let waits = cancel_soon(task(&lock, |lock| drop(lock.acquire())));
        assert!(was_cancelled(&waits));
        assert_eq!(format!("{lock:?}"), "Lock { locked: true, waiting: 0 }");
        drop(held);
        assert!(lock.try_acquire().is_some());
    });
}

// test_cancel_race
#[test]
fn a_release_beside_a_cancelled_waiter_reaches_the_next() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let go = Rc::new(cede::sync::Event::new());
        let (held, opens) = (Rc::clone(&lock), Rc::clone(&go));
        let a = spawn(move || {
            let _held = held.acquire();
            opens.wait();
        });
        yield_now();
        let b = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        let c = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        go.set();
        b.cancel();
        yield_now();
        assert!(!lock.is_locked());
        assert!(a.is_finished() && was_cancelled(&b));
        c.join().unwrap();
    });
}

// test_cancel_release_race
#[test]
fn a_cancellation_and_a_release_in_one_tick_let_one_in() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let count = Rc::new(Cell::new(0));
        let acquires = || {
            let (lock, count) = (Rc::clone(&lock), Rc::clone(&count));
            spawn(move || {
                lock.acquire().forget();
                count.set(count.get() + 1);
            })
        };
        lock.acquire().forget();
        let first = Rc::new(acquires());
        let (second, third) = (acquires(), acquires());
        yield_now();
        let (victim, releases) = (Rc::clone(&first), Rc::clone(&lock));
        call_soon(move || {
            victim.cancel();
            releases.release().unwrap();
        });
        assert!(was_cancelled(&first));
        assert_eq!(count.get(), 1);
        assert!(second.is_finished());
        third.cancel();
        assert!(was_cancelled(&third));
    });
}

// test_finished_waiter_cancelled
#[test]
fn a_waiter_that_was_cancelled_before_the_release_passes_the_turn_to_one_that_comes_later() {
    run(|| {
        let lock = Rc::new(Lock::new());
        lock.acquire().forget();
        let b = task(&lock, |lock| lock.acquire().forget());
        yield_now();
        let c = task(&lock, |lock| lock.acquire().forget());
        b.cancel();
        lock.release().unwrap();
        yield_now();
        assert!(lock.is_locked() && b.is_finished());
        c.join().unwrap();
        assert!(was_cancelled(&b));
    });
}

// test_release_not_acquired, test_release_no_waiters
#[test]
fn releasing_what_nobody_holds_is_an_error() {
    let lock = Lock::new();
    assert_eq!(lock.release(), Err(NotAcquired));
    run(|| {
        lock.acquire().forget();
        assert!(lock.is_locked());
        assert_eq!(lock.release(), Ok(()));
        assert!(!lock.is_locked());
    });
    assert_eq!(NotAcquired.to_string(), "the lock is not acquired");
}

// test_context_manager
#[test]
fn the_guard_releases_it_at_the_end_of_its_block() {
    run(|| {
        let lock = Lock::new();
        {
            let _held = lock.acquire();
            assert!(lock.is_locked());
        }
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_free_lock_is_had_at_once_and_a_release_wakes_in_the_next_tick() {
    ticking(|| {
        let lock = Rc::new(Lock::new());
        assert_eq!(ticks(|| lock.acquire().forget()), 0);
        let waits = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        lock.release().unwrap();
        assert!(lock.try_acquire().is_none(), "it is promised to who waits");
        assert_eq!(ticks(yield_now), 1);
        assert!(waits.is_finished());
    });
}

#[test]
fn who_comes_while_all_who_wait_are_cancelled_does_not_wait() {
    run(|| {
        let lock = Rc::new(Lock::new());
        lock.acquire().forget();
        let waits = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        waits.cancel();
        lock.release().unwrap();
        no_switch(|| lock.acquire().forget());
        assert!(was_cancelled(&waits));
        assert!(lock.is_locked(), "the cancelled one has taken nothing");
    });
}

#[test]
fn another_task_may_release_it() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let holder = task(&lock, |lock| lock.acquire().forget());
        holder.join().unwrap();
        let releaser = task(&lock, Lock::release);
        let _held = lock.acquire();
        assert_eq!(releaser.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_guard_whose_lock_was_released_by_hand_does_no_harm() {
    run(|| {
        let lock = Lock::new();
        let held = lock.acquire();
        lock.release().unwrap();
        drop(held);
        assert!(lock.try_acquire().is_some());
    });
}

#[test]
fn a_holder_that_is_cancelled_or_panics_releases_it() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let sleeps = task(&lock, |lock| {
            let _held = lock.acquire();
            cede::sleep(std::time::Duration::MAX);
        });
        yield_now();
        sleeps.cancel();
        drop(lock.acquire());
        let panics = task(&lock, |lock| {
            let _held = lock.acquire();
            yield_now();
            silent_panic("while it holds the lock")
        });
        yield_now();
        assert!(lock.is_locked());
        drop(lock.acquire());
        assert!(panics.join().unwrap_err().is_panic());
    });
}

#[test]
fn no_turn_is_lost_wherever_a_task_is_cancelled() {
    let cancelled = cancel_at_each_tick(
        || {
            let lock = Rc::new(Lock::new());
            let uses = |lock: &Lock| {
                for _ in 0..2 {
                    let _held = lock.acquire();
                    yield_now();
                }
            };
            let tasks = (0..3).map(|_| task(&lock, uses)).collect();
            (lock, tasks)
        },
        |lock| assert_eq!(format!("{lock:?}"), "Lock { locked: false, waiting: 0 }"),
    );
    assert!(cancelled > 15, "{cancelled}");
}

#[test]
fn a_lock_that_lost_a_race_is_the_next_ones() {
    run(|| {
        let [first, second] = [(); 2].map(|()| Rc::new(Lock::new()));
        first.acquire().forget();
        second.acquire().forget();
        let (a, b) = (Rc::clone(&first), Rc::clone(&second));
        let racer = spawn(move || {
            select! {
                held = a.acquiring() => { held.forget(); 'a' }
                held = b.acquiring() => { held.forget(); 'b' }
            }
        });
        yield_now();
        let next = task(&second, |lock| drop(lock.acquire()));
        yield_now();
        second.release().unwrap();
        first.release().unwrap();
        assert_eq!(racer.join().unwrap(), 'a');
        next.join().unwrap();
        assert!(first.is_locked() && !second.is_locked());
    });
}

#[test]
fn a_racer_that_is_cancelled_takes_and_keeps_nothing() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let held = lock.acquire();
        let racer = task(&lock, |lock| {
            select! {
                _held = lock.acquiring() => {}
                _held = lock.acquiring() => {}
            }
        });
        yield_now();
        let next = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        drop(held);
        racer.cancel();
        next.join().unwrap();
        assert!(was_cancelled(&racer));
        assert!(!lock.is_locked());
    });
}

#[test]
fn an_operation_that_is_dropped_has_had_no_effect() {
    let lock = Lock::new();
    drop(lock.acquiring());
    assert!(!lock.is_locked());
}

#[test]
fn what_does_not_wait_works_in_callbacks_and_outside_of_runs_and_what_waits_says_why_it_cannot() {
    static LOCK: Lock = Lock::new();
    let held = LOCK.acquire();
    assert!(LOCK.try_acquire().is_none());
    assert_needs_a_task(|| drop(LOCK.acquire()));
    drop(held);
    let ((), reports) = reported(|| {
        run(|| {
            let lock = Rc::new(Lock::new());
            let in_callback = Rc::clone(&lock);
            call_soon(move || in_callback.acquire().forget());
            yield_now();
            let waits = task(&lock, |lock| drop(lock.acquire()));
            let in_callback = Rc::clone(&lock);
            call_soon(move || drop(in_callback.acquire()));
            yield_now();
            let in_callback = Rc::clone(&lock);
            call_soon(move || in_callback.release().unwrap());
            waits.join().unwrap();
            lock.acquire().forget();
            let text = panic_text(|| no_switch(|| drop(lock.acquire())));
            assert!(text.contains("inside no_switch"), "{text}");
            assert!(lock.is_locked());
        });
    });
    assert_eq!(reports, [format!("callback: panicked: {NO_TASK}")]);
}

#[test]
fn a_wait_that_is_refused_leaves_the_others_in_their_places() {
    run(|| {
        let lock = Rc::new(Lock::new());
        let held = lock.acquire();
        let waits = task(&lock, |lock| drop(lock.acquire()));
        yield_now();
        let refused = catch_unwind(AssertUnwindSafe(|| no_switch(|| drop(lock.acquire()))));
        assert!(refused.is_err());
        drop(held);
        waits.join().unwrap();
    });
}

#[test]
fn two_runs_on_two_threads_exclude_each_other() {
    let counted = on_two_threads((Lock::new(), AtomicU32::new(0)), |shared, _| {
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let shared = std::sync::Arc::clone(shared);
                spawn(move || {
                    let (lock, count) = &*shared;
                    for i in 0..300 {
                        let _held = lock.acquire();
                        let before = count.load(Relaxed);
                        if i % 3 == 0 {
                            yield_now();
                        }
                        count.store(before + 1, Relaxed);
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
        shared.1.load(Relaxed)
    });
    assert_eq!(counted.into_iter().max(), Some(1800));
}

#[test]
fn cancelled_waiters_of_two_threads_lose_no_turn() {
    let locks = on_two_threads(Lock::new(), |lock, number| {
        for round in 0..200 {
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let lock = std::sync::Arc::clone(lock);
                    spawn(move || {
                        let _held = lock.acquire();
                        yield_now();
                    })
                })
                .collect();
            pass((round + number) % 4);
            tasks[round % 3].cancel();
            tasks.iter().for_each(|task| drop(task.join()));
        }
        std::sync::Arc::clone(lock)
    });
    assert_eq!(format!("{:?}", locks[0]), "Lock { locked: false, waiting: 0 }");
}

#[test]
fn the_report_of_a_deadlock_names_the_holder_and_the_place_where_the_lock_was_made() {
    let (lock, line) = (Rc::new(Lock::new()), line!());
    let report =
        || Runner::builder().virtual_time(true).build().run(|| drop(lock.acquire())).unwrap_err().to_string();
    lock.acquire().forget();
    let text = report();
    assert!(
        text.contains(&format!("locks Lock held by no task made at tests/sync_lock.rs:{line}:")),
        "{text}"
    );
    lock.release().unwrap();
    let text = Runner::builder()
        .virtual_time(true)
        .build()
        .run(|| {
            let holder = task(&lock, |lock| lock.acquire().forget());
            holder.join().unwrap();
            drop(lock.acquire());
        })
        .unwrap_err()
        .to_string();
    assert!(text.contains("locks Lock held by task 2 made at tests/sync_lock.rs"), "{text}");
    let text = report();
    assert!(text.contains("locks Lock held by task 2 of another run made at"), "{text}");
}
