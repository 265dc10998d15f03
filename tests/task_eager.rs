//! Eager tasks: they begin beneath whoever spawns them, whatever that is and whatever they do there.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use cede::sync::Queue;
use cede::task::{Awaitable, Builder, ContextVar, Promise, all_tasks, gather};
use cede::{
    Cancelled, Generator, GeneratorError, JoinHandle, Runner, TaskGroup, Thrown, Yielder, call_soon,
    catch_cancelled, current, grow_with, no_switch, scope, sleep, spawn, timeout, yield_now,
};
use trace::{
    Logs, SECOND, log, logged, logged_since, panic_text, reported, run, silent_panic, tick, ticking,
};

static WORD: ContextVar<&str> = ContextVar::new("word");

fn eager<T: 'static>(f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    Builder::new().eager(true).spawn(f)
}

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

fn yields(times: u32) {
    (0..times).for_each(|_| yield_now());
}

#[test]
fn an_eager_task_runs_inside_of_spawn_until_it_first_waits() {
    ticking(|| {
        let at = tick();
        let task = eager(|| {
            log("begins");
            yield_now();
            log("goes on");
            7
        });
        log("spawned");
        assert!(!task.is_finished());
        assert_eq!(task.join().unwrap(), 7);
        log("joined");
        let seen = [(0, "begins"), (0, "spawned"), (1, "goes on"), (2, "joined")];
        assert_eq!(logged_since(at), seen.map(|(at, text)| (at, text.to_owned())));
    });
}

#[test]
fn one_that_never_waits_has_ended_when_spawn_returns_however_it_ends() {
    let ((), reports) = reported(|| {
        run(|| {
            assert_eq!(eager(|| "value").join().unwrap(), "value");
            let fails = Builder::new().eager(true).try_spawn(|| Err::<(), _>("fails"));
            assert!(fails.is_finished());
            assert_eq!(fails.join().unwrap_err().to_string(), "fails");
            let panics = eager(|| silent_panic("went wrong"));
            assert!(panics.is_finished());
            assert!(panics.join().map(|(): ()| ()).unwrap_err().is_panic());
            let raises = eager(|| -> u8 { Cancelled::raise() });
            assert!(raises.is_finished() && raises.is_cancelled());
            let cancels_itself = eager(|| current().unwrap().cancel());
            assert!(cancels_itself.is_finished() && cancels_itself.is_cancelled());
            drop(Builder::new().name("lost").eager(true).try_spawn(|| Err::<(), _>("nobody asks")));
        });
    });
    assert_eq!(reports, ["task 7 \"lost\": failed and nobody asked: nobody asks"]);
}

#[test]
fn callbacks_and_waiters_of_one_that_has_ended_come_in_the_next_tick() {
    ticking(|| {
        let at = tick();
        let task = eager(|| 1);
        task.on_done(|_| log("callback"));
        assert_eq!(gather([&task]).join().unwrap(), [1]);
        log("gathered");
        yield_now();
        assert_eq!(logged_since(at), [(0, "gathered".to_owned()), (1, "callback".to_owned())]);
    });
}

#[test]
fn the_current_task_is_the_new_one_inside_and_the_old_one_afterwards() {
    run(|| {
        let outer = current().unwrap().id();
        let inner = eager(|| {
            let me = current().unwrap().id();
            let names: Vec<_> = all_tasks().iter().map(|task| task.id()).collect();
            let deeper = eager(|| current().unwrap().id()).join().unwrap();
            assert_eq!(current().unwrap().id(), me);
            (me, names, deeper)
        });
        assert_eq!(current().unwrap().id(), outer);
        assert_eq!(inner.join().unwrap(), (2, vec![1, 2], 3));
        call_soon(|| {
            assert!(current().is_none());
            let task = eager(|| log(current().unwrap().name()));
            assert!(task.is_finished() && current().is_none());
        });
        yield_now();
        assert_eq!(logged(), ["Task-4"]);
    });
}

#[test]
fn what_it_waits_for_comes_in_the_usual_tick() {
    ticking(|| {
        let promise = Promise::new();
        let inside = promise.clone();
        let task = eager(move || {
            let set: u64 = inside.join().unwrap();
            tick() - set
        });
        yields(2);
        promise.set_result(tick()).unwrap();
        assert_eq!(task.join().unwrap(), 1);
    });
}

#[test]
fn one_that_waits_can_be_cancelled_at_once() {
    run(|| {
        let task = eager(|| {
            let _logs = Logs("unwound");
            forever();
        });
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["unwound"]);
    });
}

#[test]
fn it_may_cancel_and_join_its_parent() {
    run(|| {
        let parent = spawn(|| {
            let me = current().unwrap();
            let child = eager(move || assert!(me.cancel()));
            assert!(child.is_finished());
            log("not yet");
            yield_now();
            unreachable!();
        });
        assert!(parent.join().map(|(): ()| ()).unwrap_err().is_cancelled());
        let slot: Rc<RefCell<Option<JoinHandle<u8>>>> = Rc::default();
        let inside = Rc::clone(&slot);
        let parent = spawn(move || {
            let me = inside.take().unwrap();
            let child = eager(move || me.join().unwrap());
            assert!(!child.is_finished());
            child.on_done(|_| log("child ended"));
            5
        });
        slot.replace(Some(parent));
        yields(4);
        assert_eq!(logged(), ["not yet", "child ended"]);
    });
}

#[test]
fn it_inherits_the_context_and_leaves_the_parents_alone() {
    run(|| {
        WORD.set("parent");
        let task = eager(|| {
            let inherited = WORD.get();
            WORD.set("child");
            yield_now();
            (inherited, WORD.get())
        });
        assert_eq!(WORD.get(), Some("parent"));
        assert_eq!(task.join().unwrap(), (Some("parent"), Some("child")));
        call_soon(|| {
            WORD.set("callback");
            eager(|| drop(WORD.set("child")));
            log(WORD.get().unwrap());
        });
        yield_now();
        assert_eq!(logged(), ["callback"]);
    });
}

#[test]
fn children_of_scopes_and_groups_may_be_eager_and_are_known_before_they_begin() {
    run(|| {
        let mut total = 0;
        scope(|s| {
            let child = Builder::new().eager(true).spawn_scoped(s, || total += 1);
            assert!(child.is_finished());
        })
        .unwrap();
        assert_eq!(total, 1);
        let error = scope(|s| {
            Builder::new().eager(true).try_spawn_scoped(s, || Err::<(), _>("fails at once"));
            log("the body goes on");
            let _ = catch_cancelled(|| sleep(SECOND)).unwrap_err();
        });
        assert_eq!(error.unwrap_err().to_string(), "fails at once");
        scope(|s| {
            let child = Builder::new().eager(true).spawn_scoped(s, || {
                s.cancel();
                log("cancels its own group");
                yield_now();
                unreachable!();
            });
            assert!(child.join().map(|(): ()| ()).unwrap_err().is_cancelled());
        })
        .unwrap();
        let group = TaskGroup::new();
        let member = Builder::new().eager(true).spawn_in(&group, || 3);
        assert!(member.is_finished());
        group.join().unwrap();
        assert_eq!(logged(), ["the body goes on", "cancels its own group"]);
    });
}

#[test]
fn a_scope_waits_for_an_eager_child_that_borrows_and_waits() {
    run(|| {
        let mut words = vec!["to"];
        scope(|s| {
            Builder::new().eager(true).spawn_scoped(s, || {
                yields(3);
                words.push("cede");
            });
        })
        .unwrap();
        assert_eq!(words, ["to", "cede"]);
    });
}

#[test]
fn inside_of_no_switch_and_of_an_unwind_it_begins_in_the_next_tick() {
    run(|| {
        let task = no_switch(|| {
            let task = eager(|| log("later"));
            assert!(!task.is_finished());
            task
        });
        task.join().unwrap();
        struct Spawns(Rc<Cell<Option<JoinHandle<()>>>>);
        impl Drop for Spawns {
            fn drop(&mut self) {
                let task = eager(|| log("after the unwind"));
                assert!(!task.is_finished());
                self.0.set(Some(task));
            }
        }
        let slot = Rc::default();
        let spawns = Spawns(Rc::clone(&slot));
        let text = panic_text(|| {
            let _spawns = spawns;
            silent_panic("unwinds")
        });
        assert_eq!(text, "unwinds");
        slot.take().unwrap().join().unwrap();
        assert_eq!(logged(), ["later", "after the unwind"]);
    });
}

#[test]
fn a_promise_not_to_switch_holds_for_the_parent_and_not_for_the_child() {
    run(|| {
        let task = eager(|| {
            no_switch(|| ());
            yield_now();
            1
        });
        assert_eq!(task.join().unwrap(), 1);
        let child = eager(|| {
            // A child of a child, whose parent has promised nothing.
            let inner = eager(yield_now);
            no_switch(|| assert!(!inner.is_finished()));
            inner.join()
        });
        child.join().unwrap().unwrap();
    });
}

#[test]
fn it_may_begin_beneath_generators_segments_and_timeouts_and_go_on_above_them() {
    run(|| {
        let mut steps = Generator::new(|y| {
            let task = eager(|| {
                log("begins");
                yields(2);
                log("goes on");
            });
            y.yield_(task);
            y.yield_(eager(|| log("and another")));
        });
        let first = steps.next().unwrap();
        let second = grow_with(usize::MAX, 4 << 20, || steps.next().unwrap());
        let third = timeout(SECOND, || eager(|| sleep(2 * SECOND))).unwrap();
        assert!(second.is_finished() && !first.is_finished());
        for task in [first, second, third] {
            task.join().unwrap();
        }
        assert_eq!(logged(), ["begins", "and another", "goes on"]);
    });
}

#[test]
fn it_cannot_yield_from_the_generator_that_spawned_it() {
    run(|| {
        let outcome = scope(|s| {
            let generator = Generator::new(|y: &Yielder<u8>| {
                let refused = cede::scope(|s| {
                    let child = Builder::new().eager(true).spawn_scoped(s, || match y.try_yield(1) {
                        Err(Thrown::Error(error)) => {
                            matches!(error.downcast_ref(), Some(GeneratorError::NotInnermost))
                        }
                        _ => false,
                    });
                    child.join().unwrap()
                });
                assert!(refused.unwrap());
            });
            s.spawn(|| ());
            generator.count()
        });
        assert_eq!(outcome.unwrap(), 0);
    });
}

#[test]
fn many_eager_tasks_inside_of_each_other_begin_and_end_in_order() {
    fn nest(depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let inner = eager(move || {
            let inner = nest(depth - 1);
            if depth.is_multiple_of(2) {
                yield_now();
            }
            inner + 1
        });
        inner.join().unwrap()
    }
    run(|| assert_eq!(nest(50), 50));
}

#[test]
fn a_stack_that_cannot_be_had_ends_it_at_once() {
    run(|| {
        let task = Builder::new().eager(true).stack_size(usize::MAX).spawn(|| log("ran"));
        assert!(task.is_finished());
        assert!(task.join().unwrap_err().error().is_some_and(|error| error.is::<cede::stack::StackError>()));
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn a_result_whose_destructor_panics_is_reported_and_spawn_returns() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            silent_panic("destructor");
        }
    }
    let ((), reports) = reported(|| {
        run(|| {
            let slot = Rc::new(Cell::new(None));
            let inside = Rc::clone(&slot);
            // Its handle is gone when it ends: the record goes with the value.
            inside.set(Some(eager(|| {
                yield_now();
                PanicsInDrop
            })));
            drop(slot.take());
            yields(2);
        });
    });
    assert_eq!(reports, ["the destructor of a task's result: panicked: destructor"]);
}

#[test]
fn the_end_of_a_run_ends_eager_tasks_that_wait() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            drop(eager(|| {
                let _logs = Logs("ended");
                forever();
            }));
        })
        .unwrap();
    runner.close().unwrap();
    assert_eq!(logged(), ["ended"]);
}

#[test]
fn an_unwind_of_the_parent_leaves_an_eager_child_alone() {
    run(|| {
        let slot = Rc::new(Cell::new(None));
        let inside = Rc::clone(&slot);
        let result = panic::catch_unwind(AssertUnwindSafe(move || {
            inside.set(Some(eager(|| {
                yields(2);
                "unharmed"
            })));
            silent_panic("parent")
        }));
        assert!(result.map(|(): ()| ()).is_err());
        assert_eq!(slot.take().unwrap().join().unwrap(), "unharmed");
    });
}
