//! More of CPython 3.13's tests of task groups (`test_taskgroups.py`), idea for idea: the life of a group and of its children,
//! and the count of requests to cancel. What is left out is listed in the first part, `cpython_taskgroups.rs`.

#[path = "cpython/group_errors.rs"]
mod group_errors;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;

use cede::task::Builder;
use cede::{
    Scope, SpawnError, TaskGroup, catch_cancelled, current, scope, sleep, spawn, try_scope, yield_now,
};
use group_errors::{MS, fail_after, kinds};
use trace::{Logs, log, logged, panic_text, run};

// test_taskgroup_22
#[test]
fn a_group_that_is_cancelled_soon_ends_as_cancelled() {
    run(|| {
        let task = spawn(|| {
            scope(|s| {
                s.spawn(|| sleep(1000 * MS));
                s.spawn(|| sleep(2000 * MS));
            })
        });
        sleep(50 * MS);
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

// test_taskgroup_23
#[test]
fn a_group_forgets_children_that_have_ended() {
    run(|| {
        let group = TaskGroup::new();
        let running = || format!("{group:?}");
        for count in 0..10 {
            sleep(100 * MS);
            group.spawn(|| sleep(300 * MS));
            if count == 5 {
                assert!(running().contains("running: 4"), "{}", running());
            }
        }
        sleep(1350 * MS);
        assert!(running().contains("running: 0"), "{}", running());
        group.join().unwrap();
    });
}

// test_taskgroup_24
#[test]
fn a_child_adds_children_and_ends_before_them() {
    run(|| {
        scope(|s| {
            s.spawn(move || {
                sleep(100 * MS);
                for ms in [100, 200] {
                    s.spawn(move || {
                        sleep(ms * MS);
                        log(format!("{ms}"));
                    });
                }
            });
        })
        .unwrap();
        assert_eq!(logged(), ["100", "200"]);
    });
}

fn hydra<'scope>(s: &'scope Scope<'scope, '_>, heads: &'scope Cell<u32>) {
    heads.set(heads.get() + 1);
    sleep(10 * MS);
    for _ in 0..2 {
        s.spawn(move || hydra(s, heads));
    }
}

// test_taskgroup_25
#[test]
fn children_that_multiply_are_all_ended_by_a_failure() {
    run(|| {
        let heads = Cell::new(0);
        let error = scope(|s| {
            let heads = &heads;
            s.spawn(move || hydra(s, heads));
            s.try_spawn(move || {
                while heads.get() < 10 {
                    sleep(15 * MS);
                }
                Err::<(), _>("hercules")
            });
        });
        assert_eq!(kinds(&error.unwrap_err()), ["hercules"]);
        assert!(heads.get() >= 10);
        let then = heads.get();
        sleep(1000 * MS);
        assert_eq!(heads.get(), then);
    });
}

// test_taskgroup_task_name
#[test]
fn a_child_has_the_name_that_it_was_given() {
    run(|| {
        let group = TaskGroup::new();
        let task = Builder::new().name("yolo").spawn_in(&group, yield_now);
        assert_eq!(task.name(), "yolo");
        group.join().unwrap();
    });
}

// test_taskgroup_no_create_task_after_failure
#[test]
fn a_group_takes_no_tasks_after_a_failure() {
    run(|| {
        let error = scope(|s| {
            s.try_spawn(|| fail_after(1, "zero"));
            s.spawn(move || {
                assert!(catch_cancelled(|| sleep(1000 * MS)).is_err());
                let refused = s.try_spawn(|| fail_after(1, "refused")).join().unwrap_err();
                assert_eq!(refused.error().unwrap().downcast_ref(), Some(&SpawnError::ShuttingDown));
                log("refused");
            });
        });
        assert_eq!(kinds(&error.unwrap_err()), ["zero"]);
        assert_eq!(logged(), ["refused"]);
    });
}

// test_taskgroup_context_manager_exit_raises
#[test]
fn a_clean_up_in_the_body_that_fails_is_an_error_beside_the_childs_and_no_request_is_left() {
    run(|| {
        let task = spawn(|| {
            let error = try_scope(|s| {
                let database = || {
                    s.try_spawn(|| Err::<(), _>("child"));
                    sleep(1000 * MS);
                };
                catch_cancelled(database).map_err(|_| "clean-up")
            });
            let error = error.unwrap_err();
            assert_eq!(kinds(&error), ["child", "clean-up"]);
            assert_eq!(current().unwrap().cancelling(), 0);
            yield_now();
        });
        task.join().unwrap();
    });
}

struct SpawnsInDrop<'scope, 'env>(&'scope Scope<'scope, 'env>, &'scope Cell<bool>);

impl Drop for SpawnsInDrop<'_, '_> {
    fn drop(&mut self) {
        let held = Logs("closure dropped");
        let refused = self.0.spawn(move || {
            drop(held);
            log("unreachable");
        });
        assert!(refused.is_finished());
        let error = refused.join().unwrap_err();
        self.1.set(error.error().unwrap().downcast_ref() == Some(&SpawnError::Finished));
    }
}

// test_taskgroup_finished, test_coro_closed_when_tg_closed
#[test]
fn a_group_whose_last_child_has_ended_while_it_waited_takes_no_tasks_and_drops_their_closures() {
    run(|| {
        let refused = Cell::new(false);
        scope(|s| {
            // The group lets go of the child, and so of its value, when it is already finished.
            s.spawn(|| SpawnsInDrop(s, &refused));
        })
        .unwrap();
        assert!(refused.get());
        assert_eq!(logged(), ["closure dropped"]);
    });
}

// test_taskgroup_without_parent_task
#[test]
fn a_group_can_not_be_made_outside_of_a_task() {
    assert_eq!(panic_text(TaskGroup::new), "cede: a group belongs to a task: make it inside cede::run");
    run(|| {
        cede::call_soon(|| log(panic_text(|| scope(|_| ()))));
        yield_now();
        assert_eq!(logged(), ["cede: only a task can wait: call this inside cede::run, not in a callback"]);
    });
}

// test_cancelling_level_preserved
#[test]
fn the_groups_own_request_to_cancel_is_taken_back() {
    run(|| {
        let error = scope(|s| drop(s.try_spawn(|| Err::<(), _>("child"))));
        assert_eq!(kinds(&error.unwrap_err()), ["child"]);
        assert_eq!(current().unwrap().cancelling(), 0);
    });
}

// test_nested_groups_both_cancelled
#[test]
fn nested_groups_that_both_fail_at_once_both_give_their_errors_and_leave_no_request() {
    run(|| {
        let outer = scope(|outer| {
            let inner = scope(|inner| {
                inner.try_spawn(|| fail_after(0, "inner"));
                outer.try_spawn(|| fail_after(0, "outer"));
            });
            assert_eq!(kinds(&inner.unwrap_err()), ["inner"]);
            assert_eq!(current().unwrap().cancelling(), 1);
        });
        assert_eq!(kinds(&outer.unwrap_err()), ["outer"]);
        assert_eq!(current().unwrap().cancelling(), 0);
    });
}

// test_error_and_cancel
#[test]
fn a_failure_and_a_cancellation_in_one_tick_give_the_error_and_the_cancellation_at_the_next_wait() {
    run(|| {
        let failing = Rc::new(Cell::new(false));
        let flag = Rc::clone(&failing);
        let task = spawn(move || {
            let error = scope(|s| {
                s.try_spawn(|| {
                    flag.set(true);
                    yield_now();
                    Err::<(), _>("child")
                });
                sleep(1000 * MS);
                log("unreachable");
            });
            assert_eq!(kinds(&error.unwrap_err()), ["child"]);
            assert_eq!(current().unwrap().cancelling(), 1);
            log("error");
            sleep(1000 * MS);
            log("unreachable");
        });
        while !failing.get() {
            yield_now();
        }
        assert_eq!(task.cancelling(), 0);
        task.cancel();
        assert_eq!(task.cancelling(), 1);
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["error"]);
    });
}
