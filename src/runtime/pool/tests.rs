//! Pools by themselves: how many threads there are, who does what, and the end.

use std::panic;
use std::sync::mpsc;

use super::*;

/// A pool whose threads have queues of their own, if they do.
fn pool(threads_max: usize, idle_max: Option<Duration>, own_queues: bool) -> Arc<Pool> {
    Pool::new(Settings {
        threads_max,
        idle_max,
        own_queues,
        promises: false,
        name: "test".to_owned(),
        stack_size: None,
        set_up: None,
    })
}

/// A function as work, and what is said when it is refused.
struct Call<F> {
    call: Mutex<Option<F>>,
    refusals: mpsc::Sender<Refusal>,
}

impl<F: FnOnce(&Busy<'_>) + Send> Work for Call<F> {
    fn run(self: Arc<Self>, busy: &Busy<'_>) {
        let call = lock(&self.call).take();
        call.unwrap()(busy);
    }

    fn refuse(self: Arc<Self>, reason: &Refusal) {
        self.refusals.send(reason.clone()).unwrap();
    }
}

/// Hands a function in. Gives the way on which a refusal comes.
fn submit(pool: &Arc<Pool>, call: impl FnOnce(&Busy<'_>) + Send + 'static) -> mpsc::Receiver<Refusal> {
    let (refusals, refused) = mpsc::channel();
    let work = Arc::new(Call { call: Mutex::new(Some(call)), refusals });
    if let Err((work, reason)) = pool.submit(work) {
        work.refuse(&reason);
    }
    refused
}

/// Has all threads of a pool wait, and gives the way to let them go.
fn occupy(pool: &Arc<Pool>, threads: usize) -> mpsc::Sender<()> {
    let (open, gate) = mpsc::channel();
    let gate = Arc::new(Mutex::new(gate));
    let (begin, begun) = mpsc::channel();
    for _ in 0..threads {
        let (gate, begin) = (Arc::clone(&gate), begin.clone());
        submit(pool, move |_| {
            begin.send(()).unwrap();
            // An error is as good: nobody wants it shut any more.
            let _ = lock(&gate).recv();
        });
    }
    (0..threads).for_each(|_| begun.recv().unwrap());
    open
}

#[test]
fn threads_grow_to_the_bound_and_go_when_idle() {
    let pool = pool(3, Some(Duration::from_millis(1)), false);
    let (done, all_done) = mpsc::channel();
    let open = occupy(&pool, 3);
    for _ in 0..17 {
        let done = done.clone();
        submit(&pool, move |_| done.send(thread::current().id()).unwrap());
    }
    assert_eq!(pool.threads(), 3);
    drop(open);
    let mut used: Vec<_> = (0..17).map(|_| all_done.recv().unwrap()).collect();
    used.sort_by_key(|id| format!("{id:?}"));
    used.dedup();
    assert!((1..=3).contains(&used.len()));
    while pool.threads() > 0 {
        thread::yield_now();
    }
    submit(&pool, move |_| done.send(thread::current().id()).unwrap());
    assert!(!used.contains(&all_done.recv().unwrap()), "that thread had gone");
    while lock(&pool.state).alive > 0 {
        thread::yield_now();
    }
    assert!(lock(&pool.state).handles.is_empty());
}

#[test]
fn work_that_comes_one_after_the_other_has_one_thread() {
    let pool = pool(8, None, true);
    let (done, is_done) = mpsc::channel();
    for _ in 0..1000 {
        let done = done.clone();
        submit(&pool, move |busy| {
            busy.release();
            done.send(()).unwrap();
        });
        is_done.recv().unwrap();
        assert_eq!(pool.threads(), 1);
    }
    pool.close();
    pool.join();
}

#[test]
fn work_that_waits_for_later_work_is_never_alone_below_the_bound() {
    for own_queues in [false, true] {
        let pool = pool(2, None, own_queues);
        for _ in 0..500 {
            let (give, given) = mpsc::channel::<()>();
            let (done, is_done) = mpsc::channel();
            submit(&pool, move |_| {
                given.recv().unwrap();
                done.send(()).unwrap();
            });
            submit(&pool, move |_| give.send(()).unwrap());
            is_done.recv().unwrap();
        }
        pool.close();
        pool.join();
    }
}

#[test]
fn what_a_thread_hands_in_and_waits_for_is_stolen_by_another() {
    let pool = pool(2, None, true);
    let (done, is_done) = mpsc::channel();
    let inner = Arc::clone(&pool);
    submit(&pool, move |_| {
        let (tell, told) = mpsc::channel();
        submit(&inner, move |_| tell.send(thread::current().id()).unwrap());
        done.send((thread::current().id(), told.recv().unwrap())).unwrap();
    });
    let (outer, inner) = is_done.recv().unwrap();
    assert_ne!(outer, inner);
    pool.close();
    pool.join();
}

#[test]
fn a_thread_that_keeps_handing_work_to_itself_comes_to_the_work_of_others() {
    fn again(pool: Arc<Pool>, stop: Arc<AtomicBool>) {
        if !stop.load(Ordering::SeqCst) {
            submit(&Arc::clone(&pool), move |_| again(pool, stop));
        }
    }
    let pool = pool(1, None, true);
    let stop = Arc::new(AtomicBool::new(false));
    let (own, theirs) = (Arc::clone(&pool), Arc::clone(&stop));
    submit(&pool, move |_| again(own, theirs));
    let (done, is_done) = mpsc::channel();
    submit(&pool, move |_| done.send(()).unwrap());
    is_done.recv().unwrap();
    stop.store(true, Ordering::SeqCst);
    pool.close();
    pool.join();
}

#[test]
fn a_pool_that_is_closed_does_what_it_has_and_refuses_what_comes() {
    let pool = pool(1, None, true);
    let (done, is_done) = mpsc::channel();
    let open = occupy(&pool, 1);
    submit(&pool, move |_| done.send(()).unwrap());
    pool.close();
    assert!(matches!(submit(&pool, |_| unreachable!()).try_recv(), Ok(Refusal::Closed)));
    drop(open);
    pool.join();
    assert_eq!(is_done.try_recv(), Ok(()));
    assert_eq!(pool.threads(), 0);
}

#[test]
fn what_has_not_begun_is_given_up_wherever_it_is() {
    let pool = pool(1, None, true);
    let (tell, told) = mpsc::channel();
    let inner = Arc::clone(&pool);
    let (go, goes) = mpsc::channel::<()>();
    submit(&pool, move |_| {
        // In the thread's own queue.
        tell.send(submit(&inner, |_| unreachable!())).unwrap();
        goes.recv().unwrap();
    });
    let own = told.recv().unwrap();
    let shared = submit(&pool, |_| unreachable!());
    pool.close_and_cancel();
    assert!(matches!(own.try_recv(), Ok(Refusal::Cancelled)));
    assert!(matches!(shared.try_recv(), Ok(Refusal::Cancelled)));
    go.send(()).unwrap();
    pool.join();
}

#[test]
fn closing_in_the_same_instant_as_others_hand_in_loses_nothing() {
    for _ in 0..200 {
        let pool = pool(2, None, true);
        let (done, is_done) = mpsc::channel();
        let threads = [0; 2].map(|_| {
            let (pool, done) = (Arc::clone(&pool), done.clone());
            thread::spawn(move || {
                let sent = (0..50).map(|_| {
                    let done = done.clone();
                    submit(&pool, move |_| done.send(()).unwrap())
                });
                sent.collect::<Vec<_>>()
            })
        });
        drop(done);
        pool.close();
        let ways: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        pool.join();
        let refused = ways.iter().filter(|way| way.try_recv().is_ok()).count();
        assert_eq!(is_done.try_iter().count() + refused, 100);
    }
}

#[test]
fn a_panic_of_work_leaves_its_thread_to_the_next() {
    let pool = pool(1, None, false);
    submit(&pool, |_| panic::resume_unwind(Box::new("silent")));
    let (done, is_done) = mpsc::channel();
    submit(&pool, move |_| done.send(()).unwrap());
    is_done.recv().unwrap();
    assert_eq!(lock(&pool.state).next_number, 1);
    pool.close();
    pool.join();
}

#[test]
fn threads_with_nothing_to_do_are_quiet() {
    let pool = pool(2, None, true);
    let open = occupy(&pool, 2);
    assert_eq!(pool.quiet_threads(), 0);
    drop(open);
    while pool.quiet_threads() < 2 {
        thread::yield_now();
    }
    pool.close();
    pool.join();
    assert_eq!(pool.quiet_threads(), 0);
}
