//! Functions that runs call when signals come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cede::signal::{SignalKind, add_signal_handler, remove_signal_handler, signal};
use cede::sync::Event;
use cede::task::ContextVar;
use cede::{RunError, Runner, Runtime, sleep, spawn, yield_now};
use rustix::process::Signal;

use super::alone;
use super::harness::Case;

const USR1: SignalKind = SignalKind::USR1;
const TERM: SignalKind = SignalKind::TERM;

/// So many ticks as it takes in asyncio, too, until a signal that this thread has raised was handled: in the first the run hears of it, in
/// the second it calls the handler, after the task that yields here.
fn until_handled() {
    (0..3).for_each(|_| yield_now());
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_handler_is_called_in_the_tick_after_the_signal_is_heard",
        body: || {
            cede::run(|| {
                let calls = Rc::new(Cell::new(0));
                let count = Rc::clone(&calls);
                add_signal_handler(USR1, move || count.set(count.get() + 1)).unwrap();
                for round in 1..=3 {
                    (0..5).for_each(|_| USR1.raise().unwrap());
                    assert_eq!(calls.get(), round - 1, "never in the middle of a step");
                    until_handled();
                    assert_eq!(calls.get(), round);
                }
                assert!(remove_signal_handler(USR1));
                assert!(!remove_signal_handler(USR1));
                assert_eq!(Rc::strong_count(&calls), 1);
            });
        },
        script: alone,
    },
    Case {
        name: "a_handler_that_ends_the_run_is_no_deadlock_and_none_is_one",
        body: || {
            let runner = Runner::builder().by_itself(true).build();
            let wait_for = |stop: &Rc<Event>| {
                let set = Rc::clone(stop);
                add_signal_handler(TERM, move || set.set()).unwrap();
                // When this waits.
                spawn(|| println!("ready"));
                stop.wait();
            };
            let stop = Rc::new(Event::new());
            runner.run(|| wait_for(&stop)).unwrap();
            let result = runner.run(|| {
                remove_signal_handler(TERM);
                Event::new().wait();
            });
            assert!(matches!(result, Err(RunError::Deadlock(_))), "{result:?}");
        },
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "a_handler_takes_the_place_of_the_one_before_and_may_take_itself_away",
        body: || {
            cede::run(|| {
                let log = Rc::new(RefCell::new(Vec::new()));
                let adds = |word: &'static str| {
                    let log = Rc::clone(&log);
                    move || log.borrow_mut().push(word)
                };
                add_signal_handler(USR1, adds("never")).unwrap();
                USR1.raise().unwrap();
                // What was on its way to the first is nobody's.
                add_signal_handler(USR1, adds("first")).unwrap();
                until_handled();
                USR1.raise().unwrap();
                until_handled();
                assert_eq!(*log.borrow(), ["first"]);
                let (again, owned) = (adds("second"), Rc::new(()));
                let alive = Rc::downgrade(&owned);
                add_signal_handler(USR1, move || {
                    assert!(remove_signal_handler(USR1));
                    assert_eq!(Rc::strong_count(&owned), 1, "it is not dropped before it returns");
                    add_signal_handler(USR1, again.clone()).unwrap();
                })
                .unwrap();
                (0..2).for_each(|_| {
                    USR1.raise().unwrap();
                    until_handled();
                });
                assert_eq!(*log.borrow(), ["first", "second"]);
                assert!(alive.upgrade().is_none());
                assert!(remove_signal_handler(USR1));
            });
        },
        script: alone,
    },
    Case {
        name: "listeners_may_go_in_a_handler",
        body: || {
            cede::run(|| {
                let (one, other) = (signal(USR1).unwrap(), signal(USR1).unwrap());
                let (mut one, heard) = (Some(one), Rc::new(Event::new()));
                let set = Rc::clone(&heard);
                add_signal_handler(USR1, move || {
                    drop(one.take());
                    assert!(remove_signal_handler(USR1));
                    set.set();
                })
                .unwrap();
                USR1.raise().unwrap();
                heard.wait();
                assert_eq!(other.recv(), USR1);
                drop(other);
                println!("ready");
                sleep(super::HOUR);
            });
        },
        script: |run| {
            run.send_when_ready(Signal::USR1);
            run.is_killed_by(Signal::USR1, &[]);
        },
    },
    Case {
        name: "a_handler_that_panics_is_reported_and_stays",
        body: || {
            let reports = Arc::new(Mutex::new(Vec::new()));
            let theirs = Arc::clone(&reports);
            cede::set_task_hook(move |report| theirs.lock().unwrap().push(report.to_string()));
            std::panic::set_hook(Box::new(|_| {}));
            cede::run(|| {
                let mut calls = 0;
                add_signal_handler(USR1, move || {
                    calls += 1;
                    panic!("call {calls}");
                })
                .unwrap();
                for _ in 0..2 {
                    USR1.raise().unwrap();
                    until_handled();
                }
            });
            let reports = reports.lock().unwrap();
            assert_eq!(reports.len(), 2, "{reports:?}");
            assert!(reports[0].contains("signal handler") && reports[0].contains("call 1"), "{reports:?}");
            assert!(reports[1].contains("call 2"), "{reports:?}");
        },
        script: alone,
    },
    Case {
        name: "a_handler_sees_the_context_of_who_added_it_and_keeps_what_it_sets",
        body: || {
            cede::run(|| {
                static VARIABLE: ContextVar<u32> = ContextVar::new("variable");
                let seen = Rc::new(RefCell::new(Vec::new()));
                let log = Rc::clone(&seen);
                VARIABLE.set(1);
                add_signal_handler(USR1, move || {
                    log.borrow_mut().push(VARIABLE.get().unwrap());
                    VARIABLE.set(VARIABLE.get().unwrap() + 1);
                })
                .unwrap();
                VARIABLE.set(10);
                for _ in 0..2 {
                    USR1.raise().unwrap();
                    until_handled();
                }
                assert_eq!(*seen.borrow(), [1, 2]);
                assert_eq!(VARIABLE.get(), Some(10));
            });
        },
        script: alone,
    },
    Case {
        name: "each_run_and_each_worker_has_its_own",
        body: || {
            let calls = Arc::new(AtomicUsize::new(0));
            let (ready, all_ready) = mpsc::channel();
            let main = {
                let calls = Arc::clone(&calls);
                move || {
                    let called = Arc::new(Event::new());
                    let (set, calls) = (Arc::clone(&called), Arc::clone(&calls));
                    add_signal_handler(USR1, move || {
                        calls.fetch_add(1, Ordering::SeqCst);
                        set.set();
                    })
                    .unwrap();
                    ready.send(()).unwrap();
                    called.wait();
                }
            };
            let on_each = main.clone();
            let runtime = thread::spawn(move || {
                let runtime = Runtime::builder().workers(2).build().unwrap();
                runtime
                    .run(move || {
                        let tasks = cede::runtime::spawn_on_each(move |_| on_each());
                        tasks.into_iter().for_each(|task| task.join().unwrap());
                    })
                    .unwrap();
            });
            let run = thread::spawn(move || cede::run(main));
            (0..3).for_each(|_| all_ready.recv().unwrap());
            USR1.raise().unwrap();
            runtime.join().unwrap();
            run.join().unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 3);
        },
        script: alone,
    },
    Case {
        name: "between_the_runs_of_a_runner_it_stays_and_with_the_runner_it_goes",
        body: || {
            let runner = Runner::new();
            let calls = Rc::new(Cell::new(0));
            let count = Rc::clone(&calls);
            runner.run(|| add_signal_handler(TERM, move || count.set(count.get() + 1))).unwrap().unwrap();
            (0..5).for_each(|_| TERM.raise().unwrap());
            assert_eq!(calls.get(), 0);
            runner.run(until_handled).unwrap();
            assert_eq!(calls.get(), 1);
            runner.close().unwrap();
            assert_eq!(Rc::strong_count(&calls), 1);
            println!("ready");
            super::wait_to_be_ended();
        },
        script: |run| {
            run.send_when_ready(Signal::TERM);
            run.is_killed_by(Signal::TERM, &[]);
        },
    },
    Case {
        name: "a_handler_is_there_while_the_tasks_are_ended_and_no_reason_to_wait",
        body: || {
            let calls = Rc::new(Cell::new(0));
            let count = Rc::clone(&calls);
            cede::run(move || {
                add_signal_handler(USR1, move || count.set(count.get() + 1)).unwrap();
                spawn(|| {
                    cede::finally(
                        || sleep(Duration::MAX),
                        || {
                            USR1.raise().unwrap();
                            until_handled();
                        },
                    );
                });
                // Goes on waiting after it was cancelled, which is found out when nothing can happen any more.
                spawn(|| {
                    let _ = cede::catch_cancelled(|| sleep(Duration::MAX));
                    sleep(Duration::MAX);
                });
                yield_now();
            });
            assert_eq!((calls.get(), Rc::strong_count(&calls)), (1, 1));
        },
        script: alone,
    },
];
