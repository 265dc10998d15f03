//! Safe programs that try to break a run on several workers, or to hang it: what is lent to children elsewhere, cancellation and timeouts
//! that meet, executors in the wrong places, wakers that outlive everything, runtimes that are dropped where nobody would.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, poll_fn};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use cede::executor::{Executor, ThreadPoolExecutor};
use cede::future::Wait;
use cede::runtime::{spawn_on_each, unblock, unblock_scoped};
use cede::sync::{Condvar, Event, Queue, oneshot};
use cede::task::Awaitable;
use cede::{
    Operation, Runtime, catch_cancelled, no_cancel, scope, sleep, spawn, spawn_any, timeout, yield_now,
};

const FOREVER: Duration = Duration::MAX;
const SOON: Duration = Duration::from_millis(1);

/// Runs a main function on two workers, which takes no longer than a minute.
fn two<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    in_time(|| Runtime::builder().workers(2).build().unwrap().run(main).unwrap())
}

fn in_time<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let value = f();
        // Nobody listens any more when it took too long.
        let _ = tell.send(value);
    });
    match told.recv_timeout(Duration::from_secs(60)) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic::resume_unwind(thread.join().unwrap_err()),
    }
}

/// Keeps this thread for so long: the attacks want to meet something in its middle, and none depends on whether they do.
fn work_for(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        thread::yield_now();
    }
}

/// Something on a stack that is good as long as it is there.
struct Lent(AtomicUsize);

const GOOD: usize = 0x600d;

impl Lent {
    fn new() -> Self {
        Lent(AtomicUsize::new(GOOD))
    }

    fn check(&self) {
        assert_eq!(self.0.load(SeqCst), GOOD, "what was lent has gone");
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.store(0xbad, SeqCst);
    }
}

/// A child on any worker that uses what it was lent for a while after each cancellation.
fn stubborn(lent: &Lent, rounds: usize, begun: &AtomicUsize, ended: &AtomicUsize) {
    begun.fetch_add(1, SeqCst);
    for _ in 0..rounds {
        drop(catch_cancelled(|| sleep(FOREVER)));
        no_cancel(|| {
            (0..50).for_each(|_| {
                lent.check();
                yield_now();
            })
        });
    }
    lent.check();
    ended.fetch_add(1, SeqCst);
}

#[test]
fn a_timeout_around_a_scope_waits_for_children_elsewhere_that_use_what_is_lent() {
    two(|| {
        for _ in 0..20 {
            let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let over = timeout(SOON, || {
                let lent = Lent::new();
                scope(|s| {
                    for _ in 0..4 {
                        s.spawn_any(|| stubborn(&lent, 1, &begun, &ended));
                    }
                    sleep(FOREVER);
                })
            });
            assert!(over.is_err());
            assert_eq!(ended.load(SeqCst), begun.load(SeqCst));
        }
    });
}

/// Timeouts in timeouts, a cancellation from another thread, and children on both workers, all at the same moment.
#[test]
fn a_cancellation_from_outside_that_meets_timeouts_leaves_no_child_behind() {
    two(|| {
        for round in 0..50 {
            let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let counts = (Arc::clone(&begun), Arc::clone(&ended));
            let task = spawn_any(move || {
                let lent = Lent::new();
                let inner = || {
                    scope(|s| {
                        for _ in 0..3 {
                            s.spawn_any(|| stubborn(&lent, 1, &counts.0, &counts.1));
                        }
                    })
                };
                drop(timeout(SOON, || timeout(SOON, inner)));
                lent.check();
            });
            let cancels = thread::spawn(move || {
                work_for(Duration::from_micros(900 + 10 * round));
                task.cancel();
                task.join().is_err_and(|error| !error.is_cancelled())
            });
            assert!(!unblock(move || cancels.join().unwrap()), "it panicked");
            assert_eq!(ended.load(SeqCst), begun.load(SeqCst));
        }
    });
}

/// A body that is left by a panic while its children elsewhere, and a blocking call of one of them, use what it has lent.
#[test]
fn a_panic_in_a_scope_waits_for_blocking_calls_of_children_elsewhere() {
    two(|| {
        for _ in 0..20 {
            let ended = AtomicUsize::new(0);
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                let (lent, begun) = (Lent::new(), AtomicBool::new(false));
                drop(scope(|s| {
                    s.spawn_any(|| {
                        unblock_scoped(|| {
                            begun.store(true, SeqCst);
                            work_for(SOON);
                            lent.check();
                            ended.fetch_add(1, SeqCst);
                        });
                        lent.check();
                    });
                    while !begun.load(SeqCst) {
                        yield_now();
                    }
                    panic::resume_unwind(Box::new("the body"));
                }));
            }));
            assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "the body");
            assert_eq!(ended.load(SeqCst), 1);
        }
    });
}

/// Children cancel their own parent, each other, and the scope, from other workers, while more are added.
#[test]
fn children_that_cancel_everything_they_can_reach_end_with_their_scope() {
    two(|| {
        for _ in 0..50 {
            let (lent, alive) = (Arc::new(Lent::new()), Arc::new(AtomicUsize::new(0)));
            let (tell, told) = oneshot::channel();
            let (theirs, counts) = (Arc::clone(&lent), Arc::clone(&alive));
            let parent = spawn_any(move || {
                let me: cede::RemoteJoinHandle<()> = told.recv().unwrap();
                let me = &me;
                let (lent, alive) = (&*theirs, &*counts);
                drop(scope(|s| {
                    let any = s.any();
                    for number in 0..8 {
                        any.spawn_any(move || {
                            alive.fetch_add(1, SeqCst);
                            if number % 3 == 0 {
                                me.cancel();
                            }
                            any.spawn_any(|| lent.check());
                            drop(catch_cancelled(|| sleep(SOON)));
                            lent.check();
                            alive.fetch_sub(1, SeqCst);
                            assert!(number != 5, "the group fails");
                        });
                    }
                }));
                assert_eq!(alive.load(SeqCst), 0);
            });
            let ended = Arc::new(Event::new());
            let tells = Arc::clone(&ended);
            let watch = spawn(move || tells.waiting().wait());
            // It is its own handle that it gets.
            drop(tell.send(parent));
            while Arc::strong_count(&alive) > 1 {
                yield_now();
            }
            ended.set();
            watch.join().unwrap();
            lent.check();
        }
    });
}

struct CountsWakes(AtomicUsize);

impl Wake for CountsWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A future that gives its waker away, and is ready when it is told.
fn leaks_its_waker(to: mpsc::Sender<Waker>, ready: Arc<AtomicBool>) -> impl Future<Output = ()> {
    poll_fn(move |context| {
        let _ = to.send(context.waker().clone());
        if ready.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[test]
fn a_waker_is_called_a_million_times_while_its_task_ends_and_when_its_runtime_is_gone() {
    let waker = in_time(|| {
        let (give, given) = mpsc::channel();
        let ready = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&ready);
        let runtime = Runtime::builder().workers(2).build().unwrap();
        runtime
            .run(move || {
                let task = spawn_any(move || leaks_its_waker(give, theirs).wait());
                let waker: Waker = unblock(move || given.recv().unwrap());
                let hammers = waker.clone();
                let hammer = thread::spawn(move || {
                    for call in 0..1_000_000 {
                        hammers.wake_by_ref();
                        if call == 500_000 {
                            ready.store(true, SeqCst);
                        }
                    }
                });
                task.join().unwrap();
                // Another task of the same worker, perhaps in the same place.
                for _ in 0..100 {
                    spawn_any(|| sleep(Duration::from_micros(10))).join().unwrap();
                }
                unblock(move || hammer.join().unwrap());
                waker
            })
            .unwrap()
    });
    (0..1_000).for_each(|_| waker.wake_by_ref());
    waker.wake();
}

/// What is forgotten while it is registered stays in memory, and what it was registered with does not wait for it.
#[test]
fn operations_that_are_forgotten_as_futures_keep_nobody_from_ending() {
    two(|| {
        let counts = Arc::new(CountsWakes(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&counts));
        let mut context = Context::from_waker(&waker);
        for _ in 0..100 {
            let (queue, event) = (Queue::<u32>::unbounded(), Event::new());
            let mut getting = Box::pin(queue.getting().into_future());
            assert!(getting.as_mut().poll(&mut context).is_pending());
            mem::forget(getting);
            let mut waiting = Box::pin(event.waiting().into_future());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            mem::forget(waiting);
            event.set();
            // The one that was forgotten is woken for the first; the second is there for others all the same.
            queue.put(1).unwrap();
            queue.put(2).unwrap();
            assert_eq!(queue.get().unwrap(), 1);
        }
        assert!(counts.0.load(SeqCst) >= 100);
    });
}

/// A waker whose call drops a future that waits for the same thing, and wakes others.
#[test]
fn wakers_that_drop_other_futures_of_the_same_event_touch_nothing_that_is_gone() {
    type Kept = Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>;
    struct Drops(Arc<Kept>, Arc<Event>);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            let kept = self.0.lock().unwrap().take();
            drop(kept);
            self.1.set();
        }
    }
    two(|| {
        for _ in 0..200 {
            let event: &'static Event = Box::leak(Box::new(Event::new()));
            let other = Arc::new(Event::new());
            let kept: Arc<Kept> = Arc::default();
            let waker = Waker::from(Arc::new(Drops(Arc::clone(&kept), Arc::clone(&other))));
            let mut first = Box::pin(event.waiting().into_future());
            assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            let mut second: Pin<Box<dyn Future<Output = ()> + Send>> =
                Box::pin(event.waiting().into_future());
            assert!(second.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            *kept.lock().unwrap() = Some(second);
            let sets = thread::spawn(move || event.set());
            other.wait();
            unblock(move || sets.join().unwrap());
            drop(first);
        }
    });
}

/// A pool that is used up by jobs which wait for tasks which wait for jobs, and one that is dropped in its own job.
#[test]
fn executors_in_tasks_and_tasks_in_executors_end() {
    two(|| {
        let pool = Arc::new(ThreadPoolExecutor::new(2));
        let handle = cede::Handle::current();
        let jobs: Vec<_> = (0..20)
            .map(|n| {
                let handle = handle.clone();
                pool.submit(move || handle.spawn(move || unblock(move || n * 2)).join().unwrap())
            })
            .collect();
        let sum: usize = jobs.iter().map(|job| job.result().unwrap()).sum();
        assert_eq!(sum, 380);
        let (last, own) = (Arc::clone(&pool), Arc::clone(&pool));
        drop(pool);
        let job = last.submit(move || drop(own));
        drop(last);
        job.result().unwrap();
        // Cancelled while it waits for a job; the job goes on, and the next one of the pool has its turn.
        let pool = Arc::new(ThreadPoolExecutor::new(1));
        let (begin, begun) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        let slow = pool.submit(move || {
            begin.send(()).unwrap();
            goes.recv().is_ok()
        });
        let slow = Arc::new(slow);
        let waits = Arc::clone(&slow);
        unblock(move || begun.recv().unwrap());
        let task = spawn(move || waits.result().unwrap());
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        go.send(()).unwrap();
        assert_eq!(pool.submit(|| 5).result().unwrap(), 5);
    });
}

/// The last owner of a runtime in a destructor in each odd place: a task, a callback, a blocking call, a thread-local of a worker.
#[test]
fn a_runtime_is_dropped_in_odd_places() {
    thread_local!(static KEPT: RefCell<Vec<Arc<Runtime>>> = const { RefCell::new(Vec::new()) });
    in_time(|| {
        for place in 0..5 {
            let runtime = Arc::new(Runtime::builder().workers(2).build().unwrap());
            let (owner, weak) = (Arc::clone(&runtime), Arc::downgrade(&runtime));
            let other = Arc::new(Runtime::builder().workers(2).build().unwrap());
            let inner = Arc::clone(&other);
            let handle = other.handle();
            runtime
                .run(move || match place {
                    0 => spawn_any(move || drop((owner, inner))).join().unwrap(),
                    1 => {
                        spawn(|| ()).on_done(move |_| drop((owner, inner)));
                        (0..3).for_each(|_| yield_now());
                    }
                    2 => unblock(move || drop((owner, inner))),
                    3 => {
                        let kept = Mutex::new(Some(vec![owner, inner]));
                        let tasks = spawn_on_each(move |worker| {
                            if worker == 1 {
                                KEPT.set(kept.lock().unwrap().take().unwrap());
                            }
                        });
                        tasks.iter().for_each(|task| task.join().unwrap());
                    }
                    _ => {
                        // Unwound by the end of the run.
                        let held = (owner, inner);
                        drop(spawn_any(move || {
                            let _held = held;
                            sleep(FOREVER);
                        }));
                        yield_now();
                    }
                })
                .unwrap();
            drop(other);
            assert!(handle.spawn(|| ()).join().unwrap_err().is_run_ended());
            drop(runtime);
            assert!(weak.upgrade().is_none(), "place {place}");
        }
    });
}

/// Locals of plain threads and of pool threads whose destructors use whatever a run has given them, when the run is there and when not.
#[test]
fn destructors_of_locals_of_other_threads_may_use_what_a_run_has_given_them() {
    struct Uses(cede::Handle, Arc<Queue<usize>>, Arc<Event>, Arc<AtomicUsize>);
    impl Drop for Uses {
        fn drop(&mut self) {
            let _ = self.1.put_nowait(1);
            self.2.set();
            let queue = Arc::clone(&self.1);
            // Told in either case, and never hangs: nobody is joined here.
            drop(self.0.spawn(move || queue.put_nowait(2).unwrap()));
            assert!(panic::catch_unwind(yield_now).is_err());
            assert!(panic::catch_unwind(AssertUnwindSafe(|| self.2.waiting().wait())).is_ok(), "it is set");
            self.3.fetch_add(1, SeqCst);
        }
    }
    thread_local!(static USES: RefCell<Option<Uses>> = const { RefCell::new(None) });
    let used = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&used);
    let late = two(move || {
        let (queue, event) = (Arc::new(Queue::unbounded()), Arc::new(Event::new()));
        let uses =
            || Uses(cede::Handle::current(), Arc::clone(&queue), Arc::clone(&event), Arc::clone(&counts));
        let local = uses();
        let thread = thread::spawn(move || USES.set(Some(local)));
        event.wait();
        assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (1, 2));
        unblock(move || thread.join().unwrap());
        // One that goes when the run is over.
        let (go, goes) = mpsc::channel::<()>();
        let local = uses();
        let late = thread::spawn(move || {
            USES.set(Some(local));
            let _ = goes.recv();
        });
        (go, late)
    });
    drop(late.0);
    late.1.join().unwrap();
    assert_eq!(used.load(SeqCst), 2);
}

/// A task that is aborted from a plain thread in each of its states, many times, at no particular moment.
#[test]
fn aborts_from_another_thread_at_any_moment_end_each_task_once() {
    struct Ends(Arc<AtomicUsize>, thread::ThreadId);
    impl Drop for Ends {
        fn drop(&mut self) {
            assert!(self.1 == thread::current().id(), "it ends where it has begun");
            self.0.fetch_add(1, SeqCst);
        }
    }
    two(|| {
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (give, given) = mpsc::channel::<cede::RemoteJoinHandle<()>>();
        let aborts = thread::spawn(move || {
            for (number, task) in given.into_iter().enumerate() {
                (0..number % 40).for_each(|_| std::hint::spin_loop());
                task.cancel();
                if number % 2 == 0 {
                    drop(task.join());
                }
            }
        });
        for number in 0..3_000 {
            let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
            let task = spawn_any(move || {
                begun.fetch_add(1, SeqCst);
                let ends = Ends(ended, thread::current().id());
                match number % 6 {
                    0 => {}
                    1 => sleep(FOREVER),
                    2 => (0..10).for_each(|_| yield_now()),
                    3 => drop(timeout(SOON, || Event::new().wait())),
                    4 => unblock(|| work_for(Duration::from_micros(10))),
                    _ => {
                        let changed = (cede::sync::Mutex::new(0), Condvar::new());
                        drop(changed.1.wait_timeout(changed.0.lock(), SOON));
                    }
                }
                drop(ends);
            });
            give.send(task).unwrap();
            if number % 16 == 0 {
                yield_now();
            }
        }
        drop(give);
        unblock(move || aborts.join().unwrap());
        while ended.load(SeqCst) != begun.load(SeqCst) {
            yield_now();
        }
    });
}

/// A context manager of borrowed things: what a child elsewhere returns is dropped where it is joined, or before the scope is over.
#[test]
fn values_of_children_elsewhere_that_borrow_are_gone_when_the_scope_is() {
    struct Borrows<'a>(&'a Lent, &'a Cell<u32>);
    // What a value borrows must be shareable; a cell is not, so it is reached by a counter.
    struct Counts<'a>(&'a Lent, &'a AtomicUsize);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.check();
            self.1.fetch_sub(1, SeqCst);
        }
    }
    two(|| {
        for round in 0..50 {
            let alive = AtomicUsize::new(0);
            {
                let (lent, local) = (Lent::new(), Cell::new(0));
                drop(scope(|s| {
                    let make = || {
                        alive.fetch_add(1, SeqCst);
                        Counts(&lent, &alive)
                    };
                    let children: Vec<_> = (0..6).map(|_| s.spawn_any(make)).collect();
                    let borrows = s.spawn(|| Borrows(&lent, &local));
                    match round % 3 {
                        0 => children.iter().for_each(|child| drop(child.join())),
                        1 => drop(children),
                        _ => s.cancel(),
                    }
                    if let Ok(borrows) = borrows.join() {
                        borrows.0.check();
                        borrows.1.set(1);
                    }
                }));
                assert_eq!(alive.load(SeqCst), 0);
            }
        }
    });
}
