//! Jobs and threads without a scheduler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::super::inbox::Inbox;
use super::*;

/// Says when it is dropped, and on which thread.
struct Loud(mpsc::Sender<thread::ThreadId>);

impl Drop for Loud {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

fn job<T: Send, F: FnOnce() -> T + Send>(jobs: &Jobs, f: F) -> (Arc<Job<F, T>>, Unblocking<F, T>) {
    let stage = Mutex::new(Stage::Queued(f, Inbox::new().sender(), jobs.ticket()));
    let job = Arc::new(Job { stage, waiter: Mutex::new(None) });
    (Arc::clone(&job), Unblocking { job })
}

#[test]
fn a_job_that_has_not_begun_is_dropped_by_who_gives_it_up() {
    let (jobs, (drops, dropped)) = (Jobs::default(), mpsc::channel());
    let loud = Loud(drops);
    let (job, waiting) = job(&jobs, move || {
        let _loud = &loud;
        unreachable!("it was given up");
    });
    assert!(jobs.any());
    drop(waiting);
    assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
    assert!(!jobs.any());
    job.run();
}

#[test]
fn what_a_job_gives_that_was_given_up_meanwhile_is_dropped_on_its_thread() {
    let (jobs, (drops, dropped)) = (Jobs::default(), mpsc::channel());
    let ((begin, begun), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let (job, waiting) = job(&jobs, move || {
        begin.send(()).unwrap();
        goes_on.recv().unwrap();
        Loud(drops)
    });
    let thread = thread::spawn(move || job.run());
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
    let jobs = Jobs::default();
    let (begin, begun) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let (job, waiting) = job(&jobs, move || {
        begin.send(()).unwrap();
        goes_on.recv().unwrap();
        Bad
    });
    let thread = thread::spawn(move || job.run());
    begun.recv().unwrap();
    drop(waiting);
    go_on.send(()).unwrap();
    assert!(thread.join().is_ok());
    assert!(!jobs.any());
}

#[test]
fn a_job_without_a_thread_gives_an_error_to_who_waits() {
    let jobs = Jobs::default();
    let (job, waiting) = job(&jobs, || 1);
    job.refuse(io::ErrorKind::OutOfMemory.into());
    assert!(pin!(waiting).attempt().is_some_and(|outcome| outcome.is_err()));
    assert!(!jobs.any());
}

/// Counts how many run at the same time.
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
    done: mpsc::SyncSender<()>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Work for Crowd {
    fn run(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        lock(&self.gate).recv().unwrap();
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.done.send(()).unwrap();
    }

    fn refuse(&self, error: io::Error) {
        panic!("{error}");
    }
}

#[test]
fn threads_grow_to_the_bound_and_go_when_idle() {
    let pool: &'static Pool = Box::leak(Box::new(Pool::new(3, Duration::from_millis(1))));
    let (done, all_done) = mpsc::sync_channel(100);
    let (open, gate) = mpsc::channel();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let crowd = Arc::new(Crowd { now, most, done, gate: Mutex::new(gate) });
    for _ in 0..20 {
        pool.submit(Arc::clone(&crowd) as Arc<dyn Work>);
    }
    assert_eq!(lock(&pool.state).threads, 3);
    (0..20).for_each(|_| open.send(()).unwrap());
    (0..20).for_each(|_| all_done.recv().unwrap());
    assert!((1..=3).contains(&crowd.most.load(Ordering::SeqCst)));
    while lock(&pool.state).threads > 0 {
        thread::yield_now();
    }
    pool.submit(Arc::clone(&crowd) as Arc<dyn Work>);
    open.send(()).unwrap();
    all_done.recv().unwrap();
}
