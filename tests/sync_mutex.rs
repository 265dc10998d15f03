//! Mutexes: who has the value, and that a panic, a cancellation or a lost race leaves it to the next.
//!
//! Who gets the lock when is the lock's matter, and tested in `sync_lock.rs`.

mod sync_shared;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use cede::sync::{Lock, Mutex};
use cede::{Runner, call_soon, select, spawn, yield_now};
use sync_shared::trace::{Logs, logged, run, silent_panic, ticking, ticks};
use sync_shared::{assert_needs_a_task, cancel_at_each_tick, on_two_threads, pass, task, was_cancelled};

#[test]
fn the_value_is_the_holders_alone_while_it_waits() {
    run(|| {
        let total = Rc::new(Mutex::new(0));
        let tasks = [1, 2, 3].map(|number| {
            task(&total, move |total| {
                let mut total = total.lock();
                let before = *total;
                pass(2);
                *total = before + number;
            })
        });
        tasks.iter().for_each(|task| task.join().unwrap());
        assert_eq!(*total.lock(), 6);
    });
}

#[test]
fn a_free_one_is_locked_at_once_and_one_that_is_locked_or_waited_for_is_not_had_by_trying() {
    ticking(|| {
        let mutex = Rc::new(Mutex::new("value"));
        assert_eq!(ticks(|| drop(mutex.lock())), 0);
        let held = mutex.try_lock().unwrap();
        assert!(mutex.is_locked() && mutex.try_lock().is_none());
        let waits = task(&mutex, |mutex| *mutex.lock());
        yield_now();
        drop(held);
        assert!(!mutex.is_locked() && mutex.try_lock().is_none());
        assert_eq!(waits.join().unwrap(), "value");
        assert!(mutex.try_lock().is_some());
    });
}

#[test]
fn a_panic_and_a_cancellation_leave_the_value_as_it_is_and_the_mutex_usable() {
    run(|| {
        let mutex = Rc::new(Mutex::new(0));
        let panics = task(&mutex, |mutex| {
            *mutex.lock() += 1;
            let mut value = mutex.lock();
            *value += 1;
            silent_panic("with the value")
        });
        assert!(panics.join().unwrap_err().is_panic());
        let waits = task(&mutex, |mutex| {
            let mut value = mutex.lock();
            *value += 1;
            yield_now();
            *value += 1;
        });
        yield_now();
        waits.cancel();
        assert_eq!(*mutex.lock(), 3);
        assert!(was_cancelled(&waits));
    });
}

#[test]
fn no_turn_is_lost_wherever_a_task_is_cancelled() {
    let cancelled = cancel_at_each_tick(
        || {
            let mutex = Rc::new(Mutex::new((0, 0)));
            let uses = |mutex: &Mutex<(u32, u32)>| {
                for _ in 0..2 {
                    let mut value = mutex.lock();
                    value.0 += 1;
                    value.1 = value.0;
                    yield_now();
                }
            };
            let tasks = (0..3).map(|_| task(&mutex, uses)).collect();
            (mutex, tasks)
        },
        |mutex| {
            let value = mutex.try_lock().expect("nobody has it");
            assert_eq!(value.0, value.1);
        },
    );
    assert!(cancelled > 15, "{cancelled}");
}

#[test]
fn a_mutex_that_lost_a_race_is_the_next_ones() {
    run(|| {
        let [first, second] = [1, 2].map(|number| Rc::new(Mutex::new(number)));
        let (held, other) = (first.lock(), second.lock());
        let (a, b) = (Rc::clone(&first), Rc::clone(&second));
        let racer = spawn(move || {
            select! {
                value = a.locking() => *value,
                value = b.locking() => *value,
            }
        });
        yield_now();
        let next = task(&second, |second| *second.lock());
        yield_now();
        drop(other);
        drop(held);
        assert_eq!(racer.join().unwrap(), 1);
        assert_eq!(next.join().unwrap(), 2);
        assert!(!first.is_locked() && !second.is_locked());
    });
}

#[test]
fn the_value_can_be_taken_out_made_by_default_and_be_unsized() {
    let mut mutex = Mutex::from(vec![1]);
    mutex.get_mut().push(2);
    assert_eq!(mutex.into_inner(), [1, 2]);
    assert_eq!(*Mutex::<u8>::default().try_lock().unwrap(), 0);
    let numbers: &Mutex<[i32]> = &Mutex::new([3, 1, 2]);
    run(|| numbers.lock().sort_unstable());
    assert_eq!(*numbers.try_lock().unwrap(), [1, 2, 3]);
    drop(Mutex::new(Logs("dropped")));
    assert_eq!(logged(), ["dropped"]);
}

#[test]
fn its_debug_form_shows_the_value_unless_it_is_locked() {
    let mutex = Mutex::new(5);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 5 }");
    let held = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?} {held:?} {held}"), "Mutex { value: <locked> } 5 5");
}

#[test]
fn one_may_be_static_and_used_in_callbacks_and_outside_of_runs() {
    static MUTEX: Mutex<u32> = Mutex::new(1);
    let held = MUTEX.lock();
    assert_needs_a_task(|| drop(MUTEX.lock()));
    drop(held);
    run(|| {
        call_soon(|| *MUTEX.lock() += 1);
        yield_now();
    });
    assert_eq!(*MUTEX.lock(), 2);
}

#[test]
fn two_runs_on_two_threads_use_the_value_in_turn() {
    // Not `Sync`: only one thread at a time may see it.
    let counted = on_two_threads(Mutex::new(Cell::new(0)), |count, _| {
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let count = Arc::clone(count);
                spawn(move || {
                    for i in 0..300 {
                        let count = count.lock();
                        let before = count.get();
                        if i % 3 == 0 {
                            yield_now();
                        }
                        count.set(before + 1);
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
        count.lock().get()
    });
    assert_eq!(counted.into_iter().max(), Some(1800));
}

#[test]
fn the_report_of_a_deadlock_names_the_holder_and_the_place_where_the_mutex_was_made() {
    let (mutex, line) = (Mutex::new(()), line!());
    let runner = Runner::builder().virtual_time(true).build();
    let text = runner
        .run(|| {
            let _held = mutex.lock();
            drop(mutex.lock());
        })
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(&format!("locks Mutex held by task 1 made at tests/sync_mutex.rs:{line}:")),
        "{text}"
    );
    assert_eq!(std::mem::size_of::<Mutex<()>>(), std::mem::size_of::<Lock>());
}
