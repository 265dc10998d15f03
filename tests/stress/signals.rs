//! What tasks of several runs share to keep out of each other's way and to wait for each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use cede::sync::{Barrier, Condvar, Event, Lock, Mutex, OnceCell, RwLock, Semaphore};
use cede::yield_now;

use super::round::stress;
use super::sharing::{hurried, run_tasks};

const THREADS: u64 = 3;
const TASKS: usize = 3;
const TURNS: usize = 40;

#[test]
fn locks() {
    stress("locks", |round| {
        let (mutex, lock, rwlock) = (Mutex::new(0), Lock::new(), RwLock::new((0, 0)));
        let (inside, done) = (AtomicUsize::new(0), [const { AtomicUsize::new(0) }; 2]);
        thread::scope(|s| {
            for number in 1..=THREADS {
                let (mutex, lock, rwlock, inside, done) = (&mutex, &lock, &rwlock, &inside, &done);
                round.thread(s, "locks", move |actor| {
                    run_tasks(TASKS, |task| {
                        let mut random = round.random(number * 10 + task as u64);
                        for turn in 0..TURNS {
                            actor.about("locks");
                            hurried(&mut random, || match turn % 4 {
                                0 => {
                                    let mut value = mutex.lock();
                                    let before = *value;
                                    yield_now();
                                    *value = before + 1;
                                    done[0].fetch_add(1, Ordering::Relaxed);
                                }
                                1 => {
                                    let _held = lock.acquire();
                                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                                    inside.fetch_sub(1, Ordering::Relaxed);
                                }
                                2 => {
                                    let mut pair = rwlock.write();
                                    pair.0 += 1;
                                    pair.1 += 1;
                                    done[1].fetch_add(1, Ordering::Relaxed);
                                }
                                _ => {
                                    let pair = rwlock.read();
                                    yield_now();
                                    assert_eq!(pair.0, pair.1);
                                }
                            });
                        }
                    });
                });
            }
        });
        assert_eq!(mutex.into_inner(), done[0].load(Ordering::Relaxed));
        assert_eq!(rwlock.into_inner().0, done[1].load(Ordering::Relaxed));
    });
}

#[test]
fn permits() {
    stress("permits", |round| {
        let permits = 1 + round.random(0).below(2);
        let (semaphore, inside) = (Semaphore::new(permits), AtomicUsize::new(0));
        thread::scope(|s| {
            for number in 1..=THREADS {
                let (semaphore, inside) = (&semaphore, &inside);
                round.thread(s, "acquires", move |actor| {
                    run_tasks(TASKS, |task| {
                        let mut random = round.random(number * 10 + task as u64);
                        for _ in 0..TURNS {
                            actor.about("acquires");
                            hurried(&mut random, || {
                                let _permit = semaphore.acquire();
                                assert!(inside.fetch_add(1, Ordering::Relaxed) < permits);
                                inside.fetch_sub(1, Ordering::Relaxed);
                            });
                        }
                    });
                });
            }
        });
        assert_eq!(semaphore.available(), permits, "all permits are back");
    });
}

#[test]
fn events_and_conditions() {
    stress("events_and_conditions", |round| {
        let (events, turn, turned) =
            (Vec::from_iter((0..TURNS).map(|_| Event::new())), Mutex::new(0), Condvar::new());
        thread::scope(|s| {
            let (events, turn, turned) = (&events, &turn, &turned);
            for number in 1..=THREADS {
                round.thread(s, "waits for events", move |actor| {
                    run_tasks(TASKS, |task| {
                        let mut random = round.random(number * 10 + task as u64);
                        for event in events {
                            actor.about("waits for an event");
                            while !hurried(&mut random, || event.wait()) {}
                            assert!(event.is_set());
                        }
                    });
                });
                round.thread(s, "takes turns", move |actor| {
                    run_tasks(1, |_| {
                        for round_of_turns in 0..TURNS {
                            actor.about("waits for its turn");
                            let mine = round_of_turns * THREADS as usize + number as usize - 1;
                            let mut turn = turned.wait_while(turn.lock(), |turn| *turn != mine);
                            *turn += 1;
                            turned.notify_all();
                        }
                    });
                });
            }
            round.thread(s, "sets events", move |_| {
                run_tasks(1, |_| {
                    for event in events {
                        event.set();
                        yield_now();
                    }
                });
            });
        });
        assert_eq!(turn.into_inner(), TURNS * THREADS as usize);
    });
}

#[test]
fn barriers_and_cells() {
    stress("barriers_and_cells", |round| {
        let parties = THREADS as usize * 2;
        let barrier = Barrier::new(parties);
        let cells = Vec::from_iter((0..TURNS).map(|_| OnceCell::new()));
        let (made, leaders) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|s| {
            for number in 1..=THREADS {
                let (barrier, cells, made, leaders) = (&barrier, &cells, &made, &leaders);
                round.thread(s, "meets", move |actor| {
                    run_tasks(2, |task| {
                        let mut random = round.random(number * 10 + task as u64);
                        for cell in cells {
                            actor.about("waits at the barrier");
                            if barrier.wait().unwrap() == 0 {
                                leaders.fetch_add(1, Ordering::Relaxed);
                            }
                            actor.about("makes a value");
                            let make = || {
                                yield_now();
                                made.fetch_add(1, Ordering::Relaxed);
                                Arc::new(round.value())
                            };
                            while !hurried(&mut random, || drop(Arc::clone(cell.get_or_init(make)))) {}
                        }
                    });
                });
            }
        });
        assert_eq!(leaders.load(Ordering::Relaxed), TURNS);
        assert_eq!(made.load(Ordering::Relaxed), TURNS, "each value is made once");
    });
}

/// The lock of what is shared belongs to the first thread that uses it, until another comes, at some moment.
#[test]
fn what_one_thread_had_to_itself() {
    stress("what_one_thread_had_to_itself", |round| {
        let (give, given) = mpsc::channel::<Arc<Semaphore>>();
        thread::scope(|s| {
            round.thread(s, "has it first", move |actor| {
                run_tasks(1, |_| {
                    let mut random = round.random(0);
                    for _ in 0..TURNS {
                        actor.about("makes one");
                        let semaphore = Arc::new(Semaphore::new(1));
                        let early = random.below(10);
                        (0..early).for_each(|_| drop(semaphore.acquire()));
                        give.send(Arc::clone(&semaphore)).unwrap();
                        actor.about("shares it");
                        (0..30).for_each(|_| drop(semaphore.acquire()));
                    }
                });
                drop(give);
            });
            round.thread(s, "comes later", move |actor| {
                run_tasks(1, |_| {
                    for semaphore in &given {
                        actor.about("shares it");
                        (0..10).for_each(|_| drop(semaphore.acquire()));
                    }
                });
            });
        });
    });
}
