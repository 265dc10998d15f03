//! `ThreadPoolExecutor`: threads, shutdown, and jobs that use their own pool.

#[path = "task_order/trace.rs"]
mod trace;

use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cede::executor::{
    Executor, Future, MapOptions, ReturnWhen, ThreadPoolExecutor, as_completed, run_in_executor, wait,
};
use cede::{Runner, with};
use trace::{panic_text, silent_panic};

/// Takes all threads of a pool. They go on when what this gives is dropped.
fn occupy(pool: &ThreadPoolExecutor) -> mpsc::Sender<()> {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let (begin, begun) = mpsc::channel();
    for _ in 0..pool.max_workers() {
        let (gate, begin) = (Arc::clone(&gate), begin.clone());
        pool.submit(move || {
            begin.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap_err();
        });
    }
    (0..pool.max_workers()).for_each(|_| begun.recv().unwrap());
    open
}

#[test]
fn dropping_a_pool_waits_for_its_jobs() {
    let done = Arc::new(AtomicU32::new(0));
    let pool = ThreadPoolExecutor::new(2);
    for _ in 0..100 {
        let done = Arc::clone(&done);
        pool.submit(move || done.fetch_add(1, Ordering::SeqCst));
    }
    drop(pool);
    assert_eq!(done.load(Ordering::SeqCst), 100);
}

#[test]
fn dropping_a_pool_in_a_task_suspends_that() {
    cede::run(|| {
        let pool = ThreadPoolExecutor::new(1);
        let (go, goes) = mpsc::channel::<()>();
        let future = pool.submit(move || goes.recv().unwrap());
        let other = cede::spawn(move || go.send(()).unwrap());
        drop(pool);
        assert!(future.is_finished());
        other.join().unwrap();
    });
}

#[test]
fn a_task_that_is_cancelled_while_it_drops_a_pool_waits_and_is_cancelled_afterwards() {
    cede::run(|| {
        let (go, goes) = mpsc::channel::<()>();
        let task = cede::spawn(move || {
            let pool = ThreadPoolExecutor::new(1);
            let future = pool.submit(move || goes.recv().unwrap());
            drop(pool);
            assert!(future.is_finished());
            cede::yield_now();
            unreachable!("the cancellation comes now");
        });
        cede::yield_now();
        task.cancel();
        cede::yield_now();
        assert!(!task.is_finished());
        go.send(()).unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_pool_on_the_stack_of_a_task_that_is_cancelled_goes_on_by_itself() {
    let (go, goes) = mpsc::channel::<()>();
    let future = cede::run(|| {
        let (tell, told) = mpsc::channel();
        let task = cede::spawn(move || {
            let pool = ThreadPoolExecutor::new(1);
            tell.send(pool.submit(move || goes.recv().unwrap())).unwrap();
            cede::sleep(Duration::MAX);
        });
        cede::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        told.recv().unwrap()
    });
    go.send(()).unwrap();
    future.result().unwrap();
}

#[test]
fn a_with_block_waits_also_where_it_fails_or_panics() {
    for how in 0..3 {
        let pool = ThreadPoolExecutor::new(1);
        let (go, goes) = mpsc::channel::<()>();
        let future = pool.submit(move || goes.recv().is_ok());
        let block = || {
            with(&pool, |pool| {
                pool.submit(|| ());
                go.send(()).unwrap();
                match how {
                    0 => Ok(()),
                    1 => Err("failed"),
                    _ => silent_panic("panicked"),
                }
            })
        };
        match how {
            0 => assert!(block().unwrap().is_some()),
            1 => assert_eq!(block().unwrap_err().to_string(), "failed"),
            _ => assert_eq!(panic_text(block), "panicked"),
        }
        assert!(future.is_finished());
        assert!(pool.submit(|| ()).result().unwrap_err().is_shut_down());
    }
}

#[test]
fn a_pool_may_be_dropped_by_its_own_job() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let (go, goes) = mpsc::channel::<()>();
    let own = Arc::clone(&pool);
    let last = pool.submit(move || {
        goes.recv().unwrap();
        let alone = Arc::strong_count(&own);
        drop(own);
        alone
    });
    let behind = pool.submit(|| 2);
    drop(pool);
    go.send(()).unwrap();
    assert_eq!(last.result().unwrap(), 1);
    assert_eq!(behind.result().unwrap(), 2, "what it had taken in is done");
}

#[test]
fn a_job_that_waits_for_the_end_of_its_pool_is_told_so() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let own = Arc::clone(&pool);
    let text = pool.submit(move || panic_text(|| own.shutdown(true, false)));
    assert!(text.result().unwrap().contains("its own executor"));
    let own = Arc::clone(&pool);
    assert!(pool.submit(|| ()).result().unwrap_err().is_shut_down());
    drop(own);
}

#[test]
fn a_closure_that_comes_too_late_is_dropped_and_its_callbacks_are_called() {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(false, false);
    let (alive, dropped) = mpsc::channel::<()>();
    let future = pool.submit(move || drop(alive));
    assert_eq!(dropped.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    let (tell, told) = mpsc::channel();
    future.add_done_callback(move |future| tell.send(future.exception().unwrap().is_shut_down()).unwrap());
    assert!(told.try_recv().unwrap());
    assert_eq!(pool.threads(), 0);
}

#[test]
fn shutdown_cancels_what_has_not_begun_and_waits_for_the_rest() {
    let pool = ThreadPoolExecutor::new(2);
    let open = occupy(&pool);
    let pending = [1, 2, 3].map(|n| pool.submit(move || n));
    let opener = thread::spawn({
        let watched = pending[2].clone();
        move || {
            assert!(watched.result().unwrap_err().is_cancelled());
            drop(open);
        }
    });
    pool.shutdown(true, true);
    assert!(pending.iter().all(Future::is_cancelled));
    assert_eq!(pool.threads(), 0);
    opener.join().unwrap();
    pool.shutdown(true, true);
}

#[test]
fn a_shutdown_in_a_task_may_be_cancelled_and_holds() {
    cede::run(|| {
        let pool = Arc::new(ThreadPoolExecutor::new(1));
        let open = occupy(&pool);
        let shut = Arc::clone(&pool);
        let task = cede::spawn(move || shut.shutdown(true, false));
        cede::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(pool.submit(|| ()).result().unwrap_err().is_shut_down());
        drop(open);
    });
}

#[test]
fn a_job_that_waits_for_jobs_of_its_own_pool_does_them_itself() {
    fn fibonacci(pool: &Arc<ThreadPoolExecutor>, n: u32) -> u32 {
        if n < 2 {
            return n;
        }
        let again = Arc::clone(pool);
        let one = pool.submit(move || fibonacci(&again, n - 1));
        fibonacci(pool, n - 2) + one.result().unwrap()
    }
    for threads in [1, 2] {
        let pool = Arc::new(ThreadPoolExecutor::new(threads));
        let first = Arc::clone(&pool);
        assert_eq!(pool.submit(move || fibonacci(&first, 12)).result().unwrap(), 144);
    }
}

#[test]
fn a_job_that_waits_for_several_of_its_own_pool_does_them_itself() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let own = Arc::clone(&pool);
    let sums = pool.submit(move || {
        let jobs = [1, 2, 3].map(|n| own.submit(move || n));
        let waited = wait(&jobs, ReturnWhen::AllCompleted, None);
        assert_eq!(waited.pending.len(), 0);
        let later = [4, 5].map(|n| own.submit(move || n));
        let later: i32 = as_completed(later, None).map(|job| job.unwrap().result().unwrap()).sum();
        let mapped: Result<Vec<i32>, _> = own.map(|n| n * n, [6, 7]).collect();
        (later, mapped.unwrap())
    });
    assert_eq!(sums.result().unwrap(), (9, vec![36, 49]));
}

#[test]
fn a_run_inside_of_a_job_may_wait_for_jobs_of_the_same_pool() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let own = Arc::clone(&pool);
    let value = pool.submit(move || {
        cede::run(|| {
            let both = [1, 2].map(|n| {
                let again = Arc::clone(&own);
                // Waits in its turn for one that has no thread.
                run_in_executor(&own, move || again.submit(move || 10 * n).result().unwrap())
            });
            cede::task::gather(both).join().unwrap()
        })
    });
    assert_eq!(value.result().unwrap(), [10, 20]);
}

#[test]
fn a_job_that_waits_for_itself_is_told_so() {
    let pool = ThreadPoolExecutor::new(1);
    let (tell, told) = mpsc::channel::<Future<bool>>();
    let own = pool.submit(move || {
        let own = told.recv().unwrap();
        let in_run = cede::run(|| own.result().unwrap_err().is_await_self());
        in_run && own.exception().unwrap().is_await_self()
    });
    tell.send(own.clone()).unwrap();
    assert!(own.result().unwrap());
}

#[test]
fn jobs_begin_in_the_order_in_which_they_came() {
    let pool = ThreadPoolExecutor::new(1);
    let open = occupy(&pool);
    let (log, order) = mpsc::channel();
    for n in 0..200 {
        let log = log.clone();
        pool.submit(move || log.send(n).unwrap());
    }
    drop((open, log));
    assert!(order.iter().eq(0..200));
}

#[test]
fn an_initializer_runs_once_on_each_thread_before_its_jobs() {
    thread_local!(static READY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move || {
            READY.set(true);
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .build();
    drop(occupy(&pool));
    assert!(pool.map(|_| READY.get(), 0..20).all(|ready| ready.unwrap()));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn an_initializer_that_fails_breaks_the_pool_and_says_why() {
    let failing = ThreadPoolExecutor::builder().try_initializer(|| Err("no licence"));
    let panicking = ThreadPoolExecutor::builder().initializer(|| silent_panic("no licence"));
    for builder in [failing, panicking] {
        let pool = builder.max_workers(1).build();
        let error = pool.submit(|| ()).result().unwrap_err();
        assert!(error.is_broken() && error.to_string().contains("no licence"), "{error}");
        assert!(pool.submit(|| ()).result().unwrap_err().is_broken());
        pool.shutdown(true, false);
    }
}

#[test]
fn an_initializer_that_fails_takes_what_is_queued_along() {
    let (go, goes) = mpsc::channel::<()>();
    let goes = Mutex::new(goes);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .try_initializer(move || {
            goes.lock().unwrap().recv().unwrap();
            Err("no licence")
        })
        .build();
    let jobs = [0; 5].map(|_| pool.submit(|| ()));
    go.send(()).unwrap();
    assert!(jobs.iter().all(|job| job.result().unwrap_err().is_broken()));
}

#[test]
fn a_map_that_is_ahead_takes_no_more_items_than_it_may() {
    let taken = Arc::new(AtomicU32::new(0));
    let pool = ThreadPoolExecutor::new(2);
    let items = (0..).inspect(|_| _ = taken.fetch_add(1, Ordering::SeqCst));
    let mut map = pool.map_with(MapOptions::new().chunk_size(2).buffer_size(3), |n: u32| n, items);
    assert_eq!(taken.load(Ordering::SeqCst), 6);
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert_eq!(taken.load(Ordering::SeqCst), 8);
    assert!(map.by_ref().take(99).map(Result::unwrap).eq(1..100));
    drop(map);
    assert_eq!(taken.load(Ordering::SeqCst), 106);
}

#[test]
fn a_map_gives_what_came_before_an_error_then_the_error_and_nothing_more() {
    let pool = ThreadPoolExecutor::new(2);
    for chunk in [1, 2, 3, 10] {
        let divide = |n: i32| if n == 3 { silent_panic("three") } else { n };
        let mut map = pool.map_with(MapOptions::new().chunk_size(chunk), divide, 0..10);
        assert!(map.by_ref().take(3).map(Result::unwrap).eq(0..3));
        assert!(map.next().unwrap().unwrap_err().is_panic());
        assert!(map.next().is_none() && map.next().is_none());
    }
}

#[test]
fn a_map_that_is_dropped_on_the_way_cancels_the_rest_and_one_that_was_not_begun_does_not() {
    for begins in [false, true] {
        let (calls, called) = mpsc::channel();
        let pool = ThreadPoolExecutor::new(1);
        let (go, goes) = mpsc::channel::<()>();
        let goes = Mutex::new(goes);
        let mut map = pool.map(
            move |n: i32| {
                if n == 1 {
                    goes.lock().unwrap().recv().unwrap();
                }
                calls.send(n).unwrap();
            },
            0..5,
        );
        if begins {
            map.next().unwrap().unwrap();
        }
        // The second one has begun, or is about to.
        drop(map);
        // An error where it had not begun.
        let _ = go.send(());
        drop(pool);
        let called: Vec<i32> = called.iter().collect();
        if begins {
            assert!(called == [0] || called == [0, 1], "{called:?}");
        } else {
            assert_eq!(called, [0, 1, 2, 3, 4]);
        }
    }
}

#[test]
fn a_map_may_be_ahead_of_a_pool_that_is_shut_down() {
    let pool = ThreadPoolExecutor::new(1);
    let mut map = pool.map_with(MapOptions::new().buffer_size(2), |n: i32| n, 0..);
    assert_eq!(map.next().unwrap().unwrap(), 0);
    pool.shutdown(true, false);
    let rest: Vec<_> = map.collect();
    let (last, before) = rest.split_last().unwrap();
    assert!(before.iter().all(Result::is_ok));
    assert!(last.as_ref().unwrap_err().is_shut_down());
}

#[test]
fn waiting_with_a_timeout_runs_by_the_clock_of_the_run() {
    let runner = Runner::builder().virtual_time(true).build();
    let pool = ThreadPoolExecutor::new(1);
    runner
        .run(|| {
            let open = occupy(&pool);
            // Under virtual time a wait for jobs that threads are at work on does not pass, so these take no time.
            let job = pool.submit(|| 1);
            let waited = wait([&job], ReturnWhen::AllCompleted, Some(Duration::ZERO));
            assert_eq!((waited.done.len(), waited.pending.len()), (0, 1));
            let mut completed = as_completed([&job], Some(Duration::ZERO));
            let error = completed.next().unwrap().unwrap_err();
            assert_eq!(error.to_string(), "1 (of 1) futures unfinished");
            assert!(completed.next().is_none());
            drop(open);
            let waited = wait([&job], ReturnWhen::AllCompleted, Some(Duration::from_secs(1)));
            assert_eq!(waited.done.len(), 1);
        })
        .unwrap();
}

#[test]
fn tasks_and_threads_wait_for_many_jobs_in_the_order_in_which_they_end() {
    let pool = ThreadPoolExecutor::new(3);
    let in_order = || {
        let gates = [0; 3].map(|_| mpsc::channel::<()>());
        let (open, gates): (Vec<_>, Vec<_>) = gates.into_iter().unzip();
        let jobs: Vec<_> = gates
            .into_iter()
            .enumerate()
            .map(|(n, gate)| {
                pool.submit(move || {
                    gate.recv().unwrap();
                    n
                })
            })
            .collect();
        let mut order = Vec::new();
        let mut completed = as_completed(&jobs, None);
        for n in [2, 0, 1] {
            open[n].send(()).unwrap();
            order.push(completed.next().unwrap().unwrap().result().unwrap());
        }
        assert!(completed.next().is_none());
        order
    };
    assert_eq!(in_order(), [2, 0, 1]);
    assert_eq!(cede::run(in_order), [2, 0, 1]);
}

#[test]
fn a_deadlock_beside_an_idle_pool_is_found() {
    let pool = ThreadPoolExecutor::new(4);
    let error = Runner::builder().by_itself(true).build().run(|| {
        pool.submit(|| ()).result().unwrap();
        cede::sync::Queue::<()>::unbounded().get()
    });
    assert!(matches!(error, Err(cede::RunError::Deadlock(_))), "{error:?}");
}

#[test]
fn a_thread_local_that_submits_in_its_destructor_is_heard() {
    struct Last(Arc<ThreadPoolExecutor>, mpsc::Sender<bool>);
    impl Drop for Last {
        fn drop(&mut self) {
            let future = self.0.submit(|| ());
            self.1.send(future.exception().is_some_and(|error| error.is_shut_down())).unwrap();
        }
    }
    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    let (tell, told) = mpsc::channel();
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let own = Arc::clone(&pool);
    pool.submit(move || LAST.set(Some(Last(own, tell)))).result().unwrap();
    pool.shutdown(true, false);
    assert!(told.recv().unwrap());
}

#[test]
fn a_pool_may_be_dropped_by_the_locals_of_its_last_thread_or_of_another() {
    type Held = std::cell::RefCell<Option<(Arc<ThreadPoolExecutor>, mpsc::Sender<()>)>>;
    thread_local!(static HELD: Held = const { std::cell::RefCell::new(None) });
    let (alive, gone) = mpsc::channel::<()>();
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let own = Arc::clone(&pool);
    pool.submit(move || HELD.set(Some((own, alive)))).result().unwrap();
    pool.shutdown(false, false);
    drop(pool);
    assert!(gone.recv().is_err());

    let (go, goes) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let elsewhere = thread::spawn(move || {
        let pool = Arc::new(ThreadPoolExecutor::new(1));
        tell.send(pool.submit(move || goes.recv().unwrap())).unwrap();
        let (alive, _gone) = mpsc::channel();
        HELD.set(Some((pool, alive)));
    });
    let job = told.recv().unwrap();
    go.send(()).unwrap();
    elsewhere.join().unwrap();
    assert!(job.is_finished(), "the end of the thread has waited for it");
}

#[test]
fn a_task_that_is_cancelled_between_jobs_that_end_loses_none_of_them() {
    cede::run(|| {
        let pool = ThreadPoolExecutor::new(1);
        let (open, gate) = mpsc::channel::<()>();
        let slow = pool.submit(move || gate.recv().unwrap_err());
        let completed = std::rc::Rc::new(std::cell::RefCell::new(as_completed([slow], None)));
        let mine = std::rc::Rc::clone(&completed);
        let task = cede::spawn(move || mine.borrow_mut().next().is_some());
        cede::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        drop(open);
        assert!(completed.borrow_mut().next().unwrap().unwrap().result().is_ok());
    });
}

#[test]
fn a_destructor_of_a_cancelled_job_may_panic() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            silent_panic("a bad destructor");
        }
    }
    let ((), reported) = trace::reported(|| {
        let pool = ThreadPoolExecutor::new(1);
        let open = occupy(&pool);
        let bad = Bad;
        let job = pool.submit(move || drop(bad));
        assert!(job.cancel());
        drop(open);
    });
    assert_eq!(
        reported,
        ["the destructor of a job that was given up: panicked: a bad destructor".to_owned()]
    );
}

/// Names the child that ends while a job runs.
const CHILD: &str = "CEDE_TEST_EXECUTOR_CHILD";

#[test]
fn a_process_ends_while_jobs_run() {
    if env::var_os(CHILD).is_some() {
        let pool = ThreadPoolExecutor::new(2);
        let open = occupy(&pool);
        pool.submit(|| ());
        pool.shutdown(false, false);
        std::mem::forget(open);
        std::process::exit(17);
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_process_ends_while_jobs_run"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(17), "{child:?}");
}

#[test]
fn nothing_is_lost_when_many_threads_submit_steal_and_cancel() {
    let pool = Arc::new(ThreadPoolExecutor::new(4));
    let runs = Arc::new(AtomicU32::new(0));
    let submitters = [0; 3].map(|_| {
        let (pool, runs) = (Arc::clone(&pool), Arc::clone(&runs));
        thread::spawn(move || {
            let mut cancelled = 0;
            for n in 0..500 {
                let (nested, counted) = (Arc::clone(&pool), Arc::clone(&runs));
                let outer = pool.submit(move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let inner = Arc::clone(&counted);
                    nested.submit(move || inner.fetch_add(1, Ordering::SeqCst))
                });
                if n % 3 == 0 && outer.cancel() {
                    cancelled += 1;
                } else if n % 2 == 0 {
                    outer.result().unwrap().result().unwrap();
                }
            }
            cancelled
        })
    });
    let cancelled: u32 = submitters.into_iter().map(|thread| thread.join().unwrap()).sum();
    while Arc::strong_count(&pool) > 1 {
        thread::yield_now();
    }
    drop(pool);
    assert_eq!(runs.load(Ordering::SeqCst), 2 * (1500 - cancelled));
}
