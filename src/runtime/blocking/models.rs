//! What a job and the task that waits for it promise each other, and what the pool promises both, in every order of their threads.

use super::super::models::{Run, model};
use super::*;

/// A pool of one thread, which goes when the time is over.
fn pool() -> &'static Pool {
    Box::leak(Box::new(Pool::new(1, IDLE)))
}

/// The time is over for the threads of a pool that have nothing to do.
fn expire(pool: &Pool) {
    pool.work_came.expire(&lock(&pool.state));
}

fn begin<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
    run: &Run,
    pool: &'static Pool,
    f: F,
) -> Unblocking<F, T> {
    let outside = &run.scheduler().outside;
    Unblocking::begin(pool, f, outside.inbox.sender(), outside.jobs.ticket())
}

/// A function with a count of what it holds and gives.
fn counted() -> (impl FnOnce() -> Arc<()> + Send + 'static, Arc<()>) {
    let count = Arc::new(());
    let value = Arc::clone(&count);
    (move || value, count)
}

#[test]
fn a_result_reaches_the_task_once() {
    model(|| {
        let (run, pool) = (Run::new(), pool());
        let (f, count) = counted();
        let result = run.wait(pin!(begin(&run, pool, f))).unwrap();
        assert_eq!(Arc::strong_count(&count), 2);
        drop(result.unwrap().unwrap());
        assert_eq!(Arc::strong_count(&count), 1);
        expire(pool);
    });
}

#[test]
fn the_end_of_a_run_waits_until_what_was_given_up_is_gone() {
    model(|| {
        let (run, pool) = (Run::new(), pool());
        let (f, count) = counted();
        drop(begin(&run, pool, f));
        run.scheduler().outside.jobs.drain();
        assert_eq!(Arc::strong_count(&count), 1, "dropped before the thread lets go of the run");
        assert!(!run.inbox().has_senders());
        expire(pool);
    });
}

#[test]
fn a_task_that_is_cancelled_leaves_nothing_behind() {
    model(|| {
        let (run, pool) = (Run::new(), pool());
        let (f, count) = counted();
        let inbox = run.inbox();
        let cancels = loom::thread::spawn(move || drop(inbox.call(Box::new(|| ()))));
        let result = run.wait(pin!(begin(&run, pool, f)));
        drop(result);
        run.scheduler().outside.jobs.drain();
        assert_eq!(Arc::strong_count(&count), 1);
        cancels.join().unwrap();
        expire(pool);
    });
}

#[test]
fn no_job_is_left_as_the_thread_goes() {
    model(|| {
        let (run, pool) = (Run::new(), pool());
        let (first, second) = (counted(), counted());
        drop(run.wait(pin!(begin(&run, pool, first.0))).unwrap());
        let goes = loom::thread::spawn(move || expire(pool));
        drop(run.wait(pin!(begin(&run, pool, second.0))).unwrap());
        run.scheduler().outside.jobs.drain();
        assert_eq!((Arc::strong_count(&first.1), Arc::strong_count(&second.1)), (1, 1));
        goes.join().unwrap();
    });
}
