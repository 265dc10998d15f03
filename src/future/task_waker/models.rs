//! What the waker of a task promises, in every order of the task and of those who have it. The task polls and waits as
//! `Waiting` does, with a flag for a future.

use loom::thread;

use super::*;
use crate::atomics::AtomicBool;
use crate::runtime::inbox::Message;
use crate::runtime::models::{Run, model};

/// Sleeps until the task is woken or `enough` says so. Gives whether it was woken.
fn sleep(run: &Run, enough: impl Fn() -> bool) -> bool {
    let mut woken = 0;
    while woken == 0 && !enough() {
        run.sleep_unless(&enough, &mut |message| match message {
            Message::Wake(task) => {
                assert_eq!(task, run.key());
                woken += 1;
            }
            _ => unreachable!("tasks are woken"),
        });
    }
    assert!(woken <= 1, "one message for each wait");
    woken == 1
}

fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    flag.load(Ordering::Relaxed);
    flag
}

/// Polls and waits until all flags are set, which who sets them tells by a waker and by nothing else.
fn wait_for(run: &Run, wakeful: &Wakeful, flags: &[Arc<AtomicBool>]) {
    loop {
        wakeful.begin_poll();
        if flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
            return;
        }
        if wakeful.begin_wait() {
            sleep(run, || false);
        }
        wakeful.end_wait();
    }
}

#[test]
fn a_call_at_any_moment_is_heard_and_what_was_done_before_is_seen() {
    model(|| {
        let run = Run::new();
        let wakeful = Wakeful::new(&run.inbox(), run.key());
        wakeful.begin_poll();
        let ready = flag();
        let (waker, theirs) = (wakeful.waker().clone(), Arc::clone(&ready));
        let thread = thread::spawn(move || {
            theirs.store(true, Ordering::Relaxed);
            waker.wake();
        });
        wait_for(&run, &wakeful, &[ready]);
        thread.join().unwrap();
    });
}

#[test]
fn calls_of_two_threads_are_one_message_for_each_wait_and_both_are_heard() {
    model(|| {
        let run = Run::new();
        let wakeful = Wakeful::new(&run.inbox(), run.key());
        wakeful.begin_poll();
        let flags = [flag(), flag()];
        let threads = flags.clone().map(|ready| {
            let waker = wakeful.waker().clone();
            thread::spawn(move || {
                ready.store(true, Ordering::Relaxed);
                waker.wake_by_ref();
            })
        });
        wait_for(&run, &wakeful, &flags);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_task_is_told_when_nobody_is_left_who_could_call() {
    model(|| {
        let run = Run::new();
        let wakeful = Wakeful::new(&run.inbox(), run.key());
        wakeful.begin_poll();
        let wakers = [wakeful.waker().clone(), wakeful.waker().clone()];
        let threads = wakers.map(|waker| thread::spawn(move || drop(waker)));
        assert!(wakeful.begin_wait());
        assert!(!sleep(&run, || !wakeful.is_shared()));
        wakeful.end_wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_waker_may_outlive_the_wait() {
    model(|| {
        let run = Run::new();
        let wakeful = Wakeful::new(&run.inbox(), run.key());
        wakeful.begin_poll();
        let waker = wakeful.waker().clone();
        let thread = thread::spawn(move || waker.wake());
        drop(wakeful);
        thread.join().unwrap();
        // It has told nobody, since nobody waited.
        assert!(!run.inbox().has_messages());
    });
}
