//! CPython 3.13's tests of waiting for several futures (`test_concurrent_futures`: `test_wait.py`, `test_as_completed.py`) and of the way of
//! a job into asyncio (`run_in_executor` in `test_events.py`, `wrap_future` in `test_futures.py`), idea for idea. The name of the case stands above each
//! test. Where Python's sleep so that a job is still under way, these hold it at a gate.
//!
//! | left out | why |
//! |---|---|
//! | `ProcessPool*` everywhere | there is no such pool; `cede::executor` says why |
//! | `CANCELLED_FUTURE` as pending in `test_wait.py` | a future that was cancelled has ended, and counts as ended, at once |
//! | `test_wrap_future_future`, `test_wrap_future_use_global_loop` | what is no future of a job is not wrapped, and there is one run on a thread |

#[path = "cpython/jobs.rs"]
mod jobs;

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use cede::executor::{
    Executor, Future, ReturnWhen, ThreadPoolExecutor, Waited, as_completed, run_in_executor, wait,
    wrap_future,
};
use jobs::{ByHand, cancelled, failed, pool, running, successful};

/// Which of these futures have ended.
fn ended(futures: &[&Future<u32>], when: ReturnWhen, timeout: Option<Duration>) -> Vec<usize> {
    let Waited { done, pending, .. } = wait(futures.iter().copied(), when, timeout);
    assert_eq!(done.len() + pending.len(), futures.len());
    let is_done = |future: &&Future<u32>| done.iter().any(|done| std::ptr::eq(*done, *future));
    let numbered = futures.iter().enumerate().filter(|(_, future)| is_done(future));
    numbered.map(|(number, _)| number).collect()
}

// test_20369
#[test]
fn a_future_that_is_waited_for_twice_ends() {
    let pool = pool();
    let future = pool.submit(|| 1);
    assert_eq!(ended(&[&future, &future], ReturnWhen::AllCompleted, None), [0, 1]);
}

// test_first_completed
#[test]
fn waiting_for_the_first_ends_with_that() {
    let pool = pool();
    let (slow, open) = running(&pool);
    let fast = pool.submit(|| 42);
    assert_eq!(ended(&[&fast, &slow], ReturnWhen::FirstCompleted, None), [0]);
    drop(open);
}

// test_first_completed_some_already_completed
#[test]
fn waiting_for_the_first_ends_at_once_where_some_have_ended() {
    let pool = pool();
    let (slow, open) = running(&pool);
    let futures = [&cancelled(), &successful(), &slow];
    assert_eq!(ended(&futures, ReturnWhen::FirstCompleted, None), [0, 1]);
    drop(open);
}

// test_first_exception
#[test]
fn waiting_for_the_first_error_ends_with_that() {
    let pool = pool();
    let fast = pool.submit(|| 42);
    let (slow, open) = running(&pool);
    fast.exception();
    let bad = pool.try_submit(|| "x".parse::<u32>());
    assert_eq!(ended(&[&fast, &bad, &slow], ReturnWhen::FirstException, None), [0, 1]);
    drop(open);
}

// test_first_exception_some_already_complete, test_first_exception_one_already_failed
#[test]
fn a_cancellation_is_no_error_to_wait_for() {
    let pool = pool();
    let (slow, open) = running(&pool);
    let bad = pool.try_submit(|| "x".parse::<u32>());
    let futures = [&successful(), &cancelled(), &bad, &slow];
    assert_eq!(ended(&futures, ReturnWhen::FirstException, None), [0, 1, 2]);
    assert_eq!(ended(&[&failed(), &slow], ReturnWhen::FirstException, None), [0]);
    let without_errors = [&successful(), &cancelled(), &slow];
    let short = Some(Duration::from_millis(1));
    assert_eq!(ended(&without_errors, ReturnWhen::FirstException, short), [0, 1]);
    drop(open);
}

// test_all_completed
#[test]
fn waiting_for_all_waits_for_all() {
    let pool = pool();
    let (bad, good) = (pool.try_submit(|| "x".parse::<u32>()), pool.submit(|| 42));
    let futures = [&successful(), &cancelled(), &failed(), &bad, &good];
    assert_eq!(ended(&futures, ReturnWhen::AllCompleted, None), [0, 1, 2, 3, 4]);
}

// test_timeout
#[test]
fn waiting_ends_when_the_time_is_up() {
    let pool = pool();
    let (slow, open) = running(&pool);
    let futures = [&cancelled(), &failed(), &successful(), &slow];
    let short = Some(Duration::from_millis(5));
    assert_eq!(ended(&futures, ReturnWhen::AllCompleted, short), [0, 1, 2]);
    drop(open);
}

// test_pending_calls_race
#[test]
fn jobs_that_end_all_at_once_are_all_counted() {
    let pool = pool();
    for _ in 0..20 {
        let start = Arc::new(Barrier::new(6));
        let barrier = Arc::clone(&start);
        let first = (0..5).map(|_| {
            let start = Arc::clone(&barrier);
            pool.submit(move || _ = start.wait())
        });
        let jobs: Vec<_> = first.collect();
        let rest: Vec<_> = (0..95).map(|_| pool.submit(|| ())).collect();
        start.wait();
        let waited = wait(jobs.iter().chain(&rest), ReturnWhen::AllCompleted, None);
        assert_eq!((waited.done.len(), waited.pending.len()), (100, 0));
    }
}

// AsCompletedTests.test_no_timeout
#[test]
fn all_come_once_they_are_completed() {
    let pool = pool();
    let jobs = [cancelled(), failed(), successful(), pool.submit(|| 42), pool.submit(|| 43)];
    assert_eq!(as_completed(&jobs, None).map(Result::unwrap).count(), 5);
}

// test_future_times_out
#[test]
fn those_that_have_ended_come_before_the_time_is_up() {
    let pool = pool();
    for timeout in [Duration::ZERO, Duration::from_millis(5)] {
        let (slow, open) = running(&pool);
        let jobs = [cancelled(), failed(), slow, successful()];
        let come: Vec<_> = as_completed(&jobs, Some(timeout)).collect();
        assert_eq!(come.len(), 4);
        assert!(come[..3].iter().flatten().all(|job| job.is_finished()));
        assert!(come[3].is_err());
        drop(open);
    }
}

// test_duplicate_futures
#[test]
fn a_future_that_is_there_three_times_comes_once() {
    let pool = pool();
    let future = pool.submit(|| 1);
    assert_eq!(as_completed(std::iter::repeat_n(&future, 3), None).count(), 1);
}

// test_free_reference_yielded_future
#[test]
fn what_has_come_is_not_kept() {
    let jobs: Vec<Future<Arc<()>>> = (0..8)
        .map(|_| {
            let (future, job) = ByHand::pending(|| Arc::new(()));
            job.run();
            future
        })
        .collect();
    for job in as_completed(jobs, None) {
        let weak = Arc::downgrade(&job.unwrap().result_cloned().unwrap());
        assert!(weak.upgrade().is_none(), "nobody has the job any more");
    }
}

// test_correct_timeout_exception_msg
#[test]
fn the_error_says_how_many_are_unfinished() {
    let pool = pool();
    let (pending, _job) = ByHand::pending(|| 1);
    let (at_work, open) = running(&pool);
    let jobs = [cancelled(), pending, at_work, successful()];
    let error = as_completed(&jobs, Some(Duration::ZERO)).find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "2 (of 4) futures unfinished");
    drop(open);
}

// test_run_in_executor
#[test]
fn a_run_has_an_executor_do_a_job() {
    cede::run(|| {
        let pool = pool();
        let here = thread::current().id();
        let task = run_in_executor(&pool, || ("yo", thread::current().id()));
        let (text, there) = task.join().unwrap();
        assert_eq!(text, "yo");
        assert_ne!(there, here);
    });
}

// test_run_in_executor_cancel
#[test]
fn a_job_whose_task_is_cancelled_calls_nobody_back() {
    cede::run(|| {
        let pool = pool();
        let (open, gate) = mpsc::channel::<()>();
        let task = run_in_executor(&pool, move || gate.recv().unwrap_err());
        cede::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        drop(open);
        pool.shutdown(true, false);
    });
}

// test_wrap_future
#[test]
fn a_future_of_a_job_becomes_a_task() {
    cede::run(|| {
        let pool = ThreadPoolExecutor::new(1);
        let job = pool.submit(|| ("oi", thread::current().id()));
        let (text, there) = wrap_future(job).join().unwrap();
        assert_eq!(text, "oi");
        assert_ne!(there, thread::current().id());
    });
}

// test_wrap_future_cancel
#[test]
fn cancelling_the_task_cancels_the_job() {
    cede::run(|| {
        let (future, _job) = ByHand::pending(|| 1);
        let task = wrap_future(future.clone());
        task.cancel();
        cede::yield_now();
        assert!(task.is_finished() && future.is_cancelled());
    });
}

// test_wrap_future_cancel2
#[test]
fn cancelling_the_task_leaves_a_job_that_has_ended() {
    cede::run(|| {
        let (future, job) = ByHand::pending(|| 42);
        let task = wrap_future(future.clone());
        job.run();
        task.cancel();
        cede::yield_now();
        assert_eq!(future.result().unwrap(), 42);
        assert!(task.join().unwrap_err().is_cancelled());
    });
}
