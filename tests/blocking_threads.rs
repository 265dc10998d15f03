//! The threads for blocking calls: how many there are, how long they stay, and the end of a run that has its own.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use cede::task::{gather, par_map};
use cede::{Runner, Runtime, unblock};

/// Says when the thread that has it ends, since it is a local of that.
struct Ends(mpsc::Sender<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

thread_local!(static ENDS: std::cell::RefCell<Option<Ends>> = const { std::cell::RefCell::new(None) });

/// A run with so many threads of its own.
fn with_threads(threads: usize) -> Runner {
    Runner::builder().max_blocking_threads(threads).build()
}

#[test]
fn calls_that_come_one_after_the_other_have_one_thread() {
    with_threads(8)
        .run(|| {
            let threads: HashSet<ThreadId> = (0..200).map(|_| unblock(|| thread::current().id())).collect();
            assert_eq!(threads.len(), 1);
        })
        .unwrap();
}

#[test]
fn calls_that_need_each_other_run_side_by_side_up_to_the_bound() {
    with_threads(3)
        .run(|| {
            let meet = Arc::new(std::sync::Barrier::new(3));
            let calls = [0; 3].map(|_| {
                let meet = Arc::clone(&meet);
                move || unblock(move || _ = meet.wait())
            });
            gather(calls).join().unwrap();
        })
        .unwrap();
}

#[test]
fn a_result_is_not_held_back_by_calls_behind_it_that_wait_for_its_task() {
    for workers in [1, 2] {
        let runtime = Runtime::builder().workers(workers).max_blocking_threads(1).build().unwrap();
        let sum = runtime.run(|| {
            // So many that the run dozes; each second call ends when the one before it has been heard of.
            let pairs = (0..20).map(|n| {
                move || {
                    let (tell, told) = mpsc::channel::<u32>();
                    let first = cede::spawn(move || {
                        unblock(|| ());
                        tell.send(n).unwrap();
                    });
                    let second = cede::spawn(move || unblock(move || told.recv().unwrap()));
                    first.join().unwrap();
                    second.join().unwrap()
                }
            });
            gather(pairs).join().unwrap().into_iter().sum::<u32>()
        });
        assert_eq!(sum.unwrap(), (0..20).sum());
    }
}

#[test]
fn there_are_never_more_calls_under_way_than_the_bound() {
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&most);
    with_threads(2)
        .run(move || {
            let calls = (0..100).map(|_| {
                let (now, most) = (Arc::clone(&now), Arc::clone(&most));
                move || {
                    unblock(move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    })
                }
            });
            gather(calls).join().unwrap();
        })
        .unwrap();
    assert!((1..=2).contains(&counted.load(Ordering::SeqCst)));
}

#[test]
fn a_thread_goes_when_it_has_been_idle() {
    let runner = Runner::builder().thread_keep_alive(Duration::from_millis(1)).build();
    let (tell, told) = mpsc::channel();
    runner
        .run(|| {
            unblock(move || ENDS.set(Some(Ends(tell))));
            // On another thread, since that one may be gone by now.
            told.recv().unwrap();
            unblock(|| ENDS.with_borrow(|ends| assert!(ends.is_none())));
        })
        .unwrap();
}

#[test]
fn a_runner_that_is_dropped_has_waited_for_its_threads() {
    let (tell, told) = mpsc::channel();
    let runner = with_threads(4);
    runner
        .run(|| {
            let meet = Arc::new(std::sync::Barrier::new(4));
            let calls = [0; 4].map(|_| {
                let (tell, meet) = (tell.clone(), Arc::clone(&meet));
                move || {
                    unblock(move || {
                        meet.wait();
                        ENDS.set(Some(Ends(tell)));
                    })
                }
            });
            gather(calls).join().unwrap();
        })
        .unwrap();
    assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty), "they stay for the next run");
    drop(runner);
    assert_eq!(told.try_iter().count(), 4);
}

#[test]
fn the_end_of_a_run_waits_for_calls_and_drops_what_nobody_wants() {
    struct Noted(Arc<AtomicBool>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let noted = Noted(Arc::clone(&dropped));
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let runner = with_threads(1);
    let releaser = runner
        .run(|| {
            let task = cede::spawn(move || {
                unblock(move || {
                    begin.send(()).unwrap();
                    released.recv().unwrap();
                    noted
                });
            });
            cede::yield_now();
            begun.recv().unwrap();
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
            thread::spawn(move || release.send(()).unwrap())
        })
        .unwrap();
    drop(runner);
    assert!(dropped.load(Ordering::SeqCst));
    releaser.join().unwrap();
}

#[test]
fn a_call_that_waits_for_a_thread_is_dropped_when_its_task_is_cancelled() {
    let (alive, dropped) = mpsc::channel::<()>();
    with_threads(1)
        .run(|| {
            let (release, released) = mpsc::channel::<()>();
            let (begin, begun) = mpsc::channel();
            let first = cede::spawn(move || {
                unblock(move || {
                    begin.send(()).unwrap();
                    released.recv().unwrap();
                })
            });
            cede::yield_now();
            begun.recv().unwrap();
            let second = cede::spawn(move || unblock(move || drop(alive)));
            cede::yield_now();
            second.cancel();
            assert!(second.join().unwrap_err().is_cancelled());
            assert_eq!(dropped.try_recv(), Err(mpsc::TryRecvError::Disconnected));
            release.send(()).unwrap();
            first.join().unwrap();
            assert_eq!(unblock(|| 3), 3, "the thread passes the one that was given up");
        })
        .unwrap();
}

#[test]
fn a_call_that_panics_leaves_its_thread_to_the_next() {
    with_threads(1)
        .run(|| {
            let first = unblock(|| thread::current().id());
            let task = cede::spawn(|| unblock(|| std::panic::resume_unwind(Box::new("silent"))));
            assert!(task.join().unwrap_err().is_panic());
            assert_eq!(unblock(|| thread::current().id()), first);
        })
        .unwrap();
}

#[test]
fn a_call_may_have_a_run_of_its_own_that_calls() {
    let inner = with_threads(1).run(|| unblock(|| cede::run(|| unblock(|| 5)))).unwrap();
    assert_eq!(inner, 5);
}

#[test]
fn a_run_without_settings_shares_the_threads_of_the_process() {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    for _ in 0..20 {
        let seen = Arc::clone(&seen);
        cede::run(|| unblock(move || _ = seen.lock().unwrap().insert(thread::current().id())));
    }
    // Other tests of this process may have some of them meanwhile.
    assert!(seen.lock().unwrap().len() < 20);
}

#[test]
#[should_panic = "without threads"]
fn no_threads_at_all_are_refused() {
    let _ = Runner::builder().max_blocking_threads(0);
}

#[test]
fn the_workers_of_a_runtime_share_its_threads_which_have_gone_when_a_run_returns() {
    let runtime = Runtime::builder().workers(2).max_blocking_threads(2).build().unwrap();
    let (now, most) = (&AtomicU32::new(0), &AtomicU32::new(0));
    for _ in 0..20 {
        let (tell, told) = mpsc::channel();
        let threads = runtime
            .run(|| {
                let threads = par_map(0..40, |_| {
                    let tell = tell.clone();
                    cede::unblock_scoped(|| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        ENDS.with_borrow_mut(|ends| _ = ends.get_or_insert_with(|| Ends(tell)));
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        thread::current().id()
                    })
                });
                threads.unwrap().into_iter().collect::<HashSet<ThreadId>>().len()
            })
            .unwrap();
        assert!((1..=2).contains(&threads));
        assert_eq!(told.try_iter().count(), threads);
    }
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
}

#[test]
fn a_thread_of_a_runtime_goes_when_it_has_been_idle() {
    let runtime = Runtime::builder().workers(2).thread_keep_alive(Duration::from_millis(1)).build().unwrap();
    let (tell, told) = mpsc::channel();
    runtime
        .run(|| {
            unblock(move || ENDS.set(Some(Ends(tell))));
            told.recv().unwrap();
            unblock(|| ENDS.with_borrow(|ends| assert!(ends.is_none())));
        })
        .unwrap();
}
