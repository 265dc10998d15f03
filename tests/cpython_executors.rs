//! CPython 3.13's tests of executors and futures (`test_concurrent_futures`: `executor.py`, `test_thread_pool.py`, `test_future.py`,
//! `test_shutdown.py`, `test_init.py`), idea for idea. The name of the case stands above each test. Where Python's sleep so that a job is still
//! under way, these hold it at a gate. `cpython_executors_wait.rs` has `wait`, `as_completed` and the way into asyncio.
//!
//! | left out | why |
//! |---|---|
//! | `test_process_pool.py`, `test_deadlock.py`, `ProcessPool*`, `InterpreterPool*` everywhere | there are no such pools; `cede::executor` says why |
//! | `test_submit_keyword` | closures capture what they need |
//! | `test_multiple_set_result`, `test_multiple_set_exception` | running a job takes it away, so that it can't be done twice |
//! | `test_exception_with_timeout` | `exception` has no timeout; `outcome` does not wait, and is tested in its place |
//! | `test_interpreter_shutdown`, `test_submit_after_interpreter_shutdown`, `test_hang_gh83386`, `test_cancel_futures_wait_false` | a process that ends does not wait for its threads |
//! | `test_hang_global_shutdown_lock` | there is no such lock, and no fork |

#[path = "cpython/jobs.rs"]
mod jobs;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cede::executor::{Executor, Future, MapOptions, ThreadPoolExecutor};
use cede::with;
use jobs::{ByHand, cancelled, failed, pool, running, successful};

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

// test_submit
#[test]
fn a_job_gives_its_value() {
    assert_eq!(pool().submit(|| 2_u32.pow(8)).result().unwrap(), 256);
}

// test_map
#[test]
fn map_gives_what_a_map_gives() {
    let pool = pool();
    let square = |n: u32| n.pow(2);
    assert!(pool.map(square, 0..10).map(Result::unwrap).eq((0..10).map(square)));
    let chunks = MapOptions::new().chunk_size(3);
    assert!(pool.map_with(chunks, square, 0..10).map(Result::unwrap).eq((0..10).map(square)));
}

// test_map_exception
#[test]
fn map_gives_the_results_before_an_error_and_then_that() {
    let pool = pool();
    let divide = |n: u32| match 1_u32.checked_div(n) {
        Some(quotient) => (quotient, 1 % n),
        None => std::panic::resume_unwind(Box::new("zero")),
    };
    let mut results = pool.map(divide, [2, 3, 0, 5]);
    assert_eq!(results.next().unwrap().unwrap(), (0, 1));
    assert_eq!(results.next().unwrap().unwrap(), (0, 1));
    assert!(results.next().unwrap().unwrap_err().is_panic());
}

// test_map_timeout
#[test]
fn map_gives_what_is_there_in_time() {
    let pool = pool();
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let slow = move |n: u32| {
        if n == 6 {
            gate.lock().unwrap().recv().unwrap_err();
        }
    };
    let options = MapOptions::new().timeout(Duration::from_millis(300));
    let results: Vec<_> = pool.map_with(options, slow, [0, 0, 6]).collect();
    assert_eq!(results.len(), 3);
    assert!(results[0].is_ok() && results[1].is_ok());
    assert!(results[2].as_ref().unwrap_err().is_timeout());
    drop(open);
}

// test_shutdown_race_issue12456
#[test]
fn a_pool_with_more_jobs_than_threads_is_shut_down() {
    let pool = pool();
    let _map = pool.map(|n: u32| n.to_string(), [2; 6]);
    pool.shutdown(true, false);
}

// test_no_stale_references
#[test]
fn what_a_job_has_captured_goes_with_it() {
    let pool = pool();
    let (alive, dropped) = mpsc::channel::<()>();
    drop(pool.submit(move || drop(alive)));
    assert!(dropped.recv().is_err());
}

// test_max_workers_negative
#[test]
#[should_panic = "max_workers must be greater than 0"]
fn a_pool_without_threads_is_refused() {
    let _ = ThreadPoolExecutor::new(0);
}

// test_free_reference
#[test]
fn a_map_keeps_nothing_of_what_it_has_given() {
    let pool = pool();
    for object in pool.map(|_| Arc::new(()), 0..10) {
        assert_eq!(Arc::strong_count(&object.unwrap()), 1);
    }
}

// test_map_submits_without_iteration
#[test]
fn map_submits_before_anybody_asks() {
    let pool = pool();
    let (record, finished) = mpsc::channel();
    drop(pool.map(move |n: u32| record.send(n).unwrap(), 0..10));
    pool.shutdown(true, false);
    let mut finished: Vec<u32> = finished.iter().collect();
    finished.sort_unstable();
    assert!(finished.into_iter().eq(0..10));
}

// test_default_workers
#[test]
fn by_default_there_are_four_more_than_processors() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(ThreadPoolExecutor::default().max_workers(), 32.min(processors + 4));
}

// test_saturation
#[test]
fn there_are_never_more_threads_than_the_bound() {
    let pool = ThreadPoolExecutor::new(4);
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    for _ in 0..15 * 4 {
        let gate = Arc::clone(&gate);
        pool.submit(move || gate.lock().unwrap().recv().unwrap());
    }
    assert_eq!(pool.threads(), 4);
    (0..15 * 4).for_each(|_| open.send(()).unwrap());
    pool.shutdown(true, false);
}

// test_idle_thread_reuse
#[test]
fn a_thread_that_is_idle_is_used_again() {
    let pool = ThreadPoolExecutor::default();
    for (a, b) in [(21, 2), (6, 7), (3, 14)] {
        assert_eq!(pool.submit(move || a * b).result().unwrap(), 42);
    }
    assert_eq!(pool.threads(), 1);
}

// test_executor_map_current_future_cancel
#[test]
fn a_map_whose_time_is_up_cancels_what_it_waited_for_and_the_rest() {
    let pool = ThreadPoolExecutor::new(1);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (first, open) = running(&pool);
    let logged = Arc::clone(&log);
    let options = MapOptions::new().timeout(Duration::ZERO);
    let mut map = pool.map_with(options, move |name| logged.lock().unwrap().push(name), ["second", "third"]);
    assert!(map.next().unwrap().unwrap_err().is_timeout());
    drop(map);
    drop(open);
    first.result().unwrap();
    drop(pool);
    assert!(log.lock().unwrap().is_empty());
}

// test_done_callback_with_result, test_done_callback_with_exception, test_done_callback_with_cancel
#[test]
fn a_callback_is_called_with_the_future_at_its_end() {
    let (tell, told) = mpsc::channel();
    let (future, job) = ByHand::pending(|| 5);
    let tells = tell.clone();
    future.add_done_callback(move |future| tells.send(format!("{:?}", future.result().ok())).unwrap());
    assert!(told.try_recv().is_err());
    job.run();
    assert_eq!(told.try_recv().unwrap(), "Some(5)");

    let (future, job) = ByHand::pending(|| std::panic::resume_unwind(Box::new("test")));
    let tells = tell.clone();
    future.add_done_callback(move |future: &Future<()>| {
        tells.send(future.exception().unwrap().to_string()).unwrap();
    });
    job.run();
    assert_eq!(told.try_recv().unwrap(), "the job panicked: test");

    let (future, _job) = ByHand::pending(|| 5);
    future.add_done_callback(move |future| tell.send(future.is_cancelled().to_string()).unwrap());
    assert!(future.cancel());
    assert_eq!(told.try_recv().unwrap(), "true");
}

// test_done_callback_raises, test_done_callback_raises_already_succeeded
#[test]
fn a_callback_that_fails_does_not_keep_the_next_from_being_called() {
    let calls = Arc::new(AtomicU32::new(0));
    let (future, job) = ByHand::pending(|| 5);
    let add = |panics: bool| {
        let calls = Arc::clone(&calls);
        future.add_done_callback(move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            if panics {
                std::panic::resume_unwind(Box::new("doh!"));
            }
        });
    };
    add(true);
    add(false);
    job.run();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    add(true);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

// test_done_callback_already_successful, test_done_callback_already_failed, test_done_callback_already_cancelled
#[test]
fn a_callback_that_comes_late_is_called_at_once() {
    let (tell, told) = mpsc::channel();
    for future in [successful(), failed(), cancelled()] {
        let tell = tell.clone();
        let here = thread::current().id();
        future.add_done_callback(move |future| {
            assert_eq!(thread::current().id(), here);
            tell.send(future.outcome().unwrap().is_ok()).unwrap();
        });
    }
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [true, false, false]);
}

// test_repr
#[test]
fn a_future_prints_its_state() {
    let pool = pool();
    let (pending, _job) = ByHand::pending(|| 1);
    let (at_work, open) = running(&pool);
    for (future, state) in [
        (&pending, "pending"),
        (&at_work, "running"),
        (&cancelled(), "cancelled"),
        (&failed(), "failed"),
        (&successful(), "finished"),
    ] {
        let text = format!("{future:?}");
        assert!(text.starts_with(&format!("Future {{ state: {state}, ")), "{text}");
    }
    drop(open);
}

// test_cancel, test_cancelled, test_done, test_running
#[test]
fn only_what_has_not_begun_can_be_cancelled() {
    let pool = pool();
    let (pending, _job) = ByHand::pending(|| 1);
    let (at_work, open) = running(&pool);
    let state = |future: &Future<u32>| (future.is_cancelled(), future.is_finished(), future.is_running());
    assert_eq!(state(&pending), (false, false, false));
    assert_eq!(state(&at_work), (false, false, true));
    for future in [failed(), successful()] {
        assert_eq!(state(&future), (false, true, false));
        assert!(!future.cancel());
        assert_eq!(state(&future), (false, true, false));
    }
    assert!(!at_work.cancel() && at_work.is_running());
    for future in [&pending, &cancelled()] {
        assert!(future.cancel() && future.cancel());
        assert_eq!(state(future), (true, true, false));
    }
    drop(open);
}

// test_result_with_timeout, test_exception_with_timeout
#[test]
fn asking_without_time_says_what_there_is() {
    let pool = pool();
    let (pending, _job) = ByHand::pending(|| 1);
    let (at_work, open) = running(&pool);
    let ask = |future: &Future<u32>| future.result_timeout(Duration::ZERO);
    assert!(pending.outcome().is_none() && at_work.outcome().is_none());
    assert!(ask(&pending).unwrap_err().is_timeout());
    assert!(ask(&at_work).unwrap_err().is_timeout());
    assert!(ask(&cancelled()).unwrap_err().is_cancelled());
    assert!(cancelled().outcome().unwrap().unwrap_err().is_cancelled());
    assert!(ask(&failed()).unwrap_err().error().unwrap().is::<std::num::ParseIntError>());
    assert!(failed().outcome().unwrap().is_err());
    assert_eq!(successful().outcome().unwrap().ok(), Some(()));
    assert_eq!(ask(&successful()).unwrap(), 42);
    drop(open);
}

// test_result_with_success, test_exception_with_success
#[test]
fn who_waits_is_told_the_end() {
    let (future, job) = ByHand::pending(|| 42);
    let notifier = thread::spawn(move || job.run());
    assert_eq!(future.result_timeout(LONG).unwrap(), 42);
    assert!(future.exception().is_none());
    notifier.join().unwrap();
}

// test_result_with_cancel
#[test]
fn who_waits_is_told_of_a_cancellation() {
    let (future, _job) = ByHand::pending(|| 42);
    let cancels = future.clone();
    let notifier = thread::spawn(move || assert!(cancels.cancel()));
    assert!(future.result_timeout(LONG).unwrap_err().is_cancelled());
    notifier.join().unwrap();
}

// test_run_after_shutdown
#[test]
fn a_pool_that_was_shut_down_takes_no_jobs() {
    let pool = pool();
    pool.shutdown(true, false);
    assert!(pool.submit(|| 2_u32.pow(5)).result().unwrap_err().is_shut_down());
}

// test_hang_issue12364
#[test]
fn shutting_down_waits_for_what_was_submitted() {
    let pool = pool();
    let jobs: Vec<_> = (0..50).map(|n| pool.submit(move || n)).collect();
    pool.shutdown(true, false);
    assert!(jobs.iter().all(Future::is_finished));
    assert!(jobs.into_iter().map(|job| job.result().unwrap()).eq(0..50));
}

// test_cancel_futures
#[test]
fn shutting_down_may_cancel_what_has_not_begun() {
    let pool = pool();
    let (tell, told) = mpsc::channel();
    let at_work: Vec<_> = (0..5).map(|_| running(&pool)).collect();
    let rest: Vec<_> = (0..45).map(|_| pool.submit(|| 1)).collect();
    rest[0].add_done_callback(move |_| tell.send(()).unwrap());
    thread::scope(|s| {
        let (jobs, gates): (Vec<_>, Vec<_>) = at_work.into_iter().unzip();
        s.spawn(move || {
            told.recv().unwrap();
            drop(gates);
        });
        pool.shutdown(true, true);
        assert!(jobs.iter().all(|job| job.result().unwrap() == 7));
    });
    assert!(rest.iter().all(Future::is_cancelled));
}

// test_hang_gh94440
#[test]
fn shutting_down_after_a_cancellation_does_not_hang() {
    let pool = ThreadPoolExecutor::new(1);
    pool.submit(|| ()).result().unwrap();
    pool.submit(|| ()).cancel();
    pool.shutdown(true, false);
}

// test_threads_terminate
#[test]
fn shutting_down_ends_the_threads() {
    let pool = pool();
    let (_jobs, gates): (Vec<_>, Vec<_>) = (0..3).map(|_| running(&pool)).unzip();
    assert_eq!(pool.threads(), 3);
    drop(gates);
    pool.shutdown(true, false);
    assert_eq!(pool.threads(), 0);
}

// test_context_manager_shutdown
#[test]
fn leaving_a_with_block_shuts_down() {
    let pool = pool();
    let absolute = with(&pool, |pool| pool.map(i32::abs, -5..5).collect::<Result<Vec<_>, _>>());
    assert_eq!(absolute.unwrap(), Some(vec![5, 4, 3, 2, 1, 0, 1, 2, 3, 4]));
    assert_eq!(pool.threads(), 0);
}

// test_del_shutdown, test_shutdown_no_wait
#[test]
fn what_was_submitted_is_done_also_where_nobody_waits() {
    for waits in [false, true] {
        let pool = pool();
        let jobs: Vec<_> = (-5..5).map(|n: i32| pool.submit(move || n.abs())).collect();
        if waits {
            drop(pool);
        } else {
            pool.shutdown(false, false);
        }
        assert!(jobs.into_iter().map(|job| job.result().unwrap()).eq((-5..5).map(i32::abs)));
    }
}

// test_thread_names_assigned, test_thread_names_default
#[test]
fn threads_have_names_with_numbers() {
    let name = |_: u32| thread::current().name().unwrap().to_owned();
    let pool = ThreadPoolExecutor::builder().max_workers(5).thread_name_prefix("SpecialPool").build();
    for name in pool.map(name, 0..10) {
        let name = name.unwrap();
        assert!((0..5).any(|n| name == format!("SpecialPool_{n}")), "{name}");
    }
    let default = ThreadPoolExecutor::new(5).submit(move || name(0)).result().unwrap();
    let (prefix, number) = default.rsplit_once('_').unwrap();
    assert!(prefix.strip_prefix("ThreadPoolExecutor-").unwrap().parse::<u32>().is_ok());
    assert_eq!(number, "0");
}

// InitializerMixin.test_initializer
#[test]
fn each_thread_is_initialized() {
    thread_local!(static STATUS: std::cell::Cell<&'static str> = const { std::cell::Cell::new("uninitialized") });
    let pool = ThreadPoolExecutor::builder().max_workers(2).initializer(|| STATUS.set("initialized")).build();
    let meet = Arc::new(Barrier::new(2));
    let jobs = [0; 2].map(|_| {
        let meet = Arc::clone(&meet);
        pool.submit(move || {
            meet.wait();
            STATUS.get()
        })
    });
    assert!(jobs.iter().all(|job| job.result().unwrap() == "initialized"));
}

// FailingInitializerMixin.test_initializer
#[test]
fn a_failing_initializer_breaks_the_pool() {
    let pool =
        ThreadPoolExecutor::builder().max_workers(2).try_initializer(|| Err("error in initializer")).build();
    let error = pool.submit(|| ()).result().unwrap_err();
    assert!(error.is_broken() && error.to_string().contains("error in initializer"));
    assert!(pool.submit(|| ()).result().unwrap_err().is_broken());
}
