//! Orderly ends by signals, and how they go together with the Ctrl-C of a run. Each case is a child of this test.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "runtime_interrupt/harness.rs"]
mod harness;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cede::net::{TcpStream, start_server};
use cede::signal::{Shutdown, SignalKind, add_signal_handler, remove_signal_handler, signal};
use cede::sync::Event;
use cede::{RunError, Runner, Runtime, finally, select, sleep, spawn, spawn_any, unblock, yield_now};
use harness::{Case, Run};
use rustix::process::Signal;

/// Longer than any case takes.
const HOUR: Duration = Duration::from_secs(3600);

/// How much the server has to tell.
const ANSWER: usize = 5_000_000;

/// Of a case that does all by itself.
fn alone(run: &mut Run) {
    run.succeeds_after(&[]);
}

/// Waits for a line of the parent, and blocks the thread.
fn wait_for_line() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// By a signal.
fn wait_to_be_ended() {
    loop {
        thread::park();
    }
}

/// Sleeps until it is cancelled, and cleans up.
fn sleep_and_clean_up() {
    finally(
        || {
            println!("ready");
            sleep(HOUR);
        },
        || {
            sleep(Duration::from_millis(1));
            println!("cleaned up");
        },
    );
}

/// Serves one client that has asked, and has not read anything when the end is asked for.
fn serves_to_the_end() {
    cede::run(|| {
        let shutdown = Shutdown::new().unwrap();
        let asked = Rc::new(Event::new());
        let theirs = Rc::clone(&asked);
        let server = start_server("127.0.0.1:0", move |mut reader, mut writer| {
            reader.readline()?;
            theirs.set();
            writer.write_nowait(&vec![b'x'; ANSWER])?;
            writer.drain()?;
            writer.close()
        })
        .unwrap();
        let address = server.local_addr().unwrap();
        let (go, may_read) = mpsc::channel();
        let client = thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"please\n").unwrap();
            may_read.recv().unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            answer.len()
        });
        asked.wait();
        println!("ready");
        shutdown.wait();
        server.close();
        assert_eq!(shutdown.signal(), Some(SignalKind::TERM));
        // Nobody else comes in, once the task that accepts has gone.
        while TcpStream::connect(address).is_ok() {
            yield_now();
        }
        go.send(()).unwrap();
        server.wait_closed();
        println!("{}", unblock(|| client.join().unwrap()));
    });
    println!("the end");
}

const CASES: &[Case] = &[
    Case {
        name: "a_server_that_is_asked_to_end_delivers_all_bytes",
        body: serves_to_the_end,
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.succeeds_after(&[&ANSWER.to_string(), "the end"]);
        },
    },
    Case {
        name: "tasks_of_all_workers_learn_of_it_and_the_run_ends_well",
        body: || {
            let shutdown = Shutdown::new().unwrap();
            let runtime = Runtime::builder().workers(2).build().unwrap();
            runtime
                .run(move || {
                    let tasks: Vec<_> = (0..10)
                        .map(|index| {
                            let shutdown = shutdown.clone();
                            spawn_any(move || {
                                if index % 2 == 0 {
                                    shutdown.wait();
                                } else {
                                    select! {
                                        () = shutdown.requested() => {}
                                        () = cede::time::after(HOUR) => unreachable!(),
                                    }
                                }
                                shutdown.signal()
                            })
                        })
                        .collect();
                    // When they all wait.
                    sleep(Duration::from_millis(1));
                    println!("ready");
                    for task in tasks {
                        assert_eq!(task.join().unwrap(), Some(SignalKind::INT));
                    }
                    assert!(shutdown.is_requested());
                })
                .unwrap();
        },
        script: |run| {
            run.interrupt_when_ready();
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "a_run_that_waits_for_nothing_else_is_no_deadlock",
        body: || {
            let runner = Runner::builder().by_itself(true).build();
            runner
                .run(|| {
                    let shutdown = Shutdown::new().unwrap();
                    // When this waits.
                    spawn(|| println!("ready"));
                    shutdown.wait();
                })
                .unwrap();
        },
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "what_only_computes_may_ask_too",
        body: || {
            let shutdown = Shutdown::new().unwrap();
            println!("ready");
            while !shutdown.is_requested() {
                std::hint::spin_loop();
            }
            assert_eq!(shutdown.signal(), Some(SignalKind::TERM));
        },
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "the_second_ends_a_run_that_is_stuck_with_its_status",
        body: || {
            let shutdown = Shutdown::new().unwrap();
            cede::run(|| {
                println!("ready");
                shutdown.wait();
                println!("ready");
                // Never that long, but where the test itself has been ended.
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_secs(120) {
                    std::hint::spin_loop();
                }
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.send_when_ready(Signal::TERM);
            run.exits_with(128 + 15, &[]);
        },
    },
    Case {
        name: "the_second_ends_a_clean_up_that_hangs",
        body: || {
            let shutdown = Shutdown::new().unwrap();
            cede::run(|| {
                println!("ready");
                shutdown.wait();
                println!("ready");
                sleep(HOUR);
            });
        },
        script: |run| {
            (0..2).for_each(|_| run.interrupt_when_ready());
            run.exits_with(128 + 2, &[]);
        },
    },
    Case {
        name: "what_the_program_asks_for_leaves_a_signal_free",
        body: || {
            cede::run(|| {
                let shutdown = Shutdown::new().unwrap();
                let theirs = shutdown.clone();
                let waits = spawn(move || theirs.wait());
                yield_now();
                assert!(!shutdown.is_requested());
                shutdown.request();
                waits.join().unwrap();
                assert!(shutdown.is_requested() && shutdown.signal().is_none());
                println!("ready");
                wait_for_line();
                assert_eq!(shutdown.signal(), None, "that was not what has asked for it");
                println!("ready");
                sleep(HOUR);
            });
        },
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.go_on();
            run.send_when_ready(Signal::TERM);
            run.exits_with(128 + 15, &[]);
        },
    },
    Case {
        name: "other_kinds_may_ask_and_each_shutdown_counts_its_own",
        body: || {
            let hup = Shutdown::on([SignalKind::HUP]).unwrap();
            let usual = Shutdown::new().unwrap();
            println!("ready");
            while !hup.is_requested() {
                thread::yield_now();
            }
            assert!(!usual.is_requested());
            println!("ready");
            while !usual.is_requested() {
                thread::yield_now();
            }
            assert_eq!(format!("{hup:?}"), "Shutdown { signals: SIGHUP, requested: true }");
            println!("ready");
            wait_to_be_ended();
        },
        script: |run| {
            run.send_when_ready(Signal::HUP);
            run.send_when_ready(Signal::TERM);
            run.send_when_ready(Signal::HUP);
            run.exits_with(128 + 1, &[]);
        },
    },
    Case {
        name: "when_the_last_clone_goes_the_signal_does_what_it_did",
        body: || {
            let shutdown = Shutdown::new().unwrap();
            let clone = shutdown.clone();
            drop(shutdown);
            SignalKind::TERM.raise().unwrap();
            assert!(clone.is_requested());
            drop(clone);
            println!("ready");
            wait_to_be_ended();
        },
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.is_killed_by(Signal::TERM, &[]);
        },
    },
    Case {
        name: "a_block_has_its_grace_from_when_the_end_is_asked_for",
        body: || {
            let runner = Runner::builder().virtual_time(true).build();
            runner
                .run(|| {
                    let shutdown = Shutdown::new().unwrap();
                    let grace = Duration::from_secs(10);
                    let begin = cede::time::now();
                    assert_eq!(shutdown.with_grace(grace, || 1), Ok(1));
                    yield_now();
                    yield_now();
                    assert_eq!(cede::task::all_tasks().len(), 1, "the task that watches has gone");
                    sleep(HOUR);
                    let theirs = shutdown.clone();
                    spawn(move || {
                        sleep(HOUR);
                        theirs.request();
                    });
                    let in_time = || sleep(HOUR + grace - Duration::from_secs(1));
                    assert_eq!(shutdown.with_grace(grace, in_time), Ok(()));
                    let before = cede::time::now();
                    assert!(shutdown.with_grace(grace, || sleep(Duration::MAX)).is_err());
                    assert_eq!(cede::time::now() - before, grace);
                    assert_eq!(shutdown.with_grace(Duration::MAX, || sleep(HOUR)), Ok(()));
                    assert_eq!(cede::time::now() - begin, 3 * HOUR + 2 * grace - Duration::from_secs(1));
                })
                .unwrap();
        },
        script: alone,
    },
    Case {
        name: "a_wait_that_is_cancelled_is_over_and_a_deadlock_is_found_again",
        body: || {
            let runner = Runner::builder().by_itself(true).build();
            let result = runner.run(|| {
                let shutdown = Shutdown::new().unwrap();
                let theirs = shutdown.clone();
                let task = spawn(move || theirs.wait());
                sleep(Duration::from_millis(1));
                task.cancel();
                assert!(task.join().unwrap_err().is_cancelled());
                sleep(Duration::MAX);
            });
            assert!(matches!(result, Err(RunError::Deadlock(_))), "{result:?}");
        },
        script: alone,
    },
    Case {
        name: "who_listens_to_ctrl_c_has_it_and_then_the_run_has_it_again",
        body: || {
            // Before the run, and in it.
            let before = signal(SignalKind::INT).unwrap();
            cede::run(|| {
                println!("ready");
                before.recv();
                drop(before);
                let heard = Rc::new(Event::new());
                let set = Rc::clone(&heard);
                add_signal_handler(SignalKind::INT, move || set.set()).unwrap();
                println!("ready");
                heard.wait();
                assert!(remove_signal_handler(SignalKind::INT));
                sleep_and_clean_up();
            });
        },
        script: |run| {
            (0..3).for_each(|_| run.interrupt_when_ready());
            run.is_killed_after(&["cleaned up"]);
        },
    },
    Case {
        name: "a_run_that_was_interrupted_is_not_again_when_a_listener_goes",
        body: || {
            cede::run(|| {
                finally(sleep_and_clean_up, || {
                    let stream = signal(SignalKind::INT).unwrap();
                    println!("ready");
                    stream.recv();
                    drop(stream);
                    println!("ready");
                    sleep(HOUR);
                });
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.expect("cleaned up");
            (0..2).for_each(|_| run.interrupt_when_ready());
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "one_that_outlives_the_run_keeps_ctrl_c",
        body: || {
            let shutdown = Shutdown::new().unwrap();
            cede::run(|| ());
            println!("ready");
            while !shutdown.is_requested() {
                thread::yield_now();
            }
            drop(shutdown);
            cede::run(sleep_and_clean_up);
        },
        script: |run| {
            (0..2).for_each(|_| run.interrupt_when_ready());
            run.is_killed_after(&["cleaned up"]);
        },
    },
];

fn main() -> ExitCode {
    // A shell that starts this in the background has it ignore Ctrl-C. SAFETY: the default needs no handler.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    harness::main(&[CASES])
}
