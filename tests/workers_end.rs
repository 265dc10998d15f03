//! Runtimes that end, go, or are used where they should not be: a clear answer each time, nothing lost and nobody hung.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cede::runtime::{spawn_on_each, unblock, unblock_scoped, worker};
use cede::sync::{Event, Queue};
use cede::{
    Handle, RemoteJoinHandle, RunError, Runner, Runtime, catch_cancelled, set_task_hook, sleep, spawn,
    spawn_any, take_task_hook, yield_now,
};

const FOREVER: Duration = Duration::MAX;

fn two() -> Runtime {
    Runtime::builder().workers(2).build().unwrap()
}

/// The hook is of the process: one test at a time has it.
static HOOK: Mutex<()> = Mutex::new(());

/// What `f` gives, and the reports that came meanwhile.
fn reported<T>(f: impl FnOnce() -> T) -> (T, Vec<String>) {
    let _one = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    set_task_hook(move |report| sink.lock().unwrap().push(report.to_string()));
    let value = f();
    drop(take_task_hook());
    let reports = seen.lock().unwrap().clone();
    (value, reports)
}

#[test]
fn a_runtime_may_be_dropped_in_its_own_task_by_other_threads_and_any_number_of_owners() {
    let runtime = Arc::new(two());
    let (one, other) = (Arc::clone(&runtime), Arc::clone(&runtime));
    runtime
        .run(move || {
            spawn_any(move || drop(one)).join().unwrap();
            unblock(move || drop(other));
        })
        .unwrap();
    let run = runtime.handle();
    let waits = run.clone();
    let thread = thread::spawn(move || drop(runtime));
    thread.join().unwrap();
    assert!(waits.spawn(|| ()).join().unwrap_err().is_run_ended());
    assert!(run.call_soon(|| ()).is_err());
}

#[test]
fn what_was_handed_to_a_runtime_that_never_runs_is_told_when_it_goes() {
    let runtime = two();
    let task = runtime.handle().spawn(|| 5);
    let thread = thread::spawn(move || task.join());
    drop(runtime);
    assert!(thread.join().unwrap().unwrap_err().is_run_ended());
}

/// Puts a handle of a task that it spawns into a list, as it is dropped.
struct Spawns(Arc<Mutex<Vec<RemoteJoinHandle<()>>>>, u32);

impl Drop for Spawns {
    fn drop(&mut self) {
        if self.1 > 0 {
            let next = Spawns(Arc::clone(&self.0), self.1 - 1);
            let task = spawn_any(move || {
                let _next = next;
                sleep(FOREVER);
            });
            self.0.lock().unwrap().push(task);
        }
    }
}

#[test]
fn destructors_that_spawn_at_the_end_are_followed_and_all_are_told() {
    for _ in 0..20 {
        let tasks = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&tasks);
        two()
            .run(move || {
                for _ in 0..10 {
                    let spawns = Spawns(Arc::clone(&list), 5);
                    drop(spawn_any(move || {
                        let _spawns = spawns;
                        sleep(FOREVER);
                    }));
                }
            })
            .unwrap();
        let tasks = std::mem::take(&mut *tasks.lock().unwrap());
        assert_eq!(tasks.len(), 50);
        for task in tasks {
            let error = task.join().unwrap_err();
            assert!(error.is_cancelled() || error.is_run_ended(), "{error}");
        }
    }
}

#[test]
fn closures_that_never_begin_are_dropped_and_told_also_where_that_panics() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic::resume_unwind(Box::new("destructor"));
        }
    }
    let (ends, _reports) = reported(|| {
        let tasks = two().run(|| {
            (0..50)
                .map(|_| {
                    let panics = Panics;
                    spawn_any(move || {
                        std::mem::forget(panics);
                        sleep(FOREVER);
                    })
                })
                .collect::<Vec<_>>()
        });
        tasks.unwrap().iter().map(|task| task.join().unwrap_err()).collect::<Vec<_>>()
    });
    assert!(ends.iter().all(|error| error.is_cancelled() || error.is_panic()));
}

#[test]
fn a_task_that_swallows_every_cancellation_is_given_up_on_any_worker() {
    let (tasks, reports) = reported(|| {
        let runtime = Runtime::builder().workers(2).by_itself(true).build().unwrap();
        let tasks = runtime.run(|| {
            let begun = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&begun);
            let tasks = spawn_on_each(move |_| {
                count.fetch_add(1, SeqCst);
                loop {
                    drop(catch_cancelled(|| sleep(FOREVER)));
                }
            });
            while begun.load(SeqCst) < 2 {
                yield_now();
            }
            tasks
        });
        tasks.unwrap()
    });
    let tasks: Vec<RemoteJoinHandle<()>> = tasks;
    assert!(tasks.iter().all(|task| task.join().unwrap_err().is_run_ended()));
    assert_eq!(reports.iter().filter(|report| report.contains("can't be ended")).count(), 2, "{reports:?}");
}

static GONE: AtomicBool = AtomicBool::new(false);
struct Lent(AtomicUsize);
impl Drop for Lent {
    fn drop(&mut self) {
        GONE.store(true, SeqCst);
    }
}
thread_local!(static LENT: Lent = const { Lent(AtomicUsize::new(0)) });

/// Wakes the child when it is dropped, and sees to it that worker 0 is not over before that had its turn.
struct Wakes(Arc<Event>);
impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.set();
        drop(spawn(|| (0..3).for_each(|_| yield_now())));
    }
}

/// Swallows all cancellations. When it is woken it uses the local, or has another thread do that.
fn child(lent: &Lent, event: &Event, found: &AtomicUsize, lends: bool) {
    while catch_cancelled(|| event.wait()).is_err() {}
    if lends {
        unblock_scoped(|| find(lent, found));
    } else {
        find(lent, found);
    }
}

/// The local must be there, however much time its thread has had.
#[allow(clippy::disallowed_methods, reason = "what must not happen is no event that could be waited for")]
fn find(lent: &Lent, found: &AtomicUsize) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(200) {
        if GONE.load(SeqCst) {
            found.fetch_add(100, SeqCst);
            return;
        }
        thread::yield_now();
    }
    lent.0.fetch_add(1, SeqCst);
    found.fetch_add(1, SeqCst);
}

/// A task is given up while it lends a local of its thread to a child on another worker, which is given up too. What is left of the run
/// there may still wake that: so the thread stays until no worker runs anything any more.
#[test]
fn a_thread_whose_locals_are_lent_stays_until_no_worker_runs_anything() {
    lend_a_local(false);
}

#[test]
fn a_thread_whose_locals_are_lent_stays_until_no_blocking_call_uses_them() {
    lend_a_local(true);
}

/// `lends`: the child does so, too.
fn lend_a_local(lends: bool) {
    let _one = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    GONE.store(false, SeqCst);
    let (event, found) = (Arc::new(Event::new()), Arc::new(AtomicUsize::new(0)));
    let wakes = Mutex::new(Some(Wakes(Arc::clone(&event))));
    // Called by the last that is run on worker 1, when nothing is given to worker 0 any more that it would begin.
    set_task_hook(move |_| {
        if worker() == Some(1) {
            let wakes = wakes.lock().unwrap().take();
            drop(spawn_on_each(move |_| assert!(wakes.is_none(), "nobody begins it")));
        }
    });
    let (waits, finds) = (Arc::clone(&event), Arc::clone(&found));
    let runtime = Runtime::builder().workers(2).by_itself(true).build().unwrap();
    runtime
        .run(move || {
            let begins = Arc::new((AtomicBool::new(false), Event::new()));
            let begun = Arc::clone(&begins);
            drop(spawn_on_each(move |number| {
                if number == 1 {
                    LENT.with(|lent| {
                        let (begins, waits, finds) = (&begins, &waits, &finds);
                        let ended = cede::scope(|s| {
                            s.spawn_any(move || {
                                begins.0.store(true, SeqCst);
                                begins.1.set();
                                child(lent, waits, finds, lends);
                            });
                            // The other worker is the one that has a turn to begin it.
                            while !begins.0.load(SeqCst) {
                                thread::yield_now();
                            }
                        });
                        ended.unwrap();
                    });
                }
            }));
            begun.1.wait();
        })
        .unwrap();
    drop(take_task_hook());
    assert_eq!(found.load(SeqCst), 1, "the child was woken, and found the local");
    assert!(GONE.load(SeqCst), "the thread has gone when the run returns");
}

#[test]
fn errors_that_nobody_asked_for_are_reported_with_their_task() {
    let ((), reports) = reported(|| {
        two()
            .run(|| {
                drop(cede::try_spawn_any(|| Err::<(), _>("no disk")));
                drop(spawn_any(|| panic::resume_unwind(Box::new("lost"))));
                sleep(Duration::from_millis(2));
            })
            .unwrap();
    });
    assert!(reports.iter().any(|report| report.contains("failed and nobody asked: no disk")), "{reports:?}");
    assert!(reports.iter().any(|report| report.contains("panicked and nobody asked: lost")), "{reports:?}");
}

#[test]
fn hooks_that_panic_are_reported_and_end_nothing() {
    let (value, reports) = reported(|| {
        let runtime = Runtime::builder()
            .workers(2)
            .on_worker_start(|_| panic::resume_unwind(Box::new("start")))
            .on_worker_stop(|_| panic::resume_unwind(Box::new("stop")));
        runtime.build().unwrap().run(|| spawn_any(|| 5).join().unwrap()).unwrap()
    });
    assert_eq!((value, reports.len()), (5, 4), "{reports:?}");
    let (error, reports) = reported(|| {
        let runtime = Runtime::builder().workers(2).by_itself(true);
        let runtime = runtime.on_deadlock(|_| panic::resume_unwind(Box::new("asked"))).build().unwrap();
        runtime.run(|| Event::new().wait()).unwrap_err()
    });
    assert!(matches!(error, RunError::Deadlock(_)));
    assert_eq!(reports, ["the hook for deadlocks: panicked: asked"]);
}

/// A destructor of a local of a worker's thread runs when the worker is over, and finds no run there, whatever it tries. The local was
/// used before the thread's first coroutine, so that cede knows by then.
#[test]
fn destructors_of_locals_on_a_worker_may_try_anything() {
    struct Tries {
        run: Handle,
        queue: Arc<Queue<i32>>,
        told: mpsc::Sender<&'static str>,
    }
    impl Drop for Tries {
        fn drop(&mut self) {
            assert!(self.run.spawn(|| ()).join().unwrap_err().is_run_ended());
            assert!(self.run.call_soon(|| ()).is_err());
            assert!(matches!(Runner::new().run(|| ()), Err(RunError::ThreadExiting)));
            assert!(matches!(two().run(|| ()), Err(RunError::ThreadExiting)));
            assert!(panic::catch_unwind(|| spawn_any(|| ())).is_err());
            assert!(panic::catch_unwind(|| sleep(FOREVER)).is_err());
            assert!(worker().is_none());
            self.queue.put_nowait(5).unwrap();
            self.told.send("all tried").unwrap();
        }
    }
    thread_local! {
        static KEPT: RefCell<Option<Tries>> = const { RefCell::new(None) };
    }
    let (tell, told) = mpsc::channel();
    let queue = Arc::new(Queue::unbounded());
    let theirs = Arc::clone(&queue);
    let runtime = Runtime::builder().workers(2).on_worker_start(|_| KEPT.with(|_| ())).build().unwrap();
    runtime
        .run(move || {
            let tell = Mutex::new(tell);
            let tasks = spawn_on_each(move |worker| {
                if worker == 1 {
                    let (run, queue) = (Handle::current(), Arc::clone(&theirs));
                    let told = tell.lock().unwrap().clone();
                    KEPT.with(|kept| kept.replace(Some(Tries { run, queue, told })));
                }
            });
            tasks.iter().for_each(|task| task.join().unwrap());
        })
        .unwrap();
    assert_eq!(told.try_recv(), Ok("all tried"));
    assert_eq!(queue.get_nowait(), Ok(5));
}

#[test]
fn blocking_work_of_any_worker_is_awaited_at_the_end() {
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    two()
        .run(move || {
            let (tell, told) = mpsc::channel();
            let tell = Mutex::new(tell);
            drop(spawn_on_each(move |_| {
                let (count, tell) = (Arc::clone(&count), tell.lock().unwrap().clone());
                unblock(move || {
                    tell.send(()).unwrap();
                    thread::yield_now();
                    count.fetch_add(1, SeqCst);
                });
            }));
            for _ in 0..2 {
                while told.try_recv().is_err() {
                    yield_now();
                }
            }
        })
        .unwrap();
    assert_eq!(done.load(SeqCst), 2);
}

/// The end waits for a step that takes long, on another worker.
#[test]
fn a_step_that_is_under_way_is_awaited() {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    two()
        .run(move || {
            let begun = Arc::new(Event::new());
            let ready = Arc::clone(&begun);
            drop(spawn_on_each(move |worker| {
                if worker == 1 {
                    ready.set();
                    let begin = std::time::Instant::now();
                    while begin.elapsed() < Duration::from_millis(20) {}
                    count.fetch_add(1, SeqCst);
                }
            }));
            begun.wait();
        })
        .unwrap();
    assert_eq!(ended.load(SeqCst), 1);
}

#[test]
fn a_run_within_a_task_of_a_worker_is_refused() {
    two()
        .run(|| {
            let tasks = spawn_on_each(|_| {
                assert!(matches!(Runner::new().run(|| ()), Err(RunError::Nested)));
                assert!(panic::catch_unwind(AssertUnwindSafe(|| cede::run(|| ()))).is_err());
            });
            tasks.iter().for_each(|task| task.join().unwrap());
        })
        .unwrap();
}

/// Hundreds of short runs: threads that begin and end while work comes in.
/// The last report may come while worker 0 finds that nothing can happen any more: that is the end then, and no reason to wait for
/// threads of which nothing is known.
#[test]
fn the_end_of_a_run_waits_for_nobody_when_all_have_ended() {
    let ((), reports) = reported(|| {
        let runtime = two();
        for _ in 0..2000 {
            runtime
                .run(|| {
                    let never = Arc::new(Event::new());
                    drop(spawn_on_each(move |_| never.wait()));
                    yield_now();
                })
                .unwrap();
        }
    });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn short_runs_lose_nothing() {
    let runtime = two();
    let run = runtime.handle();
    let stop = Arc::new(Event::new());
    let stopped = Arc::clone(&stop);
    let sends = thread::spawn(move || {
        let (mut ran, mut refused) = (0, 0);
        while !stopped.is_set() {
            match run.spawn(|| ()).join() {
                Ok(()) => ran += 1,
                Err(error) if error.is_run_ended() || error.is_cancelled() => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        (ran, refused)
    });
    for n in 0..300 {
        let sum = runtime.run(|| (0..n % 10).map(|n| spawn_any(move || n).join().unwrap()).sum::<i32>());
        assert_eq!(sum.unwrap(), (0..n % 10).sum());
    }
    stop.set();
    // The last one may have come when no run was under way, which says so at once.
    let (ran, refused) = sends.join().unwrap();
    assert!(ran + refused > 0);
}

/// Gives what `f` does, unless that takes too long.
fn in_time<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || tell.send(f()));
    told.recv_timeout(Duration::from_secs(60)).expect("the run hangs")
}

/// It never sleeps, so its worker never does; the others are at a standstill all the same.
#[test]
fn a_task_that_is_given_up_and_goes_on_for_ever_keeps_no_other_worker_from_ending() {
    for joins in [true, false] {
        let run = move || {
            let runtime = Runtime::builder().workers(2).by_itself(true).build().unwrap();
            let event = Arc::new(Event::new());
            runtime.run(|| {
                let begun = Arc::new(AtomicUsize::new(0));
                let count = Arc::clone(&begun);
                let mut tasks = spawn_on_each(move |number| {
                    count.fetch_add(1, SeqCst);
                    if number == 1 {
                        loop {
                            drop(catch_cancelled(yield_now));
                        }
                    }
                });
                let goes_on = tasks.pop().unwrap();
                while begun.load(SeqCst) < 2 {
                    yield_now();
                }
                let event = Arc::clone(&event);
                drop(spawn(move || {
                    cede::no_cancel(|| match joins {
                        true => drop(goes_on.join()),
                        false => event.wait(),
                    })
                }));
                yield_now();
            })
        };
        let (ended, reports) = reported(|| in_time(run));
        assert!(ended.is_ok());
        let given_up = reports.iter().filter(|report| report.contains("can't be ended")).count();
        assert_eq!(given_up, 2, "{reports:?}");
    }
}
