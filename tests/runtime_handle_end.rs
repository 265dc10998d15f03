//! Handles and the end of a run: what is handed over too early or too late, what is left behind, and where things are dropped.

#[path = "runtime_handle/shared.rs"]
mod shared;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cede::runtime::RunEnded;
use cede::{Handle, RemoteJoinHandle, RunError, Runner, catch_cancelled, current, sleep, yield_now};
use shared::{forever, reported_of_tasks, tells, with_run};
use trace::{SECOND, log, logged, panic_text, silent_panic};

#[test]
fn what_is_handed_over_between_two_runs_waits_for_the_next() {
    let runner = Runner::new();
    let run = runner.handle();
    runner.run(|| ()).unwrap();
    let thread = thread::spawn(move || {
        let task = run.spawn(|| log("task"));
        run.call_soon(|| log("call")).unwrap();
        task
    });
    let task = thread.join().unwrap();
    assert!(!task.is_finished());
    runner
        .run(|| {
            log("main");
            yield_now();
            yield_now();
        })
        .unwrap();
    task.join().unwrap();
    assert_eq!(logged(), ["main", "call", "task"]);
}

#[test]
fn a_run_that_has_ended_takes_nothing_in_and_says_so() {
    let (held, told) = tells();
    let (other, dropped) = tells();
    let runner = Runner::new();
    let run = runner.handle();
    runner.close().unwrap();
    let thread = thread::spawn(move || {
        let task = run.spawn(move || drop(held));
        let error = task.join().unwrap_err();
        assert!(error.is_run_ended() && task.is_finished() && !task.cancel());
        assert_eq!(error.to_string(), "the run has ended without the task");
        assert_eq!(
            run.call_soon(move || drop(other)).map_err(|error| error.to_string()),
            Err("the run has ended".into())
        );
        run
    });
    let home = thread.thread().id();
    let run = thread.join().unwrap();
    assert_eq!([told.recv().unwrap(), dropped.recv().unwrap()], [home; 2]);

    // Until the next one.
    let five = runner.run(|| run.spawn(|| 5).join().unwrap());
    assert_eq!(five.unwrap(), 5);
    drop(runner);
    assert_eq!(run.call_soon(|| ()), Err::<(), RunEnded>(run.call_soon(|| ()).unwrap_err()));
    assert!(run.clone().spawn(|| ()).join().unwrap_err().is_run_ended());
}

#[test]
fn what_is_on_its_way_when_a_runner_goes_is_dropped_there_and_told() {
    for how in ["close", "drop", "unwind"] {
        let runner = Runner::new();
        let run = runner.handle();
        let (held, told) = tells();
        let thread = thread::spawn(move || {
            let task = run.spawn(move || drop(held));
            let again = run.clone();
            // Its destructor finds the run closed, and nothing locked.
            let spawns = Spawns(again);
            run.call_soon(move || drop(spawns)).unwrap();
            task
        });
        let task = thread.join().unwrap();
        match how {
            "close" => runner.close().unwrap(),
            "drop" => drop(runner),
            _ => drop(panic_text(move || {
                let _runner = runner;
                silent_panic("unwind")
            })),
        }
        assert!(task.join().unwrap_err().is_run_ended(), "{how}");
        assert_eq!(told.recv().unwrap(), thread::current().id());
    }
}

/// Panics as it is dropped.
struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        silent_panic("destructor");
    }
}

#[test]
fn who_waits_is_told_also_where_the_closure_panics_as_it_is_dropped() {
    let (task, reports) = reported_of_tasks(|| {
        let runner = Runner::new();
        let panics = Panics;
        let task = runner.handle().spawn(move || drop(panics));
        runner.close().unwrap();
        task
    });
    assert!(task.join().unwrap_err().is_run_ended());
    assert_eq!(reports, ["the destructor of a function that was sent to a run: panicked: destructor"]);
}

/// Hands a task over as it is dropped.
struct Spawns(Handle);

impl Drop for Spawns {
    fn drop(&mut self) {
        assert!(self.0.spawn(|| ()).join().unwrap_err().is_run_ended());
    }
}

#[test]
fn who_waits_for_a_task_that_is_left_behind_is_told() {
    let ((), reports) = reported_of_tasks(|| {
        // One that can't be ended, and one whose runner an unwind drops.
        let runner = Runner::builder().virtual_time(true).build();
        let stubborn = runner.handle().spawn(|| {
            loop {
                let _caught = catch_cancelled(forever);
            }
        });
        let joins = thread::spawn(move || stubborn.join());
        runner.run(|| sleep(SECOND)).unwrap();
        runner.close().unwrap();
        let joined: Result<(), _> = joins.join().unwrap();
        assert!(joined.unwrap_err().is_run_ended());

        let runner = Runner::new();
        let pending = runner.handle().spawn(forever);
        runner.run(|| sleep(Duration::from_millis(1))).unwrap();
        panic_text(move || {
            let _runner = runner;
            silent_panic("unwind")
        });
        assert!(pending.join().unwrap_err().is_run_ended());
    });
    assert_eq!(reports.len(), 2, "{reports:?}");
}

#[test]
fn a_task_that_the_end_of_the_run_cancels_says_so() {
    let runner = Runner::new();
    let run = runner.handle();
    let task = run.spawn(forever);
    let fresh = runner.run(move || {
        yield_now();
        run.spawn(|| 5)
    });
    let fresh = fresh.unwrap();
    runner.close().unwrap();
    assert!(task.join().unwrap_err().is_cancelled());
    // It came in the last tick: it began, or was cancelled before, or never was more than a message.
    assert!(fresh.is_finished());
}

#[test]
fn a_result_that_nobody_wants_is_dropped_on_the_thread_of_the_run() {
    let home = thread::current().id();
    let told = with_run(|run| {
        let (value, told) = tells();
        let (go, wait) = mpsc::channel();
        drop(run.spawn(move || {
            wait.recv().unwrap();
            value
        }));
        go.send(()).unwrap();
        let (kept, told_kept) = tells();
        let task = run.spawn(move || kept);
        let kept = task.join().unwrap();
        assert!(told_kept.try_recv().is_err());
        drop(kept);
        assert_eq!(told_kept.recv().unwrap(), thread::current().id());
        told.recv().unwrap()
    });
    assert_eq!(told, home);
}

/// A value whose task was cancelled as it returned is dropped, and does not come back.
#[test]
fn a_value_that_comes_with_a_cancellation_is_dropped() {
    let runner = Runner::new();
    let (value, told) = tells();
    let task = runner.handle().spawn(move || {
        current().unwrap().cancel();
        value
    });
    runner.run(yield_now).unwrap();
    assert!(task.join().map(drop).unwrap_err().is_cancelled());
    assert_eq!(told.recv().unwrap(), thread::current().id());
}

#[test]
fn a_task_that_gets_no_stack_says_so() {
    let runner = Runner::builder().stack_size(usize::MAX).build();
    let (held, told) = tells();
    let task = runner.handle().spawn(move || drop(held));
    assert!(matches!(runner.run(|| ()), Err(RunError::NoStack(_))));
    let error = task.join().unwrap_err();
    assert!(error.error().unwrap().to_string().contains("larger than any address space"), "{error}");
    assert!(told.recv().is_ok());
}

/// A handle may be used, cloned and dropped by a destructor of a thread-local.
#[test]
fn a_handle_outlives_its_run_anywhere() {
    thread_local! {
        static KEPT: Cell<Option<(Handle, RemoteJoinHandle<()>)>> = const { Cell::new(None) };
    }
    let thread = thread::spawn(|| {
        cede::run(|| {
            let run = Handle::current();
            let task = run.spawn(|| ());
            KEPT.set(Some((run, task)));
        });
    });
    thread.join().unwrap();
}
