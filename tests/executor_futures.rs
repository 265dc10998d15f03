//! Futures of jobs: what they give, to whom, and when.

#[path = "task_order/trace.rs"]
mod trace;

use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cede::executor::{Executor, Future, FutureError, Job, ThreadPoolExecutor, wrap_future};
use cede::time::after;
use cede::{Runner, select};
use trace::{panic_text, silent_panic};

/// Keeps the jobs that it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<Job>>);

impl Kept {
    fn take(&self) -> Job {
        self.0.lock().unwrap().remove(0)
    }
}

impl Executor for Kept {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().push(job);
    }
}

/// Counts how often it is dropped.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_value_is_given_once_and_copies_leave_it() {
    let pool = ThreadPoolExecutor::new(1);
    let future = pool.submit(|| "value".to_owned());
    assert_eq!(future.result_cloned().unwrap(), "value");
    assert_eq!(future.clone().result_cloned().unwrap(), "value");
    assert_eq!(future.result().unwrap(), "value");
    assert!(future.result().unwrap_err().is_already_taken());
    assert!(future.result_cloned().unwrap_err().is_already_taken());
    assert!(future.exception().is_none());
}

#[test]
fn many_threads_that_copy_one_value_all_have_it() {
    let pool = ThreadPoolExecutor::new(1);
    let future = pool.submit(|| vec![7; 1000]);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| (0..200).for_each(|_| assert_eq!(future.result_cloned().unwrap().len(), 1000)));
        }
    });
}

#[test]
fn a_copy_that_panics_leaves_the_value() {
    struct Once(Mutex<bool>, u32);
    impl Clone for Once {
        fn clone(&self) -> Self {
            if std::mem::take(&mut *self.0.lock().unwrap()) {
                silent_panic("no copy");
            }
            Once(Mutex::new(false), self.1)
        }
    }
    let future = ThreadPoolExecutor::new(1).submit(|| Once(Mutex::new(true), 5));
    assert_eq!(panic_text(|| future.result_cloned().map(|copy| copy.1)), "no copy");
    assert_eq!(future.result().unwrap().1, 5);
}

#[test]
fn a_panic_of_a_job_is_its_error_and_the_first_has_the_payload() {
    let pool = ThreadPoolExecutor::new(1);
    let future: Future<()> = pool.submit(|| panic::resume_unwind(Box::new(7_u32)));
    let error = future.result().unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    assert!(future.exception().unwrap().is_panic());
    assert_eq!(*error.clone().into_panic().unwrap().downcast::<u32>().unwrap(), 7);
    assert!(error.into_panic().is_none());
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1, "the thread goes on");
}

#[test]
fn a_future_that_is_wrapped_in_the_error_of_another_is_that_error() {
    let pool = ThreadPoolExecutor::new(2);
    let inner = pool.try_submit(|| "x".parse::<u32>());
    let outer = pool.try_submit(move || inner.result());
    assert!(outer.result().unwrap_err().error().unwrap().is::<std::num::ParseIntError>());
}

#[test]
fn a_time_limit_leaves_the_job_alone() {
    let kept = Kept::default();
    let future = kept.submit(|| 1);
    assert!(future.result_timeout(Duration::ZERO).unwrap_err().is_timeout());
    assert!(future.result_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    kept.take().run();
    assert_eq!(future.result_timeout(Duration::ZERO).unwrap(), 1);
}

#[test]
fn an_executor_that_drops_a_job_has_broken_it() {
    let kept = Kept::default();
    let future = kept.submit(|| 1);
    drop(kept.take());
    assert!(future.result().unwrap_err().is_broken());
    let future = kept.submit(|| 1);
    kept.take().cancel();
    assert!(future.is_cancelled());
}

#[test]
fn cancelling_and_starting_in_the_same_instant_has_one_winner() {
    let (mut cancelled, mut run) = (0, 0);
    for _ in 0..2000 {
        let kept = Kept::default();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let future = kept.submit(move || counted.fetch_add(1, Ordering::SeqCst));
        let (start, job) = (Barrier::new(2), kept.take());
        let won = thread::scope(|s| {
            s.spawn(|| {
                start.wait();
                job.run();
            });
            start.wait();
            future.cancel()
        });
        assert_eq!(u32::from(!won), runs.load(Ordering::SeqCst));
        assert_eq!(won, future.result().is_err_and(|error| error.is_cancelled()));
        *(if won { &mut cancelled } else { &mut run }) += 1;
    }
    assert_eq!(cancelled + run, 2000);
}

#[test]
fn a_job_that_is_cancelled_is_dropped_at_once_where_it_is_cancelled() {
    let kept = Kept::default();
    let drops = Arc::new(AtomicU32::new(0));
    let counted = Counted(Arc::clone(&drops));
    let future = kept.submit(move || drop(counted));
    assert!(future.cancel() && future.cancel());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert!(kept.0.lock().unwrap()[0].is_cancelled());
    kept.take().run();
    assert!(future.is_cancelled() && !future.is_running());
}

#[test]
fn a_callback_may_drop_the_last_handle_and_submit_and_cancel() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let kept = Arc::new(Kept::default());
    let (tell, told) = mpsc::channel();
    let future = kept.submit(|| 1);
    let mine = Arc::new(Mutex::new(Some(future.clone())));
    let (pool_of_callback, held) = (Arc::clone(&pool), Arc::clone(&mine));
    future.add_done_callback(move |future| {
        drop(held.lock().unwrap().take());
        assert!(!future.cancel());
        tell.send(pool_of_callback.submit(|| 2).result().unwrap()).unwrap();
    });
    drop(future);
    kept.take().run();
    assert_eq!(told.recv().unwrap(), 2);
    assert!(mine.lock().unwrap().is_none());
}

#[test]
fn a_callback_that_submits_to_the_pool_whose_thread_it_is_on_and_waits_has_its_value() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let (tell, told) = mpsc::channel();
    let (go, goes) = mpsc::channel::<()>();
    let future = pool.submit(move || goes.recv().unwrap());
    let again = Arc::clone(&pool);
    future.add_done_callback(move |_| tell.send(again.submit(|| 3).result().unwrap()).unwrap());
    go.send(()).unwrap();
    assert_eq!(told.recv().unwrap(), 3);
}

#[test]
fn a_task_that_waits_is_suspended_and_others_run() {
    cede::run(|| {
        let pool = ThreadPoolExecutor::new(1);
        let (go, goes) = mpsc::channel();
        let future = pool.submit(move || goes.recv().unwrap());
        let other = cede::spawn(move || {
            (0..10).for_each(|_| cede::yield_now());
            go.send("sent").unwrap();
        });
        assert_eq!(future.result().unwrap(), "sent");
        other.join().unwrap();
    });
}

#[test]
fn several_tasks_and_threads_wait_for_one_job() {
    let pool = ThreadPoolExecutor::new(1);
    let (go, goes) = mpsc::channel();
    let future = pool.submit(move || goes.recv().unwrap());
    let threads = [0; 2].map(|_| {
        let future = future.clone();
        thread::spawn(move || future.result_cloned())
    });
    cede::run(|| {
        let tasks = [0; 2].map(|_| {
            let future = future.clone();
            cede::spawn(move || future.result_cloned().unwrap())
        });
        cede::yield_now();
        go.send(5).unwrap();
        tasks.iter().for_each(|task| assert_eq!(task.join().unwrap(), 5));
    });
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap().unwrap(), 5));
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_leaves_the_job_alone() {
    cede::run(|| {
        let kept = Arc::new(Kept::default());
        let future = kept.submit(|| 1);
        let waiting = future.clone();
        let task = cede::spawn(move || waiting.result());
        cede::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        kept.take().run();
        assert_eq!(future.result().unwrap(), 1);
    });
}

#[test]
fn a_job_may_lose_a_race_and_is_not_lost() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let kept = Kept::default();
            let future = kept.submit(|| 1);
            select! {
                _ = future.resulting() => unreachable!(),
                () = after(Duration::from_secs(1)) => {}
            }
            kept.take().run();
            select! {
                value = future.resulting() => assert_eq!(value.unwrap(), 1),
                () = after(Duration::ZERO) => unreachable!(),
            }
        })
        .unwrap();
}

#[test]
fn virtual_time_stands_still_while_a_job_is_waited_for() {
    let runner = Runner::builder().virtual_time(true).build();
    let pool = ThreadPoolExecutor::new(1);
    let in_time = runner.run(|| {
        let (begin, begun) = mpsc::channel();
        let future = pool.submit(move || {
            begin.send(()).unwrap();
            thread::yield_now();
            1
        });
        begun.recv().unwrap();
        future.result_timeout(Duration::from_secs(1))
    });
    assert_eq!(in_time.unwrap().unwrap(), 1);
}

#[test]
fn a_run_that_waits_for_a_job_is_not_at_a_deadlock_and_one_that_waits_for_none_is() {
    let runner = Runner::builder().by_itself(true).build();
    let pool = ThreadPoolExecutor::new(1);
    let kept = Kept::default();
    let error = runner.run(|| {
        let (go, goes) = mpsc::channel::<()>();
        let waker = thread::spawn(move || go.send(()).unwrap());
        pool.submit(move || goes.recv().unwrap()).result().unwrap();
        waker.join().unwrap();
        kept.submit(|| 1).result()
    });
    let Err(cede::RunError::Deadlock(deadlock)) = error else { panic!("{error:?}") };
    assert!(
        deadlock.tasks[0].waits_for.starts_with("waits for a job submitted at tests/executor_futures.rs")
    );
}

#[test]
fn a_wrapped_future_ends_as_its_job_does() {
    cede::run(|| {
        let pool = ThreadPoolExecutor::new(1);
        assert_eq!(wrap_future(pool.submit(|| 1)).join().unwrap(), 1);
        let error = wrap_future(pool.try_submit(|| Err::<(), _>("no"))).join().unwrap_err();
        assert_eq!(error.to_string(), "no");
        assert!(error.error().unwrap().is::<FutureError>());
        let panicked = wrap_future(pool.submit(|| silent_panic("a bad job"))).join().unwrap_err();
        assert_eq!(trace::text_of(panicked.into_panic().unwrap()), "a bad job");
        let kept = Kept::default();
        let future = kept.submit(|| ());
        let task = wrap_future(future.clone());
        future.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn cancelling_the_task_of_a_wrapped_future_cancels_a_job_that_has_not_begun() {
    cede::run(|| {
        let kept = Kept::default();
        for begins in [false, true] {
            let future = kept.submit(|| ());
            let task = wrap_future(future.clone());
            if begins {
                cede::yield_now();
            }
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
            assert!(future.is_cancelled());
        }
    });
}

#[test]
fn an_executor_that_runs_jobs_in_the_task_lets_a_cancellation_through() {
    struct AtOnce;
    impl Executor for AtOnce {
        fn execute(&self, job: Job) {
            job.run();
        }
    }
    cede::run(|| {
        let task = cede::spawn(|| AtOnce.submit(|| cede::sleep(Duration::MAX)));
        cede::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(AtOnce.submit(|| 1).result().unwrap(), 1);
    });
}

#[test]
fn an_error_that_nobody_asked_for_is_reported_when_the_last_handle_goes() {
    let ((), reported) = trace::reported(|| {
        let kept = Kept::default();
        let (asked, unasked) =
            (kept.try_submit(|| Err::<(), _>("asked")), kept.try_submit(|| Err::<(), _>("unasked")));
        (0..2).for_each(|_| kept.take().run());
        assert!(asked.exception().is_some());
        drop((asked, unasked));
    });
    assert_eq!(reported, ["a job: failed and nobody asked: unasked"]);
}

#[test]
fn a_callback_that_panics_is_reported_and_the_others_are_called() {
    let (calls, reported) = trace::reported(|| {
        let kept = Kept::default();
        let calls = Arc::new(AtomicU32::new(0));
        let future = kept.submit(|| ());
        future.add_done_callback(|_| silent_panic("a bad callback"));
        let counted = Arc::clone(&calls);
        future.add_done_callback(move |_| _ = counted.fetch_add(1, Ordering::SeqCst));
        kept.take().run();
        future.add_done_callback(|_| silent_panic("a late one"));
        calls.load(Ordering::SeqCst)
    });
    assert_eq!(calls, 1);
    assert_eq!(
        reported,
        ["a callback of a job: panicked: a bad callback", "a callback of a job: panicked: a late one"]
    );
}

#[test]
fn a_value_whose_destructor_panics_hurts_nobody_on_the_thread() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            silent_panic("a bad destructor");
        }
    }
    let pool = ThreadPoolExecutor::new(1);
    let (go, goes) = mpsc::channel::<()>();
    drop(pool.submit(move || {
        goes.recv().unwrap();
        Bad
    }));
    go.send(()).unwrap();
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    assert_eq!(pool.threads(), 1);
}

#[test]
fn a_value_may_be_dropped_on_another_thread() {
    let drops = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&drops);
    let pool = ThreadPoolExecutor::new(1);
    let future = pool.submit(move || Counted(counted));
    drop(pool);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    thread::spawn(move || drop(future)).join().unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn waiting_is_refused_where_a_task_may_not_and_not_where_the_value_is_there() {
    cede::run(|| {
        let kept = Kept::default();
        let future = kept.submit(|| 1);
        assert!(panic_text(|| cede::no_switch(|| future.result())).contains("no_switch"));
        kept.take().run();
        assert_eq!(cede::no_switch(|| future.result()).unwrap(), 1);
    });
}

#[test]
fn a_job_is_awaited_in_any_executor_and_in_a_task() {
    let pool = ThreadPoolExecutor::new(1);
    let (go, goes) = mpsc::channel();
    let future = pool.submit(move || goes.recv().unwrap());
    let sender = thread::spawn(move || go.send("sent").unwrap());
    assert_eq!(smol::block_on(async { (&future).await.unwrap() }), "sent");
    sender.join().unwrap();
    assert!(smol::block_on(async { future.await }).unwrap_err().is_already_taken());
    let both = async { pool.submit(|| 1).await.unwrap() + pool.submit(|| 2).await.unwrap() };
    assert_eq!(cede::run(|| cede::future::Wait::wait(both)), 3);
}

#[test]
fn a_job_that_is_awaited_by_many_tells_all_of_them() {
    let kept = Kept::default();
    let future = kept.submit(|| 5);
    let waiting = [0; 3].map(|_| {
        let future = future.clone();
        thread::spawn(move || smol::block_on(async { future.resulting().await }))
    });
    kept.take().run();
    let results = waiting.map(|thread| thread.join().unwrap());
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[test]
fn jobs_run_with_the_context_of_who_submits_them() {
    static NAME: cede::task::ContextVar<&'static str> = cede::task::ContextVar::new("NAME");
    let pool = ThreadPoolExecutor::new(1);
    cede::run(|| {
        drop(NAME.set("main"));
        let seen = pool.submit(|| {
            let seen = NAME.get();
            drop(NAME.set("job"));
            seen
        });
        assert_eq!(seen.result().unwrap(), Some("main"));
        assert_eq!(NAME.get(), Some("main"));
    });
    assert_eq!(pool.submit(|| NAME.get()).result().unwrap(), None);
}
