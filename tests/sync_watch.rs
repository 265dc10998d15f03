//! Channels that hold the latest value: what counts as seen, snapshots, changes in place, ends on both sides.

#[path = "sync_model/random.rs"]
mod random;
#[path = "sync_model/refusals.rs"]
mod refusals;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cede::sync::watch::{self, Receiver, RecvError, RecvTimeoutError, Ref, SendError, Sender};
use cede::time::{after, now};
use cede::{select, sleep, spawn, yield_now};
use random::Random;
use refusals::{assert_refused, deadlock, everywhere};
use trace::{Logs, SECOND, log, logged, panic_text, run, silent_panic, tick, ticking};

#[test]
fn receivers_see_the_latest_value_and_not_each() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        assert!(!rx.has_changed());
        (1..=3).for_each(|n| tx.send(n).unwrap());
        assert!(rx.has_changed());
        assert_eq!((*rx.borrow(), rx.changed(), *tx.borrow()), (3, Ok(()), 3));
        assert!(!rx.has_changed());
        assert_eq!(rx.changed_timeout(SECOND), Err(RecvTimeoutError::Timeout));
    });
}

#[test]
fn looking_counts_as_seeing_only_where_it_says_so() {
    run(|| {
        let (tx, rx) = watch::channel('a');
        tx.send('b').unwrap();
        assert_eq!((*rx.borrow(), rx.has_changed()), ('b', true));
        let clone = rx.clone();
        assert_eq!((*rx.borrow_and_update(), rx.has_changed()), ('b', false));
        assert!(clone.has_changed() && !tx.subscribe().has_changed());
    });
}

#[test]
fn all_that_wait_go_on_in_the_tick_after_a_change() {
    ticking(|| {
        let (tx, rx) = watch::channel(0);
        let waiters = [0; 3].map(|_| {
            let rx = rx.clone();
            spawn(move || (rx.changed().map(|()| *rx.borrow()), tick()))
        });
        yield_now();
        let sent = tick();
        tx.send(7).unwrap();
        assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), [(Ok(7), sent + 1); 3]);
    });
}

#[test]
fn a_snapshot_may_be_kept_across_waits_and_holds_nobody_up() {
    run(|| {
        let (tx, rx) = watch::channel(Logs("first"));
        let first = rx.borrow();
        tx.send(Logs("second")).unwrap();
        yield_now();
        assert_eq!((first.0, rx.borrow().0), ("first", "second"));
        assert!(logged().is_empty());
        drop(first);
        assert_eq!(logged(), ["first"]);
        let shared: Arc<Logs> = Ref::into_arc(rx.borrow());
        let old = tx.send_replace(Logs("third"));
        assert_eq!((shared.0, old.0), ("second", "second"));
        drop((old, shared));
        assert_eq!(logged(), ["second"]);
    });
}

#[test]
fn the_end_of_the_senders_is_told_after_the_last_value() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        let other = tx.clone();
        let theirs = rx.clone();
        let waiter = spawn(move || theirs.changed());
        yield_now();
        other.send(1).unwrap();
        drop(tx);
        assert!(!rx.is_closed());
        drop(other);
        assert!(rx.is_closed());
        assert_eq!(waiter.join().unwrap(), Ok(()));
        assert_eq!((rx.changed(), rx.changed(), *rx.borrow()), (Ok(()), Err(RecvError), 1));
        assert_eq!(rx.changed_timeout(SECOND), Err(RecvTimeoutError::Closed));
        let waits = rx.wait_for(|n| *n == 2).map(|value| *value);
        assert_eq!((waits, rx.wait_for(|n| *n == 1).map(|value| *value)), (Err(RecvError), Ok(1)));

        let (tx, rx) = watch::channel(());
        let waiter = spawn(move || rx.changed());
        yield_now();
        drop(tx);
        assert_eq!(waiter.join().unwrap(), Err(RecvError));
    });
}

#[test]
fn sending_to_nobody_gives_the_value_back_and_replacing_does_not_ask() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        let theirs = tx.clone();
        let told = spawn(move || theirs.closed());
        yield_now();
        assert!(!tx.is_closed() && !told.is_finished());
        drop(rx.clone());
        drop(rx);
        told.join().unwrap();
        assert!(tx.is_closed());
        tx.closed();
        assert_eq!((tx.send(1), *tx.borrow()), (Err(SendError(1)), 0));
        assert_eq!(*tx.send_replace(2), 0);
        tx.send_modify(|n| *n += 1);
        let rx = tx.subscribe();
        assert_eq!((*rx.borrow(), rx.has_changed(), tx.receiver_count()), (3, false, 1));
        assert_eq!((tx.send(4), rx.has_changed()), (Ok(()), true));
    });
}

#[test]
fn a_change_in_place_is_of_a_copy_and_tells_only_if_it_says_so() {
    run(|| {
        let (tx, rx) = watch::channel(vec![1]);
        let before = rx.borrow();
        tx.send_modify(|list| list.push(2));
        assert_eq!((before.len(), rx.borrow_and_update().len()), (1, 2));
        let changed = tx.send_if_modified(|list| {
            list.clear();
            false
        });
        assert_eq!((changed, rx.has_changed(), rx.borrow().len()), (false, false, 2));
        assert!(tx.send_if_modified(|list| list.pop().is_some()) && rx.has_changed());
        assert_eq!(*rx.borrow(), [1]);
        let text = panic_text(|| {
            tx.send_modify(|list| {
                list.clear();
                silent_panic("half way");
            })
        });
        assert_eq!((&*text, &**rx.borrow()), ("half way", &[1][..]));
    });
}

#[test]
fn no_change_is_lost_though_each_waits_half_way() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let tx = tx.clone();
                spawn(move || {
                    let mut calls = 0;
                    tx.send_modify(|n| {
                        calls += 1;
                        *n += 1;
                        yield_now();
                    });
                    calls
                })
            })
            .collect();
        let calls: Vec<_> = tasks.iter().map(|task| task.join().unwrap()).collect();
        assert_eq!((*rx.borrow(), calls), (5, vec![1, 2, 3, 4, 5]));
        // The closure may use the channel.
        let other = tx.clone();
        tx.send_modify(|n| {
            if *n < 8 {
                other.send_replace(*n + 1);
            }
            *n *= 10;
        });
        assert_eq!(*rx.borrow(), 80);
    });
}

/// Uses the channel that it is cloned and dropped by.
struct Reenters(Rc<RefCell<Option<Sender<Reenters>>>>);

impl Reenters {
    fn use_channel(&self, what: &str) {
        if let Some(tx) = &*self.0.borrow() {
            log(format!("{what} {}", tx.receiver_count()));
        }
    }
}

impl Clone for Reenters {
    fn clone(&self) -> Self {
        self.use_channel("clone");
        Reenters(Rc::clone(&self.0))
    }
}

impl Drop for Reenters {
    fn drop(&mut self) {
        self.use_channel("drop");
    }
}

struct PanicsInDrop(bool);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        if self.0 {
            silent_panic("in drop")
        }
    }
}

#[test]
fn values_may_use_the_channel_when_they_are_cloned_and_dropped_and_may_panic() {
    run(|| {
        let shared = Rc::new(RefCell::new(None));
        let (tx, rx) = watch::channel(Reenters(Rc::clone(&shared)));
        shared.replace(Some(tx.clone()));
        tx.send(Reenters(Rc::clone(&shared))).unwrap();
        assert_eq!(logged(), ["drop 1"]);
        tx.send_modify(|_| ());
        assert_eq!(logged(), ["clone 1", "drop 1"]);
        assert!(!tx.send_if_modified(|_| false));
        assert_eq!(logged(), ["clone 1", "drop 1"]);
        drop((rx, shared.take()));

        let (tx, rx) = watch::channel(PanicsInDrop(true));
        let waiter = spawn(move || rx.changed().map(|()| rx.borrow().0));
        yield_now();
        assert_eq!(panic_text(|| tx.send(PanicsInDrop(false))), "in drop");
        assert_eq!(waiter.join().unwrap(), Ok(false));
    });
}

#[test]
fn a_timeout_is_an_error_and_the_change_can_come_later() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        let start = now();
        assert_eq!(rx.changed_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.changed_timeout(SECOND), Err(RecvTimeoutError::Timeout));
        assert_eq!(now() - start, SECOND);
        spawn(move || {
            sleep(SECOND);
            tx.send(1).unwrap();
        });
        assert_eq!((rx.changed_timeout(Duration::MAX), *rx.borrow()), (Ok(()), 1));
        assert_eq!(now() - start, 2 * SECOND);
    });
}

#[test]
fn what_loses_a_select_or_is_cancelled_has_seen_nothing() {
    run(|| {
        let (tx, rx) = watch::channel(0);
        let (other_tx, other_rx) = watch::channel(0);
        let racer = spawn(move || {
            let first = select! {
                changed = other_rx.changing() => changed.map(|()| "other"),
                changed = rx.changing() => changed.map(|()| "one"),
            };
            (first, rx)
        });
        yield_now();
        tx.send(1).unwrap();
        other_tx.send(1).unwrap();
        let (first, rx) = racer.join().unwrap();
        assert_eq!((first, rx.has_changed(), rx.changed()), (Ok("other"), true, Ok(())));
        let first = select! { _ = rx.changing() => "change", () = tx.closing() => "closed", () = after(SECOND) => "time" };
        assert_eq!(first, "time");

        let rx = Rc::new(rx);
        for cancels_first in [true, false] {
            let theirs = Rc::clone(&rx);
            let waiter = spawn(move || theirs.changed());
            yield_now();
            if cancels_first {
                waiter.cancel();
            }
            tx.send(2).unwrap();
            waiter.cancel();
            assert!(waiter.join().unwrap_err().is_cancelled());
            assert_eq!((rx.has_changed(), rx.changed()), (true, Ok(())));
        }
    });
}

/// Cancels one of the tasks after each number of ticks: the rest see the last value.
#[test]
fn after_a_cancellation_at_any_wait_the_others_see_the_last_value() {
    for after in 0..24 {
        run(|| {
            let (tx, rx) = watch::channel(0);
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    let rx: Receiver<u32> = rx.clone();
                    spawn(move || {
                        while rx.changed().is_ok() {
                            yield_now();
                        }
                        *rx.borrow()
                    })
                })
                .collect();
            let sender = spawn(move || {
                for n in 1..=8 {
                    tx.send(n).unwrap();
                    yield_now();
                }
            });
            (0..after).for_each(|_| yield_now());
            readers[after % 3].cancel();
            sender.join().unwrap();
            for (n, reader) in readers.iter().enumerate() {
                assert!(n == after % 3 || reader.join().unwrap() == 8, "cancelled after {after} ticks");
            }
        });
    }
}

#[test]
fn changes_go_from_thread_to_thread_and_none_is_lost() {
    let (tx, rx) = watch::channel(0_u64);
    let last = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            cede::run(|| {
                let mut last = 0;
                while rx.changed().is_ok() {
                    let seen = *rx.borrow_and_update();
                    assert!(seen >= last);
                    last = seen;
                }
                last
            })
        });
        let writers = [0, 1].map(|_| {
            let tx = tx.clone();
            scope.spawn(move || {
                cede::run(|| {
                    for n in 0..2000 {
                        tx.send_modify(|sum| *sum += n);
                        if n % 50 == 0 {
                            yield_now();
                        }
                    }
                });
            })
        });
        drop(tx);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        reader.join().unwrap()
    });
    assert_eq!(last, 2 * (0..2000).sum::<u64>());
}

/// In each of the ways that there are.
fn send_somehow(tx: &Sender<u32>, value: u32, how: usize) {
    match how {
        0 => tx.send(value).unwrap(),
        1 => assert_eq!(*tx.send_replace(value), value - 1),
        _ => tx.send_modify(|value| *value += 1),
    }
}

/// Several receivers of one channel, some of which wait, beside the version that each has seen.
#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 0..2000 {
        run(|| {
            let mut random = Random::new(seed);
            let (tx, rx) = watch::channel(0_u32);
            let mut tx = Some(tx);
            let mut readers = vec![(Rc::new(rx), 0)];
            let mut value = 0;
            let mut waiters = Vec::new();
            for _ in 0..30 {
                let chosen = random.below(readers.len());
                match random.below(8) {
                    0 | 1 => {
                        let Some(tx) = &tx else { continue };
                        value += 1;
                        send_somehow(tx, value, random.below(3));
                    }
                    2 | 3 => {
                        let rx = Rc::clone(&readers[chosen].0);
                        // One at a time for each, so that it is known who sees what.
                        if waiters.iter().all(|(reader, _)| *reader != chosen) {
                            waiters.push((chosen, spawn(move || rx.changed())));
                        }
                    }
                    4 => {
                        assert_eq!(*readers[chosen].0.borrow_and_update(), value);
                        readers[chosen].1 = value;
                    }
                    5 => {
                        let clone = Receiver::clone(&readers[chosen].0);
                        let seen = readers[chosen].1;
                        readers.push((Rc::new(clone), seen));
                    }
                    6 if !waiters.is_empty() => {
                        let (_, waiter) = waiters.swap_remove(random.below(waiters.len()));
                        waiter.cancel();
                        assert!(waiter.join().unwrap_err().is_cancelled());
                    }
                    _ if random.below(10) == 0 => tx = None,
                    _ => {}
                }
                sleep(Duration::from_nanos(1));
                waiters.retain(|(reader, waiter)| {
                    let seen = &mut readers[*reader].1;
                    let expected =
                        if *seen < value { Some(Ok(())) } else { tx.is_none().then_some(Err(RecvError)) };
                    assert_eq!(waiter.is_finished(), expected.is_some(), "seed {seed}");
                    let Some(expected) = expected else { return true };
                    assert_eq!(waiter.join().unwrap(), expected, "seed {seed}");
                    *seen = value;
                    false
                });
                for (rx, seen) in &readers {
                    assert_eq!(
                        (*rx.borrow(), rx.has_changed(), rx.is_closed()),
                        (value, *seen < value, tx.is_none())
                    );
                }
            }
        });
    }
}

fn assert_waits_are_refused(why: &str) {
    let (tx, rx) = watch::channel(0);
    assert_refused(why, || rx.changed());
    assert_refused(why, || rx.changed_timeout(SECOND));
    assert_refused(why, || rx.wait_for(|n| *n > 0).map(drop));
    assert_refused(why, || tx.closed());
    tx.send_modify(|n| *n += 1);
    assert_eq!((rx.changed(), *rx.borrow(), rx.has_changed()), (Ok(()), 1, false));
    assert_eq!(rx.wait_for(|n| *n > 0).map(|n| *n), Ok(1));
}

#[test]
fn where_nothing_may_wait_the_reason_is_given_and_the_rest_works() {
    everywhere(assert_waits_are_refused);
}

#[test]
fn the_report_says_where_the_channel_was_made() {
    let (tx, rx) = watch::channel(3);
    let made_at = format!("watch channel made at tests/sync_watch.rs:{}:", line!() - 1);
    let text = deadlock(|| rx.changed());
    assert!(text.contains(&format!("waits for a change of {made_at}")), "{text}");
    let text = deadlock(|| tx.closed());
    assert!(text.contains(&format!("waits for the receivers to leave {made_at}")), "{text}");
    assert_eq!(format!("{tx:?} {rx:?}"), "Sender { value: 3, .. } Receiver { value: 3, .. }");
}
