//! Ctrl-C, wherever it finds a run: each case is a child of this test, on the thread that the process began with.
//!
//! That is why this has a harness of its own: the usual one runs tests on other threads. A child says on stdout when it is to be
//! interrupted. Runs that wait for other threads are tested here too, since a child has none.

#[path = "runtime_interrupt/elsewhere.rs"]
mod elsewhere;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "runtime_interrupt/harness.rs"]
mod harness;

use std::ffi::c_int;
use std::fs;
use std::io;
use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cede::runtime::unblock;
use cede::sync::Queue;
use cede::{
    OnDeadlock, RunError, Runner, catch_cancelled, current, finally, no_cancel, sleep, spawn, yield_now,
};
use harness::{Case, Run};

/// Longer than any case takes.
const HOUR: Duration = Duration::from_secs(3600);

/// Waits for a line of the parent, and blocks the thread.
fn wait_for_line() {
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// What SIGINT does.
fn disposition() -> libc::sighandler_t {
    // SAFETY: a sigaction of zeros is valid, and the call only writes it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGINT, std::ptr::null(), &mut action), 0);
        action.sa_sigaction
    }
}

fn set_disposition(handler: libc::sighandler_t) {
    // SAFETY: the handlers of this test may be called in a signal handler.
    unsafe { libc::signal(libc::SIGINT, handler) };
}

fn interruptible() -> Runner {
    Runner::builder().interrupts(true).build()
}

fn outcome<T: std::fmt::Debug>(result: Result<T, RunError>) {
    match result {
        Ok(value) => println!("value {value:?}"),
        Err(error) => println!("{error}"),
    }
}

/// Sleeps until it is cancelled, and cleans up.
fn sleep_and_clean_up(name: &'static str) {
    let sleeps = || {
        println!("{name}");
        sleep(HOUR);
    };
    finally(sleeps, || {
        sleep(Duration::from_millis(1));
        println!("cleaned up {name}");
    });
}

fn ends_in_order() {
    cede::run(|| {
        spawn(|| sleep_and_clean_up("other"));
        yield_now();
        sleep_and_clean_up("ready");
    });
    println!("unreachable");
}

fn is_ended_in_order(run: &mut Run) {
    run.expect("other");
    run.interrupt_when_ready();
    run.is_killed_after(&["cleaned up ready", "cleaned up other"]);
}

const CASES: &[Case] = &[
    Case {
        name: "a_run_that_sleeps_ends_in_order_and_the_process_by_the_signal",
        body: ends_in_order,
        script: is_ended_in_order,
    },
    Case { name: "a_run_that_sleeps_on_portable", body: ends_in_order, script: is_ended_in_order },
    Case {
        name: "a_main_task_that_catches_it_gives_its_value",
        body: || {
            let caught = cede::run(|| {
                println!("ready");
                catch_cancelled(|| sleep(HOUR)).is_err()
            });
            println!("caught {caught}, default {}", disposition() == libc::SIG_DFL);
            println!("ready");
            wait_for_line();
            println!("unreachable");
        },
        script: |run| {
            run.interrupt_when_ready();
            run.expect("caught true, default true");
            run.interrupt_when_ready();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "a_runner_gives_an_error_each_time_and_keeps_its_tasks",
        body: || {
            let runner = interruptible();
            for _ in 0..3 {
                outcome(runner.run(|| {
                    spawn(|| sleep_and_clean_up("task"));
                    println!("ready");
                    sleep(HOUR);
                }));
            }
            outcome(runner.run(|| 5));
            runner.close().unwrap();
        },
        script: |run| {
            for _ in 0..3 {
                run.interrupt_when_ready();
                run.expect("task");
                run.expect("the run was interrupted");
            }
            run.succeeds_after(&["value 5", "cleaned up task", "cleaned up task", "cleaned up task"]);
        },
    },
    Case {
        name: "a_runner_is_not_interrupted_unless_it_asks_for_it",
        body: || {
            outcome(Runner::new().run(|| sleep_and_clean_up("ready")));
        },
        script: |run| {
            run.interrupt_when_ready();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "a_run_on_another_thread_is_not_interrupted_unless_it_asks_for_it",
        body: || {
            thread::spawn(|| outcome(interruptible().run(|| sleep_and_clean_up("ready")))).join().unwrap();
            thread::spawn(|| cede::run(|| sleep_and_clean_up("ready"))).join().unwrap();
        },
        script: |run| {
            run.interrupt_when_ready();
            run.expect("cleaned up ready");
            run.expect("the run was interrupted");
            run.interrupt_when_ready();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "only_one_run_of_the_process_has_it",
        body: || {
            let runner = interruptible();
            outcome(runner.run(|| {
                let thread = thread::spawn(|| interruptible().run(|| 5));
                println!("{}", thread.join().unwrap().unwrap());
                println!("ready");
                sleep(HOUR);
            }));
        },
        script: |run| {
            run.expect("5");
            run.interrupt_when_ready();
            run.succeeds_after(&["the run was interrupted"]);
        },
    },
    Case {
        name: "a_busy_run_hears_it_in_the_next_tick",
        body: || {
            outcome(interruptible().run(|| {
                spawn(|| {
                    println!("ready");
                    loop {
                        yield_now();
                    }
                });
                loop {
                    yield_now();
                }
            }));
        },
        script: |run| {
            run.interrupt_when_ready();
            run.succeeds_after(&["the run was interrupted"]);
        },
    },
    Case {
        name: "a_blocking_call_is_left_and_the_end_of_the_run_waits_for_it",
        body: || {
            cede::run(|| {
                let (go, wait) = mpsc::channel::<()>();
                let _go = go;
                unblock(move || {
                    println!("ready");
                    wait.recv().unwrap_err();
                    println!("the call ends");
                });
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.is_killed_after(&["the call ends"]);
        },
    },
    Case {
        name: "it_is_heard_after_the_hook_for_deadlocks",
        body: || {
            let hook = |_: &cede::Deadlock| {
                println!("ready");
                wait_for_line();
                OnDeadlock::Continue
            };
            let runner = Runner::builder().interrupts(true).by_itself(true).on_deadlock(hook).build();
            outcome(runner.run(|| sleep(Duration::MAX)));
        },
        script: |run| {
            run.interrupt_when_ready();
            run.go_on();
            run.succeeds_after(&["the run was interrupted"]);
        },
    },
    Case {
        name: "a_deadlock_is_found_at_once_all_the_same",
        body: || {
            let result = panic::catch_unwind(|| cede::run(|| sleep(Duration::MAX)));
            println!("{}", result.unwrap_err().downcast::<String>().unwrap().lines().next().unwrap());
            println!("default {}", disposition() == libc::SIG_DFL);
        },
        script: |run| {
            let lines: Vec<_> = std::iter::from_fn(|| run.line()).collect();
            let deadlock = "cede: deadlock: 1 task waits and nothing can wake it";
            assert!(
                [deadlock, "default true"].iter().all(|line| lines.iter().any(|found| found == line)),
                "{lines:?}"
            );
        },
    },
    Case {
        name: "a_run_that_waits_for_other_threads_is_interrupted",
        body: || {
            let queue = Arc::new(Queue::<u8>::unbounded());
            let theirs = Arc::clone(&queue);
            let (tell, told) = mpsc::channel::<()>();
            let _thread = thread::spawn(move || (told.recv(), theirs));
            cede::run(|| {
                println!("ready");
                finally(|| queue.get(), || println!("cleaned up")).unwrap();
            });
            drop(tell);
        },
        script: |run| {
            run.interrupt_when_ready();
            run.is_killed_after(&["cleaned up"]);
        },
    },
    Case {
        name: "the_second_stops_a_clean_up_at_once",
        body: || {
            cede::run(|| {
                let sleeps = || {
                    println!("ready");
                    sleep(HOUR);
                };
                finally(sleeps, || {
                    println!("ready");
                    sleep(HOUR);
                });
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.interrupt_when_ready();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "the_second_stops_a_task_that_never_waits",
        body: || {
            cede::run(|| {
                println!("ready");
                let mut said = false;
                loop {
                    // The first has been handled when the signal does what it does by default again.
                    if !said && disposition() == libc::SIG_DFL {
                        said = true;
                        println!("ready");
                    }
                }
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.interrupt_when_ready();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "one_that_comes_while_the_other_tasks_are_ended_stops_at_once",
        body: || {
            cede::run(|| {
                spawn(|| {
                    finally(
                        || sleep(HOUR),
                        || {
                            println!("ready");
                            sleep(HOUR);
                        },
                    );
                });
                yield_now();
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "one_that_comes_too_late_counts_as_one_after_the_run",
        body: || {
            interruptible()
                .run(|| {
                    spawn(|| {
                        println!("ready");
                        wait_for_line();
                    });
                })
                .unwrap();
            println!("unreachable");
        },
        script: |run| {
            run.interrupt_when_ready();
            run.go_on();
            run.is_killed_after(&[]);
        },
    },
    Case {
        name: "it_waits_until_the_main_task_may_be_cancelled",
        body: || {
            cede::run(|| {
                no_cancel(|| {
                    println!("ready");
                    unblock(wait_for_line);
                    println!("done");
                });
                yield_now();
                println!("unreachable");
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.go_on();
            run.is_killed_after(&["done"]);
        },
    },
    Case {
        name: "a_main_task_that_others_cancel_too_is_cancelled",
        body: || {
            outcome(interruptible().run(|| {
                println!("ready");
                wait_for_line();
                current().unwrap().cancel();
                yield_now();
            }));
        },
        script: |run| {
            run.interrupt_when_ready();
            run.go_on();
            run.succeeds_after(&["the main task was cancelled"]);
        },
    },
    Case {
        name: "a_signal_that_is_ignored_stays_ignored",
        body: || {
            set_disposition(libc::SIG_IGN);
            cede::run(|| {
                println!("ready");
                unblock(wait_for_line);
                println!("went on");
            });
            assert_eq!(disposition(), libc::SIG_IGN);
        },
        script: |run| {
            run.interrupt_when_ready();
            run.go_on();
            run.succeeds_after(&["went on"]);
        },
    },
    Case {
        name: "whoever_installs_a_handler_meanwhile_has_it_from_then_on",
        body: || {
            static PREVIOUS: AtomicUsize = AtomicUsize::new(0);
            static CALLS: AtomicUsize = AtomicUsize::new(0);
            extern "C" fn theirs(signal: c_int) {
                CALLS.fetch_add(1, Ordering::SeqCst);
                // SAFETY: what was installed before by `cede::run`, a function of this type.
                let previous: extern "C" fn(c_int) =
                    unsafe { std::mem::transmute(PREVIOUS.load(Ordering::SeqCst)) };
                previous(signal);
            }
            let theirs = theirs as extern "C" fn(c_int) as *const () as libc::sighandler_t;
            cede::run(|| {
                PREVIOUS.store(disposition(), Ordering::SeqCst);
                set_disposition(theirs);
                for calls in 1..4 {
                    println!("ready");
                    while CALLS.load(Ordering::SeqCst) < calls {
                        yield_now();
                    }
                }
            });
            assert_eq!(disposition(), theirs);
            println!("ready");
            while CALLS.load(Ordering::SeqCst) < 4 {
                thread::yield_now();
            }
        },
        script: |run| {
            (0..4).for_each(|_| run.interrupt_when_ready());
            run.succeeds_after(&[]);
        },
    },
    Case {
        name: "what_was_printed_before_is_not_lost",
        body: || {
            cede::run(|| {
                println!("ready");
                print!("half a line");
                sleep(HOUR);
            });
        },
        script: |run| {
            run.interrupt_when_ready();
            run.is_killed_after(&["half a line"]);
        },
    },
    Case {
        name: "a_panic_of_the_main_task_puts_the_signal_back",
        body: || {
            let caught = panic::catch_unwind(|| cede::run(|| panic::resume_unwind(Box::new(1))));
            assert!(caught.is_err() && disposition() == libc::SIG_DFL);
            for _ in 0..1000 {
                cede::run(|| assert!(disposition() != libc::SIG_DFL));
                assert_eq!(disposition(), libc::SIG_DFL);
            }
        },
        script: |run| run.succeeds_after(&[]),
    },
    Case {
        name: "nothing_is_opened_where_it_is_off_or_nothing_sleeps",
        body: || {
            let open = || fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
            let before = open();
            let naps = || {
                spawn(|| sleep(Duration::from_millis(1))).join().unwrap();
                open()
            };
            assert_eq!(Runner::new().run(naps).unwrap(), before);
            assert_eq!(
                cede::run(|| {
                    spawn(yield_now).join().unwrap();
                    open()
                }),
                before
            );
            // A handler can't end every kind of sleep.
            assert!(before == 0 || cede::run(naps) > before);
            assert_eq!(open(), before);
        },
        script: |run| run.succeeds_after(&[]),
    },
];

fn main() -> ExitCode {
    // Whatever this test was started with.
    set_disposition(libc::SIG_DFL);
    harness::main(&[CASES, elsewhere::CASES])
}
