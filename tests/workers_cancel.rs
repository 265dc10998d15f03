//! Tasks that are cancelled from other threads, at every moment of their lives.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cede::net::TcpListener;
use cede::runtime::{spawn_on_each, unblock};
use cede::{Handle, RemoteJoinHandle, Runtime, no_cancel, sleep, spawn_any, yield_now};

const FOREVER: Duration = Duration::MAX;

fn two<T>(main: impl FnOnce() -> T) -> T {
    Runtime::builder().workers(2).build().unwrap().run(main).unwrap()
}

/// Cancels a task from a thread that is no worker.
fn cancel_elsewhere<T: Send + 'static>(task: RemoteJoinHandle<T>) -> (bool, RemoteJoinHandle<T>) {
    let thread = thread::spawn(move || (task.cancel(), task));
    unblock(move || thread.join().unwrap())
}

#[test]
fn one_that_has_not_begun_never_does() {
    two(|| {
        let (busy, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (go, wait) = mpsc::channel::<()>();
        let (tell, wait) = (Arc::clone(&busy), std::sync::Mutex::new(wait));
        let blockers = spawn_on_each(move |worker| {
            if worker == 1 {
                tell.store(true, SeqCst);
                wait.lock().unwrap().recv().unwrap();
            }
        });
        while !busy.load(SeqCst) {
            yield_now();
        }
        // The other worker is in a step, and this one until the task was cancelled.
        let ran = Arc::clone(&begun);
        let task = spawn_any(move || ran.store(true, SeqCst));
        let task = thread::spawn(move || {
            assert!(task.cancel());
            task
        });
        let task = task.join().unwrap();
        go.send(()).unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(!begun.load(SeqCst));
        blockers.iter().for_each(|blocker| blocker.join().unwrap());
    });
}

#[test]
fn one_that_runs_is_cancelled_at_its_next_wait() {
    two(|| {
        let (running, go) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (tell, wait) = (Arc::clone(&running), Arc::clone(&go));
        let tasks = spawn_on_each(move |worker| {
            if worker == 1 {
                tell.store(true, SeqCst);
                while !wait.load(SeqCst) {
                    std::hint::spin_loop();
                }
                yield_now();
                yield_now();
            }
        });
        while !running.load(SeqCst) {
            yield_now();
        }
        assert!(tasks[1].cancel());
        go.store(true, SeqCst);
        assert!(tasks[1].join().unwrap_err().is_cancelled());
        tasks[0].join().unwrap();
    });
}

#[test]
fn one_that_waits_unwinds_whatever_it_waits_for() {
    fn wait_for(what: usize) -> io::Result<()> {
        match what {
            0 => sleep(FOREVER),
            1 => cede::sync::Event::new().wait(),
            2 => drop(TcpListener::bind("127.0.0.1:0")?.accept()?),
            3 => drop(spawn_any(|| sleep(FOREVER)).join()),
            4 => drop(cede::sync::Queue::<()>::unbounded().get()),
            5 => drop(cede::spawn(|| sleep(FOREVER)).join()),
            6 => drop(cede::scope(|s| drop(s.spawn_any(|| sleep(FOREVER))))),
            _ => drop(cede::timeout(FOREVER, || sleep(FOREVER))),
        }
        Ok(())
    }
    for what in 0..8 {
        two(|| {
            let tasks: Vec<_> = (0..6)
                .map(|_| {
                    let (tell, told) = mpsc::channel();
                    let task = spawn_any(move || {
                        tell.send(()).unwrap();
                        wait_for(what)
                    });
                    while told.try_recv().is_err() {
                        yield_now();
                    }
                    task
                })
                .collect();
            for task in tasks {
                let (cancelled, task) = cancel_elsewhere(task);
                assert!(cancelled);
                assert!(task.join().unwrap_err().is_cancelled(), "{what}");
            }
        });
    }
}

#[test]
fn one_that_has_ended_keeps_its_value() {
    two(|| {
        let task = spawn_any(|| 5);
        while !task.is_finished() {
            yield_now();
        }
        let (cancelled, task) = cancel_elsewhere(task);
        assert!(!cancelled);
        assert_eq!(task.join().unwrap(), 5);
    });
}

#[test]
fn a_masked_one_goes_on_until_it_waits_unmasked() {
    two(|| {
        let (tell, told) = mpsc::channel();
        let task = spawn_any(move || {
            tell.send(()).unwrap();
            no_cancel(|| sleep(Duration::from_millis(2)));
            tell.send(()).unwrap();
            sleep(FOREVER);
        });
        while told.try_recv().is_err() {
            yield_now();
        }
        let (cancelled, task) = cancel_elsewhere(task);
        assert!(cancelled);
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(told.try_recv().is_ok(), "it came out of the mask");
    });
}

/// Whoever is first, each task ends once, and with a value or as cancelled.
#[test]
fn a_storm_of_cancellations_from_two_threads_loses_no_task() {
    const TASKS: usize = 3000;
    let (values, cancelled) = two(|| {
        let (give, take) = mpsc::channel::<Arc<RemoteJoinHandle<usize>>>();
        let take = Arc::new(std::sync::Mutex::new(take));
        let cancellers: Vec<_> = (0..2)
            .map(|_| {
                let take = Arc::clone(&take);
                thread::spawn(move || {
                    loop {
                        let Ok(task) = take.lock().unwrap().recv() else { return };
                        task.cancel();
                        task.cancel();
                    }
                })
            })
            .collect();
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let task = Arc::new(spawn_any(move || {
                    match n % 4 {
                        0 => {}
                        1 => yield_now(),
                        2 => sleep(Duration::from_micros(50)),
                        _ => sleep(FOREVER),
                    }
                    n
                }));
                if n % 4 == 3 || n % 3 == 0 {
                    give.send(Arc::clone(&task)).unwrap();
                }
                if n % 64 == 0 {
                    yield_now();
                }
                task
            })
            .collect();
        drop(give);
        let (mut values, mut cancelled) = (0, 0);
        for task in tasks {
            match task.join() {
                Ok(_) => values += 1,
                Err(error) => {
                    assert!(error.is_cancelled(), "{error}");
                    cancelled += 1;
                }
            }
        }
        unblock(move || cancellers.into_iter().for_each(|thread| thread.join().unwrap()));
        (values, cancelled)
    });
    assert_eq!(values + cancelled, TASKS);
    assert!(cancelled >= TASKS / 4, "{cancelled}");
}

/// Who waits and what is waited for end in the same instant, on two workers.
#[test]
fn joins_across_workers_that_are_cancelled_as_their_task_ends_hang_nobody() {
    two(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        for n in 0..2000 {
            let task = spawn_any(move || {
                (0..n % 7).for_each(|_| std::hint::spin_loop());
            });
            let count = Arc::clone(&ended);
            let joins = spawn_any(move || {
                let joined = task.join();
                count.fetch_add(1, SeqCst);
                joined
            });
            (0..n % 5).for_each(|_| std::hint::spin_loop());
            joins.cancel();
            match joins.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => assert!(error.is_cancelled(), "{error}"),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
    });
}

#[test]
fn a_plain_thread_joins_and_cancels_what_runs_on_workers() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let run = runtime.handle();
    let thread = thread::spawn(move || {
        for n in 0..200 {
            assert_eq!(run.spawn(move || n).join().unwrap(), n);
            let task = run.spawn(|| sleep(FOREVER));
            assert!(task.join_timeout(Duration::from_micros(10)).is_none());
            assert!(task.cancel());
            assert!(task.join().unwrap_err().is_cancelled());
        }
        run
    });
    runtime
        .run(|| {
            while !thread.is_finished() {
                sleep(Duration::from_millis(1));
            }
            drop(Handle::current());
        })
        .unwrap();
    thread.join().unwrap();
}
