//! CPython 3.13's tests of task groups (`test_taskgroups.py`), idea for idea. The name of the case stands above each test.
//!
//! Python raises where a task fails here; its `BaseException`s are panics. A block is a [`scope`], or a [`TaskGroup`] where the
//! case asks handles after the block.
//!
//! | left out | why |
//! |---|---|
//! | `test_taskgroup_20a` | a panic of the body is no error: it goes on by itself, as Python's `KeyboardInterrupt` does (case 20) |
//! | `_test_taskgroup_21` | CPython does not run it: there the loop itself ends by the exception |
//! | `test_taskgroup_already_entered`, `_double_enter`, `_not_entered` | a group is entered when it is made, and joining consumes it: the types rule it out |

#[path = "cpython/group_errors.rs"]
mod group_errors;
#[path = "task_order/trace.rs"]
mod trace;

use std::error::Error;

use cede::{
    GroupError, JoinError, JoinHandle, TaskGroup, catch_cancelled, scope, sleep, spawn, try_scope, try_spawn,
};
use group_errors::{MS, fail_after, inner_kinds, kinds, sleep_failing, sleep_lingering, sleep_noting};
use trace::{Logs, log, logged, panic_text, run, silent_panic};

fn is_cancelled<T>(task: &JoinHandle<T>) -> bool {
    task.is_finished() && task.join().is_err_and(|error| error.is_cancelled())
}

/// Runs `body` in a task that is cancelled after a while, and gives how it ended.
fn cancelled_after<E: Into<Box<dyn Error>> + 'static>(
    ms: u32,
    body: impl FnOnce() -> Result<(), E> + 'static,
) -> Result<(), JoinError> {
    let task = try_spawn(body);
    sleep(ms * MS);
    assert!(!task.is_finished());
    task.cancel();
    task.join()
}

/// The group of errors with which a task has failed.
fn group_of(end: Result<(), JoinError>) -> GroupError {
    let error = end.unwrap_err();
    error.error().expect("it failed").downcast_ref::<GroupError>().expect("by a group").clone()
}

// test_taskgroup_01
#[test]
fn a_group_waits_for_its_tasks_and_their_values_are_there_then() {
    run(|| {
        let group = TaskGroup::new();
        let one = group.spawn(|| {
            sleep(100 * MS);
            42
        });
        let two = group.spawn(|| {
            sleep(200 * MS);
            11
        });
        group.join().unwrap();
        assert!(one.is_finished() && two.is_finished());
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (42, 11));
    });
}

// test_taskgroup_02
#[test]
fn tasks_may_be_added_after_others_have_ended() {
    run(|| {
        let group = TaskGroup::new();
        let one = group.spawn(|| {
            sleep(100 * MS);
            42
        });
        sleep(150 * MS);
        assert!(one.is_finished());
        let two = group.spawn(|| {
            sleep(200 * MS);
            11
        });
        group.join().unwrap();
        assert!(two.is_finished());
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (42, 11));
    });
}

// test_taskgroup_03
#[test]
fn a_child_that_is_cancelled_by_hand_is_no_failure_of_the_group() {
    run(|| {
        let group = TaskGroup::new();
        let one = group.spawn(|| sleep(1000 * MS));
        sleep(150 * MS);
        one.cancel();
        let two = group.spawn(|| {
            sleep(200 * MS);
            11
        });
        group.join().unwrap();
        assert!(is_cancelled(&one));
        assert_eq!(two.join().unwrap(), 11);
    });
}

// test_taskgroup_04
#[test]
fn a_child_that_fails_cancels_its_sibling_and_what_follows_the_group_is_not_reached() {
    run(|| {
        let task = spawn(|| {
            scope(|s| {
                s.try_spawn(|| fail_after(100, "zero"));
                s.spawn(|| {
                    sleep_noting(1000, "sibling cancelled");
                    log("unreachable");
                });
            })?;
            log("unreachable");
            Ok::<_, GroupError>(())
        });
        assert_eq!(kinds(&task.join().unwrap().unwrap_err()), ["zero"]);
        assert_eq!(logged(), ["sibling cancelled"]);
    });
}

// test_cancel_children_on_child_error
#[test]
fn children_that_fail_together_are_all_in_the_error_and_the_body_is_cancelled() {
    run(|| {
        let task = spawn(|| {
            scope(|s| {
                (0..3).for_each(|_| drop(s.try_spawn(|| fail_after(100, "zero"))));
                s.spawn(|| {
                    sleep_noting(5000, "sibling cancelled");
                    log("unreachable");
                });
                sleep_noting(10_000, "body cancelled");
            })?;
            log("unreachable");
            Ok::<_, GroupError>(())
        });
        let error = task.join().unwrap().unwrap_err();
        assert_eq!((error.len(), kinds(&error)), (3, vec!["zero".to_owned()]));
        assert_eq!(logged(), ["sibling cancelled", "body cancelled"]);
    });
}

// test_cancellation
#[test]
fn a_cancellation_while_the_group_waits_cancels_all_children() {
    run(|| {
        let end = cancelled_after(100, || {
            scope(|s| (0..5).for_each(|_| drop(s.spawn(|| sleep_noting(5000, "child")))))
        });
        assert!(end.unwrap_err().is_cancelled());
        assert_eq!(logged(), ["child"; 5]);
    });
}

// test_taskgroup_07
#[test]
fn a_cancellation_in_the_body_cancels_all_children() {
    run(|| {
        let end = cancelled_after(100, || {
            scope(|s| {
                (0..5).for_each(|_| drop(s.spawn(|| sleep_noting(5000, "child"))));
                sleep_noting(10_000, "body");
            })
        });
        assert!(end.unwrap_err().is_cancelled());
        assert_eq!(logged(), ["body", "child", "child", "child", "child", "child"]);
    });
}

// test_taskgroup_08
#[test]
fn children_that_fail_when_they_are_cancelled_turn_the_cancellation_into_errors() {
    run(|| {
        let end = cancelled_after(100, || {
            scope(|s| {
                (0..5).for_each(|_| drop(s.try_spawn(|| sleep_failing(10_000, "zero"))));
                sleep(10_000 * MS);
            })
        });
        let error = group_of(end);
        assert_eq!((error.len(), kinds(&error)), (5, vec!["zero".to_owned()]));
    });
}

// test_taskgroup_09
#[test]
fn a_body_that_fails_after_a_wait_cancels_the_children() {
    run(|| {
        let error = try_scope(|s| {
            s.spawn(|| sleep_noting(1000, "one"));
            s.spawn(|| sleep_noting(2000, "two"));
            fail_after(100, "zero")
        });
        assert_eq!(kinds(&error.unwrap_err()), ["zero"]);
        assert_eq!(logged(), ["one", "two"]);
    });
}

// test_taskgroup_10
#[test]
fn a_body_that_fails_at_once_cancels_children_that_have_not_begun() {
    run(|| {
        let error = try_scope(|s| {
            for name in ["one", "two"] {
                let held = Logs(name);
                s.spawn(move || {
                    sleep(1000 * MS);
                    drop(held);
                    log("unreachable");
                });
            }
            Err::<(), _>("zero")
        });
        assert_eq!(kinds(&error.unwrap_err()), ["zero"]);
        assert_eq!(logged(), ["one", "two"]);
    });
}

// test_taskgroup_11
#[test]
fn the_errors_of_an_inner_group_are_one_error_of_the_outer_one() {
    run(|| {
        let end = cancelled_after(100, || {
            try_scope(|_| {
                scope(|inner| {
                    (0..5).for_each(|_| drop(inner.try_spawn(|| sleep_failing(10_000, "zero"))));
                    sleep(10_000 * MS);
                })
            })
        });
        let error = group_of(end);
        assert_eq!((kinds(&error), inner_kinds(&error)), (vec!["group".into()], vec!["zero".into()]));
    });
}

// test_taskgroup_12
#[test]
fn the_errors_of_an_inner_group_cancel_the_children_of_the_outer_one() {
    run(|| {
        let end = cancelled_after(100, || {
            try_scope(|outer| {
                outer.spawn(|| sleep_noting(10_000, "outer child"));
                scope(|inner| {
                    (0..5).for_each(|_| drop(inner.try_spawn(|| sleep_failing(10_000, "zero"))));
                    sleep(10_000 * MS);
                })
            })
        });
        let error = group_of(end);
        assert_eq!((kinds(&error), inner_kinds(&error)), (vec!["group".into()], vec!["zero".into()]));
        assert_eq!(logged(), ["outer child"]);
    });
}

// test_taskgroup_13
#[test]
fn a_failure_in_the_outer_group_cancels_the_inner_one_and_is_an_error_of_the_outer_one_alone() {
    run(|| {
        let task = spawn(|| {
            try_scope(|outer| {
                outer.try_spawn(|| fail_after(100, "outer"));
                scope(|inner| drop(inner.try_spawn(|| fail_after(10_000, "inner"))))
            })
        });
        assert_eq!(kinds(&task.join().unwrap().unwrap_err()), ["outer"]);
    });
}

// test_taskgroup_14
#[test]
fn a_failure_in_the_inner_group_is_a_group_in_the_outer_one() {
    run(|| {
        let task = spawn(|| {
            try_scope(|outer| {
                outer.try_spawn(|| fail_after(10_000, "outer"));
                scope(|inner| drop(inner.try_spawn(|| fail_after(100, "inner"))))
            })
        });
        let error = task.join().unwrap().unwrap_err();
        assert_eq!((kinds(&error), inner_kinds(&error)), (vec!["group".into()], vec!["inner".into()]));
    });
}

// test_taskgroup_15
#[test]
fn a_child_that_fails_while_the_body_cleans_up_after_a_cancellation_is_reported() {
    run(|| {
        let end = cancelled_after(100, || {
            scope(|s| {
                s.try_spawn(|| fail_after(300, "zero"));
                sleep_lingering(10_000, 500);
            })
        });
        assert_eq!(kinds(&group_of(end)), ["zero"]);
    });
}

// test_taskgroup_16
#[test]
fn a_cancellation_that_is_handed_on_by_a_join_comes_back_as_the_error_of_the_joined_task() {
    run(|| {
        let end = cancelled_after(100, || {
            let inner = try_spawn(|| {
                scope(|s| {
                    s.try_spawn(|| fail_after(300, "zero"));
                    sleep_lingering(10_000, 500);
                })
            });
            inner.join()
        });
        assert_eq!(kinds(&group_of(end)), ["zero"]);
    });
}

// test_taskgroup_17
#[test]
fn a_cancellation_in_the_body_of_a_group_without_children_goes_on() {
    run(|| {
        let end = cancelled_after(100, || scope(|_| sleep_noting(10_000, "body")));
        assert!(end.unwrap_err().is_cancelled());
        assert_eq!(logged(), ["body"]);
    });
}

// test_taskgroup_18
#[test]
fn a_body_that_turns_a_cancellation_into_an_error_gives_that() {
    run(|| {
        let end = cancelled_after(100, || try_scope(|_| sleep_failing(10_000, "mine")));
        assert_eq!(kinds(&group_of(end)), ["mine"]);
    });
}

// test_taskgroup_19
#[test]
fn errors_of_a_child_and_of_the_body_that_it_cancels_are_both_given() {
    run(|| {
        let task = spawn(|| {
            try_scope(|s| {
                s.try_spawn(|| fail_after(100, "zero"));
                sleep_failing(10_000, "mine")
            })
        });
        assert_eq!(kinds(&task.join().unwrap().unwrap_err()), ["mine", "zero"]);
    });
}

// test_taskgroup_20
#[test]
fn a_panic_of_the_body_goes_on_alone_also_where_a_child_has_failed() {
    run(|| {
        let text = panic_text(|| {
            scope(|s| {
                s.try_spawn(|| fail_after(100, "zero"));
                if catch_cancelled(|| sleep(10_000 * MS)).is_err() {
                    silent_panic("interrupt");
                }
            })
        });
        assert_eq!(text, "interrupt");
    });
}

// test_taskgroup_21a
#[test]
fn a_child_that_panics_is_an_error_beside_that_of_the_body() {
    run(|| {
        let error = try_scope(|s| {
            s.spawn(|| {
                sleep(100 * MS);
                silent_panic("base")
            });
            sleep_failing(10_000, "mine")
        });
        assert_eq!(kinds(&error.unwrap_err()), ["mine", "the task panicked: base"]);
    });
}
