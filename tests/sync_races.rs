//! What comes from another thread between a task's try and its wait wakes it all the same.
//!
//! The other thread begins when the task does, and a little later each time, so that what it does falls into every gap.

#[path = "sync_model/random.rs"]
mod random;

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cede::Operation;
use cede::sync::{OnceCell, RwLock, broadcast, mpsc, oneshot, watch};
use cede::task::{First, race};
use cede::time::after;
use random::Random;

const ROUNDS: usize = 1500;

/// Far longer than any wake-up takes.
const LIMIT: Duration = Duration::from_secs(20);

/// In each round this thread runs what `round` gives first, in a run, while another thread runs what it gives second.
fn race_threads<W, O>(round: impl Fn() -> (W, O))
where
    W: FnOnce(),
    O: FnOnce() + Send + 'static,
{
    let turn = Arc::new(AtomicUsize::new(0));
    let (jobs, taken) = std::sync::mpsc::channel::<O>();
    let theirs = Arc::clone(&turn);
    let other = thread::spawn(move || {
        let mut random = Random::new(7);
        for (number, job) in taken.into_iter().enumerate() {
            // Says that it is there, and waits until the task is as well.
            theirs.store(2 * number + 1, Ordering::Release);
            wait_for(&theirs, 2 * number + 2);
            (0..random.below(200)).for_each(|_| spin_loop());
            job();
        }
    });
    cede::run(|| {
        for number in 0..ROUNDS {
            let (wait, job) = round();
            jobs.send(job).unwrap();
            wait_for(&turn, 2 * number + 1);
            turn.store(2 * number + 2, Ordering::Release);
            wait();
        }
    });
    drop(jobs);
    other.join().unwrap();
}

fn wait_for(turn: &AtomicUsize, value: usize) {
    let mut spins = 0;
    while turn.load(Ordering::Acquire) != value {
        spins += 1;
        if spins % 1000 == 0 { thread::yield_now() } else { spin_loop() }
    }
}

/// Waits for an operation that another thread is about to complete.
fn wait<O: Operation>(operation: O) -> O::Output
where
    cede::task::Race<(O, cede::time::After)>: Operation<Output = First<O::Output, ()>>,
{
    match race((operation, after(LIMIT))).wait() {
        First::A(output) => output,
        First::B(()) => panic!("a wake-up was lost"),
        _ => unreachable!(),
    }
}

#[test]
fn an_item_and_an_end_wake_a_receiver() {
    race_threads(|| {
        let (tx, rx) = mpsc::bounded(1);
        (move || assert_eq!(wait(rx.receiving()), Ok(1)), move || tx.try_send(1).unwrap())
    });
    race_threads(|| {
        let (tx, rx) = mpsc::bounded::<u8>(1);
        (move || assert!(wait(rx.receiving()).is_err()), move || drop(tx))
    });
}

#[test]
fn a_place_and_an_end_wake_a_sender() {
    race_threads(|| {
        let (tx, rx) = mpsc::bounded(1);
        tx.try_send(1).unwrap();
        (
            move || assert!(wait(tx.sending(2)).is_ok()),
            move || {
                rx.try_recv().unwrap();
                std::mem::forget(rx);
            },
        )
    });
    race_threads(|| {
        let (tx, rx) = mpsc::bounded(1);
        tx.try_send(1).unwrap();
        let ended = tx.clone();
        (
            move || {
                assert!(wait(tx.sending(2)).is_err());
                wait(ended.closing());
            },
            move || drop(rx),
        )
    });
}

#[test]
fn a_value_and_its_absence_wake_the_receiver_of_one() {
    race_threads(|| {
        let (tx, rx) = oneshot::channel();
        (move || assert_eq!(wait(rx.receiving()), Ok(1)), move || tx.send(1).unwrap())
    });
    race_threads(|| {
        let (tx, rx) = oneshot::channel::<u8>();
        (move || assert!(wait(rx.receiving()).is_err()), move || drop(tx))
    });
    race_threads(|| {
        let (tx, rx) = oneshot::channel::<u8>();
        (move || wait(tx.closing()), move || drop(rx))
    });
}

#[test]
fn an_item_and_an_end_wake_who_listens_to_a_broadcast() {
    race_threads(|| {
        let (tx, rx) = broadcast::channel(1);
        (
            move || assert_eq!(wait(rx.receiving()), Ok(1)),
            move || {
                tx.send(1).unwrap();
                std::mem::forget(tx);
            },
        )
    });
    race_threads(|| {
        let (tx, rx) = broadcast::channel::<u8>(1);
        (move || assert!(wait(rx.receiving()).is_err()), move || drop(tx))
    });
}

#[test]
fn a_change_and_an_end_wake_who_watches() {
    race_threads(|| {
        let (tx, rx) = watch::channel(0);
        (
            move || assert!(wait(rx.changing()).is_ok()),
            move || {
                tx.send(1).unwrap();
                std::mem::forget(tx);
            },
        )
    });
    race_threads(|| {
        let (tx, rx) = watch::channel(0);
        (move || assert!(wait(rx.changing()).is_err()), move || drop(tx))
    });
}

#[test]
fn a_guard_that_goes_wakes_who_waits_for_the_lock() {
    // The other thread holds it when the task comes, and releases it.
    for writes in [false, true] {
        race_threads(|| {
            let lock = Arc::new(RwLock::new(()));
            let theirs = Arc::clone(&lock);
            let held = Arc::new(AtomicUsize::new(0));
            let holds = Arc::clone(&held);
            let waits = move || {
                wait_for(&held, 1);
                if writes {
                    drop(wait(lock.writing()));
                } else {
                    drop(wait(lock.reading()));
                }
            };
            (waits, move || {
                let guard = theirs.try_write();
                holds.store(1, Ordering::Release);
                (0..100).for_each(|_| spin_loop());
                drop(guard);
            })
        });
    }
}

#[test]
fn a_value_and_a_turn_wake_who_wants_the_value_of_a_cell() {
    race_threads(|| {
        let cell = Arc::new(OnceCell::new());
        let theirs = Arc::clone(&cell);
        (move || assert_eq!(*wait(cell.waiting()), 1), move || theirs.set(1).unwrap())
    });
    // The other thread has the turn when the task comes, and gives it up.
    race_threads(|| {
        let cell = Arc::new(OnceCell::new());
        let theirs = Arc::clone(&cell);
        let taken = Arc::new(AtomicUsize::new(0));
        let takes = Arc::clone(&taken);
        let waits = move || {
            wait_for(&taken, 1);
            let made = cede::timeout(LIMIT, || *cell.get_or_init(|| 2));
            assert_eq!(made.expect("a wake-up was lost"), 2);
        };
        (waits, move || {
            let failed = theirs.get_or_try_init(|| {
                takes.store(1, Ordering::Release);
                (0..100).for_each(|_| spin_loop());
                Err(())
            });
            assert_eq!(failed, Err(()));
        })
    });
}
