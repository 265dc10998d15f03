//! Settings of tasks, and what is known of tasks from elsewhere: names, numbers, whether they have ended, what they wait for.

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;

use cede::sync::Queue;
use cede::task::{Awaitable, Builder, Promise, all_tasks};
use cede::{JoinHandle, Runner, TaskGroup, TaskHandle, call_soon, current, scope, sleep, spawn, yield_now};
use trace::{SECOND, log, logged, panic_text, reported, run, silent_panic};

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

/// How deep a recursion can go that uses about 16 KiB in each call.
#[inline(never)]
fn dig(depth: usize) -> usize {
    let room = std::hint::black_box([0u8; 16 << 10]);
    if depth == 0 { usize::from(room[0]) } else { dig(depth - 1) + usize::from(room[depth]) }
}

#[test]
fn a_name_is_seen_inside_and_outside_and_in_reports() {
    let ((), reports) = reported(|| {
        run(|| {
            let task = Builder::new().name("worker").spawn(|| current().unwrap().name());
            assert_eq!(task.name(), "worker");
            assert_eq!(task.join().unwrap(), "worker");
            assert_eq!(task.name(), "worker");
            drop(Builder::new().name(String::from("fails")).try_spawn(|| Err::<(), _>("no disk")));
            yield_now();
        });
    });
    assert_eq!(reports, ["task 3 \"fails\": failed and nobody asked: no disk"]);
}

#[test]
fn a_builder_can_be_used_again() {
    run(|| {
        let settings = Builder::new().name("twin");
        let twins = [settings.clone().spawn(|| 1), settings.spawn(|| 2)];
        assert!(twins.iter().all(|twin| twin.name() == "twin"));
        assert_eq!(Builder::default().spawn(|| 3).name(), "Task-4");
    });
}

#[test]
fn a_larger_stack_holds_a_deeper_recursion() {
    run(|| {
        let deep = Builder::new().stack_size(8 << 20).spawn(|| dig(200));
        assert_eq!(deep.join().unwrap(), 0);
    });
}

#[test]
fn a_stack_that_cannot_be_had_is_an_error_of_the_task() {
    run(|| {
        for size in [0, usize::MAX] {
            let task = Builder::new().stack_size(size).spawn(|| log("ran"));
            let error = task.join().unwrap_err();
            assert!(error.error().is_some_and(|error| error.is::<cede::stack::StackError>()), "{error}");
        }
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn children_of_scopes_and_groups_can_be_built_and_borrow() {
    run(|| {
        let word = String::from("cede");
        let lengths = scope(|s| {
            let named = Builder::new().name("child").spawn_scoped(s, || word.len());
            assert_eq!(named.name(), "child");
            let fails = Builder::new().try_spawn_scoped(s, || word.parse::<u8>());
            (named.join().unwrap(), fails.join().is_err())
        });
        assert_eq!(lengths.unwrap_err().len(), 1);
        let group = TaskGroup::new();
        let member = Builder::new().name("member").spawn_in(&group, || current().unwrap().name());
        let fails = Builder::new().name("fails").try_spawn_in(&group, || Err::<(), _>("fails"));
        assert_eq!(fails.name(), "fails");
        assert_eq!(group.join().unwrap_err().to_string(), "fails");
        assert_eq!(member.join().unwrap(), "member");
    });
}

#[test]
fn a_task_is_made_where_it_is_spawned_not_where_its_builder_is() {
    run(|| {
        let settings = Builder::new();
        let task = settings.spawn(|| 1);
        assert_eq!(task.spawned_at().line(), line!() - 1);
    });
    let text = panic_text(|| Builder::new().spawn(|| 1));
    assert!(
        text.starts_with("cede: tasks live inside a run: call this inside cede::run (at tests/"),
        "{text}"
    );
}

#[test]
fn all_tasks_are_those_that_have_not_ended_in_the_order_in_which_they_were_made() {
    assert!(all_tasks().is_empty());
    run(|| {
        let names = || all_tasks().iter().map(TaskHandle::name).collect::<Vec<_>>();
        assert_eq!(names(), ["Task-1"]);
        let short = Builder::new().name("short").spawn(|| ());
        let long = Builder::new().name("long").spawn(forever);
        assert_eq!(names(), ["Task-1", "short", "long"], "also those that have not begun");
        short.join().unwrap();
        let third = Builder::new().name("third").spawn(forever);
        assert_eq!(names(), ["Task-1", "long", "third"], "whichever place they have");
        call_soon(move || assert_eq!(all_tasks().len(), 3));
        yield_now();
        for task in all_tasks().iter().filter(|task| task.id() != current().unwrap().id()) {
            assert!(task.cancel());
        }
        assert!(long.join().unwrap_err().is_cancelled() && third.join().unwrap_err().is_cancelled());
        assert_eq!(names(), ["Task-1"]);
    });
}

#[test]
fn a_handle_knows_the_task_also_when_it_has_ended() {
    run(|| {
        let slot: Rc<Promise<TaskHandle>> = Rc::default();
        let told = Rc::clone(&slot);
        let task: JoinHandle<()> = Builder::new().name("first").spawn(move || {
            let me = current().unwrap();
            me.set_name("second");
            told.set_result(me).unwrap();
            forever();
        });
        let handle = slot.join().unwrap();
        let other = all_tasks().pop().unwrap();
        other.set_name("third");
        assert!(!handle.is_finished() && handle.cancelling() == 0);
        assert_eq!((handle.name(), task.name()), ("third".to_owned(), "third".to_owned()));
        assert!(handle.cancel());
        assert_eq!((handle.cancelling(), handle.uncancel()), (1, 0));
        assert!(task.join().unwrap_err().is_cancelled());
        drop(task);
        assert!(handle.is_finished() && !handle.cancel());
        assert_eq!((handle.name(), handle.id(), handle.uncancel()), ("third".to_owned(), 2, 0));
        handle.set_name("fourth");
        assert_eq!(other.name(), "fourth");
        assert!(handle.spawned_at().file().ends_with("task_builder.rs"));
        assert_eq!(format!("{handle:?}"), "TaskHandle { id: 2, name: \"fourth\" }");
    });
}

#[test]
fn a_task_without_a_name_goes_by_its_number_also_when_it_has_ended() {
    run(|| {
        let handle = spawn(|| current().unwrap()).join().unwrap();
        assert_eq!(handle.name(), "Task-2");
        assert!(handle.is_finished() && handle.waits_for().is_none());
    });
}

#[test]
fn what_a_task_waits_for_is_told_while_it_waits() {
    run(|| {
        let queue = Rc::new(Queue::<u8>::bounded(1));
        let inside = Rc::clone(&queue);
        spawn(move || inside.get());
        spawn(|| sleep(SECOND));
        spawn(|| spawn(forever).join());
        spawn(|| {
            loop {
                yield_now();
            }
        });
        let waits = |id: u64| all_tasks().iter().find(|task| task.id() == id).unwrap().waits_for();
        assert_eq!(waits(2), None, "it has not begun");
        yield_now();
        assert!(waits(2).unwrap().starts_with("gets from Queue(0/1) made at tests/task_builder.rs:"));
        assert_eq!(waits(3).unwrap(), "sleeps for 1s");
        assert_eq!(waits(4).unwrap(), "joins task 6 \"Task-6\"");
        assert_eq!((waits(5), waits(1)), (None, None), "it is ready, or runs");
        queue.put(1).unwrap();
        assert_eq!(waits(2), None, "it has been woken");
    });
}

#[test]
fn handles_of_tasks_of_another_run_work() {
    let runner = Runner::builder().virtual_time(true).build();
    let (task, handle) = runner
        .run(|| {
            let task = Builder::new().name("left").spawn(forever);
            yield_now();
            (task, all_tasks().pop().unwrap())
        })
        .unwrap();
    run(|| {
        assert_eq!(all_tasks().len(), 1, "only those of this run");
        assert!(!handle.is_finished());
        assert!(handle.waits_for().unwrap().starts_with("gets from Queue(0)"));
        assert!(handle.cancel());
    });
    assert!(runner.run(|| task.join().unwrap_err().is_cancelled()).unwrap());
    assert!(handle.is_finished());
    assert_eq!(handle.name(), "left");
}

#[test]
fn handles_do_not_keep_a_tasks_value() {
    run(|| {
        let alive = Rc::new(());
        let value = Rc::clone(&alive);
        let task = spawn(move || value);
        let handle = all_tasks().pop().unwrap();
        yield_now();
        assert_eq!(Rc::strong_count(&alive), 2);
        drop(task);
        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(handle.is_finished());
        let panics = spawn(|| silent_panic("went wrong"));
        let handle = all_tasks().pop().unwrap();
        panics.join().map(|(): ()| ()).unwrap_err();
        assert!(handle.is_finished());
    });
}
