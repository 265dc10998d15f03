//! CPython 3.13's tests of the contexts of tasks (in `test_tasks.py`, `test_taskgroups.py`, `test_runners.py`, `test_context.py`,
//! `test_futures2.py`), idea for idea. The name of the case stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `test_get_context` | a handle does not give the context of its task |
//! | `decimal` in `test_context.py` | there is no such module; a variable of one's own stands for its precision |

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::time::Duration;

use cede::task::{Awaitable, Builder, Context, ContextVar, Promise, gather};
use cede::{Runner, TaskGroup, call_soon, sleep, spawn, try_spawn, yield_now};
use trace::run;

const MS: Duration = Duration::from_millis(1);

static TEXT: ContextVar<String> = ContextVar::with_default("text", || "nope".to_owned());
static NUMBER: ContextVar<i64> = ContextVar::new("number");

fn text() -> String {
    TEXT.get().unwrap()
}

// test_context_1
#[test]
fn a_task_has_a_copy_of_the_context_in_which_it_was_made() {
    run(|| {
        assert_eq!(text(), "nope");
        let task = spawn(|| {
            sleep(10 * MS);
            assert_eq!(text(), "nope");
            TEXT.set("something else".to_owned());
        });
        TEXT.set("yes".to_owned());
        assert_eq!(text(), "yes");
        task.join().unwrap();
        assert_eq!(text(), "yes");
    });
}

// test_context_2
#[test]
fn callbacks_do_not_change_the_context_of_the_task_that_added_them() {
    run(|| {
        assert_eq!(text(), "nope");
        for j in 0..2 {
            let promise = Promise::new();
            let kept = promise.clone();
            promise.on_done(|_| drop(TEXT.set("something else".to_owned())));
            TEXT.set(format!("yes{j}"));
            call_soon(move || kept.set_result(()).unwrap());
            promise.join().unwrap();
            assert_eq!(text(), format!("yes{j}"));
            for i in 0..3 {
                TEXT.set(format!("yes{i}-{j}"));
                sleep(MS);
                assert_eq!(text(), format!("yes{i}-{j}"));
            }
        }
    });
    assert_eq!(text(), "nope");
}

// test_context_3
#[test]
fn a_hundred_tasks_that_change_a_variable_do_not_meet() {
    run(|| {
        let tasks = (0..100).map(|task: i64| {
            spawn(move || {
                for i in 0..10 {
                    NUMBER.set(task + i);
                    // Each task in an order of its own.
                    sleep(((task * 7919 + i * 104_729) % 50 + 1) as u32 * MS);
                    assert_eq!(NUMBER.get(), Some(task + i));
                }
            })
        });
        gather(tasks.collect::<Vec<_>>()).join().unwrap();
    });
    assert_eq!(NUMBER.get(), None);
}

// test_context_4, test_context_5, test_context_6
#[test]
fn a_task_that_is_given_a_context_changes_it() {
    run(|| {
        let context = Context::current();
        let seen = || context.run(|| NUMBER.get());
        assert_eq!(seen(), None);
        for value in [1, 2] {
            let task = Builder::new().context(context.clone()).spawn(move || {
                yield_now();
                NUMBER.set(value);
            });
            task.join().unwrap();
            assert_eq!(seen(), Some(value));
        }
        assert_eq!(NUMBER.get(), None);
    });
}

// test_taskgroup_task_context
#[test]
fn a_child_that_is_given_a_context_changes_it() {
    run(|| {
        let group = TaskGroup::new();
        let context = Context::current();
        for value in [1, 2] {
            let task = Builder::new().context(context.clone()).spawn_in(&group, move || {
                yield_now();
                NUMBER.set(value);
            });
            task.join().unwrap();
            assert_eq!(context.run(|| NUMBER.get()), Some(value));
        }
        group.join().unwrap();
        assert_eq!(NUMBER.get(), None);
    });
}

// RunnerTests.test_run_keeps_context
#[test]
fn a_runner_keeps_its_context_from_one_run_to_the_next() {
    let runner = Runner::new();
    let step = |value: i64| {
        runner.run(|| {
            let old = NUMBER.get();
            yield_now();
            NUMBER.set(value);
            old
        })
    };
    assert_eq!(step(1).unwrap(), None);
    assert_eq!(step(2).unwrap(), Some(1));
    let context = runner.run(Context::current).unwrap();
    assert_eq!(context.run(|| NUMBER.get()), Some(2));
    assert_eq!(NUMBER.get(), None);
}

/// Divides with a precision that is the context's.
fn quotient(x: i64, y: i64) -> String {
    let digits = NUMBER.get().unwrap() as usize;
    format!("{:.digits$}", x as f64 / y as f64)
}

// DecimalContextTest.test_asyncio_task_decimal_context
#[test]
fn a_library_that_keeps_its_settings_in_the_context_keeps_them_for_each_task() {
    run(|| {
        let fractions = |length: Duration, precision, x, y: i64| {
            spawn(move || {
                let token = NUMBER.set(precision);
                let a = quotient(x, y);
                sleep(length);
                let b = quotient(x, y.pow(2));
                NUMBER.reset(token);
                [a, b]
            })
        };
        let both = gather([fractions(100 * MS, 3, 1, 3), fractions(200 * MS, 6, 1, 3)]).join().unwrap();
        assert_eq!(both, [["0.333", "0.111"], ["0.333333", "0.111111"]]);
    });
}

// test_task_exc_handler_correct_context, test_handle_exc_handler_correct_context
#[test]
fn the_hook_for_errors_runs_in_the_context_of_what_failed() {
    thread_local!(static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });
    cede::set_task_hook(|report| {
        let text = format!("{} in {}", report.message(), text());
        SEEN.with_borrow_mut(|seen| seen.push(text));
    });
    run(|| {
        drop(try_spawn(|| {
            TEXT.set("the task's".to_owned());
            Err::<(), _>("zero")
        }));
        call_soon(|| {
            TEXT.set("the callback's".to_owned());
            trace::silent_panic("zero");
        });
        yield_now();
    });
    drop(cede::take_task_hook());
    assert_eq!(
        SEEN.take(),
        ["failed and nobody asked: zero in the task's", "panicked: zero in the callback's"]
    );
}
