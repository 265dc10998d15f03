//! What a blocking call that borrows promises to the task that lends, in every order of their threads: nobody touches what was lent when the
//! call has been left, or when the run has come back to its caller.

use super::super::models::{end, hand_in, one_thread};
use super::*;
use crate::atomics::Place;
use crate::runtime::models::{Run, model};

/// What is lent.
struct Lent(Place<()>);

// SAFETY: nothing is in it. Whether two threads are at it at the same time is what the models look for.
unsafe impl Sync for Lent {}

impl Lent {
    fn new() -> Self {
        let lent = Lent(Place::new(()));
        lent.write();
        lent
    }

    fn write(&self) {
        self.0.to_write();
    }
}

/// Gives a function to a pool that writes to `lent`, and once more when it is dropped. What it gives does so, too.
///
/// # Safety
///
/// That of [`Unblocking::new`].
unsafe fn begin<'a>(
    run: &Run,
    pool: &'a Arc<Pool>,
    lent: &'a Lent,
) -> Unblocking<'a, impl FnOnce() -> Writes<'a> + Send, Writes<'a>> {
    let ticket = run.scheduler().outside.jobs.ticket(Kind::Lending);
    let writes = Writes(lent);
    let f = move || {
        lent.write();
        drop(writes);
        Writes(lent)
    };
    // SAFETY: the caller's promise.
    unsafe { Unblocking::new(pool, f, ticket) }
}

/// Writes when it is dropped.
struct Writes<'a>(&'a Lent);

impl Drop for Writes<'_> {
    fn drop(&mut self) {
        self.0.write();
    }
}

#[test]
fn what_was_lent_is_free_when_the_call_has_been_left() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let lent = Lent::new();
        // SAFETY: it is dropped within this statement.
        let given = run.wait(pin!(unsafe { begin(&run, &pool, &lent) }));
        drop(given.unwrap());
        lent.write();
        end(&pool);
    });
}

#[test]
fn what_was_lent_is_free_when_a_call_that_is_cancelled_has_been_left() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let lent = Lent::new();
        let inbox = run.inbox();
        let cancels = loom::thread::spawn(move || drop(inbox.call(Box::new(|| ()))));
        // SAFETY: it is dropped within this statement.
        drop(run.wait(pin!(unsafe { begin(&run, &pool, &lent) })));
        lent.write();
        cancels.join().unwrap();
        end(&pool);
    });
}

#[test]
fn what_was_lent_is_free_when_a_call_was_left_by_an_unwind() {
    model(|| {
        let (run, pool) = (Run::new(), one_thread());
        let lent = Lent::new();
        // SAFETY: it is dropped at once.
        let mut left = unsafe { begin(&run, &pool, &lent) };
        hand_in(&run, Pin::new(&mut left));
        drop(left);
        lent.write();
        end(&pool);
    });
}

#[test]
fn a_run_comes_back_when_nothing_is_lent_by_a_task_that_never_comes_back_from_its_call() {
    model(|| {
        let (run, pool): (_, &'static _) = (Run::new(), Box::leak(Box::new(one_thread())));
        let lent: &'static Lent = Box::leak(Box::new(Lent::new()));
        // SAFETY: what is lent is never dropped.
        let mut never_left = unsafe { begin(&run, pool, lent) };
        hand_in(&run, Pin::new(&mut never_left));
        std::mem::forget(never_left);
        run.scheduler().outside.jobs.drain_lending();
        assert!(!run.inbox().has_senders());
        lent.write();
        end(pool);
    });
}
