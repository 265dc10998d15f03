//! CPython 3.13's tests of `asyncio.run` and `Runner` (`test_runners.py`), idea for idea. The name of the case stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `test_asyncio_run_only_coro`, `test_run_non_coro`, `test_run_future` | what is no function does not compile |
//! | `test_asyncio_run_set_event_loop`, `test_set_event_loop_called_once`, `test_asyncio_run_loop_factory`, `test_loop_factory_default_event_loop`, `test_custom_factory` | there are no policies and one kind of loop |
//! | `test_asyncio_run_without_uncancel` | there are no other classes of tasks |
//! | `test_explicit_close`, `test_second_with_block_raises` | a runner that was closed may be used again, which starts it anew |
//! | `test_asyncio_run_debug`, `test_debug`, `test_non_debug` | a run does not say whether it is in debug mode; what that does is tested in `runtime_debug.rs` |
//! | `test_interrupt_*`, `test_signal_install_not_supported_ok` | Ctrl-C needs a process of its own: `runtime_interrupt.rs` has these cases |
//! | that the report comes at once in `test_asyncio_run_reports_hanging_tasks_errors` | it comes when nobody can ask any more: who has kept the handle may |
//! | `test_no_repr_is_call_on_the_task_result` | a result need not be shown for a run to give it |

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::rc::Rc;

use cede::{Generator, JoinHandle, RunError, Runner, catch_cancelled, sleep, spawn, try_spawn, yield_now};
use trace::{Logs, SECOND, log, logged, panic_text, reported, silent_panic};

/// Runs by a runner with virtual time and closes it, as [`cede::run`] does.
fn run_and_close<T>(main: impl FnOnce() -> T) -> T {
    trace::run(main)
}

// test_asyncio_run_return
#[test]
fn a_run_gives_the_value_of_its_main_task() {
    let value = cede::run(|| {
        yield_now();
        42
    });
    assert_eq!(value, 42);
}

// test_asyncio_run_raises
#[test]
fn a_run_goes_on_with_a_panic_of_its_main_task_and_gives_its_errors() {
    let panics = || {
        yield_now();
        silent_panic("spam")
    };
    assert_eq!(panic_text(|| cede::run(panics)), "spam");
    let fails = || {
        yield_now();
        Err::<(), _>("spam")
    };
    assert_eq!(cede::run(fails), Err("spam"));
}

// test_asyncio_run_from_running_loop
#[test]
fn a_run_inside_of_a_run_is_refused() {
    let text = panic_text(|| cede::run(|| cede::run(|| log("unreachable"))));
    assert!(text.starts_with("cede: a run is under way on this thread"), "{text}");
    assert_eq!(logged(), [""; 0]);
}

// test_asyncio_run_cancels_hanging_tasks
#[test]
fn tasks_that_are_left_are_cancelled_at_the_end() {
    let left = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&left);
    let value = run_and_close(move || {
        slot.replace(Some(spawn(|| {
            yield_now();
            sleep(SECOND / 10);
            log("unreachable");
        })));
        123
    });
    assert_eq!(value, 123);
    assert!(left.take().unwrap().is_finished());
    assert_eq!(logged(), [""; 0]);
}

// test_asyncio_run_reports_hanging_tasks_errors
#[test]
fn errors_of_tasks_that_are_left_are_reported() {
    let left = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&left);
    let (value, reports) = reported(|| {
        run_and_close(move || {
            slot.replace(Some(try_spawn(|| catch_cancelled(|| sleep(SECOND / 10)).map_err(|_| "zero"))));
            yield_now();
            123
        })
    });
    assert_eq!(value, 123);
    let left: JoinHandle<()> = left.take().unwrap();
    assert!(left.is_finished());
    // Whoever has the handle may still ask, which CPython does not wait for.
    assert_eq!(reports, [""; 0]);
    let (_, later) = reported(|| drop(left));
    assert_eq!(later, ["task 2 \"Task-2\": failed and nobody asked: zero"]);
}

// test_asyncio_run_closes_gens_after_hanging_tasks_errors
#[test]
fn generators_of_tasks_that_are_left_are_closed_at_the_end_also_when_the_main_task_panics() {
    let left = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&left);
    let (text, _) = reported(|| {
        panic_text(|| {
            cede::run(move || {
                let task = try_spawn(|| {
                    let fidget = Generator::new(|y| {
                        let _held = Logs("closed");
                        loop {
                            y.yield_(1);
                            sleep(SECOND);
                        }
                    });
                    catch_cancelled(|| fidget.for_each(drop)).map_err(|_| "zero")
                });
                slot.replace(Some(task));
                yield_now();
                silent_panic("fancy exit")
            })
        })
    });
    assert_eq!(text, "fancy exit");
    assert!(left.take().unwrap().is_finished());
    assert_eq!(logged(), ["closed"]);
}

// RunnerTests.test_run
#[test]
fn a_runner_gives_the_value_and_ends_what_is_left_when_it_goes() {
    let left = Rc::new(RefCell::new(None));
    let runner = Runner::new();
    let slot = Rc::clone(&left);
    let value = runner.run(move || {
        slot.replace(Some(spawn(|| sleep(SECOND))));
        yield_now();
        "done"
    });
    assert_eq!(value.unwrap(), "done");
    let left = left.take().unwrap();
    assert!(!left.is_finished());
    drop(runner);
    assert!(left.is_finished());
}

// RunnerTests.test_double_close
#[test]
fn a_runner_may_be_closed_twice() {
    let runner = Runner::new();
    runner.close().unwrap();
    runner.close().unwrap();
    runner.run(|| drop(spawn(|| sleep(SECOND)))).unwrap();
    runner.close().unwrap();
    runner.close().unwrap();
}

// RunnerTests.test_recursive_run
#[test]
fn a_runner_can_not_be_run_by_its_own_tasks() {
    let runner = Runner::new();
    let inner = runner.run(|| runner.run(|| log("unreachable"))).unwrap();
    assert!(matches!(inner, Err(RunError::Nested)));
    assert_eq!(logged(), [""; 0]);
}
