//! Handles of runs in other threads: tasks and calls that are handed over, results and cancellations both ways.

#[path = "generator_statements/child.rs"]
mod child;
#[path = "runtime_handle/shared.rs"]
mod shared;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cede::sync::Queue;
use cede::time::after;
use cede::{
    Handle, RemoteJoinHandle, RunError, Runner, TaskHandle, catch_cancelled, current, finally, sleep, spawn,
    timeout, yield_now,
};
use shared::{forever, reported_of_tasks, tells, with_run};
use trace::{SECOND, panic_text, silent_panic};

#[test]
fn a_task_runs_on_the_thread_of_the_run_and_its_value_comes_back() {
    let home = thread::current().id();
    let (name, thread, place) = with_run(|run| {
        let task = run.spawn(|| {
            sleep(Duration::from_millis(1));
            (current().unwrap().name(), thread::current().id())
        });
        let (name, thread) = task.join().unwrap();
        assert!(task.is_finished());
        (name, thread, task.spawned_at())
    });
    assert_eq!((name.as_str(), thread), ("Task-2", home));
    assert_eq!((place.file(), place.line()), (file!(), line!() - 9));
}

#[test]
fn calls_come_in_order_in_no_task() {
    let calls = with_run(|run| {
        let (tell, told) = mpsc::channel();
        for i in 0..100 {
            let tell = tell.clone();
            run.call_soon(move || tell.send((i, current().is_none())).unwrap()).unwrap();
        }
        told.iter().take(100).collect::<Vec<_>>()
    });
    assert!(calls.into_iter().eq((0..100).map(|i| (i, true))));
}

#[test]
fn a_call_that_panics_is_reported_and_the_run_goes_on() {
    let (value, reports) = reported_of_tasks(|| {
        with_run(|run| {
            run.call_soon(|| silent_panic("in a call")).unwrap();
            run.spawn(|| 1).join().unwrap()
        })
    });
    assert_eq!((value, reports), (1, vec!["callback: panicked: in a call".to_owned()]));
}

#[test]
fn a_run_that_sleeps_for_a_timer_hears_a_thread_at_once() {
    let start = Instant::now();
    cede::run(|| {
        let run = Handle::current();
        let long = spawn(|| sleep(Duration::from_secs(3600)));
        yield_now();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || run.spawn(move || tell.send(current().unwrap().id())).join());
        // Blocks this thread, so that the task can only run when this one waits.
        assert!(told.recv_timeout(Duration::from_millis(5)).is_err());
        sleep(Duration::from_millis(20));
        assert_eq!(told.try_recv(), Ok(3));
        thread.join().unwrap().unwrap().unwrap();
        long.cancel();
    });
    assert!(start.elapsed() < Duration::from_secs(600));
}

#[test]
fn a_thread_that_comes_while_the_run_sleeps_wakes_it() {
    let woken = Arc::new(Queue::unbounded());
    let put = Arc::clone(&woken);
    let begin = Arc::new(Barrier::new(2));
    let theirs = Arc::clone(&begin);
    let thread = thread::spawn(move || {
        theirs.wait();
        (0..100).for_each(|_| thread::yield_now());
        put.put_nowait(()).unwrap();
    });
    let start = Instant::now();
    cede::run(|| {
        spawn(|| sleep(Duration::from_secs(3600)));
        yield_now();
        begin.wait();
        woken.get().unwrap();
    });
    assert!(start.elapsed() < Duration::from_secs(600));
    thread.join().unwrap();
}

#[test]
fn errors_and_panics_come_back() {
    with_run(|run| {
        let task = run.try_spawn(|| Err::<u8, _>(io::Error::from(io::ErrorKind::NotFound)));
        let error = task.join().unwrap_err();
        let inner = error.error().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(inner.kind(), io::ErrorKind::NotFound);
        assert_eq!(io::Error::from(task.join().unwrap_err()).kind(), io::ErrorKind::NotFound);

        let task = run.spawn(|| resume_unwind(Box::new(17)));
        let error: cede::RemoteJoinError = task.join().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.to_string(), "the task panicked: a value that is no text");
        assert_eq!(*error.clone().into_panic().unwrap().downcast::<i32>().unwrap(), 17);
        assert!(task.join().unwrap_err().into_panic().is_none(), "clones share it");

        let task = run.try_spawn(|| "7".parse::<u8>());
        assert_eq!(task.join().unwrap(), 7);
        assert!(task.join().unwrap_err().is_already_taken());
    });
}

#[test]
fn errors_that_nobody_asks_for_are_reported() {
    let (places, reports) = reported_of_tasks(|| {
        with_run(|run| {
            // They end when their handles are gone, on the thread of the run, whose reports these are.
            let (go, wait) = mpsc::channel();
            let fails = run.try_spawn(move || wait.recv().map_or(Ok(()), |()| Err("detached")));
            let (go_on, waits) = mpsc::channel();
            let panics = run.spawn(move || {
                waits.recv().unwrap();
                current().unwrap().set_name("worker");
                silent_panic("nobody looks")
            });
            let _: [&RemoteJoinHandle<()>; 2] = [&fails, &panics];
            let lines = [fails.spawned_at().line(), panics.spawned_at().line()];
            drop((fails, panics));
            go.send(()).unwrap();
            go_on.send(()).unwrap();
            run.spawn(|| Err::<(), _>("in a value")).join().unwrap().unwrap_err();
            assert!(run.try_spawn(|| Err::<(), _>("looked at")).join().is_err());
            lines
        })
    });
    assert!(places[0] < places[1]);
    let expected = [
        "task 2 \"Task-2\": failed and nobody asked: detached",
        "task 3 \"worker\": panicked and nobody asked: nobody looks",
    ];
    assert_eq!(reports, expected);
}

#[test]
fn a_task_that_is_cancelled_before_it_begins_never_does() {
    let (held, told) = tells();
    let runner = Runner::new();
    let run = runner.handle();
    let thread = thread::spawn(move || {
        let task = run.spawn(move || {
            let _held = held;
            unreachable!()
        });
        assert!(task.cancel() && task.cancel() && !task.is_finished());
        task
    });
    let task: RemoteJoinHandle<()> = thread.join().unwrap();
    runner.run(yield_now).unwrap();
    assert!(task.join().unwrap_err().is_cancelled());
    assert!(!task.cancel());
    assert_eq!(told.recv().unwrap(), thread::current().id());
}

#[test]
fn a_task_that_sleeps_is_cancelled_from_another_thread() {
    with_run(|run| {
        let (tell, told) = mpsc::channel();
        let ready = tell.clone();
        let task = run.spawn(move || {
            finally(
                || {
                    ready.send("sleeps").unwrap();
                    sleep(Duration::MAX);
                },
                || tell.send("cleans up").unwrap(),
            );
        });
        assert_eq!(told.recv(), Ok("sleeps"));
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(told.recv(), Ok("cleans up"));
        assert!(!task.cancel(), "it has ended");

        let (tell, told) = mpsc::channel();
        let task = run.spawn(move || {
            tell.send(()).unwrap();
            catch_cancelled(forever).is_err()
        });
        told.recv().unwrap();
        task.cancel();
        assert!(task.join().unwrap(), "what the task makes of it counts");
    });
}

#[test]
fn a_task_that_runs_is_cancelled_where_it_next_waits() {
    with_run(|run| {
        let (tell, told) = mpsc::channel();
        let requested = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&requested);
        let task = run.spawn(move || {
            tell.send("runs").unwrap();
            while !seen.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            tell.send("goes on").unwrap();
            // The request is heard at the beginning of a tick.
            yield_now();
            yield_now();
            unreachable!();
        });
        assert_eq!(told.recv(), Ok("runs"));
        assert!(task.cancel());
        requested.store(true, Ordering::SeqCst);
        assert_eq!(told.recv(), Ok("goes on"));
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

/// Calls `f` with the handle of a run on another thread, which goes on until `f` has returned.
fn with_other<T>(f: impl FnOnce(&Handle) -> T) -> T {
    let (tell, told) = mpsc::channel();
    let stop = Arc::new(Queue::unbounded());
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        cede::run(|| {
            tell.send(Handle::current()).unwrap();
            stopped.get().unwrap();
        });
    });
    let value = f(&told.recv().unwrap());
    stop.put_nowait(()).unwrap();
    thread.join().unwrap();
    value
}

/// The same in a run of this thread.
fn with_two_runs<T>(f: impl FnOnce(&Handle) -> T) -> T {
    with_other(|other| cede::run(|| f(other)))
}

#[test]
fn a_task_of_another_run_is_suspended_while_it_joins() {
    with_two_runs(|other| {
        let steps = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&steps);
        let counts = spawn(move || {
            loop {
                steps.fetch_add(1, Ordering::SeqCst);
                yield_now();
            }
        });
        let task = other.spawn(move || {
            while seen.load(Ordering::SeqCst) < 10 {
                yield_now();
            }
            "they went on"
        });
        assert_eq!(task.join().unwrap(), "they went on");
        counts.cancel();
        // Without a timer, and with one that does not fire.
        assert_eq!(other.spawn(|| 1).join().unwrap(), 1);
        assert_eq!(other.spawn(|| 2).join_timeout(Duration::from_secs(3600)).unwrap().unwrap(), 2);
        assert_eq!(other.spawn(|| 3).join_timeout(Duration::MAX).unwrap().unwrap(), 3);
    });
}

#[test]
fn a_task_that_is_cancelled_while_it_joins_cancels_the_other() {
    let (tell, told) = mpsc::channel();
    with_two_runs(|other| {
        let (begin, begun) = mpsc::channel();
        let remote = Arc::new(other.spawn(move || {
            begin.send(()).unwrap();
            finally(forever, || tell.send("cancelled there").unwrap());
        }));
        begun.recv().unwrap();
        let joined = Arc::clone(&remote);
        let task = spawn(move || joined.join());
        yield_now();
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(remote.join().unwrap_err().is_cancelled());
        // In `select!` a loser has no effect.
        let (go, wait) = mpsc::channel();
        let remote = other.spawn(move || wait.recv().unwrap());
        cede::select! {
            _ = remote.joining() => unreachable!(),
            () = after(Duration::from_millis(1)) => go.send(5).unwrap(),
        }
        cede::select! {
            value = remote.joining() => assert_eq!(value.unwrap(), 5),
            () = after(Duration::from_secs(3600)) => unreachable!(),
        }
    });
    assert_eq!(told.recv(), Ok("cancelled there"));
}

#[test]
fn a_run_that_is_by_itself_waits_for_the_task_of_another() {
    with_other(|other| {
        let runner = Runner::builder().virtual_time(true).build();
        let (go, wait) = mpsc::channel::<()>();
        let value = runner.run(|| {
            let remote = other.spawn(move || {
                wait.recv().unwrap();
                5
            });
            assert!(remote.join_timeout(SECOND).is_none(), "the time of this run is virtual");
            go.send(()).unwrap();
            remote.join().unwrap()
        });
        assert_eq!(value.unwrap(), 5);
    });
}

#[test]
fn a_task_may_join_what_was_handed_to_its_own_run() {
    let runner = Runner::builder().virtual_time(true).build();
    let value = runner.run(|| {
        let run = Handle::current();
        let task = run.spawn(|| {
            sleep(SECOND);
            5
        });
        assert!(task.join_timeout(SECOND / 2).is_none());
        assert!(timeout(SECOND / 4, || task.join()).is_err(), "which cancels it, as in asyncio");
        assert!(task.join().unwrap_err().is_cancelled());
        let task = Arc::new(run.spawn(|| 7));
        let same = Arc::clone(&task);
        let joined = spawn(move || same.join().is_ok());
        let one = task.join().is_ok();
        assert_ne!(one, joined.join().unwrap(), "the value is handed out once");
        run.spawn(|| 8).join().unwrap()
    });
    assert_eq!(value.unwrap(), 8);
}

#[test]
fn a_task_can_t_wait_for_itself() {
    let (tell, told) = mpsc::channel();
    let own: Arc<Mutex<Option<RemoteJoinHandle<()>>>> = Arc::default();
    let runner = Runner::builder().virtual_time(true).build();
    let shared = Arc::clone(&own);
    let task = runner.handle().spawn(move || {
        let own = shared.lock().unwrap().take().unwrap();
        tell.send(own.join()).unwrap();
        tell.send(own.join_timeout(SECOND).unwrap()).unwrap();
    });
    own.lock().unwrap().replace(task);
    runner.run(yield_now).unwrap();
    assert!(told.iter().take(2).all(|joined| joined.unwrap_err().is_await_self()));
}

#[test]
fn a_thread_that_would_wait_for_its_own_run_is_told_so() {
    let runner = Runner::new();
    let task = runner.handle().spawn(|| 5);
    assert!(panic_text(|| task.join()).contains("this thread would wait for itself"));
    assert!(panic_text(|| task.join_timeout(SECOND)).contains("this thread would wait for itself"));
    runner.run(yield_now).unwrap();
    assert_eq!(task.join().unwrap(), 5);
    runner.run(|| cede::call_soon(|| ())).unwrap();
    assert!(panic_text(Handle::current).contains("call Handle::current inside cede::run"));
    assert!(Handle::try_current().is_none());
}

#[test]
fn a_join_with_a_deadline_gives_up_and_the_task_goes_on() {
    with_run(|run| {
        let (go, wait) = mpsc::channel();
        let task = run.spawn(move || wait.recv().unwrap());
        assert!(task.join_timeout(Duration::ZERO).is_none());
        assert!(task.join_timeout(Duration::from_millis(3)).is_none());
        go.send(5).unwrap();
        assert_eq!(task.join_timeout(Duration::MAX).unwrap().unwrap(), 5);
        assert!(task.join_timeout(Duration::ZERO).unwrap().unwrap_err().is_already_taken());
    });
}

#[test]
fn a_handle_that_tasks_of_the_run_keep_does_not_hide_a_deadlock() {
    let runner = Runner::builder().by_itself(true).build();
    let error = runner.run(|| {
        let _kept = Handle::current();
        let task = spawn(|| {
            let kept = Handle::current();
            // One that waits for its own run, too.
            drop(kept.spawn(forever).join());
        });
        task.join()
    });
    let Err(RunError::Deadlock(deadlock)) = error else { panic!("{error:?}") };
    assert_eq!(deadlock.tasks.len(), 3);
    assert!(
        deadlock.tasks[1]
            .waits_for
            .starts_with("joins a task that was handed to a run at tests/runtime_handle.rs:")
    );
}

/// What it waits for is of its own thread, and only a handle can end that. In a process of its own, whose hook this is.
#[test]
fn a_run_that_only_a_handle_can_wake_waits_for_it_and_says_so_after_a_while() {
    child::alone("a_run_that_only_a_handle_can_wake_waits_for_it_and_says_so_after_a_while", None, || {
        let (said, reports) = mpsc::channel();
        let said = Mutex::new(said);
        cede::set_task_hook(move |report| said.lock().unwrap().send(report.to_string()).unwrap());
        let error = Runner::new().run(|| {
            let (run, task) = (Handle::current(), current().unwrap().id());
            let thread = thread::spawn(move || {
                let report = reports.recv().unwrap();
                assert!(report.starts_with("a run: waits for other threads"), "{report}");
                assert!(report.contains("task 1 \"Task-1\"  sleeps for ever"), "{report}");
                run.spawn(move || VICTIM.with_borrow(|victim| victim.as_ref().unwrap().cancel())).join()
            });
            assert_eq!(task, 1);
            VICTIM.set(current());
            assert!(catch_cancelled(|| sleep(Duration::MAX)).is_err());
            yield_now();
            assert!(thread.join().unwrap().unwrap());
            // With the last handle gone this is a deadlock though there may be other threads.
            sleep(Duration::MAX);
        });
        assert!(matches!(error, Err(RunError::Deadlock(_))), "{error:?}");
    });
}

thread_local! {
    static VICTIM: RefCell<Option<TaskHandle>> = const { RefCell::new(None) };
}

#[test]
fn the_last_handle_that_goes_ends_the_wait_for_it() {
    let runner = Runner::builder().by_itself(false).build();
    let error = runner.run(|| {
        let run = Handle::current();
        let (go, wait) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            wait.recv().unwrap();
            (0..100).for_each(|_| thread::yield_now());
            drop(run);
        });
        go.send(()).unwrap();
        let _thread = thread;
        sleep(Duration::MAX);
    });
    assert!(matches!(error, Err(RunError::Deadlock(_))), "{error:?}");
}

#[test]
fn many_threads_hand_over_and_cancel_at_once() {
    const THREADS: usize = 6;
    const TASKS: usize = 300;
    let ran = Arc::new(AtomicUsize::new(0));
    let outcomes = with_run(move |run| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (run, ran) = (run.clone(), Arc::clone(&ran));
                thread::spawn(move || {
                    let work = |i: usize| {
                        let counted = Arc::clone(&ran);
                        let task = run.spawn(move || {
                            (0..i % 5).for_each(|_| yield_now());
                            counted.fetch_add(1, Ordering::SeqCst);
                            i
                        });
                        if i % 3 == thread % 3 {
                            task.cancel();
                        }
                        (i, task)
                    };
                    let tasks: Vec<_> = (0..TASKS).map(work).collect();
                    tasks
                        .iter()
                        .filter(|(i, task)| match task.join() {
                            Ok(value) => value == *i,
                            Err(error) => {
                                assert!(error.is_cancelled());
                                false
                            }
                        })
                        .count()
                })
            })
            .collect();
        let values: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        (values, ran.load(Ordering::SeqCst))
    });
    let (values, ran) = outcomes;
    // One that is cancelled as it returns has run and gives no value.
    assert!((THREADS * TASKS * 2 / 3..=ran).contains(&values), "{values} of {ran}");
}
