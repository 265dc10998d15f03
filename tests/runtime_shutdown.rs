//! The end of a run: which tasks are cancelled when, what may still begin, and what becomes of those that can't be ended.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use cede::sync::Queue;
use cede::task::{Builder, gather};
use cede::{
    JoinHandle, OnDeadlock, RunError, Runner, catch_cancelled, current, finally, sleep, spawn, yield_now,
};
use trace::{Logs, SECOND, log, logged, reported};

fn runner() -> Runner {
    Runner::builder().virtual_time(true).build()
}

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

/// Runs until the tasks that `main` has spawned have taken their first step.
fn started(runner: &Runner, main: impl FnOnce()) {
    let main = || {
        main();
        yield_now();
    };
    runner.run(main).unwrap();
}

#[test]
fn a_run_goes_on_for_the_tick_after_its_main_task() {
    cede::run(|| {
        spawn(|| {
            log("began");
            yield_now();
            log("unreachable");
        });
    });
    assert_eq!(logged(), ["began"]);
}

#[test]
fn a_clean_up_that_takes_long_is_cancelled_once() {
    let runner = runner();
    started(&runner, || {
        for _ in 0..3 {
            spawn(|| {
                finally(forever, || {
                    sleep(100_000 * SECOND);
                    (0..1000).for_each(|_| yield_now());
                    log(format!("{} request", current().unwrap().cancelling()));
                });
            });
        }
    });
    runner.close().unwrap();
    assert_eq!(logged(), ["1 request"; 3]);
}

#[test]
fn tasks_that_begin_meanwhile_may_help_and_are_ended_after_the_others() {
    let runner = runner();
    started(&runner, || {
        spawn(|| {
            let _held = Logs("first");
            finally(forever, || {
                let helper = spawn(|| {
                    sleep(SECOND);
                    "helped"
                });
                spawn(|| {
                    let _held = Logs("began meanwhile");
                    finally(forever, || log(format!("{} request", current().unwrap().cancelling())));
                });
                log(helper.join().unwrap());
            });
        });
        spawn(|| {
            let _held = Logs("second");
            finally(forever, || sleep(5 * SECOND));
        });
    });
    runner.close().unwrap();
    assert_eq!(logged(), ["helped", "first", "second", "1 request", "began meanwhile"]);
}

/// They run as long as asyncio's loop does: it learns of the end of the last task in the tick after it, and stops in the one after that.
#[test]
fn a_task_that_begins_at_the_very_end_has_two_ticks() {
    let runner = runner();
    let steps = Rc::new(Cell::new(0));
    let count = Rc::clone(&steps);
    started(&runner, move || {
        spawn(move || {
            finally(forever, || {
                spawn(move || {
                    loop {
                        count.set(count.get() + 1);
                        yield_now();
                    }
                });
            });
        });
    });
    runner.close().unwrap();
    assert_eq!(steps.get(), 2);
}

#[test]
fn a_task_that_waits_again_is_cancelled_again_when_nothing_else_can_happen() {
    let runner = runner();
    started(&runner, || {
        let event = Rc::new(Queue::<()>::unbounded());
        let put = Rc::clone(&event);
        spawn(move || {
            assert!(catch_cancelled(forever).is_err());
            log("went on");
            event.get().unwrap();
            log("was woken");
            finally(forever, || log(format!("{} requests", current().unwrap().cancelling())));
        });
        spawn(move || finally(forever, || sleep(SECOND)));
        spawn(move || {
            finally(forever, || {
                sleep(2 * SECOND);
                put.put(()).unwrap();
            });
        });
    });
    runner.close().unwrap();
    assert_eq!(logged(), ["went on", "was woken", "2 requests"]);
}

#[test]
fn the_hook_for_deadlocks_is_asked_before_tasks_are_cancelled_again() {
    let waiting: Rc<RefCell<Option<Rc<Queue<()>>>>> = Rc::default();
    let shared = Rc::clone(&waiting);
    let runner = Runner::builder()
        .virtual_time(true)
        .on_deadlock(move |deadlock| {
            log(format!("asked about {}", deadlock.tasks.len()));
            match shared.take() {
                Some(queue) => queue.put_nowait(()).unwrap(),
                None => return OnDeadlock::Stop,
            }
            OnDeadlock::Continue
        })
        .build();
    started(&runner, || {
        spawn(move || {
            let queue = Rc::new(Queue::unbounded());
            finally(forever, || {
                waiting.replace(Some(Rc::clone(&queue)));
                queue.get().unwrap();
                log(format!("{} request", current().unwrap().cancelling()));
                finally(forever, || log(format!("{} requests", current().unwrap().cancelling())));
            });
        });
    });
    runner.close().unwrap();
    assert_eq!(logged(), ["asked about 1", "1 request", "asked about 1", "2 requests"]);
}

#[test]
fn what_waits_for_a_thread_in_a_clean_up_is_not_cancelled_again() {
    let queue = Arc::new(Queue::unbounded());
    let (cleaning, cleans) = mpsc::channel();
    let theirs = Arc::clone(&queue);
    let thread = thread::spawn(move || {
        cleans.recv().unwrap();
        theirs.put_nowait(7).unwrap();
    });
    let runner = Runner::new();
    started(&runner, || {
        spawn(move || {
            finally(forever, || {
                cleaning.send(()).unwrap();
                log(format!("{} after {} request", queue.get().unwrap(), current().unwrap().cancelling()));
            });
        });
    });
    runner.close().unwrap();
    assert_eq!(logged(), ["7 after 1 request"]);
    thread.join().unwrap();
}

#[test]
fn a_task_that_catches_every_cancellation_is_given_up_and_the_others_are_ended() {
    let ((), reports) = reported(|| {
        let runner = runner();
        started(&runner, || {
            Builder::new().name("stubborn").spawn(|| {
                let _held = Logs("unreachable");
                loop {
                    let _caught = catch_cancelled(forever);
                }
            });
            Builder::new().name("swallows").spawn(|| {
                let _held = Logs("unreachable");
                loop {
                    let _ = std::panic::catch_unwind(forever);
                }
            });
            spawn(|| {
                let _held = Logs("ended");
                finally(forever, || {
                    drop(spawn(|| {
                        let _held = Logs("helper ended");
                        finally(forever, || sleep(SECOND));
                    }))
                });
            });
        });
        runner.close().unwrap();
        runner.close().unwrap();
        assert_eq!(runner.run(|| spawn(|| 5).join().unwrap()).unwrap(), 5);
    });
    assert_eq!(logged(), ["ended", "helper ended"]);
    let stubborn =
        "task 2 \"stubborn\": can't be ended: it was cancelled 16 times and goes on. Its stack is leaked";
    assert_eq!(reports[0], stubborn);
    assert!(reports[1].starts_with("task 3 \"swallows\": can't be ended"), "{reports:?}");
}

/// Spawns a task from its destructor, so many times.
struct Spawns(u32);

impl Drop for Spawns {
    fn drop(&mut self) {
        log(format!("{} left", self.0));
        if let Some(fewer) = self.0.checked_sub(1) {
            let next = Spawns(fewer);
            drop(spawn(move || drop(next)));
        }
    }
}

#[test]
fn destructors_may_spawn_while_the_tasks_are_ended() {
    let runner = runner();
    started(&runner, || {
        spawn(|| {
            let _spawns = Spawns(3);
            forever();
        });
    });
    runner.close().unwrap();
    assert_eq!(logged(), ["3 left", "2 left", "1 left", "0 left"]);
    assert_eq!(format!("{runner:?}"), "Runner { tasks: 0, .. }");
}

/// Spawns a task in its stead as it is cancelled.
fn hydra(heads: Rc<Cell<u32>>) {
    heads.set(heads.get() + 1);
    finally(forever, || {
        spawn(move || hydra(heads));
    });
}

#[test]
fn tasks_that_spawn_others_in_their_stead_for_ever_are_given_up() {
    let heads = Rc::new(Cell::new(0));
    let ((), reports) = reported(|| {
        let runner = runner();
        let first = Rc::clone(&heads);
        started(&runner, || drop(spawn(move || hydra(first))));
        runner.close().unwrap();
    });
    assert!((10..1000).contains(&heads.get()), "{}", heads.get());
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("can't be ended"), "{reports:?}");
}

#[test]
fn after_a_deadlock_only_the_main_task_is_ended() {
    let runner = runner();
    let queue = Rc::new(Queue::unbounded());
    let theirs = Rc::clone(&queue);
    let task: Rc<RefCell<Option<JoinHandle<u8>>>> = Rc::default();
    let error = runner.run(|| {
        task.replace(Some(spawn(move || theirs.get().unwrap())));
        forever();
    });
    assert!(matches!(error, Err(RunError::Deadlock(_))));
    let got = runner.run(|| {
        queue.put(3).unwrap();
        task.take().unwrap().join().unwrap()
    });
    assert_eq!(got.unwrap(), 3);
}

#[test]
fn a_main_task_that_waits_for_what_another_task_has_is_ended_after_a_deadlock() {
    let runner = runner();
    let error = runner.run(|| {
        let task = spawn(|| {
            while catch_cancelled(forever).is_err() {
                let requests = current().unwrap().cancelling();
                if requests == 3 {
                    break;
                }
            }
        });
        cede::no_cancel(|| task.join().unwrap());
        log("main goes on");
    });
    assert!(matches!(error, Err(RunError::Deadlock(_))), "{error:?}");
    assert_eq!(logged(), ["main goes on"]);
}

#[test]
fn a_main_task_that_waits_for_one_that_catches_every_cancellation_is_ended_after_a_deadlock() {
    let runner = runner();
    let error = runner.run(|| {
        let task = spawn(|| {
            loop {
                let _ = catch_cancelled(forever);
            }
        });
        let task: JoinHandle<()> = task;
        let _held = Logs("main");
        let _ = task.join();
        log("unreachable");
    });
    assert!(matches!(error, Err(RunError::Deadlock(_))), "{error:?}");
    assert_eq!(logged(), ["main"]);
    let (closed, reports) = reported(|| runner.close());
    closed.unwrap();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("can't be ended"), "{reports:?}");
}

#[test]
fn a_main_task_that_waits_for_what_is_in_another_run_is_ended_after_a_deadlock() {
    let other = runner();
    let task: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    started(&other, || drop(task.replace(Some(spawn(forever)))));
    let task = task.take().unwrap();
    let error = runner().run(|| drop(gather([&task]).join()));
    assert!(matches!(error, Err(RunError::Deadlock(_))), "{error:?}");
    assert!(!task.is_finished());
    other.close().unwrap();
    assert!(task.is_finished());
}

#[test]
fn all_that_is_left_can_be_cancelled_and_what_begins_meanwhile_goes_on_in_the_next_run() {
    let runner = runner();
    let tasks = Rc::new(RefCell::new(Vec::new()));
    let late = Rc::new(RefCell::new(None));
    let (left, begun) = (Rc::clone(&tasks), Rc::clone(&late));
    started(&runner, move || {
        let begun = Rc::clone(&begun);
        left.borrow_mut().push(spawn(move || {
            let _guard = Logs("first");
            finally(forever, || *begun.borrow_mut() = Some(spawn(|| sleep(SECOND))));
        }));
        left.borrow_mut().push(spawn(|| {
            let _guard = Logs("second");
            forever();
        }));
    });
    runner.cancel_all().unwrap();
    assert_eq!(logged(), ["first", "second"]);
    assert!(tasks.borrow().iter().all(JoinHandle::is_finished));
    let late: JoinHandle<()> = late.take().unwrap();
    assert!(!late.is_finished());
    assert_eq!(late.cancelling(), 0);
    runner.run(|| late.join()).unwrap().unwrap();
    runner.cancel_all().unwrap();
}

#[test]
fn tasks_cannot_be_cancelled_as_a_whole_from_within_their_run() {
    let runner = Rc::new(runner());
    let inner = Rc::clone(&runner);
    runner.run(move || assert!(matches!(inner.cancel_all(), Err(RunError::Nested)))).unwrap();
}
