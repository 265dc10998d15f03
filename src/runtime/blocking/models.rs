//! What a job and the task that waits for it promise each other, and what the pool promises both, in every order of their threads.

use super::super::models::{Run, model};
use super::*;
use crate::atomics::{AtomicUsize, Ordering};

fn begin<'a, T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
    run: &Run,
    pool: &'a Arc<Pool>,
    f: F,
) -> Unblocking<'a, F, T> {
    Unblocking::new(pool, f, run.scheduler().outside.jobs.ticket(Kind::Owning))
}

/// A wait that ends at once.
pub(super) fn hand_in<O: Operation>(run: &Run, mut operation: Pin<&mut O>) {
    operation.as_mut().register(Waiter::new(&run.task));
    operation.withdraw();
}

/// A pool of one thread.
pub(super) fn one_thread() -> Arc<Pool> {
    let pool = pool(1, IDLE_MAX);
    pool.touch();
    pool
}

/// The end of a pool, which waits for its thread.
pub(super) fn end(pool: &Pool) {
    pool.close();
    pool.join();
}

/// Counted while it lives. Its end is a moment at which other threads may come.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A function with a count of what it holds and gives.
fn counted() -> (impl FnOnce() -> Counted + Send + 'static, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(1));
    count.load(Ordering::Relaxed);
    let value = Counted(Arc::clone(&count));
    (move || value, count)
}

fn left(count: &AtomicUsize) -> usize {
    count.load(Ordering::Acquire)
}

#[test]
fn a_result_reaches_the_task_once() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let (f, count) = counted();
        let result = run.wait(pin!(begin(&run, &pool, f))).unwrap();
        assert_eq!(left(&count), 1);
        drop(result.unwrap().unwrap());
        assert_eq!(left(&count), 0);
        end(&pool);
    });
}

#[test]
fn the_end_of_a_run_waits_until_what_was_given_up_is_gone() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let (f, count) = counted();
        let mut given_up = begin(&run, &pool, f);
        hand_in(&run, Pin::new(&mut given_up));
        drop(given_up);
        run.scheduler().outside.jobs.drain();
        assert_eq!(left(&count), 0, "dropped before the thread lets go of the run");
        assert!(!run.inbox().has_senders());
        end(&pool);
    });
}

#[test]
fn a_task_that_is_cancelled_leaves_nothing_behind() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let (f, count) = counted();
        let inbox = run.inbox();
        let cancels = loom::thread::spawn(move || drop(inbox.call(Box::new(|| ()))));
        let result = run.wait(pin!(begin(&run, &pool, f)));
        drop(result);
        run.scheduler().outside.jobs.drain();
        assert_eq!(left(&count), 0);
        cancels.join().unwrap();
        end(&pool);
    });
}

#[test]
fn jobs_that_come_one_after_the_other_are_done() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let (first, second) = (counted(), counted());
        drop(run.wait(pin!(begin(&run, &pool, first.0))).unwrap());
        drop(run.wait(pin!(begin(&run, &pool, second.0))).unwrap());
        run.scheduler().outside.jobs.drain();
        assert_eq!((left(&first.1), left(&second.1)), (0, 0));
        end(&pool);
    });
}
