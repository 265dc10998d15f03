//! Scopes and groups: children that borrow, what ends them, and what comes of their errors.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use cede::sync::Queue;
use cede::{SpawnError, TaskGroup, catch_cancelled, current, scope, sleep, spawn, try_scope, yield_now};
use trace::{Logs, SECOND, log, logged, panic_text, reported, run, silent_panic};

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

#[test]
fn children_borrow_chunks_mutably_and_are_done_when_the_scope_returns() {
    run(|| {
        let mut numbers: Vec<u32> = (0..1_000).collect();
        let sum = Cell::new(0);
        let value = scope(|s| {
            for chunk in numbers.chunks_mut(7) {
                s.spawn(|| {
                    for number in chunk {
                        *number += 1;
                        yield_now();
                        sum.set(sum.get() + *number);
                    }
                });
            }
            "value"
        });
        assert_eq!(value.unwrap(), "value");
        assert_eq!(sum.get(), 500_500);
        assert!(numbers.iter().copied().eq(1..=1_000));
    });
}

#[test]
fn handles_of_children_join_and_their_values_may_borrow() {
    run(|| {
        let words = ["a", "bc"].map(String::from);
        let longest = scope(|s| {
            let all: Vec<_> = words.iter().map(|word| s.spawn(move || (word.len(), word))).collect();
            all.iter().map(|child| child.join().unwrap()).max().unwrap().1
        });
        assert_eq!(longest.unwrap(), "bc");
    });
}

#[test]
fn the_first_error_cancels_the_others_and_the_body() {
    run(|| {
        let result = scope(|s| {
            for name in ["one", "two"] {
                s.spawn(move || {
                    let _held = Logs(name);
                    forever();
                });
            }
            s.try_spawn(|| Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)));
            let _held = Logs("body");
            forever();
        });
        let error = result.unwrap_err();
        assert_eq!(error.len(), 1);
        assert_eq!(error.of_type::<io::Error>().next().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(logged(), ["one", "two", "body"]);
        assert_eq!(current().unwrap().cancelling(), 0);
        yield_now();
    });
}

#[test]
fn errors_that_come_while_the_others_are_cancelled_join_the_group_in_order() {
    run(|| {
        let result = try_scope(|s| {
            s.try_spawn(|| catch_cancelled(forever).map_err(|_| "second"));
            s.try_spawn(|| catch_cancelled(forever).map_err(|_| io::Error::other("third")));
            s.try_spawn(|| Err::<(), _>("first"));
            catch_cancelled(forever).map_err(|_| "body")
        });
        let error = result.unwrap_err();
        let texts: Vec<_> = error.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["first", "second", "third", "body"]);
        assert_eq!(error.to_string(), "first (and 3 other errors)");
        assert_eq!(error.of_type::<io::Error>().count(), 1);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "first");
        assert_eq!(io::Error::from(error).to_string(), "first (and 3 other errors)");
    });
}

#[test]
fn a_child_that_panics_is_an_error_of_the_group() {
    run(|| {
        let error = scope(|s| {
            s.spawn(|| silent_panic("child"));
            forever();
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: child");
        assert!(error.iter().next().unwrap().is_panic());
    });
}

#[test]
fn a_body_that_panics_ends_its_children_first() {
    run(|| {
        let text = panic_text(|| {
            let data = [1, 2, 3];
            scope(|s| {
                s.spawn(|| {
                    let _held = Logs("child");
                    cede::finally(forever, || sleep(SECOND));
                    assert_eq!(data.len(), 3);
                });
                yield_now();
                yield_now();
                silent_panic("body")
            })
            .map(|(): ()| ())
        });
        log("after");
        assert_eq!(text, "body");
        assert_eq!(logged(), ["child", "after"]);
    });
}

#[test]
fn a_cancellation_of_a_child_is_no_error() {
    run(|| {
        let value = scope(|s| {
            let child = s.spawn(forever);
            yield_now();
            child.cancel();
            assert!(child.join().unwrap_err().is_cancelled());
            5
        });
        assert_eq!(value.unwrap(), 5);
    });
}

#[test]
fn an_outer_cancellation_ends_the_children_and_goes_on() {
    run(|| {
        for in_body in [true, false] {
            let task = spawn(move || {
                let held = [1, 2];
                let _ = scope(|s| {
                    s.spawn(|| {
                        cede::finally(forever, || sleep(SECOND));
                        held.len()
                    });
                    if in_body {
                        forever();
                    }
                });
                log("unreachable");
            });
            (0..3).for_each(|_| yield_now());
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
        }
        assert_eq!(logged(), [""; 0]);
    });
}

/// asyncio: errors have priority, and the cancellation is delivered at the next wait.
#[test]
fn an_outer_cancellation_with_errors_gives_the_errors_and_comes_at_the_next_wait() {
    run(|| {
        let task = spawn(|| {
            let result = scope(|s| {
                s.try_spawn(|| catch_cancelled(forever).map_err(|_| "child"));
                forever();
            });
            assert_eq!(result.unwrap_err().to_string(), "child");
            log("errors");
            yield_now();
            log("unreachable");
        });
        yield_now();
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["errors"]);
    });
}

#[test]
fn scopes_nest_and_an_inner_failure_stays_inside() {
    run(|| {
        let outer = scope(|s| {
            let sibling = s.spawn(|| {
                yield_now();
                "sibling"
            });
            let inner = scope(|s| {
                s.try_spawn(|| Err::<(), _>("inner"));
                forever();
            });
            assert_eq!(inner.unwrap_err().to_string(), "inner");
            sibling.join().unwrap()
        });
        assert_eq!(outer.unwrap(), "sibling");
    });
}

#[test]
fn children_may_be_added_by_children_and_while_the_scope_waits() {
    run(|| {
        let made = Cell::new(0);
        scope(|s| {
            let made = &made;
            s.spawn(move || {
                yield_now();
                s.spawn(move || {
                    yield_now();
                    s.spawn(move || made.set(made.get() + 1));
                    made.set(made.get() + 1);
                });
            });
        })
        .unwrap();
        assert_eq!(made.get(), 2);
    });
}

#[test]
fn a_scope_that_is_shutting_down_takes_no_children_and_drops_the_closure() {
    run(|| {
        let result = scope(|s| {
            s.cancel();
            let held = Logs("dropped");
            let refused = s.spawn(move || drop(held));
            assert_eq!(logged(), ["dropped"]);
            refused.join().unwrap_err()
        });
        let error = result.unwrap();
        assert_eq!(error.error().unwrap().downcast_ref(), Some(&SpawnError::ShuttingDown));
        assert_eq!(error.to_string(), "the group takes no more tasks: it is shutting down");
    });
}

struct SpawnsInDrop<'scope, 'env>(&'scope cede::Scope<'scope, 'env>, &'env Cell<u32>);

impl Drop for SpawnsInDrop<'_, '_> {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
        let count = self.1;
        drop(self.0.spawn(move || count.set(count.get() + 10)));
    }
}

#[test]
fn a_childs_value_that_adds_children_when_it_is_dropped_is_no_danger() {
    let count = Cell::new(0);
    run(|| {
        scope(|s| {
            s.spawn(|| SpawnsInDrop(s, &count));
        })
        .unwrap();
        // The last child has ended, so the scope takes no more.
        assert_eq!(count.get(), 1);
        scope(|s| {
            s.spawn(|| SpawnsInDrop(s, &count));
            (0..4).for_each(|_| yield_now());
        })
        .unwrap();
        assert_eq!(count.get(), 12);
    });
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        silent_panic("in drop")
    }
}

#[test]
fn a_child_whose_value_panics_in_drop_does_not_stop_the_scope() {
    let (value, reports) = reported(|| {
        run(|| {
            scope(|s| {
                s.spawn(|| PanicsInDrop);
                7
            })
            .unwrap()
        })
    });
    assert_eq!(value, 7);
    assert_eq!(reports, ["callback: panicked: in drop"]);
}

#[test]
fn a_child_that_panics_in_the_drop_of_what_it_holds_is_an_error() {
    run(|| {
        let error = scope(|s| {
            s.spawn(|| {
                let _held = PanicsInDrop;
            });
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: in drop");
    });
}

#[test]
fn the_handle_of_a_child_that_is_kept_beyond_the_scope_knows_the_number_and_the_name_only() {
    run(|| {
        let kept = RefCell::new(None);
        let text = String::from("borrowed");
        scope(|s| {
            s.spawn(|| {
                kept.replace(current());
                &text
            });
        })
        .unwrap();
        let kept = kept.take().unwrap();
        assert_eq!((kept.id(), kept.name(), kept.cancel()), (2, "Task-2".to_owned(), false));
        assert_eq!((kept.cancelling(), kept.uncancel()), (0, 0));
        kept.set_name("gone");
    });
}

#[test]
fn many_children_end_in_time_that_does_not_grow_with_their_square() {
    run(|| {
        let ended = Cell::new(0u32);
        scope(|s| {
            for _ in 0..100_000 {
                s.spawn(|| ended.set(ended.get() + 1));
            }
        })
        .unwrap();
        assert_eq!(ended.get(), 100_000);
    });
}

#[test]
fn a_group_that_is_dropped_cancels_its_tasks() {
    run(|| {
        let group = TaskGroup::new();
        let task = group.spawn(forever);
        yield_now();
        drop(group);
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_group_that_is_joined_by_another_task_cancels_its_owner_when_it_fails() {
    run(|| {
        let group = Rc::new(Cell::new(None));
        let other = Rc::clone(&group);
        let owner = spawn(move || {
            other.set(Some(TaskGroup::new()));
            catch_cancelled(forever).is_err()
        });
        yield_now();
        let group: TaskGroup = group.take().unwrap();
        group.try_spawn(|| Err::<(), _>("child"));
        let late = group.spawn(|| ());
        assert_eq!(group.join().unwrap_err().to_string(), "child");
        assert!(owner.join().unwrap());
        assert!(late.join().is_ok());
    });
}

#[test]
fn a_group_can_be_cancelled_and_takes_no_more_afterwards() {
    run(|| {
        let group = TaskGroup::new();
        let task = group.spawn(forever);
        yield_now();
        group.cancel();
        assert!(group.spawn(|| ()).join().unwrap_err().error().unwrap().is::<SpawnError>());
        group.join().unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_group_with_a_block_takes_tasks_from_whoever_has_it_until_the_last_has_ended() {
    run(|| {
        let place: Rc<RefCell<Option<Rc<TaskGroup>>>> = Rc::default();
        let other = Rc::clone(&place);
        let outsider = spawn(move || {
            sleep(SECOND);
            let group = other.take().unwrap();
            let inside = group.spawn(|| log("inside"));
            sleep(2 * SECOND);
            assert!(inside.is_finished());
            let late = group.spawn(|| log("late"));
            let error = late.join().unwrap_err();
            assert_eq!(error.error().unwrap().downcast_ref(), Some(&SpawnError::Finished));
            assert_eq!(error.to_string(), "the group takes no more tasks: it is over");
        });
        let value = TaskGroup::run(|group| {
            place.replace(Some(Rc::clone(group)));
            group.spawn(|| sleep(2 * SECOND));
            Ok::<_, io::Error>("value")
        });
        log("left");
        assert_eq!(value.unwrap(), "value");
        outsider.join().unwrap();
        assert_eq!(logged(), ["inside", "left"]);
    });
}

#[test]
fn the_error_of_a_groups_block_comes_after_those_of_its_tasks() {
    run(|| {
        let errors = TaskGroup::run(|group| {
            group.try_spawn(|| {
                let _guard = Logs("cancelled");
                let Err(_) = catch_cancelled(forever) else { unreachable!() };
                Err::<(), _>(io::Error::other("of the task"))
            });
            yield_now();
            Err::<(), _>(io::Error::other("of the block"))
        });
        assert_eq!(logged(), ["cancelled"]);
        let errors: Vec<_> = errors.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(errors, ["of the task", "of the block"]);
    });
}

#[test]
fn a_cancellation_of_a_groups_block_ends_its_tasks_and_goes_on() {
    run(|| {
        let task = spawn(|| {
            TaskGroup::run(|group| {
                group.spawn(|| {
                    let _guard = Logs("child");
                    forever();
                });
                forever();
                Ok::<_, io::Error>(())
            })
        });
        yield_now();
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["child"]);
    });
}
