//! Conditions: notifying, taking the lock again, and cancellation in each of the two waits.
//!
//! The cases are those of `ConditionTests` in CPython's test_locks. Left out:
//!
//! | case | why |
//! |---|---|
//! | `test_ambiguous_loops` | a lock and a condition of different runs work together |
//! | that the value of the predicate comes back (`test_wait_for`, `test_wait_for_unacquired`) | the predicate gives a `bool` |
//! | that the exception is the very same object (`test_cancelled_error_wakeup`, `test_cancelled_error_re_aquire`) | a cancellation carries nothing |

#[path = "sync_condition/cancelled.rs"]
mod cancelled;
mod sync_shared;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cede::sync::{Condition, Lock, NotAcquired};
use cede::{JoinHandle, Runner, call_soon, no_switch, spawn, yield_now};
use sync_shared::trace::{log, logged, panic_text, run, silent_panic, tick, ticking};
use sync_shared::{on_two_threads, pass, task};

#[derive(Default)]
struct Shared {
    condition: Condition,
    result: RefCell<Vec<u32>>,
    state: Cell<i32>,
}

impl Shared {
    fn new() -> Rc<Self> {
        Rc::default()
    }

    fn push(&self, number: u32) {
        self.result.borrow_mut().push(number);
    }

    fn result(&self) -> Vec<u32> {
        self.result.borrow().clone()
    }

    /// Takes one away whenever there is one, until there are less than none.
    fn consume(&self) {
        let _held = self.condition.acquire();
        loop {
            self.condition.wait_for(|| self.state.get() != 0).unwrap();
            if self.state.get() < 0 {
                return;
            }
            self.state.set(self.state.get() - 1);
        }
    }
}

/// Waits with the lock, which it releases by hand afterwards or not.
fn waiter(shared: &Rc<Shared>, number: u32, releases: bool) -> JoinHandle<()> {
    task(shared, move |shared| {
        shared.condition.acquire().forget();
        shared.condition.wait().unwrap();
        shared.push(number);
        if releases {
            shared.condition.release().unwrap();
        }
    })
}

// test_wait
#[test]
fn who_is_notified_goes_on_when_the_lock_is_released_and_has_it_then() {
    run(|| {
        let shared = Shared::new();
        let condition = &shared.condition;
        let tasks: Vec<_> = (1..4).map(|number| waiter(&shared, number, false)).collect();
        yield_now();
        assert_eq!(shared.result(), []);
        assert!(!condition.is_locked());

        condition.acquire().forget();
        condition.notify(1).unwrap();
        yield_now();
        assert_eq!(shared.result(), []);
        assert!(condition.is_locked());

        condition.release().unwrap();
        yield_now();
        assert_eq!(shared.result(), [1]);
        assert!(condition.is_locked());

        condition.notify(2).unwrap();
        yield_now();
        assert_eq!(shared.result(), [1]);
        assert!(condition.is_locked());

        for expected in [&[1, 2][..], &[1, 2, 3]] {
            condition.release().unwrap();
            yield_now();
            assert_eq!(shared.result(), expected);
            assert!(condition.is_locked());
        }
        assert!(tasks.iter().all(|task| task.is_finished()));
    });
}

// test_wait_unacquired, test_notify_unacquired, test_notify_all_unacquired, test_wait_for_unacquired
#[test]
fn waiting_and_notifying_without_the_lock_are_errors() {
    let condition = Condition::new();
    assert_eq!(condition.wait(), Err(NotAcquired));
    assert_eq!(condition.notify(1), Err(NotAcquired));
    assert_eq!(condition.notify_all(), Err(NotAcquired));
    assert_eq!(condition.release(), Err(NotAcquired));
    assert_eq!(condition.wait_for(|| true), Ok(()));
    assert_eq!(condition.wait_for(|| false), Err(NotAcquired));
}

// test_wait_for
#[test]
fn who_waits_for_something_goes_on_when_it_is_true_and_not_before() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            let _held = shared.condition.acquire();
            shared.condition.wait_for(|| shared.state.get() == 1).unwrap();
            shared.push(1);
        });
        yield_now();
        for state in [0, 1] {
            assert_eq!(shared.result(), []);
            shared.state.set(state);
            let _held = shared.condition.acquire();
            shared.condition.notify(1).unwrap();
            drop(_held);
            yield_now();
        }
        assert_eq!(shared.result(), [1]);
        assert!(waits.is_finished());
    });
}

// test_notify
#[test]
fn as_many_are_woken_as_were_asked_for() {
    run(|| {
        let shared = Shared::new();
        let tasks: Vec<_> = (1..4).map(|number| waiter(&shared, number, true)).collect();
        yield_now();
        assert_eq!(shared.result(), []);
        let held = shared.condition.acquire();
        shared.condition.notify(0).unwrap();
        shared.condition.notify(1).unwrap();
        drop(held);
        yield_now();
        assert_eq!(shared.result(), [1]);
        let held = shared.condition.acquire();
        shared.condition.notify(1).unwrap();
        shared.condition.notify(2048).unwrap();
        drop(held);
        yield_now();
        assert_eq!(shared.result(), [1, 2, 3]);
        assert!(tasks.iter().all(|task| task.is_finished()));
    });
}

// test_notify_all
#[test]
fn all_are_woken_and_go_on_in_one_tick_where_none_waits_with_the_lock() {
    ticking(|| {
        let shared = Shared::new();
        let tasks: Vec<_> = (1..4).map(|number| waiter(&shared, number, true)).collect();
        yield_now();
        let held = shared.condition.acquire();
        shared.condition.notify_all().unwrap();
        drop(held);
        let before = tick();
        yield_now();
        assert_eq!((shared.result(), tick() - before), (vec![1, 2, 3], 1));
        assert!(tasks.iter().all(|task| task.is_finished()));
    });
}

#[test]
fn those_who_were_notified_go_on_every_other_tick_where_each_waits_once_with_the_lock() {
    ticking(|| {
        let shared = Shared::new();
        let before = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (1..4)
            .map(|number| {
                let before = Rc::clone(&before);
                task(&shared, move |shared| {
                    let _held = shared.condition.acquire();
                    shared.condition.wait().unwrap();
                    log(format!("{number} after {}", tick() - before.get()));
                    yield_now();
                })
            })
            .collect();
        yield_now();
        let held = shared.condition.acquire();
        shared.condition.notify_all().unwrap();
        before.set(tick());
        drop(held);
        tasks.iter().for_each(|task| task.join().unwrap());
    });
    assert_eq!(logged(), ["1 after 1", "2 after 3", "3 after 5"]);
}

// test_repr
#[test]
fn its_debug_form_says_whether_it_is_locked_and_how_many_wait() {
    run(|| {
        let shared = Shared::new();
        let condition = &shared.condition;
        assert_eq!(format!("{condition:?}"), "Condition { locked: false, waiting: 0 }");
        let tasks = [1, 2].map(|number| waiter(&shared, number, true));
        yield_now();
        let held = condition.acquire();
        assert_eq!(format!("{condition:?}"), "Condition { locked: true, waiting: 2 }");
        condition.notify_all().unwrap();
        drop(held);
        tasks.iter().for_each(|task| task.join().unwrap());
    });
}

// test_context_manager, test_explicit_lock
#[test]
fn it_is_locked_as_its_lock_is_which_may_be_given() {
    run(|| {
        let lock = Arc::new(Lock::new());
        for condition in [Condition::new(), Condition::with_lock(Arc::clone(&lock))] {
            let locked = || (condition.is_locked(), condition.lock().is_locked());
            assert_eq!(locked(), (false, false));
            let held = condition.acquire();
            assert_eq!(locked(), (true, true));
            assert!(condition.try_acquire().is_none());
            drop(held);
            let held = condition.lock().acquire();
            assert_eq!(locked(), (true, true));
            drop(held);
            assert_eq!(locked(), (false, false));
        }
    });
}

#[test]
fn two_conditions_on_one_lock_notify_their_own() {
    run(|| {
        let lock = Arc::new(Lock::new());
        let [full, empty] = [(); 2].map(|()| Rc::new(Condition::with_lock(Arc::clone(&lock))));
        let waits = |condition: &Rc<Condition>| {
            task(condition, |condition| {
                let _held = condition.acquire();
                condition.wait().unwrap();
            })
        };
        let (first, second) = (waits(&full), waits(&empty));
        yield_now();
        let held = lock.acquire();
        empty.notify_all().unwrap();
        drop(held);
        second.join().unwrap();
        pass(3);
        assert!(!first.is_finished());
        let held = lock.acquire();
        full.notify_all().unwrap();
        drop(held);
        first.join().unwrap();
    });
}

#[test]
fn a_wait_that_is_refused_leaves_the_lock_locked() {
    let condition = Condition::new();
    condition.acquire().forget();
    let text = panic_text(|| condition.wait());
    assert_eq!(text, sync_shared::NO_TASK);
    assert!(condition.is_locked());
    run(|| {
        let text = panic_text(|| no_switch(|| condition.wait()));
        assert!(text.contains("inside no_switch"), "{text}");
        assert_eq!(format!("{condition:?}"), "Condition { locked: true, waiting: 0 }");
    });
}

#[test]
fn a_predicate_that_panics_leaves_with_the_lock() {
    run(|| {
        let shared = Shared::new();
        let waits = task(&shared, |shared| {
            let _held = shared.condition.acquire();
            shared.condition.wait_for(|| shared.state.get() == 1 && silent_panic("in the predicate"))
        });
        yield_now();
        shared.state.set(1);
        let held = shared.condition.acquire();
        shared.condition.notify_all().unwrap();
        drop(held);
        assert!(waits.join().unwrap_err().is_panic());
        assert!(!shared.condition.is_locked());
    });
}

#[test]
fn notifying_works_in_callbacks() {
    run(|| {
        let shared = Shared::new();
        let notifies = Rc::clone(&shared);
        let _held = shared.condition.acquire();
        call_soon(move || {
            let _held = notifies.condition.acquire();
            notifies.condition.notify_all().unwrap();
        });
        shared.condition.wait().unwrap();
    });
}

#[test]
fn two_runs_on_two_threads_hand_a_turn_to_and_fro() {
    on_two_threads((Condition::new(), AtomicU32::new(0)), |shared, number| {
        let number = number as u32;
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(shared);
                spawn(move || {
                    let (condition, turn) = &*shared;
                    for _ in 0..200 {
                        let _held = condition.acquire();
                        condition.wait_for(|| turn.load(SeqCst) % 2 == number).unwrap();
                        turn.fetch_add(1, SeqCst);
                        condition.notify_all().unwrap();
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
        assert!(shared.1.load(SeqCst) >= 799);
    });
}

#[test]
fn the_report_of_a_deadlock_says_where_the_condition_was_made_and_who_has_the_lock() {
    let (condition, line) = (Rc::new(Condition::new()), line!());
    let runner = Runner::builder().virtual_time(true).build();
    let text = runner
        .run(|| {
            let _held = condition.acquire();
            condition.wait().unwrap();
        })
        .unwrap_err()
        .to_string();
    let expected = format!("waits for Condition made at tests/sync_condition.rs:{line}:");
    assert!(text.contains(&expected), "{text}");
    let text = runner
        .run(|| {
            let waits = task(&condition, |condition| {
                let _held = condition.acquire();
                condition.wait().unwrap();
            });
            yield_now();
            let _held = condition.acquire();
            condition.notify_all().unwrap();
            cede::sync::Event::new().wait();
            drop(waits);
        })
        .unwrap_err()
        .to_string();
    assert!(text.contains("locks Lock held by task 2 made at tests/sync_condition.rs"), "{text}");
}
