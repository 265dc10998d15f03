//! Jobs and threads without a scheduler.

use std::sync::mpsc;

use super::super::inbox::Inbox;
use super::super::task::TaskKey;
use super::*;
use crate::atomics::thread;

/// Says when it is dropped, and on which thread.
struct Loud(mpsc::Sender<thread::ThreadId>);

impl Drop for Loud {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

fn jobs() -> Jobs {
    Jobs::new(Inbox::new())
}

/// One that has been handed in, as if to a pool.
fn job<T: Send, F: FnOnce() -> T + Send>(jobs: &Jobs, f: F) -> (Arc<Job<F, T>>, Unblocking<'static, F, T>) {
    let job = Arc::new(Job::new(f, jobs.ticket(Kind::Owning), TaskKey::for_test(1)));
    (Arc::clone(&job), Unblocking { pool: &POOL, stage: Stage::HandedIn(job) })
}

#[test]
fn a_job_that_has_not_begun_is_dropped_by_who_gives_it_up() {
    let (jobs, (drops, dropped)) = (jobs(), mpsc::channel());
    let loud = Loud(drops);
    let (job, waiting) = job(&jobs, move || {
        let _loud = &loud;
        unreachable!("it was given up");
    });
    assert!(jobs.any());
    drop(waiting);
    assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
    assert!(!jobs.any());
    job.run(&Busy::nowhere());
}

#[test]
fn what_a_job_gives_that_was_given_up_meanwhile_is_dropped_on_its_thread() {
    let (jobs, (drops, dropped)) = (jobs(), mpsc::channel());
    let ((begin, begun), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let (job, waiting) = job(&jobs, move || {
        begin.send(()).unwrap();
        goes_on.recv().unwrap();
        Loud(drops)
    });
    let thread = thread::spawn(move || job.run(&Busy::nowhere()));
    begun.recv().unwrap();
    drop(waiting);
    let id = thread.thread().id();
    go_on.send(()).unwrap();
    jobs.drain();
    assert_eq!(dropped.try_recv(), Ok(id), "the drain waits for the result's end");
    thread.join().unwrap();
}

#[test]
fn a_result_whose_destructor_panics_does_not_hurt_the_thread() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("a bad destructor");
        }
    }
    let jobs = jobs();
    let (begin, begun) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let (job, waiting) = job(&jobs, move || {
        begin.send(()).unwrap();
        goes_on.recv().unwrap();
        Bad
    });
    let thread = thread::spawn(move || job.run(&Busy::nowhere()));
    begun.recv().unwrap();
    drop(waiting);
    go_on.send(()).unwrap();
    assert!(thread.join().is_ok());
    assert!(!jobs.any());
}

#[test]
fn a_job_without_a_thread_gives_an_error_to_who_waits() {
    let jobs = jobs();
    let (job, waiting) = job(&jobs, || 1);
    job.refuse(&Refusal::NoThread(Arc::new(io::ErrorKind::OutOfMemory.into())));
    assert!(pin!(waiting).attempt().is_some_and(|outcome| outcome.is_err()));
    assert!(!jobs.any());
}

#[test]
fn what_a_task_waits_for_is_no_call_to_be_waited_for_and_what_borrows_is() {
    let jobs = jobs();
    let awaited = jobs.ticket(Kind::Awaited);
    jobs.drain();
    assert!(jobs.any());
    drop(awaited);
    let owning = jobs.ticket(Kind::Owning);
    jobs.drain_lending();
    let lending = jobs.ticket(Kind::Lending);
    let (goes, gone) = mpsc::channel();
    let thread = thread::spawn(move || {
        goes.send(()).unwrap();
        drop((lending, owning));
    });
    gone.recv().unwrap();
    jobs.drain();
    assert!(!jobs.any());
    thread.join().unwrap();
}
