//! Blocking calls that borrow: nothing that they use goes before they have ended.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cede::sync::Event;
use cede::task::{Awaitable, First, Promise, race};
use cede::{Operation, Runner, Runtime, unblock_scoped};

/// Says that it is gone.
struct Flag<'a>(&'a AtomicBool);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn silent() -> ! {
    panic::resume_unwind(Box::new("silent"))
}

#[test]
fn a_call_borrows_and_changes_what_is_on_the_stack_of_its_task() {
    let mut total = 0;
    let numbers = [1, 2, 3];
    let longest = cede::run(|| {
        let here = thread::current().id();
        unblock_scoped(|| {
            assert_ne!(thread::current().id(), here);
            total = numbers.iter().sum();
            numbers.last()
        })
    });
    assert_eq!((total, longest), (6, Some(&3)));
}

#[test]
fn children_of_a_scope_borrow_from_their_parent_on_threads() {
    let mut parts = [0; 4];
    cede::run(|| {
        let numbers: Vec<u32> = (0..100).collect();
        cede::scope(|s| {
            for (part, numbers) in parts.iter_mut().zip(numbers.chunks(25)) {
                s.spawn(move || unblock_scoped(|| *part = numbers.iter().sum()));
            }
        })
    })
    .unwrap();
    assert_eq!(parts.iter().sum::<u32>(), 4950);
}

#[test]
fn a_call_that_has_not_begun_is_dropped_in_its_task_when_that_is_cancelled() {
    let runner = Runner::builder().max_blocking_threads(1).build();
    let (dropped, ran) = (AtomicBool::new(false), AtomicBool::new(false));
    runner
        .run(|| {
            let (release, released) = mpsc::channel::<()>();
            let blocker = cede::spawn(move || cede::unblock(move || released.recv().unwrap()));
            cede::yield_now();
            cede::scope(|s| {
                let task = s.spawn(|| {
                    let flag = Flag(&dropped);
                    unblock_scoped(|| {
                        let _flag = &flag;
                        ran.store(true, Ordering::SeqCst);
                    });
                });
                cede::yield_now();
                task.cancel();
                assert!(task.join().unwrap_err().is_cancelled());
                assert!(dropped.load(Ordering::SeqCst));
            })
            .unwrap();
            release.send(()).unwrap();
            blocker.join().unwrap();
        })
        .unwrap();
    assert!(!ran.load(Ordering::SeqCst));
}

#[test]
fn a_call_that_runs_is_waited_for_before_its_task_unwinds_and_the_run_goes_on_meanwhile() {
    let (ended, gone) = (AtomicBool::new(false), AtomicBool::new(false));
    cede::run(|| {
        let ((begin, begun), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
        let released = Mutex::new(released);
        cede::scope(|s| {
            let task = s.spawn(|| {
                let flag = Flag(&gone);
                unblock_scoped(|| {
                    begin.send(()).unwrap();
                    released.lock().unwrap().recv().unwrap();
                    assert!(!flag.0.load(Ordering::SeqCst), "it is borrowed");
                    ended.store(true, Ordering::SeqCst);
                });
                unreachable!("the cancellation comes with the end of the call");
            });
            cede::yield_now();
            begun.recv().unwrap();
            (0..3).for_each(|_| _ = task.cancel());
            (0..10).for_each(|_| cede::yield_now());
            assert!(!task.is_finished() && !gone.load(Ordering::SeqCst));
            release.send(()).unwrap();
            assert!(task.join().unwrap_err().is_cancelled());
            assert!(ended.load(Ordering::SeqCst) && gone.load(Ordering::SeqCst));
        })
        .unwrap();
    });
}

#[test]
fn a_call_is_waited_for_by_the_end_of_its_run() {
    let (ended, gone) = (AtomicBool::new(false), AtomicBool::new(false));
    let ((begin, begun), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let released = Mutex::new(released);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        cede::run(|| {
            cede::scope(|s| {
                s.spawn(|| {
                    let _flag = Flag(&gone);
                    unblock_scoped(|| {
                        begin.send(()).unwrap();
                        released.lock().unwrap().recv().unwrap();
                        ended.store(true, Ordering::SeqCst);
                    });
                });
                cede::yield_now();
                begun.recv().unwrap();
                thread::spawn(move || release.send(()).unwrap());
                silent();
            })
        })
    }));
    assert!(result.is_err());
    assert!(ended.load(Ordering::SeqCst) && gone.load(Ordering::SeqCst));
}

#[test]
fn a_run_does_not_come_back_while_a_task_that_it_leaves_lends_something() {
    thread_local!(static LENT: Mutex<Vec<u32>> = const { Mutex::new(Vec::new()) });
    let ended = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&ended);
    // The thread's locals go with it, and the runner is leaked.
    let thread = thread::spawn(move || {
        let runner = Runner::new();
        runner
            .run(|| {
                let (begin, begun) = mpsc::channel();
                cede::spawn(move || {
                    LENT.with(|lent| {
                        unblock_scoped(|| {
                            begin.send(()).unwrap();
                            for n in 0..1000 {
                                lent.lock().unwrap().push(n);
                                thread::yield_now();
                            }
                            ends.store(true, Ordering::SeqCst);
                        });
                    });
                });
                cede::yield_now();
                begun.recv().unwrap();
            })
            .unwrap();
        std::mem::forget(runner);
        assert!(ended.load(Ordering::SeqCst));
    });
    thread.join().unwrap();
}

#[test]
fn a_timeout_around_a_call_comes_when_it_has_ended() {
    let (text, (open, gate)) = (String::from("borrowed"), mpsc::channel::<()>());
    let gate = Mutex::new(gate);
    let result = cede::run(|| {
        cede::spawn(move || {
            // In the meantime the timer has rung.
            (0..10).for_each(|_| cede::yield_now());
            // Nobody is there where the call was taken back before it began.
            let _ = open.send(());
        });
        cede::timeout(Duration::ZERO, || {
            unblock_scoped(|| {
                gate.lock().unwrap().recv().unwrap();
                text.len()
            })
        })
    });
    assert!(result.is_err());
}

#[test]
fn a_panic_of_a_call_goes_on_in_its_task() {
    let count = Cell::new(1);
    let counted = &mut 0;
    cede::run(|| {
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            unblock_scoped(|| {
                *counted += 1;
                silent()
            })
        }));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "silent");
    });
    count.set(*counted);
    assert_eq!(count.get(), 1);
}

#[test]
fn a_call_is_refused_before_it_borrows_where_a_task_may_not_wait() {
    let mut touched = false;
    assert!(panic::catch_unwind(AssertUnwindSafe(|| unblock_scoped(|| touched = true))).is_err());
    cede::run(|| {
        let refused =
            panic::catch_unwind(AssertUnwindSafe(|| cede::no_switch(|| unblock_scoped(|| touched = true))));
        assert!(refused.is_err());
    });
    assert!(!touched);
}

#[test]
fn many_calls_that_are_cancelled_at_any_moment_leave_nothing_borrowed() {
    for round in 0..300 {
        let mut numbers = vec![0_u64; 64];
        cede::run(|| {
            cede::scope(|s| {
                let tasks: Vec<_> = numbers
                    .chunks_mut(16)
                    .map(|part| s.spawn(move || unblock_scoped(|| part.iter_mut().for_each(|n| *n += 1))))
                    .collect();
                for _ in 0..round % 4 {
                    cede::yield_now();
                }
                tasks.iter().for_each(|task| _ = task.cancel());
            })
            .unwrap();
        });
        // Each part was done whole or not at all.
        for part in numbers.chunks(16) {
            assert!(part.iter().all(|n| *n == part[0]));
        }
    }
}

/// An event that another thread has set wakes the task when it waits for something else, and is in a call that it must not leave.
#[test]
fn a_wake_up_that_comes_late_ends_no_call_though_its_task_was_cancelled() {
    let ((begin, begun), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let (released, in_time) = (Mutex::new(released), AtomicBool::new(false));
    let (event, promise) = (Event::new(), Promise::new());
    cede::run(|| {
        cede::scope(|s| {
            let task = s.spawn(|| {
                assert!(matches!(race((promise.joining(), event.waiting())).wait(), First::A(Ok(()))));
                unblock_scoped(|| {
                    begin.send(()).unwrap();
                    in_time.store(
                        released.lock().unwrap().recv_timeout(Duration::from_secs(60)).is_ok(),
                        Ordering::SeqCst,
                    );
                });
                unreachable!("the cancellation comes with the end of the call");
            });
            // In one tick, before the task goes on: it has left its wait when it is told of this.
            s.spawn(|| {
                (0..2).for_each(|_| cede::yield_now());
                thread::scope(|threads| _ = threads.spawn(|| event.set()));
            });
            s.spawn(|| {
                cede::yield_now();
                promise.set_result(()).unwrap();
            });
            (0..3).for_each(|_| cede::yield_now());
            begun.recv().unwrap();
            task.cancel();
            (0..10).for_each(|_| cede::yield_now());
            release.send(()).unwrap();
        })
        .unwrap();
    });
    assert!(in_time.load(Ordering::SeqCst), "the run went on meanwhile");
}

/// The end of a run is a part of it: what a call waits for may come with the end of other tasks.
#[test]
fn a_call_that_waits_for_another_task_keeps_no_run_from_ending_that() {
    let main = |fails: bool| {
        let ((begin, begun), (never, waits)) = (mpsc::channel(), mpsc::channel::<()>());
        let waits = Mutex::new(waits);
        cede::spawn(move || {
            unblock_scoped(|| {
                begin.send(()).unwrap();
                assert!(waits.lock().unwrap().recv().is_err());
            });
        });
        cede::spawn(move || {
            cede::sleep(Duration::MAX);
            drop(never);
        });
        cede::yield_now();
        begun.recv().unwrap();
        if fails {
            silent();
        }
    };
    let runs: [fn(&dyn Fn()); 2] =
        [|main| cede::run(main), |main| Runtime::builder().workers(2).build().unwrap().run(main).unwrap()];
    for (run, fails) in runs.into_iter().flat_map(|run| [(run, false), (run, true)]) {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            tell.send(panic::catch_unwind(|| run(&|| main(fails))).is_err()).unwrap();
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(fails), "or the run hangs");
    }
}
