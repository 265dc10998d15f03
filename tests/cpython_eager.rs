//! CPython 3.13's tests of eager tasks (`test_eager_task_factory.py`), idea for idea. The name of the case stands above each test.
//!
//! Python makes all tasks of a loop eager; here it is [`Builder::eager`] that makes one so.
//!
//! | left out | why |
//! |---|---|
//! | `test_eager_task_factory_set`, `test_issue105987`, `test_issue122332` | about the factory, and about asyncio's inner functions and fields |
//! | the message in `test_cancellation_after_eager_step_blocks` | a cancellation carries none |
//! | that no group waits in `EagerTests.test_recursive_taskgroups` | a group is told of the end of an eager child a tick later, as in later versions of CPython |

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cede::task::{Awaitable, Builder, ContextVar, Promise, all_tasks, gather};
use cede::{JoinHandle, current, scope, sleep, spawn};
use trace::{log, logged, run};

const MS: Duration = Duration::from_millis(1);

fn eager<T: 'static>(f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    Builder::new().eager(true).spawn(f)
}

// test_await_future_during_eager_step, test_eager_completion
#[test]
fn an_eager_task_that_does_not_wait_has_ended_when_it_is_made() {
    run(|| {
        let task = eager(|| "hello");
        assert!(task.is_finished());
        assert_eq!(task.join().unwrap(), "hello");
        let promise = Promise::new();
        let kept = promise.clone();
        let task = eager(move || kept.set_result("my message").unwrap());
        assert!(task.is_finished());
        assert_eq!(promise.join().unwrap(), "my message");
    });
}

// test_block_after_eager_step
#[test]
fn an_eager_task_that_waits_goes_on_as_any_other() {
    run(|| {
        let task = eager(|| {
            log("begun");
            sleep(100 * MS);
            "finished after blocking"
        });
        assert_eq!(logged(), ["begun"]);
        assert!(!task.is_finished());
        assert_eq!(task.join().unwrap(), "finished after blocking");
        assert!(task.is_finished());
    });
}

// test_cancellation_after_eager_completion
#[test]
fn an_eager_task_that_has_ended_can_not_be_cancelled() {
    run(|| {
        let task = eager(|| "finished without blocking");
        assert!(!task.cancel());
        assert!(!task.is_cancelled());
        assert_eq!(task.join().unwrap(), "finished without blocking");
    });
}

// test_cancellation_after_eager_step_blocks
#[test]
fn an_eager_task_that_waits_is_cancelled_where_it_waits() {
    run(|| {
        let task = eager(|| sleep(100 * MS));
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 1);
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

// test_current_task
#[test]
fn the_current_task_is_the_eager_one_before_and_after_its_first_wait() {
    run(|| {
        let captured = Rc::new(Cell::new(0));
        let slot = Rc::clone(&captured);
        let outside = current().unwrap().id();
        let task = eager(move || {
            slot.set(current().unwrap().id());
            sleep(100 * MS);
            assert_eq!(current().unwrap().id(), slot.get());
        });
        assert_eq!(captured.get(), task.id());
        assert_eq!(current().unwrap().id(), outside);
        task.join().unwrap();
    });
}

fn ids_of_all() -> Vec<u64> {
    all_tasks().iter().map(|task| task.id()).collect()
}

// test_all_tasks_with_eager_completion
#[test]
fn an_eager_task_is_among_all_tasks_while_it_runs() {
    run(|| {
        let task = eager(ids_of_all);
        let id = task.id();
        assert!(!ids_of_all().contains(&id));
        assert!(task.join().unwrap().contains(&id));
    });
}

// test_all_tasks_with_blocking
#[test]
fn an_eager_task_is_among_all_tasks_until_it_ends() {
    run(|| {
        let (first, second) = (Promise::new(), Promise::new());
        let (waited, kept) = (first.clone(), second.clone());
        let captured = Rc::new(RefCell::new(Vec::new()));
        let slot = Rc::clone(&captured);
        let task = eager(move || {
            slot.replace(ids_of_all());
            waited.join().unwrap();
            kept.set_result(()).unwrap();
        });
        assert!(captured.borrow().contains(&task.id()));
        assert!(ids_of_all().contains(&task.id()));
        first.set_result(()).unwrap();
        second.join().unwrap();
        assert!(!ids_of_all().contains(&task.id()));
    });
}

static CV: ContextVar<u32> = ContextVar::with_default("cv", || 0);

// test_context_vars
#[test]
fn an_eager_task_has_a_context_of_its_own_from_its_first_step() {
    run(|| {
        CV.set(1);
        let task = eager(|| {
            assert_eq!(CV.get(), Some(1));
            CV.set(2);
            assert_eq!(CV.get(), Some(2));
            log("first step");
            sleep(100 * MS);
            assert_eq!(CV.get(), Some(2));
            CV.set(3);
            assert_eq!(CV.get(), Some(3));
            log("second step");
        });
        assert_eq!(logged(), ["first step"]);
        assert_eq!(CV.get(), Some(1));
        task.join().unwrap();
        assert_eq!(logged(), ["second step"]);
        assert_eq!(CV.get(), Some(1));
    });
}

fn chain(depth: u32) -> u32 {
    if depth == 0 { 0 } else { 1 + chain(depth - 1) }
}

fn recursive_scopes(width: u32, depth: u32, eager: bool, made: &Cell<u32>) {
    if depth > 0 {
        scope(|s| {
            for _ in 0..width {
                let child = Builder::new().eager(eager).spawn_scoped(s, move || {
                    made.set(made.get() + 1);
                    recursive_scopes(width, depth - 1, eager, made);
                });
                // A group is told a tick later of children that end at once.
                assert_eq!(child.is_finished(), eager && depth == 1);
            }
        })
        .unwrap();
    }
}

fn recursive_gathers(width: u32, depth: u32, make: fn(Box<dyn FnOnce()>) -> JoinHandle<()>) {
    if depth > 0 {
        let child = |_| make(Box::new(move || recursive_gathers(width, depth - 1, make)));
        gather((0..width).map(child).collect::<Vec<_>>()).join().unwrap();
    }
}

// NonEagerTests, EagerTests: test_awaitables_chain
#[test]
fn a_chain_of_calls_makes_no_tasks() {
    run(|| {
        assert_eq!(chain(100), 100);
        assert_eq!(spawn(|| ()).id(), 2);
    });
}

// NonEagerTests, EagerTests: test_recursive_taskgroups
#[test]
fn groups_in_groups_make_a_task_for_each_child_and_eager_ones_begin_at_once() {
    run(|| {
        for eager in [false, true] {
            let made = Cell::new(1);
            recursive_scopes(5, 4, eager, &made);
            assert_eq!(made.get(), 781);
        }
    });
}

// NonEagerTests, EagerTests: test_recursive_gather
#[test]
fn gathers_in_gathers_make_a_task_for_each_member_and_eager_ones_have_ended_at_once() {
    run(|| {
        recursive_gathers(5, 4, |child| spawn(child));
        assert_eq!(spawn(|| ()).id(), 782);
        let whole = eager(|| recursive_gathers(5, 4, eager));
        assert!(whole.is_finished());
    });
}
