//! Runs: several on one runner, what is left between and after them, deadlocks, and where no run is possible.

#[path = "generator_statements/child.rs"]
mod child;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cede::sync::Queue;
use cede::task::Builder;
use cede::{JoinHandle, OnDeadlock, RunError, Runner, current, finally, sleep, spawn, yield_now};
use trace::{Logs, SECOND, log, logged, panic_text, reported, silent_panic};

fn runner() -> Runner {
    Runner::builder().virtual_time(true).build()
}

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

#[test]
fn tasks_that_are_left_go_on_in_the_next_run() {
    let runner = runner();
    let count = Rc::new(Cell::new(0));
    let task = runner
        .run(|| {
            let count = Rc::clone(&count);
            spawn(move || {
                loop {
                    count.set(count.get() + 1);
                    sleep(SECOND);
                }
            })
        })
        .unwrap();
    assert_eq!(count.get(), 1, "a run goes on for the tick after its main task");
    runner.run(|| sleep(3 * SECOND)).unwrap();
    assert!((4..6).contains(&count.get()));
    assert_eq!(runner.run(|| current().unwrap().id()).unwrap(), 4);
    runner.close().unwrap();
    assert!(task.is_finished());
    assert!(task.join().map(drop).unwrap_err().is_cancelled());
}

#[test]
fn close_cancels_in_the_order_of_making_waits_and_reports_errors() {
    let ((), reports) = reported(|| {
        let runner = runner();
        runner
            .run(|| {
                for name in ["one", "two", "three"] {
                    drop(Builder::new().name(name).spawn(move || {
                        let _held = Logs(name);
                        finally(forever, || sleep(SECOND));
                    }));
                }
                drop(Builder::new().name("fails").spawn(|| finally(forever, || silent_panic("clean-up"))));
                yield_now();
            })
            .unwrap();
        assert_eq!(format!("{runner:?}"), "Runner { tasks: 4, .. }");
        runner.close().unwrap();
        runner.close().unwrap();
    });
    assert_eq!(logged(), ["one", "two", "three"]);
    assert_eq!(reports, ["task 5 \"fails\": panicked and nobody asked: clean-up"]);
}

#[test]
fn a_runner_that_was_closed_can_run_and_close_again() {
    let runner = runner();
    runner.close().unwrap();
    runner
        .run(|| {
            spawn(|| {
                let _held = Logs("ended");
                forever();
            });
            yield_now();
        })
        .unwrap();
    drop(runner);
    assert_eq!(logged(), ["ended"]);
}

#[test]
fn a_panic_in_main_goes_on_after_the_siblings_have_cleaned_up() {
    let text = panic_text(|| {
        cede::run(|| {
            spawn(|| {
                let data = [Logs("data")];
                cede::scope(|s| {
                    s.spawn(|| finally(forever, || log(format!("child sees {}", data.len()))));
                    finally(forever, || {
                        yield_now();
                        log("waited");
                    });
                })
            });
            yield_now();
            yield_now();
            silent_panic("main")
        })
    });
    assert_eq!(text, "main");
    assert_eq!(logged(), ["child sees 1", "waited", "data"]);
}

/// No task can wait during an unwind: nothing of them runs, and their stacks stay.
#[test]
fn a_runner_that_an_unwind_drops_leaves_its_tasks_as_they_are_and_names_them() {
    let (text, reports) = reported(|| {
        panic_text(|| {
            let runner = runner();
            runner
                .run(|| {
                    spawn(|| {
                        let _held = Logs("unreachable");
                        cede::scope(|s| {
                            s.spawn(forever);
                        })
                    });
                    yield_now();
                    yield_now();
                    spawn(|| ());
                    spawn(yield_now);
                })
                .unwrap();
            silent_panic("outside")
        })
    });
    assert_eq!(text, "outside");
    assert_eq!(logged(), [""; 0]);
    let pending = "is pending while its runner goes, where no task can be ended; it";
    assert_eq!(reports.len(), 3, "{reports:?}");
    assert!(
        reports[0].starts_with(&format!("task 2 \"Task-2\": {pending} waits for the tasks of its group: 3."))
    );
    assert!(
        reports[1].starts_with(&format!("task 3 \"Task-3\": {pending} gets from Queue(0)")),
        "{}",
        reports[1]
    );
    assert!(
        reports[2].starts_with(&format!("task 5 \"Task-5\": {pending} waits for its turn.")),
        "{}",
        reports[2]
    );
}

#[test]
fn a_deadlock_names_each_task_what_it_waits_for_and_its_place() {
    let (queue, lines) = (Rc::new(Queue::<u8>::bounded(3)), RefCell::new(Vec::new()));
    let made_at = line!() - 1;
    let error = runner()
        .run(|| {
            lines.borrow_mut().push(line!() + 1);
            let getter = Builder::new().name("getter").spawn(move || queue.get().is_ok());
            lines.borrow_mut().push(line!() + 1);
            let group = spawn(move || {
                cede::scope(|s| {
                    s.spawn(|| getter.join());
                })
            });
            group.join().unwrap().unwrap();
        })
        .unwrap_err();
    let RunError::Deadlock(deadlock) = &error else { panic!("{error:?}") };
    let waits: Vec<_> = deadlock.tasks.iter().map(|task| (task.id, task.waits_for.as_str())).collect();
    let (file, lines) = (file!(), lines.take());
    let gets = format!("gets from Queue(0/3) made at {file}:{made_at}:35");
    let expected = [
        (1, "joins task 3 \"Task-3\""),
        (2, gets.as_str()),
        (3, "waits for the tasks of its group: 4"),
        (4, "joins task 2 \"getter\""),
    ];
    assert_eq!(waits, expected);
    for (task, line) in deadlock.tasks[1..].iter().zip(&lines) {
        assert_eq!(task.spawned_at.line(), *line);
    }
    let text = error.to_string();
    let mut text = text.lines();
    assert_eq!(text.next(), Some("deadlock: 4 tasks wait and nothing can wake them"));
    text.next();
    let width = gets.len();
    let getter = format!("  task 2 \"getter\"  {gets:width$}  spawned at {file}:{}:56", lines[0]);
    assert_eq!(text.next(), Some(getter.as_str()));
    let group = format!("  task 3 \"Task-3\"  {:width$}  spawned at {file}:{}:25", expected[2].1, lines[1]);
    assert_eq!(text.next(), Some(group.as_str()));
}

#[test]
fn a_deadlock_of_one_task_is_told_in_the_singular() {
    let text = runner().run(forever).unwrap_err().to_string();
    assert!(text.starts_with("deadlock: 1 task waits and nothing can wake it\n  task 1"), "{text}");
    assert!(text.contains("gets from Queue(0) made at tests/task_runner.rs"), "{text}");
}

#[test]
fn tasks_that_join_each_other_are_a_deadlock_that_ends() {
    let shared: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let error = runner()
        .run(|| {
            let other = Rc::clone(&shared);
            let first = spawn(move || {
                let second = other.take().unwrap();
                drop(second.join());
            });
            *shared.borrow_mut() = Some(spawn(move || drop(first.join())));
            forever();
        })
        .unwrap_err();
    assert!(error.to_string().starts_with("deadlock: 3 tasks wait"), "{error}");
}

#[test]
fn the_hook_for_deadlocks_may_cancel_a_task_and_go_on() {
    let stuck: Rc<RefCell<Vec<cede::TaskHandle>>> = Rc::default();
    let asked = Rc::new(Cell::new(0));
    let (victims, count) = (Rc::clone(&stuck), Rc::clone(&asked));
    let runner = Runner::builder()
        .virtual_time(true)
        .on_deadlock(move |deadlock| {
            count.set(count.get() + 1);
            assert_eq!(deadlock.tasks[0].id, 1);
            assert!(current().is_none());
            match victims.borrow_mut().pop() {
                Some(task) => {
                    assert!(task.cancel());
                    OnDeadlock::Continue
                }
                // Nothing has been made ready, so this ends the run.
                None => OnDeadlock::Continue,
            }
        })
        .build();
    let gone = runner
        .run(|| {
            let task = spawn(move || {
                stuck.borrow_mut().push(current().unwrap());
                forever();
            });
            let gone = task.join().unwrap_err().is_cancelled();
            assert_eq!(asked.get(), 1);
            gone
        })
        .unwrap();
    assert!(gone);
    assert!(matches!(runner.run(forever), Err(RunError::Deadlock(_))));
    assert_eq!(asked.get(), 2);
}

#[test]
fn a_hook_for_deadlocks_that_panics_ends_the_run_in_order() {
    let (error, reports) = reported(|| {
        let runner = Runner::builder().by_itself(true).on_deadlock(|_| silent_panic("hook")).build();
        let error = runner.run(|| {
            let _held = Logs("main");
            forever();
        });
        error.unwrap_err()
    });
    assert!(matches!(error, RunError::Deadlock(_)));
    assert_eq!(logged(), ["main"]);
    assert_eq!(reports, ["the hook for deadlocks: panicked: hook"]);
}

#[test]
fn a_main_task_that_is_cancelled_is_an_error_and_may_borrow() {
    let text = String::from("borrowed");
    let error = runner().run(|| {
        current().unwrap().cancel();
        yield_now();
        text.len()
    });
    assert_eq!(error.unwrap_err().to_string(), "the main task was cancelled");
}

#[test]
fn runs_do_not_nest_and_the_outer_one_goes_on() {
    let outer = runner();
    let seen = outer.run(|| {
        assert!(matches!(outer.run(|| ()), Err(RunError::Nested)));
        let inner = runner();
        assert!(matches!(inner.run(|| ()), Err(RunError::Nested)));
        spawn(forever);
        yield_now();
        assert!(matches!(outer.close(), Err(RunError::Nested)));
        let text = panic_text(|| cede::run(|| ()));
        assert_eq!(
            text,
            "cede: a run is under way on this thread: spawn a task in it, or use another thread"
        );
        cede::call_soon(|| assert!(matches!(Runner::new().run(|| ()), Err(RunError::Nested))));
        yield_now();
        "went on"
    });
    assert_eq!(seen.unwrap(), "went on");
    assert_eq!(cede::run(|| 1) + cede::run(|| 2), 3);
}

struct RunsInDrop;

impl Drop for RunsInDrop {
    fn drop(&mut self) {
        log(Runner::new().run(|| ()).unwrap_err().to_string());
    }
}

#[test]
fn no_run_begins_during_an_unwind() {
    panic_text(|| {
        let _runs = RunsInDrop;
        silent_panic("unwinding")
    });
    assert_eq!(logged(), ["nothing can be run while the thread is unwinding: catch the panic first"]);
}

#[test]
fn stacks_that_cannot_be_had_are_errors_of_the_run_and_drop_the_closure() {
    for size in [0, usize::MAX] {
        let held = Logs("closure");
        let error = Runner::builder().stack_size(size).build().run(move || drop(held)).unwrap_err();
        assert!(matches!(error, RunError::NoStack(_)), "{error:?}");
        assert!(error.to_string().starts_with("no stack for the main task: "), "{error}");
        assert_eq!(logged(), ["closure"]);
    }
}

#[test]
fn a_task_whose_stack_cannot_be_had_fails_through_its_handle() {
    let test = "a_task_whose_stack_cannot_be_had_fails_through_its_handle";
    child::alone(test, Some(1 << 20), || {
        runner()
            .run(|| {
                let tasks: Vec<_> = (0..20_000).map(|_| spawn(|| sleep(SECOND))).collect();
                yield_now();
                let failed: Vec<_> = tasks.iter().filter_map(|task| task.join().err()).collect();
                assert!(!failed.is_empty() && failed.len() < tasks.len(), "{}", failed.len());
                assert!(failed.iter().all(|error| error.error().unwrap().is::<cede::stack::StackError>()));
                assert_eq!(spawn(|| 1).join().unwrap(), 1);
            })
            .unwrap();
    });
}

#[test]
fn a_main_task_that_swallows_every_cancellation_aborts_with_a_message() {
    let output =
        child::run("a_main_task_that_swallows_every_cancellation_aborts_with_a_message", None, || {
            let _ = runner().run(|| {
                loop {
                    let _ = std::panic::catch_unwind(forever);
                }
            });
        });
    let text = child::text(&output);
    assert!(!output.status.success());
    assert!(text.contains("task 1 \"Task-1\": can't be ended"), "{text}");
    assert!(text.contains("the main task of a run can't be ended, and may have borrowed"), "{text}");
}

#[test]
fn the_process_may_exit_inside_a_task() {
    let output = child::run("the_process_may_exit_inside_a_task", None, || {
        cede::run(|| {
            let data = [1];
            let _ = cede::scope(|s| {
                s.spawn(forever);
                s.spawn(|| std::process::exit(data.len() as i32 + 40));
            });
        });
    });
    assert_eq!(output.status.code(), Some(41), "{}", child::text(&output));
}
