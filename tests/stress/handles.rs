//! The ways into a run from threads that have none: tasks by handle, functions, blocking calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cede::sync::{Event, mpsc};
use cede::{Handle, RemoteJoinHandle, Runner, sleep, timeout, yield_now};

use super::random::Random;
use super::round::{Round, Value, stress};
use super::sharing::run_tasks;

const THREADS: u64 = 3;
const ITEMS: usize = 40;

/// A task that ends soon, later or only when it is cancelled.
fn task(round: &Round, run: &Handle, random: &mut Random) -> (RemoteJoinHandle<Value>, bool) {
    let (value, held) = (round.value(), round.value());
    let kind = random.below(5);
    let handle = run.spawn(move || {
        let _held = held;
        match kind {
            0 => {}
            1 => (0..3).for_each(|_| yield_now()),
            2 => sleep(Duration::from_micros(50)),
            3 => cede::runtime::unblock(|| ()),
            _ => Event::new().wait(),
        }
        value
    });
    (handle, kind == 4)
}

/// What may be done with a handle, at whatever moment.
fn use_up(random: &mut Random, handle: RemoteJoinHandle<Value>, is_endless: bool) {
    if is_endless || random.below(3) == 0 {
        handle.cancel();
        if random.below(2) == 0 {
            handle.cancel();
        }
    }
    match random.below(4) {
        0 => drop(handle),
        1 => {
            let _ = handle.is_finished();
            drop(handle.join_timeout(Duration::from_micros(random.below(100) as u64)));
        }
        _ => {
            let ended = handle.join();
            assert!(ended.is_ok() || ended.as_ref().is_err_and(|error| error.is_cancelled()), "{ended:?}");
            assert!(handle.join().is_err(), "the value comes once");
            assert!(!handle.cancel() && handle.is_finished());
        }
    }
}

#[test]
fn tasks_by_handle() {
    stress("tasks_by_handle", |round| {
        let runner = Runner::builder().by_itself(false).build();
        let run = runner.handle();
        let (tx, rx) = mpsc::unbounded::<()>();
        thread::scope(|s| {
            for number in 1..=THREADS {
                let (run, tx) = (run.clone(), tx.clone());
                round.thread(s, "hands tasks over", move |actor| {
                    let mut random = round.random(number);
                    for _ in 0..ITEMS {
                        actor.about("spawns");
                        let (handle, is_endless) = task(round, &run, &mut random);
                        actor.about("uses the handle");
                        use_up(&mut random, handle, is_endless);
                    }
                    drop(tx);
                });
            }
            round.thread(s, "waits in a run of its own", {
                let (run, tx) = (run.clone(), tx.clone());
                move |actor| {
                    run_tasks(3, |number| {
                        let mut random = round.random(100 + number as u64);
                        for _ in 0..ITEMS {
                            let (handle, is_endless) = task(round, &run, &mut random);
                            actor.about("joins");
                            let time = Duration::from_micros(random.below(200) as u64);
                            // A wait that is cut short cancels the task, which is then joined.
                            if timeout(time, || drop(handle.join())).is_err() || is_endless {
                                handle.cancel();
                                drop(handle.join());
                            }
                        }
                    });
                    drop(tx);
                }
            });
            drop(tx);
            let actor = round.actor("the run".into());
            actor.about("runs");
            runner.run(|| while rx.recv().is_ok() {}).unwrap();
        });
        drop(runner);
    });
}

#[test]
fn tasks_for_a_run_that_ends() {
    stress("tasks_for_a_run_that_ends", |round| {
        let runner = Runner::builder().by_itself(false).build();
        let run = runner.handle();
        thread::scope(|s| {
            for number in 1..=THREADS {
                let run = run.clone();
                round.thread(s, "hands tasks over", move |actor| {
                    let mut random = round.random(number);
                    loop {
                        let (handle, _) = task(round, &run, &mut random);
                        actor.about("joins");
                        match handle.join() {
                            Err(error) if error.is_run_ended() => break,
                            ended => drop(ended),
                        }
                    }
                });
            }
            let actor = round.actor("the run".into());
            let mut random = round.random(0);
            for _ in 0..3 {
                actor.about("runs");
                let turns = random.below(20);
                runner.run(|| (0..turns).for_each(|_| yield_now())).unwrap();
            }
            actor.about("ends");
            runner.close().unwrap();
            drop(runner);
        });
    });
}

#[test]
fn functions_for_a_run() {
    stress("functions_for_a_run", |round| {
        let runner = Runner::builder().by_itself(false).build();
        let run = runner.handle();
        let called = AtomicUsize::new(0);
        let called: &'static AtomicUsize = Box::leak(Box::new(called));
        let taken = thread::scope(|s| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let run = run.clone();
                    round.thread(s, "sends functions", move |actor| {
                        let mut taken = 0;
                        loop {
                            actor.about("sends");
                            let value = round.value();
                            let call = move || {
                                called.fetch_add(1, Ordering::Relaxed);
                                drop(value);
                            };
                            if run.call_soon(call).is_err() {
                                break taken;
                            }
                            taken += 1;
                        }
                    })
                })
                .collect();
            runner
                .run(|| {
                    while called.load(Ordering::Relaxed) < ITEMS {
                        yield_now()
                    }
                })
                .unwrap();
            runner.close().unwrap();
            drop(runner);
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        // Those that were left as the run ended are dropped.
        assert!(called.load(Ordering::Relaxed) <= taken);
    });
}

#[test]
fn blocking_calls() {
    stress("blocking_calls", |round| {
        let ended: &'static AtomicUsize = Box::leak(Box::default());
        thread::scope(|s| {
            for number in 1..=THREADS {
                round.thread(s, "calls", move |actor| {
                    run_tasks(4, |task| {
                        let mut random = round.random(number * 10 + task as u64);
                        for _ in 0..ITEMS {
                            actor.about("waits for a blocking call");
                            let (value, result) = (round.value(), round.value());
                            let spins = random.below(3);
                            let call = move || {
                                let _value = value;
                                (0..spins).for_each(|_| thread::yield_now());
                                ended.fetch_add(1, Ordering::Relaxed);
                                result
                            };
                            let time = Duration::from_micros(random.below(200) as u64);
                            let before = ended.load(Ordering::Relaxed);
                            let done = timeout(time, || drop(cede::runtime::unblock(call)));
                            assert!(done.is_err() || ended.load(Ordering::Relaxed) > before);
                        }
                    });
                });
            }
        });
    });
}
