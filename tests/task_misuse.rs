//! Every function outside of where it belongs: outside of runs, in callbacks, in destructors of thread-locals, with
//! handles that have outlived their run.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::{GetNowaitError, Queue};
use cede::time::{after, now, sleep_until, timeout_with};
use cede::{
    JoinHandle, Operation, RunError, Runner, TaskGroup, catch_cancelled, current, finally, no_cancel,
};
use cede::{no_switch, scope, sleep, spawn, timeout, yield_now};
use trace::{SECOND, panic_text, reported, run};

const NO_TASK: &str = "cede: only a task can wait: call this inside cede::run, not in a callback";

/// What every function that needs a task says where there is none.
fn assert_waits_are_refused() {
    assert_eq!(panic_text(yield_now), NO_TASK);
    assert_eq!(panic_text(|| sleep(Duration::ZERO)), NO_TASK);
    assert_eq!(panic_text(|| sleep(SECOND)), NO_TASK);
    assert_eq!(panic_text(|| sleep_until(now() + SECOND)), NO_TASK);
    assert_eq!(panic_text(|| after(SECOND).wait()), NO_TASK);
    assert_eq!(panic_text(|| Queue::<u8>::unbounded().get()), NO_TASK);
    let full = Queue::bounded(1);
    full.put(1).unwrap();
    assert_eq!(panic_text(|| full.put(2)), NO_TASK);
    assert_eq!(panic_text(|| full.join()), NO_TASK);
    assert_eq!(panic_text(|| cede::race((full.putting(3), after(SECOND))).wait()), NO_TASK);
    assert_eq!(full.len(), 1);
    assert_eq!(panic_text(|| scope(|_| ())), NO_TASK);
    assert_eq!(panic_text(|| cede::try_scope(|_| Ok::<_, &str>(()))), NO_TASK);
    let group = "cede: a group belongs to a task: make it inside cede::run";
    assert_eq!(panic_text(TaskGroup::new), group);
    let needs = "cede: only a task can have a timeout: call this inside cede::run";
    assert_eq!(panic_text(|| timeout(SECOND, || ())), needs);
    assert_eq!(panic_text(|| cede::timeout_at(now(), || ())), needs);
    assert_eq!(panic_text(|| timeout_with(None, |_| ())), needs);
}

/// What works without a task, since it has nothing to wait for.
fn assert_the_rest_works() {
    assert!(current().is_none());
    assert!(now() <= now());
    assert_eq!(finally(|| 1, || ()), 1);
    assert_eq!(no_cancel(|| 2), 2);
    assert_eq!(no_switch(|| 3), 3);
    assert_eq!(catch_cancelled(|| 4).unwrap(), 4);
    after(Duration::ZERO).wait();
    let queue = Queue::bounded(1);
    assert_eq!(queue.get_nowait(), Err(GetNowaitError::Empty));
    queue.put(5).unwrap();
    assert_eq!(queue.get(), Ok(5));
    queue.task_done().unwrap();
    queue.join();
    queue.shutdown(true);
    assert!(queue.get().is_err());
}

#[test]
fn outside_of_a_run_waits_panic_and_the_rest_works() {
    assert_waits_are_refused();
    assert_the_rest_works();
    let text = panic_text(|| spawn(|| ()));
    assert!(
        text.starts_with("cede: tasks live inside a run: call this inside cede::run (at tests/"),
        "{text}"
    );
    assert_eq!(
        panic_text(|| cede::call_soon(|| ())),
        "cede: call_soon works inside a run: call it inside cede::run"
    );
}

#[test]
fn in_a_callback_waits_panic_and_the_rest_works() {
    let ((), reports) = reported(|| {
        run(|| {
            cede::call_soon(|| {
                assert_waits_are_refused();
                assert_the_rest_works();
                drop(spawn(yield_now));
            });
            yield_now();
        });
    });
    assert_eq!(reports, [""; 0]);
}

struct AtExit(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

thread_local!(static AT_EXIT: AtExit = const { AtExit(RefCell::new(None)) });

/// Runs `f` in the destructor of a thread-local that is destroyed first (`late`) or after the notice of the thread's end.
fn at_thread_exit(late: bool, f: impl FnOnce() + Send + 'static) {
    let failed = std::sync::Arc::new(std::sync::Mutex::new(None));
    let sink = std::sync::Arc::clone(&failed);
    let set = move || {
        AT_EXIT.with(|at_exit| {
            at_exit.0.replace(Some(Box::new(move || {
                let result = std::panic::catch_unwind(AssertUnwindSafe(f));
                *sink.lock().unwrap() = Some(result.map_err(trace::text_of));
            })));
        });
    };
    let thread = std::thread::spawn(move || {
        if late {
            set();
            cede::run(yield_now);
        } else {
            cede::run(yield_now);
            set();
        }
    });
    thread.join().unwrap();
    failed.lock().unwrap().take().expect("it was called").unwrap();
}

#[test]
fn in_destructors_of_thread_locals_waits_panic_and_the_rest_works() {
    for late in [false, true] {
        at_thread_exit(late, || {
            assert_waits_are_refused();
            assert_the_rest_works();
        });
    }
}

#[test]
fn a_run_on_a_thread_that_is_ending_is_refused_with_the_reason() {
    at_thread_exit(true, || {
        assert!(matches!(Runner::new().run(|| ()), Err(RunError::ThreadExiting)));
        let text = panic_text(|| cede::run(|| ()));
        assert!(text.contains("this thread is ending and its locals are being destroyed"), "{text}");
    });
}

#[test]
fn a_runner_that_is_kept_in_a_thread_local_leaves_its_tasks_when_the_thread_ends() {
    thread_local!(static RUNNER: RefCell<Option<Runner>> = const { RefCell::new(None) });
    let thread = std::thread::spawn(|| {
        RUNNER.set(None);
        let runner = Runner::new();
        runner
            .run(|| {
                spawn(|| finally(|| Queue::<u8>::unbounded().get(), || panic!("run at the thread's end")));
                yield_now();
            })
            .unwrap();
        RUNNER.set(Some(runner));
    });
    thread.join().unwrap();
}

#[test]
fn handles_that_have_outlived_their_run_answer() {
    let (done, stuck, me) = run(|| {
        let done = spawn(|| 1);
        yield_now();
        (done, spawn(|| Queue::<u8>::unbounded().get()), current().unwrap())
    });
    assert_eq!(done.join().unwrap(), 1);
    assert!(stuck.is_finished() && !stuck.cancel());
    assert!(stuck.join().unwrap_err().is_cancelled());
    assert_eq!((me.id(), me.name(), me.cancel(), me.uncancel()), (1, "Task-1".to_owned(), false, 0));
}

#[test]
fn the_handle_of_another_runners_task_cancels_it_there_and_wakes_nobody_here() {
    let first = Runner::builder().virtual_time(true).build();
    let second = Runner::builder().virtual_time(true).build();
    let (handle, queue, own) = first
        .run(|| {
            let queue = Rc::new(Queue::<u8>::unbounded());
            let other = Rc::clone(&queue);
            let task = spawn(move || other.get());
            yield_now();
            let own = current().unwrap();
            (task, queue, own)
        })
        .unwrap();
    second
        .run(|| {
            let bystander: JoinHandle<_> = spawn(|| {
                sleep(SECOND);
                7
            });
            yield_now();
            assert!(handle.cancel() && !own.cancel());
            assert!(!handle.is_finished());
            queue.put(3).unwrap();
            assert_eq!(bystander.join().unwrap(), 7);
        })
        .unwrap();
    // Its own run can still end it.
    first.close().unwrap();
    assert!(handle.is_finished());
}
