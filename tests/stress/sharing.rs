//! What tasks of several runs share to hand things over: channels and queues. Sums tell whether everything came, and once. Every
//! wait may be cut short by a timeout, which unwinds the task wherever it is at that moment.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cede::sync::{Fifo, GetNowaitError, Lifo, Order, Priority, QueueBy, broadcast, mpsc, oneshot, watch};
use cede::{Runner, scope, spawn, timeout, yield_now};

use super::random::Random;
use super::round::{Actor, Round, Value, stress};

/// Runs tasks of the same kind on a thread.
pub(crate) fn run_tasks(count: usize, body: impl Fn(usize)) {
    let runner = Runner::builder().by_itself(false).build();
    let result = runner.run(|| {
        scope(|s| {
            let body = &body;
            (0..count).for_each(|task| drop(s.spawn(move || body(task))));
        })
    });
    result.unwrap().unwrap();
}

/// Does it, within a time that may be too short, and may be none. Gives whether it was done.
pub(crate) fn hurried(random: &mut Random, f: impl FnOnce()) -> bool {
    match random.below(4) {
        0 => timeout(Duration::from_micros(random.below(200) as u64), f).is_ok(),
        1 => timeout(Duration::from_micros(random.below(20) as u64), f).is_ok(),
        _ => {
            f();
            true
        }
    }
}

/// Sums of what went in and what came out, each noted in the same step in which it happened.
#[derive(Default)]
struct Sums {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Sums {
    fn check(&self) {
        assert_eq!(self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed));
    }
}

fn add(to: &AtomicU64, item: u64) {
    to.fetch_add(item, Ordering::Relaxed);
}

const THREADS: u64 = 3;
const TASKS: usize = 3;
const ITEMS: u64 = 40;

#[test]
fn mpsc_channels() {
    stress("mpsc_channels", |round| {
        let sums = Sums::default();
        let capacity = 1 + round.random(0).below(3);
        let (tx, rx) = mpsc::bounded::<(u64, Value)>(capacity);
        thread::scope(|s| {
            for number in 1..=THREADS {
                let (tx, sums) = (tx.clone(), &sums);
                round.thread(s, "sends", move |actor| {
                    run_tasks(TASKS, |task| send_all(round, actor, number * 10 + task as u64, &tx, sums))
                });
            }
            drop(tx);
            let sums = &sums;
            round.thread(s, "receives", move |actor| {
                run_tasks(2, |task| {
                    let mut random = round.random(task as u64);
                    let ended = Cell::new(false);
                    while !ended.get() {
                        actor.about("receives");
                        hurried(&mut random, || match rx.recv() {
                            Ok((item, _value)) => add(&sums.received, item),
                            Err(_) => ended.set(true),
                        });
                    }
                });
            });
        });
        sums.check();
    });
}

fn send_all(round: &Round, actor: &Actor, who: u64, tx: &mpsc::Sender<(u64, Value)>, sums: &Sums) {
    let mut random = round.random(who);
    for item in 1..=ITEMS {
        actor.about("sends");
        hurried(&mut random, || {
            tx.send((item, round.value())).unwrap();
            add(&sums.sent, item);
        });
    }
}

#[test]
fn mpsc_channels_whose_receiver_goes() {
    stress("mpsc_channels_whose_receiver_goes", |round| {
        let (tx, rx) = mpsc::bounded::<Value>(1);
        let takes = round.random(0).below(30);
        thread::scope(|s| {
            for _ in 0..THREADS {
                let tx = tx.clone();
                round.thread(s, "sends until it is closed", move |_| {
                    run_tasks(TASKS, |_| while tx.send(round.value()).is_ok() {});
                });
            }
            round.thread(s, "waits for the close", move |_| run_tasks(TASKS, |_| tx.closed()));
            round.thread(s, "receives some", move |_| {
                run_tasks(1, |_| (0..takes).for_each(|_| drop(rx.recv().unwrap())));
                drop(rx);
            });
        });
    });
}

#[test]
fn queues() {
    stress("queues", |round| match round.random(0).below(3) {
        0 => through_queue::<Fifo>(round),
        1 => through_queue::<Lifo>(round),
        _ => through_queue::<Priority>(round),
    });
}

fn through_queue<O: Order<u64>>(round: &Round)
where
    QueueBy<u64, O>: Sync,
{
    let sums = Sums::default();
    let queue = QueueBy::<u64, O>::bounded(1 + round.random(1).below(3));
    thread::scope(|s| {
        let (queue, sums) = (&queue, &sums);
        let putters: Vec<_> = (1..=THREADS)
            .map(|number| {
                round.thread(s, "puts", move |actor| {
                    run_tasks(TASKS, |task| {
                        let mut random = round.random(number * 10 + task as u64);
                        for item in 1..=ITEMS {
                            actor.about("puts");
                            hurried(&mut random, || {
                                queue.put(item).unwrap();
                                add(&sums.sent, item);
                            });
                        }
                    });
                })
            })
            .collect();
        for number in 1..=2 {
            round.thread(s, "gets", move |actor| {
                run_tasks(TASKS, |task| {
                    let mut random = round.random(100 + number * 10 + task as u64);
                    let ended = Cell::new(false);
                    while !ended.get() {
                        actor.about("gets");
                        hurried(&mut random, || match queue.get() {
                            Ok(item) => {
                                add(&sums.received, item);
                                queue.task_done().unwrap();
                            }
                            Err(_) => ended.set(true),
                        });
                    }
                });
            });
        }
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        run_tasks(1, |_| queue.join());
        queue.shutdown(false);
    });
    assert!(matches!(queue.get_nowait(), Err(GetNowaitError::ShutDown)));
    sums.check();
}

#[test]
fn oneshot_channels() {
    stress("oneshot_channels", |round| {
        let (to_sender, senders) = mpsc::unbounded();
        thread::scope(|s| {
            round.thread(s, "sends", move |actor| {
                run_tasks(1, |_| {
                    let mut random = round.random(1);
                    while let Ok(tx) = senders.recv() {
                        let tx: oneshot::Sender<(u64, Value)> = tx;
                        actor.about("sends");
                        match random.below(4) {
                            0 => drop(tx),
                            1 => tx.closed(),
                            _ => drop(tx.send((7, round.value()))),
                        }
                    }
                });
            });
            round.thread(s, "receives", move |actor| {
                run_tasks(TASKS, |task| {
                    let mut random = round.random(10 + task as u64);
                    for _ in 0..ITEMS {
                        let (tx, rx) = oneshot::channel();
                        to_sender.try_send(tx).unwrap();
                        actor.about("receives");
                        // A sender that waits for the close is told by the end of the timeout at the latest.
                        let got = timeout(Duration::from_micros(random.below(300) as u64), || rx.recv());
                        assert!(
                            got.is_err()
                                || got.is_ok_and(|got| got.is_err() || got.is_ok_and(|(item, _)| item == 7))
                        );
                    }
                });
            });
        });
    });
}

#[test]
fn broadcast_channels() {
    stress("broadcast_channels", |round| {
        let (tx, first) = broadcast::channel::<(u64, Value)>(4);
        let receivers: Vec<_> = (1..THREADS).map(|_| tx.subscribe()).chain([first]).collect();
        thread::scope(|s| {
            for rx in receivers {
                round.thread(s, "receives", move |actor| {
                    let (mut last, mut seen, mut missed) = (0, 0, 0);
                    Runner::builder()
                        .by_itself(false)
                        .build()
                        .run(|| {
                            loop {
                                actor.about("receives");
                                match rx.recv() {
                                    Ok((item, _)) => {
                                        assert!(item > last, "in order, and once");
                                        (last, seen) = (item, seen + 1);
                                    }
                                    Err(broadcast::RecvError::Lagged(count)) => missed += count,
                                    Err(_) => break,
                                }
                            }
                        })
                        .unwrap();
                    assert_eq!(seen + missed, ITEMS, "what is not received is counted");
                });
            }
            round.thread(s, "sends", move |_| {
                run_tasks(1, |_| {
                    for item in 1..=ITEMS {
                        tx.send((item, round.value())).unwrap();
                        if item % 3 == 0 {
                            yield_now();
                        }
                    }
                });
                drop(tx);
            });
        });
    });
}

#[test]
fn watched_values() {
    stress("watched_values", |round| {
        let (tx, rx) = watch::channel((0, round.value()));
        thread::scope(|s| {
            for _ in 0..THREADS {
                let rx = rx.clone();
                round.thread(s, "waits for changes", move |actor| {
                    Runner::builder()
                        .by_itself(false)
                        .build()
                        .run(|| {
                            let mut last = 0;
                            while rx.changed().is_ok() {
                                actor.about("has seen a change");
                                let value = rx.borrow_and_update().0;
                                assert!(value > last, "a change is new");
                                last = value;
                            }
                            assert_eq!(rx.borrow().0, ITEMS, "the last value is seen");
                        })
                        .unwrap();
                });
            }
            drop(rx);
            round.thread(s, "changes", move |_| {
                run_tasks(1, |_| {
                    for value in 1..=ITEMS {
                        tx.send((value, round.value())).unwrap();
                        yield_now();
                    }
                });
                drop(tx);
            });
        });
    });
}

#[test]
fn runs_that_begin_and_end_meanwhile() {
    stress("runs_that_begin_and_end_meanwhile", |round| {
        let (tx, rx) = mpsc::bounded::<Value>(2);
        thread::scope(|s| {
            for _ in 0..2 {
                let tx = tx.clone();
                round.thread(s, "makes runs that send one item", move |actor| {
                    for _ in 0..ITEMS {
                        actor.about("makes a run");
                        Runner::new()
                            .run(|| {
                                // One task of each run is cancelled where it is when the run ends.
                                let theirs = tx.clone();
                                drop(spawn(move || drop(theirs.closing())));
                                let theirs = tx.clone();
                                drop(spawn(move || theirs.closed()));
                                tx.send(round.value()).unwrap();
                            })
                            .unwrap();
                    }
                });
            }
            drop(tx);
            let received = round.thread(s, "receives", move |_| {
                let count = Cell::new(0);
                run_tasks(1, |_| rx.iter().for_each(|_| count.set(count.get() + 1)));
                count.get()
            });
            assert_eq!(received.join().unwrap(), 2 * ITEMS);
        });
    });
}
