//! What the lock promises, in every order of its owner and the threads that end its ownership. That nobody enters while somebody
//! is inside, and that everybody sees what the one before has written, is watched by `OneAtATime` in each of them.

use std::sync::Arc;

use loom::thread;

use super::super::models::model;
use super::*;

fn add(guarded: &Guarded<u32>, times: u32) {
    (0..times).for_each(|_| *guarded.lock() += 1);
}

/// A lock of this thread, if `owned`.
fn shared(owned: bool) -> Arc<Guarded<u32>> {
    // loom gives a thread its number when that is first asked for.
    this_thread();
    let guarded = Arc::new(Guarded::new(0));
    // What is made at the first use is made here.
    let _ = (guarded.owner.load(Ordering::Relaxed), guarded.busy.load(Ordering::Relaxed));
    drop(guarded.inside.enter());
    add(&guarded, u32::from(owned));
    guarded
}

#[test]
fn a_second_thread_may_come_at_any_moment() {
    model(|| {
        let guarded = shared(true);
        let theirs = Arc::clone(&guarded);
        let thread = thread::spawn(move || {
            this_thread();
            add(&theirs, 2);
        });
        add(&guarded, 2);
        thread.join().unwrap();
        assert_eq!(*guarded.lock(), 5);
    });
}

#[test]
fn two_threads_may_end_the_ownership_at_once() {
    model(|| {
        let guarded = shared(true);
        let threads = [0, 1].map(|_| {
            let theirs = Arc::clone(&guarded);
            thread::spawn(move || {
                this_thread();
                add(&theirs, 1);
            })
        });
        add(&guarded, 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*guarded.lock(), 5);
    });
}

#[test]
fn two_threads_may_be_the_first_at_once() {
    model(|| {
        let guarded = shared(false);
        let threads = [0, 1].map(|_| {
            let theirs = Arc::clone(&guarded);
            thread::spawn(move || {
                this_thread();
                add(&theirs, 2);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*guarded.lock(), 4);
    });
}

#[test]
fn a_thread_without_a_number_may_be_the_first() {
    model(|| {
        let guarded = shared(false);
        let theirs = Arc::clone(&guarded);
        let thread = thread::spawn(move || add(&theirs, 1));
        add(&guarded, 1);
        thread.join().unwrap();
        assert_eq!(*guarded.lock(), 2);
    });
}
