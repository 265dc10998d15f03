//! What streams give, to whom, and when.

use std::cell::Cell;
use std::io;
use std::panic;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cede::signal::{SignalKind, ctrl_c, signal, signals};
use cede::sync::Queue;
use cede::time::after;
use cede::{Operation, RunError, Runner, Runtime, catch_cancelled, select, sleep, spawn, yield_now};
use rustix::process::Signal;

use super::harness::Case;
use super::{HOUR, alone, wait_to_be_ended};

const USR1: SignalKind = SignalKind::USR1;
const USR2: SignalKind = SignalKind::USR2;

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_stream_gives_what_was_raised_since_it_was_made_and_once",
        body: || {
            let stream = signal(USR1).unwrap();
            assert_eq!(stream.try_recv(), None);
            (0..10).for_each(|_| USR1.raise().unwrap());
            assert_eq!(stream.try_recv(), Some(USR1), "it needs no run");
            assert_eq!(stream.try_recv(), None);
            cede::run(|| {
                USR1.raise().unwrap();
                let later = signal(USR1).unwrap();
                assert_eq!(stream.recv(), USR1);
                assert!(later.recv_timeout(Duration::from_millis(1)).is_err(), "that was before its time");
                let raises = spawn(|| {
                    sleep(Duration::from_millis(1));
                    USR1.raise().unwrap();
                });
                assert_eq!(stream.recv_timeout(HOUR), Ok(USR1));
                assert_eq!(later.recv(), USR1);
                raises.join().unwrap();
                assert_eq!((stream.try_recv(), later.try_recv()), (None, None));
            });
            assert_eq!(format!("{stream:?}"), "Signal(SIGUSR1)");
        },
        script: alone,
    },
    Case { name: "a_run_that_waits_for_nothing_else_is_woken", body: waits_for_one, script: is_sent_one },
    Case { name: "a_run_that_waits_for_nothing_else_on_portable", body: waits_for_one, script: is_sent_one },
    Case {
        name: "a_wait_that_has_ended_lets_a_deadlock_be_found_again",
        body: || {
            let runner = Runner::builder().by_itself(true).build();
            let result = runner.run(|| {
                let stream = signal(USR1).unwrap();
                assert!(stream.recv_timeout(Duration::from_millis(1)).is_err());
                sleep(Duration::MAX);
            });
            assert!(matches!(result, Err(RunError::Deadlock(_))), "{result:?}");
        },
        script: alone,
    },
    Case {
        name: "kinds_in_one_stream_have_their_turns",
        body: || {
            cede::run(|| {
                let kinds = [USR2, SignalKind::HUP, USR1];
                let stream = signals(kinds).unwrap();
                let mut seen = Vec::new();
                for _ in 0..6 {
                    // One comes all the time.
                    kinds.iter().for_each(|kind| kind.raise().unwrap());
                    seen.push(stream.recv());
                }
                let turn = [SignalKind::HUP, USR1, USR2];
                assert_eq!(seen, [turn, turn].concat());
                assert_eq!(format!("{stream:?}"), "Signal(SIGHUP, SIGUSR1, SIGUSR2)");
            });
        },
        script: alone,
    },
    Case {
        name: "all_streams_of_all_runs_and_workers_get_it",
        body: || {
            let heard = Arc::new(AtomicUsize::new(0));
            let (ready, all_ready) = mpsc::channel();
            let listens = |ready: mpsc::Sender<()>, heard: Arc<AtomicUsize>| {
                move || {
                    let streams = [signal(USR1).unwrap(), signal(USR1).unwrap()];
                    ready.send(()).unwrap();
                    for stream in &streams {
                        assert_eq!(stream.recv(), USR1);
                        heard.fetch_add(1, Ordering::SeqCst);
                    }
                }
            };
            let mut threads = Vec::new();
            for _ in 0..3 {
                let main = listens(ready.clone(), Arc::clone(&heard));
                threads.push(thread::spawn(|| cede::run(main)));
            }
            for _ in 0..2 {
                let main = listens(ready.clone(), Arc::clone(&heard));
                threads.push(thread::spawn(|| {
                    let runtime = Runtime::builder().workers(2).build().unwrap();
                    let main = move || {
                        let tasks: Vec<_> = (0..4).map(|_| cede::spawn_any(main.clone())).collect();
                        tasks.into_iter().for_each(|task| task.join().unwrap());
                    };
                    runtime.run(main).unwrap();
                }));
            }
            let streams = 3 + 2 * 4;
            (0..streams).for_each(|_| all_ready.recv().unwrap());
            USR1.raise().unwrap();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(heard.load(Ordering::SeqCst), 2 * streams);
        },
        script: alone,
    },
    Case {
        name: "a_run_that_is_stuck_holds_up_nobody_else",
        body: || {
            let stop = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&stop);
            let (tell, stuck) = mpsc::channel();
            let thread = thread::spawn(move || {
                cede::run(|| {
                    let stream = signal(USR1).unwrap();
                    assert!(stream.recv_timeout(Duration::from_millis(1)).is_err());
                    tell.send(()).unwrap();
                    while !theirs.load(Ordering::SeqCst) {
                        std::hint::spin_loop();
                    }
                    assert_eq!(stream.recv(), USR1);
                });
            });
            stuck.recv().unwrap();
            cede::run(|| {
                let stream = signal(USR1).unwrap();
                spawn(|| USR1.raise().unwrap());
                assert_eq!(stream.recv(), USR1);
            });
            stop.store(true, Ordering::SeqCst);
            thread.join().unwrap();
        },
        script: alone,
    },
    Case {
        name: "tasks_that_share_a_stream_share_what_comes",
        body: || {
            cede::run(|| {
                let stream = Rc::new(signal(USR1).unwrap());
                let heard = Rc::new(Cell::new(0));
                let tasks: Vec<_> = (0..3)
                    .map(|_| {
                        let (stream, heard) = (Rc::clone(&stream), Rc::clone(&heard));
                        spawn(move || {
                            stream.recv();
                            heard.set(heard.get() + 1);
                        })
                    })
                    .collect();
                for round in 1..=3 {
                    yield_now();
                    USR1.raise().unwrap();
                    sleep(Duration::from_millis(1));
                    assert_eq!(heard.get(), round);
                }
                tasks.iter().for_each(|task| task.join().unwrap());
            });
        },
        script: alone,
    },
    Case {
        name: "a_task_that_is_cancelled_at_recv_loses_nothing",
        body: || {
            cede::run(|| {
                let stream = Rc::new(signal(USR1).unwrap());
                let theirs = Rc::clone(&stream);
                let waits = move || catch_cancelled(|| theirs.recv()).ok();
                // Before the signal.
                let task = spawn(waits.clone());
                yield_now();
                task.cancel();
                yield_now();
                USR1.raise().unwrap();
                assert_eq!(stream.recv(), USR1);
                assert_eq!(task.join().unwrap(), None);
                // In the tick in which it comes, before and after: either it has it, or it is still there.
                for signal_first in [true, false] {
                    let task = spawn(waits.clone());
                    yield_now();
                    if signal_first {
                        USR1.raise().unwrap();
                        // Tells it, as the run does when it hears of it.
                        drop(signal(USR2));
                        task.cancel();
                    } else {
                        task.cancel();
                        USR1.raise().unwrap();
                    }
                    let had = task.join().ok().flatten();
                    assert_eq!(had.is_some(), stream.try_recv().is_none(), "{signal_first}");
                    yield_now();
                }
            });
        },
        script: alone,
    },
    Case {
        name: "what_loses_a_race_has_taken_nothing",
        body: || {
            cede::run(|| {
                let (stream, queue) = (signal(USR1).unwrap(), Queue::unbounded());
                let turn = || {
                    select! {
                        kind = stream.receiving() => kind.to_string(),
                        word = queue.getting() => word.unwrap(),
                        () = after(HOUR) => unreachable!(),
                    }
                };
                queue.put_nowait("word".to_owned()).unwrap();
                assert_eq!(turn(), "word");
                USR1.raise().unwrap();
                assert_eq!(turn(), "SIGUSR1");
                USR1.raise().unwrap();
                queue.put_nowait("word".to_owned()).unwrap();
                let both = [turn(), turn()];
                assert!(both.contains(&"word".into()) && both.contains(&"SIGUSR1".into()), "{both:?}");
            });
        },
        script: alone,
    },
    Case {
        name: "under_virtual_time_signals_come_and_the_clock_jumps_all_the_same",
        body: || {
            let runner = Runner::builder().virtual_time(true).build();
            runner
                .run(|| {
                    let stream = signal(USR1).unwrap();
                    assert!(stream.recv_timeout(HOUR).is_err(), "the clock does not wait for one");
                    spawn(|| {
                        sleep(HOUR);
                        USR1.raise().unwrap();
                    });
                    let begin = cede::time::now();
                    assert_eq!(stream.recv_timeout(HOUR + Duration::from_secs(1)), Ok(USR1));
                    assert_eq!(cede::time::now() - begin, HOUR);
                    println!("ready");
                    assert_eq!(stream.recv(), USR1);
                })
                .unwrap();
        },
        script: |run| {
            run.send_when_ready(Signal::USR1);
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "ctrl_c_is_had_by_who_waits_for_it",
        body: || {
            cede::run(|| {
                assert!(select! {
                    _ = ctrl_c() => false,
                    () = after(Duration::from_millis(1)) => true,
                });
                for _ in 0..2 {
                    spawn(|| println!("ready"));
                    ctrl_c().wait().unwrap();
                }
                // Nobody waits any more: it is the run's.
                println!("ready");
                sleep(HOUR);
            });
        },
        script: |run| {
            (0..3).for_each(|_| run.interrupt_when_ready());
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "real_time_signals_come_by_number",
        body: || {
            let kind = SignalKind::real_time(5).unwrap();
            let stream = signals([kind, USR1]).unwrap();
            kind.raise().unwrap();
            assert_eq!(stream.try_recv(), Some(kind));
            assert_eq!(SignalKind::from_raw(kind.as_raw()), kind);
        },
        script: alone,
    },
    Case {
        name: "what_cannot_be_listened_to_is_refused_and_says_why",
        body: || {
            let refusal = |kind: SignalKind| {
                let error = signals([USR1, kind]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                error.to_string()
            };
            for kind in [SignalKind::KILL, SignalKind::STOP] {
                assert_eq!(refusal(kind), format!("can't listen to {kind}: the system lets nobody catch it"));
            }
            for kind in [SignalKind::SEGV, SignalKind::BUS, SignalKind::ILL, SignalKind::FPE] {
                assert!(refusal(kind).contains("a fault in the instruction that runs"));
            }
            for number in [0, -1, 128, i32::MIN, i32::MAX] {
                let text = refusal(SignalKind::from_raw(number));
                assert_eq!(text, format!("can't listen to signal {number}: there is no such signal"));
            }
            for number in [33, 100] {
                assert!(refusal(SignalKind::from_raw(number)).contains("the system has no such signal"));
            }
            assert!(signals([]).unwrap_err().to_string().contains("no signals to listen to"));
            assert!(
                SignalKind::from_raw(100).raise().unwrap_err().to_string().contains("can't raise signal 100")
            );
            println!("ready");
            wait_to_be_ended();
        },
        script: |run| {
            // What was refused in part was put back.
            run.send_when_ready(Signal::USR1);
            run.is_killed_by(Signal::USR1, &[]);
        },
    },
    Case {
        name: "where_nobody_may_wait_what_has_come_is_had_and_else_it_says_so",
        body: || {
            let stream = signal(USR1).unwrap();
            USR1.raise().unwrap();
            assert_eq!(stream.recv(), USR1);
            panic::set_hook(Box::new(|_| {}));
            assert!(panic::catch_unwind(panic::AssertUnwindSafe(|| stream.recv())).is_err());
            for call in [
                || drop(cede::signal::add_signal_handler(USR1, || {})),
                || {
                    cede::signal::remove_signal_handler(USR1);
                },
            ] {
                let payload = panic::catch_unwind(call).unwrap_err();
                assert!(payload.downcast::<String>().unwrap().contains("inside cede::run"));
            }
        },
        script: alone,
    },
];

fn waits_for_one() {
    let runner = Runner::builder().by_itself(true).build();
    runner
        .run(|| {
            let stream = signal(USR1).unwrap();
            // When this waits.
            spawn(|| println!("ready"));
            assert_eq!(stream.recv(), USR1);
        })
        .unwrap();
}

fn is_sent_one(run: &mut super::Run) {
    run.send_when_ready(Signal::USR1);
    run.succeeds_after(&[]);
}
