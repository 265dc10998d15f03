//! What a pool promises to who hands work in, in every order of the threads. The queues are stand-ins for crossbeam's, which are not
//! what is checked here.

use super::super::models::model;
use super::*;

/// Counts how often it was done and refused.
#[derive(Default)]
struct Piece {
    done: AtomicUsize,
    refused: AtomicUsize,
}

impl Piece {
    fn new() -> Arc<Self> {
        let piece = Arc::new(Piece::default());
        assert_eq!(piece.counts(), (0, 0));
        piece
    }

    fn counts(&self) -> (usize, usize) {
        (self.done.load(Ordering::Acquire), self.refused.load(Ordering::Acquire))
    }
}

impl Work for Piece {
    fn run(self: Arc<Self>, _busy: &Busy<'_>) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    fn refuse(self: Arc<Self>, _reason: &Refusal) {
        self.refused.fetch_add(1, Ordering::AcqRel);
    }
}

impl Pool {
    /// Makes what of it is made at the first use.
    pub(crate) fn touch(&self) {
        let _ = (self.threads(), self.is_closed(), self.sleeping.load(Ordering::Relaxed));
        let _ = self.searching.load(Ordering::Relaxed);
        let _ = (self.has_verdict.load(Ordering::Relaxed), self.has_work());
    }
}

/// A pool of one thread.
fn one_thread() -> Arc<Pool> {
    threads(1)
}

/// A pool of so many threads.
fn threads(threads_max: usize) -> Arc<Pool> {
    let settings = Settings {
        threads_max,
        idle_max: Some(Duration::MAX),
        own_queues: false,
        promises: true,
        name: "model".to_owned(),
        stack_size: None,
        set_up: None,
    };
    let pool = Pool::new(settings);
    pool.touch();
    pool
}

fn submit(pool: &Arc<Pool>, piece: &Arc<Piece>) {
    if let Err((work, reason)) = pool.submit(Arc::clone(piece) as Arc<dyn Work>) {
        work.refuse(&reason);
    }
}

#[test]
fn work_is_done_though_its_thread_goes_to_sleep_or_goes() {
    model(|| {
        let pool = one_thread();
        let pieces = [Piece::new(), Piece::new()];
        submit(&pool, &pieces[0]);
        let theirs = Arc::clone(&pool);
        // The time of those who sleep is over at some moment.
        let time = loom::thread::spawn(move || theirs.wake.expire(&lock(&theirs.state)));
        submit(&pool, &pieces[1]);
        time.join().unwrap();
        pool.close();
        pool.join();
        assert_eq!(pieces.map(|piece| piece.counts()), [(1, 0), (1, 0)]);
        assert_eq!(pool.threads(), 0);
    });
}

#[test]
fn work_of_two_who_come_at_once_is_done() {
    model(|| {
        let pool = one_thread();
        let pieces = [Piece::new(), Piece::new()];
        let (theirs, piece) = (Arc::clone(&pool), Arc::clone(&pieces[0]));
        let other = loom::thread::spawn(move || submit(&theirs, &piece));
        submit(&pool, &pieces[1]);
        other.join().unwrap();
        pool.close();
        pool.join();
        assert_eq!(pieces.map(|piece| piece.counts()), [(1, 0), (1, 0)]);
    });
}

/// Waits for the other of a pair to have begun.
struct Meeting {
    begun: Arc<(Mutex<u32>, Condvar)>,
}

impl Work for Meeting {
    fn run(self: Arc<Self>, _busy: &Busy<'_>) {
        let (begun, both) = &*self.begun;
        let mut begun = lock(begun);
        *begun += 1;
        both.notify_all();
        drop(both.wait_while(begun, |begun| *begun < 2));
    }

    fn refuse(self: Arc<Self>, _reason: &Refusal) {}
}

#[test]
fn work_that_blocks_holds_up_none_however_threads_are_woken() {
    model(|| {
        let pool = threads(2);
        // One is there then, asleep or about to be.
        submit(&pool, &Piece::new());
        let begun = Arc::new((Mutex::new(0), Condvar::new()));
        for _ in 0..2 {
            let work = Arc::new(Meeting { begun: Arc::clone(&begun) });
            assert!(pool.submit(work).is_ok());
        }
        pool.close();
        pool.join();
        assert_eq!(*lock(&begun.0), 2);
    });
}

#[test]
fn work_that_comes_as_the_pool_is_closed_is_done_or_refused() {
    model(|| {
        let pool = one_thread();
        let (first, piece) = (Piece::new(), Piece::new());
        submit(&pool, &first);
        let (theirs, work) = (Arc::clone(&pool), Arc::clone(&piece));
        let other = loom::thread::spawn(move || submit(&theirs, &work));
        pool.close();
        other.join().unwrap();
        pool.join();
        let (done, refused) = piece.counts();
        assert_eq!(first.counts(), (1, 0));
        assert_eq!(done + refused, 1);
    });
}

#[test]
fn work_that_comes_as_what_has_not_begun_is_given_up_is_done_or_refused() {
    model(|| {
        let pool = one_thread();
        let piece = Piece::new();
        let (theirs, work) = (Arc::clone(&pool), Arc::clone(&piece));
        let other = loom::thread::spawn(move || submit(&theirs, &work));
        pool.close_and_cancel();
        other.join().unwrap();
        pool.join();
        let (done, refused) = piece.counts();
        assert_eq!(done + refused, 1);
    });
}
