//! Channels whose items go to every receiver: who gets what, who lags, what is kept and for how long.

#[path = "sync_model/random.rs"]
mod random;
#[path = "sync_model/refusals.rs"]
mod refusals;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use cede::sync::broadcast::{
    self, Lagged, Receiver, RecvError, RecvTimeoutError, SendError, Sender, TryRecvError,
};
use cede::time::{after, now};
use cede::{select, sleep, spawn, yield_now};
use random::Random;
use refusals::{assert_refused, deadlock, everywhere};
use trace::{SECOND, log, logged, panic_text, run, silent_panic, tick, ticking};

#[test]
fn every_receiver_gets_every_item_that_is_sent_while_it_is_there() {
    run(|| {
        let (tx, first) = broadcast::channel(8);
        assert_eq!(tx.send(1), Ok(1));
        let second = tx.subscribe();
        let third = first.resubscribe();
        assert_eq!((tx.send(2), tx.receiver_count()), (Ok(3), 3));
        assert_eq!((first.len(), second.len(), tx.len()), (2, 1, 2));
        assert_eq!((first.recv(), first.recv()), (Ok(1), Ok(2)));
        assert_eq!((second.recv(), third.recv()), (Ok(2), Ok(2)));
        assert!(first.is_empty() && second.is_empty() && tx.is_empty());
        assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_channel_without_room_is_refused() {
    let text = "cede: a channel holds one item at least: give it a bound of 1 or more";
    assert_eq!(panic_text(|| broadcast::channel::<u8>(0)), text);
}

#[test]
fn all_that_wait_go_on_in_the_tick_after_an_item_is_sent() {
    ticking(|| {
        let (tx, rx) = broadcast::channel(1);
        let waiters = [0; 3].map(|_| {
            let rx = rx.resubscribe();
            spawn(move || (rx.recv(), tick()))
        });
        yield_now();
        let sent = tick();
        tx.send("item").unwrap();
        assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), [(Ok("item"), sent + 1); 3]);
    });
}

#[test]
fn who_lags_is_told_how_much_and_goes_on_with_the_oldest_that_is_kept() {
    run(|| {
        let (tx, slow) = broadcast::channel(2);
        let fast = tx.subscribe();
        for i in 0..5 {
            assert_eq!(tx.send(i), Ok(2));
            assert_eq!(fast.recv(), Ok(i));
        }
        assert_eq!((slow.len(), tx.len()), (5, 2));
        assert_eq!(slow.recv(), Err(RecvError::Lagged(3)));
        assert_eq!((slow.recv(), slow.try_recv()), (Ok(3), Ok(4)));
        (5..8).for_each(|i| assert!(tx.send(i).is_ok()));
        assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(1)));
        assert_eq!(fast.recv_timeout(SECOND), Err(RecvTimeoutError::Lagged(1)));
        drop(tx);
        assert_eq!(slow.iter().collect::<Vec<_>>(), [Ok(6), Ok(7)]);
    });
}

#[test]
fn an_iterator_tells_of_what_was_missed() {
    run(|| {
        let (tx, rx) = broadcast::channel(1);
        let reader = spawn(move || rx.iter().collect::<Vec<_>>());
        yield_now();
        tx.send(1).unwrap();
        yield_now();
        (2..=4).for_each(|i| assert!(tx.send(i).is_ok()));
        drop(tx);
        assert_eq!(reader.join().unwrap(), [Ok(1), Err(Lagged(2)), Ok(4)]);
    });
}

#[test]
fn dropping_the_last_sender_ends_receivers_after_what_is_left() {
    run(|| {
        let (tx, rx) = broadcast::channel(4);
        let other = tx.clone();
        let waits = rx.resubscribe();
        let waiter = spawn(move || (waits.recv(), waits.recv()));
        yield_now();
        drop(tx);
        assert!(!rx.is_closed());
        other.send(1).unwrap();
        drop(other);
        assert!(rx.is_closed());
        assert_eq!(waiter.join().unwrap(), (Ok(1), Err(RecvError::Closed)));
        assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Closed)));
        assert_eq!(rx.recv_timeout(SECOND), Err(RecvTimeoutError::Closed));
    });
}

#[test]
fn sending_to_nobody_gives_the_item_back_until_somebody_subscribes() {
    run(|| {
        let (tx, rx) = broadcast::channel(4);
        let theirs = tx.clone();
        let told = spawn(move || theirs.closed());
        yield_now();
        assert!(!told.is_finished());
        drop(rx);
        // Who waits for the receivers to leave learns it though another comes at once.
        let rx = tx.subscribe();
        told.join().unwrap();
        drop(rx);
        tx.closed();
        assert_eq!(tx.send("item"), Err(SendError("item")));
        let rx = tx.subscribe();
        assert_eq!((tx.send("other"), rx.recv()), (Ok(1), Ok("other")));
    });
}

/// Logs when it is cloned and dropped.
struct Noisy(u32);

impl Clone for Noisy {
    fn clone(&self) -> Self {
        log(format!("clone {}", self.0));
        Noisy(self.0)
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        log(format!("drop {}", self.0));
    }
}

#[test]
fn the_last_receiver_gets_the_item_itself_and_nothing_is_kept_for_nobody() {
    run(|| {
        let (tx, first) = broadcast::channel(2);
        let second = tx.subscribe();
        drop(tx.send(Noisy(1)));
        std::mem::forget(first.recv());
        std::mem::forget(second.recv());
        assert_eq!(logged(), ["clone 1"]);
        (2..5).for_each(|i| drop(tx.send(Noisy(i))));
        assert_eq!(logged(), ["drop 2"], "there was no room");
        drop(second);
        assert_eq!((logged(), tx.len()), (vec![], 2), "the first wants them");
        drop(first);
        assert_eq!((logged(), tx.len()), (vec!["drop 3".to_owned(), "drop 4".to_owned()], 0));
    });
}

#[test]
fn a_receiver_that_goes_takes_along_what_only_it_wanted() {
    run(|| {
        let (tx, slow) = broadcast::channel(8);
        let fast = tx.subscribe();
        (0..5).for_each(|i| assert!(tx.send(i).is_ok()));
        (0..3).for_each(|i| assert_eq!(fast.recv(), Ok(i)));
        assert_eq!(tx.len(), 5);
        drop(slow);
        assert_eq!((tx.len(), fast.len()), (2, 2));
        let late = tx.subscribe();
        assert_eq!((tx.send(5), fast.recv(), fast.recv(), fast.recv()), (Ok(2), Ok(3), Ok(4), Ok(5)));
        assert_eq!((late.recv(), tx.len()), (Ok(5), 0));
    });
}

/// Uses the channel that it is cloned and dropped by.
struct Reenters(Rc<RefCell<Option<Sender<Reenters>>>>);

impl Reenters {
    fn use_channel(&self, what: &str) {
        if let Some(tx) = &*self.0.borrow() {
            log(format!("{what} {}", tx.len()));
            drop(tx.subscribe());
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

#[test]
fn items_may_use_the_channel_when_they_are_cloned_and_dropped() {
    run(|| {
        let (tx, rx) = broadcast::channel(1);
        let other = tx.subscribe();
        let shared = Rc::new(RefCell::new(Some(tx.clone())));
        (0..2).for_each(|_| drop(tx.send(Reenters(Rc::clone(&shared)))));
        assert_eq!(logged(), ["drop 1"]);
        assert!(rx.recv().is_err());
        drop(rx.recv());
        assert_eq!(logged(), ["clone 1", "drop 1"]);
        drop(other);
        assert_eq!(logged(), ["drop 0"]);
        shared.take();
    });
}

struct WaitsInClone(Rc<()>);

impl Clone for WaitsInClone {
    fn clone(&self) -> Self {
        let clone = WaitsInClone(Rc::clone(&self.0));
        sleep(SECOND);
        clone
    }
}

#[test]
fn a_clone_may_wait_and_be_cancelled() {
    run(|| {
        let (tx, rx) = broadcast::channel(1);
        let _other = tx.subscribe();
        let item = Rc::new(());
        let reader = spawn(move || {
            let first = rx.recv().is_ok();
            (first, rx.recv().is_ok())
        });
        yield_now();
        tx.send(WaitsInClone(Rc::clone(&item))).unwrap();
        sleep(SECOND / 2);
        assert!(!reader.is_finished());
        // Nobody is woken for it who is not there to receive.
        tx.send(WaitsInClone(Rc::clone(&item))).unwrap();
        sleep(SECOND);
        reader.cancel();
        assert!(reader.join().unwrap_err().is_cancelled());
        assert_eq!(Rc::strong_count(&item), 2, "the one that is kept");
    });
}

#[derive(Debug)]
struct PanicsInClone(Rc<Cell<u32>>);

impl Clone for PanicsInClone {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        if self.0.get() == 1 { silent_panic("in clone") } else { PanicsInClone(Rc::clone(&self.0)) }
    }
}

#[test]
fn a_panic_in_a_clone_comes_to_the_receiver_and_costs_nobody_else_anything() {
    run(|| {
        let (tx, rx) = broadcast::channel(2);
        let (other, _keeps) = (tx.subscribe(), tx.subscribe());
        tx.send(PanicsInClone(Rc::default())).unwrap();
        assert_eq!(panic_text(|| rx.recv()), "in clone");
        assert_eq!(rx.try_recv().unwrap_err(), TryRecvError::Empty);
        assert!(other.recv().is_ok());
        assert_eq!(tx.len(), 1);
    });
}

struct PanicsInDrop(u32);

impl Clone for PanicsInDrop {
    fn clone(&self) -> Self {
        PanicsInDrop(self.0)
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        log(self.0.to_string());
        if self.0 == 0 {
            silent_panic("in drop")
        }
    }
}

#[test]
fn a_panic_in_the_destructor_of_an_item_leaves_the_channel_whole() {
    run(|| {
        let (tx, slow) = broadcast::channel(3);
        let fast = tx.subscribe();
        (0..3).for_each(|i| drop(tx.send(PanicsInDrop(i))));
        assert_eq!(panic_text(|| drop(fast.recv())), "in drop");
        assert!(fast.recv().is_ok());
        assert_eq!(logged(), ["0", "1"]);
        assert_eq!(panic_text(|| drop(slow)), "in drop");
        assert_eq!((logged(), tx.len()), (vec!["0".to_owned(), "1".to_owned()], 1));
        assert!(fast.recv().is_ok_and(|item| item.0 == 2));
        let slow = tx.subscribe();
        (0..3).for_each(|i| drop(tx.send(PanicsInDrop(i))));
        assert_eq!(panic_text(|| tx.send(PanicsInDrop(3))), "in drop");
        assert_eq!((slow.len(), fast.len(), tx.len()), (4, 4, 3));
        logged();
    });
}

#[test]
fn a_timeout_is_an_error_and_the_item_can_come_later() {
    run(|| {
        let (tx, rx) = broadcast::channel(1);
        let start = now();
        assert_eq!(rx.recv_timeout(SECOND), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(now() - start, SECOND);
        spawn(move || {
            sleep(SECOND);
            tx.send(1).unwrap();
        });
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
        assert_eq!(now() - start, 2 * SECOND);
    });
}

#[test]
fn what_loses_a_select_has_had_no_effect() {
    run(|| {
        let (tx, rx) = broadcast::channel(1);
        let (other_tx, other_rx) = broadcast::channel(1);
        let racer = spawn(move || {
            let first = select! { item = other_rx.receiving() => item, item = rx.receiving() => item };
            (first, rx)
        });
        yield_now();
        tx.send(1).unwrap();
        other_tx.send(2).unwrap();
        let (first, rx) = racer.join().unwrap();
        assert_eq!((first, rx.recv()), (Ok(2), Ok(1)));
        let first = select! { _ = rx.receiving() => "item", () = tx.closing() => "closed", () = after(SECOND) => "time" };
        assert_eq!(first, "time");
    });
}

/// Cancels a receiver after each number of ticks: the others get everything, and what it shares goes to who shares it.
#[test]
fn a_cancellation_at_any_wait_loses_no_item_of_anybody_else() {
    for after in 0..20 {
        run(|| {
            let (tx, shared) = broadcast::channel(16);
            let other = tx.subscribe();
            let shared = Rc::new(shared);
            let got = Rc::new(RefCell::new(Vec::new()));
            let sharers = [0; 2].map(|_| {
                let (rx, got) = (Rc::clone(&shared), Rc::clone(&got));
                spawn(move || rx.iter().for_each(|item| got.borrow_mut().push(item.unwrap())))
            });
            let reader = spawn(move || other.iter().map(Result::unwrap).collect::<Vec<_>>());
            let sender = spawn(move || {
                for i in 0..10 {
                    tx.send(i).unwrap();
                    yield_now();
                }
            });
            (0..after).for_each(|_| yield_now());
            sharers[after % 2].cancel();
            sender.join().unwrap();
            assert_eq!(reader.join().unwrap(), (0..10).collect::<Vec<_>>());
            sharers.iter().for_each(|task| drop(task.join()));
            assert_eq!(got.take(), (0..10).collect::<Vec<_>>(), "cancelled after {after} ticks");
        });
    }
}

#[test]
fn items_go_to_the_tasks_of_several_threads() {
    const ITEMS: u64 = 5000;
    let (tx, rx) = broadcast::channel(8);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let rx = rx.resubscribe();
            thread::spawn(move || {
                cede::run(|| {
                    let (mut sum, mut missed, mut last) = (0, 0, None);
                    for item in rx.iter() {
                        match item {
                            Ok(item) => {
                                assert!(last.replace(item) < Some(item), "in order");
                                sum += 1;
                            }
                            Err(Lagged(more)) => missed += more,
                        }
                    }
                    sum + missed
                })
            })
        })
        .collect();
    drop(rx);
    cede::run(|| {
        for i in 0..ITEMS {
            tx.send(i).unwrap();
            if i % 5 == 0 {
                yield_now();
            }
        }
    });
    drop(tx);
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() == ITEMS));
}

/// A receiver of the model: all that it will come to, by number.
struct Reader {
    rx: Receiver<usize>,
    at: usize,
}

#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let capacity = 1 + random.below(4);
        let (tx, rx) = broadcast::channel(capacity);
        let mut tx = Some(tx);
        let mut readers = vec![Reader { rx, at: 0 }];
        // The numbers of the items that are kept, and how many were sent.
        let mut kept: VecDeque<usize> = VecDeque::new();
        let mut sent = 0;
        for _ in 0..80 {
            let chosen = random.below(readers.len().max(1));
            match (random.below(12), readers.get_mut(chosen)) {
                (0..=4, _) => {
                    let Some(tx) = &tx else { continue };
                    let count = readers.len();
                    assert_eq!(tx.send(sent), if count > 0 { Ok(count) } else { Err(SendError(sent)) });
                    if count > 0 {
                        kept.push_back(sent);
                        sent += 1;
                    }
                    if kept.len() > capacity {
                        kept.pop_front();
                    }
                }
                (5..=8, Some(reader)) => {
                    let oldest = kept.front().copied().unwrap_or(sent);
                    let expected = if reader.at < oldest {
                        let missed = oldest - reader.at;
                        reader.at = oldest;
                        Err(TryRecvError::Lagged(missed as u64))
                    } else if reader.at < sent {
                        reader.at += 1;
                        Ok(reader.at - 1)
                    } else if tx.is_none() {
                        Err(TryRecvError::Closed)
                    } else {
                        Err(TryRecvError::Empty)
                    };
                    assert_eq!(reader.rx.try_recv(), expected, "seed {seed}");
                }
                (9, Some(reader)) => {
                    let rx = reader.rx.resubscribe();
                    readers.push(Reader { rx, at: sent });
                }
                (9 | 10, None) => {
                    let Some(tx) = &tx else { continue };
                    readers.push(Reader { rx: tx.subscribe(), at: sent });
                }
                (10, Some(_)) => drop(readers.swap_remove(chosen)),
                (11, _) if random.below(40) == 0 => tx = None,
                _ => {}
            }
            let slowest = readers.iter().map(|reader| reader.at).min().unwrap_or(sent);
            kept.retain(|&item| item >= slowest);
            if let Some(tx) = &tx {
                assert_eq!((tx.len(), tx.receiver_count()), (kept.len(), readers.len()), "seed {seed}");
            }
            assert!(readers.iter().all(|reader| reader.rx.len() == sent - reader.at), "seed {seed}");
        }
    }
}

fn assert_waits_are_refused(why: &str) {
    let (tx, rx) = broadcast::channel(1);
    assert_refused(why, || rx.recv());
    assert_refused(why, || rx.recv_timeout(SECOND));
    assert_refused(why, || rx.iter().next());
    assert_refused(why, || tx.closed());
    tx.send(1).unwrap();
    assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
}

#[test]
fn where_nothing_may_wait_the_reason_is_given_and_the_rest_works() {
    everywhere(assert_waits_are_refused);
}

#[test]
fn the_report_says_where_the_channel_was_made_and_what_it_holds() {
    let (tx, rx) = broadcast::channel::<u8>(4);
    let made_at = format!("made at tests/sync_broadcast.rs:{}:", line!() - 1);
    let text = deadlock(|| rx.recv());
    assert!(text.contains(&format!("receives from broadcast channel(0/4) {made_at}")), "{text}");
    tx.send(1).unwrap();
    let text = deadlock(|| tx.closed());
    assert!(text.contains("waits for the receivers to leave broadcast channel(1/4)"), "{text}");
    assert_eq!(format!("{tx:?} {rx:?}"), "Sender { len: 1, receivers: 1, .. } Receiver { len: 1, .. }");
}
