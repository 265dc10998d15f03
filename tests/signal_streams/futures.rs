//! Signals that are awaited in executors of others, where no run tells of them.

use std::fs;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use cede::future::{Wait, as_future};
use cede::signal::{Shutdown, Signal, SignalKind, ctrl_c, signal};
use cede::task::race;
use rustix::process::Signal as Number;

use super::alone;
use super::harness::Case;

const USR1: SignalKind = SignalKind::USR1;

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// How many threads tell futures of signals.
fn lookouts() -> usize {
    let names = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("cede-signals")).count()
}

/// Whether that thread sleeps (`S`), how long it has run, and how often it began to sleep, as the system says it.
fn how_it_stands() -> String {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let mut ours = tasks.filter(|task| read(task.join("comm")).starts_with("cede-signals"));
    let ours_alone = ours.next().expect("it is there");
    let stat = read(ours_alone.join("stat"));
    let fields: Vec<_> = stat.rsplit_once(") ").expect("a name and more").1.split(' ').collect();
    let switches: String =
        read(ours_alone.join("status")).lines().filter(|line| line.contains("ctxt")).collect();
    format!("{} {} {} {switches}", fields[0], fields[11], fields[12])
}

/// Waits, by looking, until there are so many of them.
fn await_lookouts(count: usize) {
    let begin = Instant::now();
    while lookouts() != count {
        assert!(begin.elapsed() < Duration::from_secs(60), "there are {}", lookouts());
        thread::yield_now();
    }
}

/// Polls once. The signal is raised only when nobody else would see that it came.
fn is_ready(stream: &Signal) -> bool {
    pin!(as_future(stream.receiving())).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_signal_wakes_a_task_of_tokio_where_there_is_no_run",
        body: || {
            let runtime = tokio();
            let stream = signal(USR1).unwrap();
            for _ in 0..20 {
                let (tell, told) = tokio::sync::oneshot::channel();
                let raises = thread::spawn(move || {
                    told.blocking_recv().unwrap();
                    USR1.raise().unwrap();
                });
                runtime.block_on(async {
                    let mut receiving = pin!(stream.receiving().into_future());
                    let mut tell = Some(tell);
                    let heard = std::future::poll_fn(|context| {
                        let polled = receiving.as_mut().poll(context);
                        // It is registered.
                        if let Some(tell) = tell.take() {
                            tell.send(()).unwrap();
                        }
                        polled
                    });
                    assert_eq!(heard.await, USR1);
                });
                raises.join().unwrap();
            }
            assert_eq!(lookouts(), 1, "one for all of them");
            drop(stream);
            await_lookouts(0);
        },
        script: alone,
    },
    Case {
        name: "a_signal_wakes_tasks_of_tokio_and_of_cede_in_one_process",
        body: || {
            let runtime = tokio();
            let theirs = runtime.spawn(async {
                let stream = signal(USR1).unwrap();
                stream.receiving().await
            });
            let shutdown = Shutdown::on([SignalKind::TERM]).unwrap();
            let asked = shutdown.clone();
            let ends = runtime.spawn(async move { asked.requested().await });
            let interrupted = runtime.spawn(async { ctrl_c().await });
            cede::run(|| {
                await_lookouts(1);
                let ours = signal(USR1).unwrap();
                while !theirs.is_finished() {
                    USR1.raise().unwrap();
                    assert_eq!(ours.recv(), USR1);
                }
                SignalKind::TERM.raise().unwrap();
                shutdown.wait();
                ends.wait().unwrap();
                while !interrupted.is_finished() {
                    // Nobody listens before it is polled, and then it would interrupt this run.
                    let listens = signal(SignalKind::INT).unwrap();
                    SignalKind::INT.raise().unwrap();
                    listens.recv();
                }
                assert_eq!(theirs.wait().unwrap(), USR1);
                interrupted.wait().unwrap().unwrap();
            });
            assert_eq!(shutdown.signal(), Some(SignalKind::TERM));
        },
        script: alone,
    },
    Case {
        name: "a_future_that_outlives_its_run_hears_of_signals",
        body: || {
            let stream = signal(USR1).unwrap();
            let mut receiving = pin!(as_future(stream.receiving()));
            cede::run(|| {
                let mut context = Context::from_waker(Waker::noop());
                assert!(receiving.as_mut().poll(&mut context).is_pending());
            });
            let raises = thread::spawn(|| USR1.raise().unwrap());
            assert_eq!(smol::block_on(receiving), USR1);
            raises.join().unwrap();
            // In a run, driven by a task.
            cede::run(|| {
                let both = async { race((stream.receiving(), stream.receiving())).await };
                cede::spawn(|| USR1.raise().unwrap());
                both.wait();
            });
        },
        script: alone,
    },
    Case {
        name: "a_future_that_is_dropped_takes_no_signal",
        body: || {
            let stream = signal(USR1).unwrap();
            assert!(!is_ready(&stream));
            USR1.raise().unwrap();
            assert_eq!(stream.try_recv(), Some(USR1));
            USR1.raise().unwrap();
            assert!(is_ready(&stream));
            assert!(!is_ready(&stream));
            // It names itself when it begins.
            await_lookouts(1);
            drop(stream);
            await_lookouts(0);
        },
        script: alone,
    },
    Case {
        name: "a_run_whose_task_drives_a_future_is_at_no_deadlock_before_the_signal",
        body: || {
            let stream = signal(USR1).unwrap();
            cede::run(|| {
                cede::spawn(|| println!("ready"));
                assert_eq!(async { stream.receiving().await }.wait(), USR1);
            });
        },
        script: |run| {
            // Time enough to find that nothing else is waited for.
            run.expect("ready");
            #[allow(clippy::disallowed_methods, reason = "a deadlock that is not found is no event")]
            thread::sleep(Duration::from_millis(100));
            run.send(Number::USR1);
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "who_tells_futures_of_signals_sleeps_between_them",
        body: || {
            let stream = signal(USR1).unwrap();
            assert!(!is_ready(&stream));
            await_lookouts(1);
            for _ in 0..3 {
                USR1.raise().unwrap();
                assert_eq!(smol::block_on(as_future(stream.receiving())), USR1);
            }
            // Once it sleeps it goes on sleeping.
            let sleeps = || {
                let before = how_it_stands();
                cede::run(|| cede::sleep(Duration::from_millis(100)));
                before.starts_with('S') && how_it_stands() == before
            };
            let begin = Instant::now();
            while !sleeps() {
                assert!(begin.elapsed() < Duration::from_secs(60), "it never sleeps");
            }
        },
        script: alone,
    },
];
