//! What tasks of two workers share, while waits end in every way at once: nothing is lost, and nobody is forgotten.
//!
//! In each test a task on worker 1 waits, is cancelled, times out or is served, while worker 0 does the other part, with
//! delays that differ from round to round.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cede::runtime::spawn_on_each;
use cede::sync::{Condition, Event, Lock, Queue, Semaphore, broadcast, mpsc, oneshot, watch};
use cede::{Operation, Runtime, spawn, timeout, yield_now};

const ROUNDS: u32 = 400;

fn two<T>(main: impl FnOnce() -> T) -> T {
    Runtime::builder().workers(2).build().unwrap().run(main).unwrap()
}

/// A moment of which the length differs from round to round, and is about that of a wake-up.
fn moment(round: u32) -> Duration {
    Duration::from_micros(u64::from(round.wrapping_mul(2_654_435_761) >> 24) / 2)
}

fn spin(round: u32) {
    let begin = std::time::Instant::now();
    while begin.elapsed() < moment(round) {
        std::hint::spin_loop();
    }
}

/// On worker 1, round for round, a task that runs `waits` and is left to itself, given too little time, or cancelled; on worker 0
/// `serves`, until worker 1 is done.
fn storm(waits: impl Fn(u32) + Send + Sync + 'static, serves: impl Fn(u32) + Send + Sync + 'static) {
    let waits = Arc::new(waits);
    two(move || {
        let done = Arc::new(Event::new());
        let tasks = spawn_on_each(move |worker| {
            if worker == 0 {
                let mut round = 0u32;
                while !done.is_set() {
                    serves(round);
                    spin(round.wrapping_add(7));
                    yield_now();
                    round = round.wrapping_add(1);
                }
                return;
            }
            for round in 0..ROUNDS {
                let waits = Arc::clone(&waits);
                let task = spawn(move || match round % 3 {
                    0 => waits(round),
                    _ => drop(timeout(moment(round), || waits(round))),
                });
                if round % 3 == 2 {
                    yield_now();
                    spin(round);
                    task.cancel();
                }
                drop(task.join());
            }
            done.set();
        });
        tasks.iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn permits_of_a_semaphore_are_conserved() {
    let semaphore = Arc::new(Semaphore::new(1));
    let (theirs, ours) = (Arc::clone(&semaphore), Arc::clone(&semaphore));
    storm(
        move |round| {
            let _permit = theirs.acquire();
            spin(round);
        },
        move |round| {
            let _permit = ours.acquire();
            spin(round);
            yield_now();
        },
    );
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_lock_is_never_left_locked() {
    let lock = Arc::new(Lock::new());
    let inside = Arc::new(AtomicUsize::new(0));
    let both = || (Arc::clone(&lock), Arc::clone(&inside));
    let hold = |(lock, inside): (Arc<Lock>, Arc<AtomicUsize>)| {
        move |round: u32| {
            let _guard = lock.acquire();
            assert_eq!(inside.fetch_add(1, SeqCst), 0);
            spin(round);
            inside.fetch_sub(1, SeqCst);
        }
    };
    storm(hold(both()), hold(both()));
    assert!(!lock.is_locked());
}

#[test]
fn items_of_a_queue_are_conserved() {
    let queue = Arc::new(Queue::unbounded());
    let (got, put) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (from, taken, into, given) =
        (Arc::clone(&queue), Arc::clone(&got), Arc::clone(&queue), Arc::clone(&put));
    storm(
        move |_| {
            from.get().unwrap();
            taken.fetch_add(1, SeqCst);
        },
        move |_| {
            into.put_nowait(()).unwrap();
            given.fetch_add(1, SeqCst);
        },
    );
    assert_eq!(got.load(SeqCst) + queue.len(), put.load(SeqCst));
}

/// The bounded side: who waits to put is on worker 1.
#[test]
fn items_of_a_full_queue_are_conserved() {
    let queue = Arc::new(Queue::bounded(1));
    let (got, put) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (into, given, from, taken) =
        (Arc::clone(&queue), Arc::clone(&put), Arc::clone(&queue), Arc::clone(&got));
    storm(
        move |_| {
            into.put(()).unwrap();
            given.fetch_add(1, SeqCst);
        },
        move |_| {
            if from.get_nowait().is_ok() {
                taken.fetch_add(1, SeqCst);
            }
        },
    );
    assert_eq!(got.load(SeqCst) + queue.len(), put.load(SeqCst));
}

#[test]
fn messages_of_a_channel_are_conserved() {
    let (send, receive) = mpsc::unbounded();
    let receive = Arc::new(std::sync::Mutex::new(Some(receive)));
    let (got, put) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (taken, given, from) = (Arc::clone(&got), Arc::clone(&put), Arc::clone(&receive));
    storm(
        move |_| {
            // It comes back however the wait ends.
            struct Back<'a>(&'a std::sync::Mutex<Option<mpsc::Receiver<()>>>, Option<mpsc::Receiver<()>>);
            impl Drop for Back<'_> {
                fn drop(&mut self) {
                    *self.0.lock().unwrap() = self.1.take();
                }
            }
            let receiver = from.lock().unwrap().take();
            let back = Back(&from, receiver);
            back.1.as_ref().unwrap().recv().unwrap();
            taken.fetch_add(1, SeqCst);
        },
        move |_| {
            send.send(()).unwrap();
            given.fetch_add(1, SeqCst);
        },
    );
    let receive = receive.lock().unwrap().take().unwrap();
    let left = std::iter::from_fn(|| receive.try_recv().ok()).count();
    assert_eq!(got.load(SeqCst) + left, put.load(SeqCst));
}

#[test]
fn an_event_wakes_whoever_waits_when_it_is_set() {
    let event = Arc::new(Event::new());
    let (theirs, ours) = (Arc::clone(&event), event);
    storm(
        move |_| theirs.wait(),
        move |_| {
            ours.set();
            ours.clear();
        },
    );
}

/// Two wait, one of whom may be cancelled as one of both is notified: the other one is woken then.
#[test]
fn a_notification_that_meets_a_cancelled_waiter_is_handed_on() {
    let (condition, woken) = (Arc::new(Condition::new()), Arc::new(AtomicUsize::new(0)));
    let (theirs, ours, count) = (Arc::clone(&condition), condition, Arc::clone(&woken));
    storm(
        move |_| {
            let first = {
                let theirs = Arc::clone(&theirs);
                spawn(move || {
                    let _guard = theirs.acquire();
                    theirs.wait().unwrap();
                })
            };
            let wait = || {
                let _guard = theirs.acquire();
                theirs.wait().unwrap();
                count.fetch_add(1, SeqCst);
            };
            first.cancel();
            wait();
            drop(first.join());
        },
        move |_| {
            let _guard = ours.acquire();
            ours.notify(1).unwrap();
        },
    );
    // A third of the rounds waits until it is woken.
    assert!(woken.load(SeqCst) >= (ROUNDS / 3) as usize);
}

#[test]
fn a_value_that_is_sent_once_arrives_or_comes_back() {
    two(|| {
        let (give, take) = mpsc::unbounded::<(oneshot::Sender<u32>, u32)>();
        let tasks = spawn_on_each({
            let take = std::sync::Mutex::new(Some(take));
            let give = std::sync::Mutex::new(Some(give));
            move |worker| {
                if worker == 0 {
                    let take = take.lock().unwrap().take().unwrap();
                    let mut refused = 0;
                    while let Ok((send, round)) = take.recv() {
                        spin(round);
                        refused += usize::from(send.send(round).is_err());
                    }
                    return refused;
                }
                let give = give.lock().unwrap().take().unwrap();
                let mut ended = 0;
                for round in 0..ROUNDS {
                    let (send, receive) = oneshot::channel();
                    give.send((send, round)).unwrap();
                    let task = spawn(move || receive.recv());
                    if round % 2 == 1 {
                        spin(round / 2);
                        yield_now();
                        task.cancel();
                    }
                    match task.join() {
                        Ok(value) => assert_eq!(value, Ok(round)),
                        Err(error) => {
                            assert!(error.is_cancelled());
                            ended += 1;
                        }
                    }
                }
                ended
            }
        });
        let [refused, cancelled] = [0, 1].map(|worker: usize| tasks[worker].join().unwrap());
        // One that was cancelled after the value had come has taken it with it.
        assert!(refused <= cancelled && cancelled <= ROUNDS as usize / 2, "{refused} {cancelled}");
    });
}

#[test]
fn what_is_broadcast_reaches_receivers_on_all_workers_in_order() {
    const VALUES: u32 = 500;
    two(|| {
        let (send, receive) = broadcast::channel(16);
        let receivers: Vec<_> = (0..2).map(|_| receive.resubscribe()).collect();
        let receivers = std::sync::Mutex::new(receivers);
        let tasks = spawn_on_each(move |_| {
            let receive = receivers.lock().unwrap().pop().unwrap();
            let (mut last, mut seen, mut missed) = (None, 0, 0);
            loop {
                match receive.recv() {
                    Ok(value) => {
                        assert!(last < Some(value));
                        (last, seen) = (Some(value), seen + 1);
                    }
                    Err(broadcast::RecvError::Lagged(count)) => missed += count,
                    Err(broadcast::RecvError::Closed) => return (last, u64::from(seen as u32) + missed),
                }
            }
        });
        drop(receive);
        for value in 0..VALUES {
            send.send(value).ok();
            if value % 8 == 0 {
                yield_now();
            }
        }
        drop(send);
        for task in tasks {
            let (last, seen) = task.join().unwrap();
            assert!(last.is_none() || last == Some(VALUES - 1) || seen <= u64::from(VALUES));
            assert!(seen <= u64::from(VALUES));
        }
    });
}

#[test]
fn the_last_value_that_is_watched_is_seen_on_all_workers() {
    two(|| {
        let (send, receive) = watch::channel(0u32);
        let tasks = spawn_on_each(move |_| {
            let receive = receive.clone();
            let mut last = 0;
            while receive.changed().is_ok() {
                let now = *receive.borrow_and_update();
                assert!(now >= last);
                last = now;
            }
            let seen = *receive.borrow();
            last.max(seen)
        });
        for value in 1..=500 {
            send.send(value).ok();
            if value % 8 == 0 {
                yield_now();
            }
        }
        drop(send);
        assert!(tasks.iter().all(|task| task.join().unwrap() == 500));
    });
}

#[test]
fn a_race_between_things_of_two_workers_loses_nothing() {
    let (one, other) = (Arc::new(Queue::unbounded()), Arc::new(Queue::unbounded()));
    let got = Arc::new(AtomicUsize::new(0));
    let put = Arc::new(AtomicUsize::new(0));
    let (from, from_other, taken) = (Arc::clone(&one), Arc::clone(&other), Arc::clone(&got));
    let (into, into_other, given) = (Arc::clone(&one), Arc::clone(&other), Arc::clone(&put));
    storm(
        move |_| {
            let _first = cede::race((from.getting(), from_other.getting())).wait();
            taken.fetch_add(1, SeqCst);
        },
        move |round| {
            let queue = if round % 2 == 0 { &into } else { &into_other };
            queue.put_nowait(()).unwrap();
            given.fetch_add(1, SeqCst);
        },
    );
    assert_eq!(got.load(SeqCst) + one.len() + other.len(), put.load(SeqCst));
}

/// Most of the time each of the workers sleeps with nothing to hope for but an answer.
#[test]
fn workers_that_answer_each_other_are_at_no_standstill() {
    let (there, back) = (Arc::new(Queue::bounded(1)), Arc::new(Queue::bounded(1)));
    let runtime = Runtime::builder().workers(2).by_itself(true).build().unwrap();
    let answered = runtime.run(move || {
        let ends = spawn_on_each(move |worker| {
            for number in 0..5_000 {
                if worker == 0 {
                    there.put(number).unwrap();
                    assert_eq!(back.get(), Ok(number));
                } else {
                    back.put(there.get().unwrap()).unwrap();
                }
            }
        });
        ends.iter().for_each(|end| end.join().unwrap());
    });
    answered.unwrap();
}
