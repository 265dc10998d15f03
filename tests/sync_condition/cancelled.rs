//! Conditions whose waiters are cancelled: the lock is taken again, and no notification is lost.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::Shared;
use super::sync_shared::trace::run;
use super::sync_shared::{cancel_at_each_tick, cancel_soon, pass, task, was_cancelled};
use cede::sync::Condition;
use cede::{call_soon, catch_cancelled, no_cancel, timeout, yield_now};

// test_wait_cancel
#[test]
fn a_waiter_that_is_cancelled_takes_the_lock_again() {
    run(|| {
        let shared = Shared::new();
        shared.condition.acquire().forget();
        let waits = cancel_soon(task(&shared, |shared| shared.condition.wait().unwrap()));
        assert!(was_cancelled(&waits));
        assert_eq!(format!("{:?}", shared.condition), "Condition { locked: true, waiting: 0 }");
    });
}

// test_wait_cancel_contested
#[test]
fn one_that_is_cancelled_while_it_waits_for_the_lock_waits_on_for_it() {
    run(|| {
        let shared = Shared::new();
        let condition = &shared.condition;
        condition.acquire().forget();
        let waits = Rc::new(task(&shared, |shared| shared.condition.wait().unwrap()));
        yield_now();
        assert!(!condition.is_locked());
        condition.acquire().forget();
        condition.notify(1).unwrap();
        let (victim, releases) = (Rc::clone(&waits), Rc::clone(&shared));
        call_soon(move || {
            victim.cancel();
        });
        call_soon(move || releases.condition.release().unwrap());
        assert!(was_cancelled(&waits));
        assert!(condition.is_locked());
    });
}

// test_wait_cancel_after_notify
#[test]
fn one_that_is_cancelled_between_the_notification_and_the_lock_unwinds_with_the_lock() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            let _held = shared.condition.acquire();
            shared.push(1);
            shared.condition.wait().unwrap();
            shared.push(2);
        });
        yield_now();
        shared.condition.acquire().forget();
        shared.condition.notify(1).unwrap();
        yield_now();
        waits.cancel();
        yield_now();
        assert!(!waits.is_finished());
        shared.condition.release().unwrap();
        yield_now();
        assert!(was_cancelled(&waits));
        assert_eq!(shared.result(), [1]);
        assert!(!shared.condition.is_locked());
    });
}

// test_timeout_in_block
#[test]
fn a_wait_that_is_timed_out_leaves_the_lock_locked() {
    run(|| {
        let condition = Condition::new();
        let _held = condition.acquire();
        assert!(timeout(Duration::from_millis(500), || condition.wait().unwrap()).is_err());
        assert!(condition.is_locked());
    });
}

// test_cancelled_error_wakeup
#[test]
fn a_cancellation_while_it_waits_to_be_notified_can_be_caught_with_the_lock() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            let _held = shared.condition.acquire();
            let cancelled = catch_cancelled(|| shared.condition.wait_for(|| false)).unwrap_err();
            assert!(shared.condition.is_locked());
            shared.push(1);
            cancelled.resume();
        });
        yield_now();
        waits.cancel();
        assert!(was_cancelled(&waits));
        assert_eq!(shared.result(), [1]);
        assert!(!shared.condition.is_locked());
    });
}

// test_cancelled_error_re_aquire
#[test]
fn a_cancellation_while_it_waits_for_the_lock_can_be_caught_with_the_lock() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            let _held = shared.condition.acquire();
            let cancelled =
                catch_cancelled(|| shared.condition.wait_for(|| shared.state.get() == 1)).unwrap_err();
            assert!(shared.condition.is_locked());
            shared.push(1);
            cancelled.resume();
        });
        yield_now();
        let held = shared.condition.acquire();
        shared.state.set(1);
        shared.condition.notify(1).unwrap();
        yield_now();
        waits.cancel();
        drop(held);
        assert!(was_cancelled(&waits));
        assert_eq!(shared.result(), [1]);
    });
}

/// Two consumers, one item, and the first of them cancelled after so many ticks: the other has to get the notification.
fn second_consumer_gets_it(ticks: usize) {
    run(|| {
        let shared = Shared::new();
        let consumers = [(); 2].map(|()| task(&shared, Shared::consume));
        yield_now();
        let _held = shared.condition.acquire();
        shared.state.set(1);
        shared.condition.notify(1).unwrap();
        pass(ticks);
        consumers[0].cancel();
        // Nobody says so when it is.
        let said =
            timeout(Duration::from_millis(10), || shared.condition.wait_for(|| shared.state.get() == 0));
        assert!(said.is_err());
        assert_eq!(shared.state.get(), 0);
        shared.state.set(-1);
        shared.condition.notify_all().unwrap();
        drop(_held);
        consumers[1].join().unwrap();
        assert!(was_cancelled(&consumers[0]));
    });
}

// test_cancelled_wakeup
#[test]
fn one_that_was_notified_and_cancelled_notifies_another() {
    second_consumer_gets_it(0);
}

// test_cancelled_wakeup_relock
#[test]
fn one_that_is_cancelled_while_it_takes_the_lock_again_notifies_another() {
    second_consumer_gets_it(1);
}

#[test]
fn nothing_is_lost_wherever_a_task_is_cancelled() {
    struct Table {
        condition: Condition,
        items: Cell<u32>,
        taken: Cell<u32>,
    }
    let cancelled = cancel_at_each_tick(
        || {
            let table =
                Rc::new(Table { condition: Condition::new(), items: Cell::new(0), taken: Cell::new(0) });
            let takes = |table: &Table| {
                let _held = table.condition.acquire();
                table.condition.wait_for(|| table.items.get() > 0).unwrap();
                table.items.set(table.items.get() - 1);
                table.taken.set(table.taken.get() + 1);
            };
            let mut tasks: Vec<_> = (0..3).map(|_| task(&table, takes)).collect();
            // More than are needed, so that it does not matter whether one of these is cancelled.
            tasks.extend((0..4).map(|_| {
                task(&table, |table| {
                    let _held = table.condition.acquire();
                    table.items.set(table.items.get() + 1);
                    table.condition.notify(1).unwrap();
                    yield_now();
                })
            }));
            (table, tasks)
        },
        |table| {
            assert!(table.taken.get() >= 2);
            assert_eq!(format!("{:?}", table.condition), "Condition { locked: false, waiting: 0 }");
        },
    );
    assert!(cancelled > 20, "{cancelled}");
}

#[test]
fn a_task_that_is_cancelled_again_and_again_waits_on_for_the_lock() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            let _held = shared.condition.acquire();
            shared.condition.wait().unwrap();
        });
        yield_now();
        let held = shared.condition.acquire();
        for _ in 0..5 {
            waits.cancel();
            yield_now();
            assert!(!waits.is_finished());
        }
        drop(held);
        assert!(was_cancelled(&waits));
        assert!(!shared.condition.is_locked());
    });
}

#[test]
fn a_cancellation_that_is_masked_waits_until_the_wait_is_over() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            no_cancel(|| {
                let _held = shared.condition.acquire();
                shared.condition.wait().unwrap();
                shared.push(1);
            });
            yield_now();
            shared.push(2);
        });
        yield_now();
        waits.cancel();
        yield_now();
        let held = shared.condition.acquire();
        shared.condition.notify(1).unwrap();
        drop(held);
        assert!(was_cancelled(&waits));
        assert_eq!(shared.result(), [1]);
    });
}
