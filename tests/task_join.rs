//! Spawning tasks, what joining them gives, names, callbacks, and errors that nobody asked for.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use cede::task::Builder;
use cede::{JoinError, JoinHandle, call_soon, current, sleep, spawn, try_spawn, yield_now};
use trace::{SECOND, log, logged, panic_text, reported, run, silent_panic, text_of, ticking, ticks};

#[test]
fn join_gives_the_value_once_and_then_says_that_it_was_taken() {
    run(|| {
        let task = spawn(|| String::from("value"));
        assert!(!task.is_finished());
        assert_eq!(task.join().unwrap(), "value");
        assert!(task.is_finished());
        let error = task.join().unwrap_err();
        assert!(error.is_already_taken() && !error.is_cancelled() && !error.is_panic());
        assert_eq!(error.to_string(), "the task's result was taken by an earlier join");
    });
}

#[test]
fn values_that_are_not_send_come_back() {
    run(|| {
        let shared = Rc::new(Cell::new(1));
        let inside = Rc::clone(&shared);
        let task = spawn(move || {
            inside.set(2);
            inside
        });
        assert!(Rc::ptr_eq(&task.join().unwrap(), &shared));
        assert_eq!(shared.get(), 2);
    });
}

#[test]
fn join_gives_the_payload_of_a_panic_to_the_first_clone_that_asks() {
    run(|| {
        let task = spawn(|| silent_panic("went wrong"));
        let error = task.join().map(|(): ()| ()).unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.to_string(), "the task panicked: went wrong");
        let clone = error.clone();
        assert_eq!(text_of(error.into_panic().unwrap()), "went wrong");
        assert!(clone.into_panic().is_none());
        assert!(task.join().unwrap_err().is_panic());
    });
}

#[test]
fn join_gives_an_error_as_often_as_it_is_asked() {
    run(|| {
        let task = try_spawn(|| Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)));
        for _ in 0..2 {
            let error = task.join().unwrap_err();
            assert!(error.error().unwrap().is::<io::Error>());
            assert!(error.clone().into_panic().is_none());
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
        }
        assert_eq!(try_spawn(|| Ok::<_, io::Error>(3)).join().unwrap(), 3);
    });
}

/// asyncio: what the joined task ended with is raised in the one that joins it.
#[test]
fn a_task_that_hands_on_the_error_of_a_join_ends_with_it() {
    run(|| {
        let handing_on = |task: JoinHandle<()>| try_spawn(move || task.join());
        let error = handing_on(try_spawn(|| Err(io::Error::other("disk")))).join().unwrap_err();
        assert!(error.error().unwrap().is::<io::Error>());
        assert!(handing_on(spawn(|| silent_panic("oops"))).join().unwrap_err().is_panic());
        let cancelled = spawn(|| sleep(SECOND));
        cancelled.cancel();
        assert!(handing_on(cancelled).join().unwrap_err().is_cancelled());
        let taken = spawn(|| ());
        taken.join().unwrap();
        let error = handing_on(taken).join().unwrap_err();
        assert!(error.error().unwrap().downcast_ref::<JoinError>().unwrap().is_already_taken());
    });
}

#[test]
fn join_errors_become_io_errors_with_their_text() {
    run(|| {
        let other = try_spawn(|| Err::<(), _>("no disk")).join().unwrap_err();
        let other = io::Error::from(other);
        assert_eq!((other.kind(), other.to_string()), (io::ErrorKind::Other, "no disk".to_owned()));
        let task = spawn(yield_now);
        task.cancel();
        let cancelled = io::Error::from(task.join().unwrap_err());
        assert_eq!(cancelled.to_string(), "the task was cancelled");
    });
}

#[test]
fn a_task_that_asks_for_its_own_end_is_told_so_a_tick_later() {
    ticking(|| {
        let own: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let inner = Rc::clone(&own);
        let done = Rc::new(Cell::new(false));
        let set = Rc::clone(&done);
        own.set(Some(spawn(move || {
            let own = inner.take().unwrap();
            assert_eq!(ticks(|| assert!(own.join().unwrap_err().is_await_self())), 1);
            assert_eq!(ticks(|| assert!(own.join_cloned().unwrap_err().is_await_self())), 1);
            set.set(true);
        })));
        for _ in 0..4 {
            yield_now();
        }
        assert!(done.get());
    });
}

#[test]
fn a_task_that_joins_itself_gets_an_error_from_either_join() {
    run(|| {
        let own: Rc<Cell<Option<JoinHandle<u8>>>> = Rc::default();
        let inside = Rc::clone(&own);
        own.set(Some(spawn(move || {
            let me = inside.take().unwrap();
            assert_eq!(me.join().unwrap_err().to_string(), "a task can't wait for its own end");
            assert_eq!(me.join_cloned().unwrap_err().to_string(), "a task can't wait for its own end");
            7
        })));
        yield_now();
        assert!(own.take().is_none());
    });
}

#[test]
fn join_cloned_gives_a_copy_to_each_and_leaves_the_value() {
    run(|| {
        let task = Rc::new(spawn(|| vec![1, 2]));
        let others: Vec<_> = (0..3)
            .map(|_| {
                let task = Rc::clone(&task);
                spawn(move || task.join_cloned().unwrap())
            })
            .collect();
        assert!(others.iter().all(|other| other.join().unwrap() == [1, 2]));
        assert_eq!(task.join_cloned().unwrap(), [1, 2]);
        assert_eq!(task.join().unwrap(), [1, 2]);
        assert!(task.join_cloned().unwrap_err().is_already_taken());
    });
}

#[test]
fn a_task_whose_handle_is_dropped_goes_on() {
    let done = Rc::new(Cell::new(false));
    let flag = Rc::clone(&done);
    run(|| {
        drop(spawn(move || {
            yield_now();
            flag.set(true);
        }));
        (0..3).for_each(|_| yield_now());
    });
    assert!(done.get());
}

#[test]
fn an_error_or_a_panic_that_nobody_asked_for_is_reported_once() {
    let ((), reports) = reported(|| {
        run(|| {
            drop(try_spawn(|| Err::<(), _>("the disk is full")));
            drop(Builder::new().name("worker").spawn(|| silent_panic("went wrong")));
            let kept = try_spawn(|| Err::<(), _>("late"));
            yield_now();
            yield_now();
            drop(kept);
        });
    });
    assert_eq!(
        reports,
        [
            "task 2 \"Task-2\": failed and nobody asked: the disk is full",
            "task 3 \"worker\": panicked and nobody asked: went wrong",
            "task 4 \"Task-4\": failed and nobody asked: late",
        ]
    );
}

#[test]
fn errors_that_were_joined_and_cancellations_are_not_reported() {
    let ((), reports) = reported(|| {
        run(|| {
            assert!(try_spawn(|| Err::<(), _>("seen")).join().is_err());
            assert!(try_spawn(|| Err::<u8, _>("seen")).join_cloned().is_err());
            let cancelled = spawn(yield_now);
            cancelled.cancel();
            drop(cancelled);
            yield_now();
            yield_now();
        });
    });
    assert_eq!(reports, [""; 0]);
}

/// Losing a race has no effect, and does not count as having asked.
#[test]
fn an_error_is_reported_when_the_join_lost_a_race() {
    let ((), reports) = reported(|| {
        run(|| {
            let task = try_spawn(|| {
                yield_now();
                Err::<(), _>("unseen")
            });
            let done = spawn(|| ());
            done.join().unwrap();
            cede::select! {
                () = cede::time::after(std::time::Duration::ZERO) => {}
                _ = task.joining() => unreachable!(),
            }
            drop(task.joining());
            drop(task);
            (0..3).for_each(|_| yield_now());
        });
    });
    assert_eq!(reports, ["task 2 \"Task-2\": failed and nobody asked: unseen"]);
}

#[derive(Debug)]
struct Mute;

impl std::fmt::Display for Mute {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        silent_panic("no text")
    }
}

impl std::error::Error for Mute {}

#[test]
fn an_error_whose_text_panics_is_reported_without_it() {
    let ((), reports) = reported(|| {
        run(|| {
            drop(try_spawn(|| Err::<(), _>(Mute)));
            yield_now();
            yield_now();
        });
    });
    assert_eq!(reports, ["task 2 \"Task-2\": failed and nobody asked, with an error whose Display panicked"]);
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        silent_panic("in drop")
    }
}

/// The scheduler drops it, and goes on.
#[test]
fn a_value_that_nobody_takes_and_that_panics_in_drop_is_reported() {
    let (value, reports) = reported(|| {
        run(|| {
            drop(spawn(|| PanicsInDrop));
            yield_now();
            yield_now();
            5
        })
    });
    assert_eq!(value, 5);
    assert_eq!(reports, ["the destructor of a task's result: panicked: in drop"]);
}

#[test]
fn a_value_that_panics_in_drop_because_its_task_cancelled_itself_is_the_tasks_panic() {
    run(|| {
        let task = spawn(|| {
            current().unwrap().cancel();
            PanicsInDrop
        });
        let error = task.join().map(std::mem::forget).unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: in drop");
    });
}

#[test]
fn tasks_have_numbers_names_and_the_place_of_their_spawn() {
    run(|| {
        let main = current().unwrap();
        assert_eq!((main.id(), main.name()), (1, "Task-1".to_owned()));
        let plain = spawn(|| current().unwrap().name());
        let line = line!() - 1;
        let named = Builder::new().name("named").spawn(|| {
            let me = current().unwrap();
            me.set_name("renamed");
            me
        });
        assert_eq!((plain.id(), plain.name()), (2, "Task-2".to_owned()));
        assert_eq!((named.id(), named.name()), (3, "named".to_owned()));
        assert_eq!((plain.spawned_at().file(), plain.spawned_at().line()), (file!(), line));
        assert_eq!(plain.join().unwrap(), "Task-2");
        let handle = named.join().unwrap();
        assert_eq!(named.name(), "renamed");
        assert_eq!((handle.id(), handle.spawned_at()), (3, named.spawned_at()));
        assert_eq!(format!("{named:?}"), "JoinHandle { id: 3, name: \"renamed\", finished: true }");
    });
    assert!(current().is_none());
}

#[test]
fn callbacks_run_in_order_between_the_tasks_that_were_spawned_around_them() {
    run(|| {
        spawn(|| log("task 1"));
        call_soon(|| log("callback 1"));
        spawn(|| log("task 2"));
        call_soon(|| {
            log("callback 2");
            call_soon(|| log("callback 3"));
            assert!(current().is_none());
            spawn(|| log("task 3"));
        });
        log("main");
        yield_now();
        log("main again");
        yield_now();
    });
    let all = ["main", "task 1", "callback 1", "task 2", "callback 2", "main again", "callback 3", "task 3"];
    assert_eq!(logged(), all);
}

#[test]
fn a_callback_that_panics_or_waits_is_reported_and_the_run_goes_on() {
    let (text, reports) = reported(|| {
        run(|| {
            call_soon(|| silent_panic("callback"));
            call_soon(|| silent_panic(&panic_text(yield_now)));
            yield_now();
            "went on"
        })
    });
    assert_eq!(text, "went on");
    assert_eq!(
        reports,
        [
            "callback: panicked: callback",
            "callback: panicked: cede: only a task can wait: call this inside cede::run, not in a callback",
        ]
    );
}
