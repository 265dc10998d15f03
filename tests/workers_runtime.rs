//! A runtime of several workers: where things run, what comes back, and how a run ends.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use cede::runtime::{OnDeadlock, spawn_on_each, worker, workers};
use cede::sync::{Event, Queue};
use cede::task::{ContextVar, par_map};
use cede::{
    Handle, RunError, Runtime, catch_cancelled, current, sleep, spawn, spawn_any, try_spawn_any, yield_now,
};

fn two() -> Runtime {
    Runtime::builder().workers(2).build().unwrap()
}

#[test]
fn main_runs_on_the_calling_thread_and_may_borrow() {
    let home = thread::current().id();
    let mut log = Vec::new();
    let value = two().run(|| {
        log.push(thread::current().id());
        (worker(), workers())
    });
    assert_eq!(value.unwrap(), (Some(0), 2));
    assert_eq!(log, [home]);
    assert_eq!((worker(), workers()), (None, 0));
}

/// Two closures that wait for each other on their threads can't both run on one.
#[test]
fn closures_that_block_their_threads_run_at_once_on_two_workers() {
    let barrier = Arc::new(Barrier::new(2));
    let threads = two().run(|| {
        let tasks = [0, 1].map(|_| {
            let barrier = Arc::clone(&barrier);
            spawn_any(move || {
                barrier.wait();
                thread::current().id()
            })
        });
        tasks.map(|task| task.join().unwrap())
    });
    let threads: HashSet<ThreadId> = threads.unwrap().into_iter().collect();
    assert_eq!(threads.len(), 2);
}

/// One of many blocks its worker until all the others have run: the other worker takes them from behind it.
#[test]
fn a_long_step_does_not_hold_up_closures_behind_it() {
    const OTHERS: usize = 200;
    for place in [0, OTHERS / 2, OTHERS] {
        let (go, wait) = mpsc::channel::<()>();
        let (mut wait, go, done) = (Some(wait), Arc::new(go), Arc::new(AtomicUsize::new(0)));
        two()
            .run(|| {
                let mut tasks = Vec::new();
                for n in 0..=OTHERS {
                    let (go, done) = (Arc::clone(&go), Arc::clone(&done));
                    tasks.push(match if n == place { wait.take() } else { None } {
                        Some(wait) => spawn_any(move || wait.recv().unwrap()),
                        None => spawn_any(move || {
                            if done.fetch_add(1, Ordering::SeqCst) + 1 == OTHERS {
                                go.send(()).unwrap();
                            }
                        }),
                    });
                }
                tasks.iter().for_each(|task| task.join().unwrap());
            })
            .unwrap();
    }
}

/// A worker is woken for a closure, and has been woken for one of its tasks as well, whose step comes first.
#[test]
fn a_long_step_that_comes_with_a_closure_does_not_hold_it_up() {
    let runtime = Runtime::builder().workers(3).build().unwrap();
    runtime
        .run(|| {
            for _ in 0..500 {
                let (go, done) = (Arc::new(Event::new()), Arc::new(Event::new()));
                let begun = Arc::new(AtomicUsize::new(0));
                let (goes, ends, sees) = (Arc::clone(&go), Arc::clone(&done), Arc::clone(&begun));
                drop(spawn_on_each(move |number| {
                    if number == 1 {
                        goes.wait();
                        // A step that is as long as the closure takes to begin.
                        while sees.load(Ordering::SeqCst) == 0 {
                            thread::yield_now();
                        }
                        ends.set();
                    }
                }));
                // On most rounds that is long enough for the other workers to fall asleep.
                sleep(Duration::from_micros(300));
                go.set();
                let theirs = Arc::clone(&begun);
                drop(spawn_any(move || theirs.store(1, Ordering::SeqCst)));
                // Nor does this worker begin it.
                let begin = std::time::Instant::now();
                while begun.load(Ordering::SeqCst) == 0 {
                    if begin.elapsed() > Duration::from_secs(30) {
                        begun.store(1, Ordering::SeqCst);
                        panic!("it is held up by a step");
                    }
                    thread::yield_now();
                }
                done.wait();
            }
        })
        .unwrap();
}

#[test]
fn a_task_that_has_begun_stays_on_its_thread() {
    let moved = two().run(|| {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                spawn_any(move || {
                    let (home, held) = (thread::current().id(), Rc::new(RefCell::new(n)));
                    for _ in 0..20 {
                        yield_now();
                        *held.borrow_mut() += 1;
                        if thread::current().id() != home {
                            return true;
                        }
                    }
                    false
                })
            })
            .collect();
        tasks.iter().any(|task| task.join().unwrap())
    });
    assert!(!moved.unwrap());
}

#[test]
fn spawn_stays_on_its_worker() {
    let stayed = two().run(|| {
        let tasks = spawn_on_each(|_| {
            let home = thread::current().id();
            (0..50).all(|_| spawn(move || thread::current().id() == home).join().unwrap())
        });
        tasks.iter().all(|task| task.join().unwrap())
    });
    assert!(stayed.unwrap());
}

#[test]
fn errors_and_panics_come_back() {
    two()
        .run(|| {
            let error = try_spawn_any(|| "x".parse::<u8>()).join().unwrap_err();
            assert!(error.error().unwrap().is::<std::num::ParseIntError>());
            let panic = spawn_any(|| std::panic::resume_unwind(Box::new("out"))).join().map(|(): ()| ());
            assert!(panic.unwrap_err().is_panic());
        })
        .unwrap();
}

#[test]
fn a_closure_has_a_copy_of_the_context_of_who_spawned_it() {
    static NAME: ContextVar<u32> = ContextVar::new("name");
    two()
        .run(|| {
            NAME.set(1);
            let tasks: Vec<_> = (0..50)
                .map(|_| {
                    spawn_any(|| {
                        let seen = NAME.get();
                        NAME.set(2);
                        seen
                    })
                })
                .collect();
            assert!(tasks.iter().all(|task| task.join().unwrap() == Some(1)));
            assert_eq!(NAME.get(), Some(1));
        })
        .unwrap();
}

#[test]
fn in_a_run_of_one_thread_it_is_a_task_of_that() {
    let order = RefCell::new(Vec::new());
    cede::run(|| {
        let home = thread::current().id();
        let task = spawn_any(move || thread::current().id() == home);
        order.borrow_mut().push("main");
        assert!(task.join().unwrap());
    });
    assert_eq!(workers(), 0);
}

#[test]
#[should_panic(expected = "tasks live inside a run")]
fn outside_of_a_run_it_says_so() {
    let _ = spawn_any(|| ());
}

#[test]
fn a_handle_gives_work_before_and_during_a_run_and_is_refused_after_it() {
    let runtime = two();
    let run = runtime.handle();
    let early = run.spawn(|| worker().is_some());
    assert!(!early.is_finished());
    let inside = runtime.run(|| {
        let run = Handle::current();
        let thread = thread::spawn(move || run.spawn(|| worker().unwrap() < 2).join().unwrap());
        while !thread.is_finished() {
            sleep(Duration::from_millis(1));
        }
        thread.join().unwrap()
    });
    assert!(inside.unwrap());
    assert!(early.join().unwrap());
    let late = run.spawn(|| ());
    assert!(late.join().unwrap_err().is_run_ended());
    assert!(run.call_soon(|| ()).is_err());
    let again = runtime.run(|| run.spawn(|| 5).join().unwrap());
    assert_eq!(again.unwrap(), 5);
}

#[test]
fn a_callback_that_is_handed_over_is_called_on_some_worker() {
    let (tell, told) = mpsc::channel();
    let called = two().run(|| {
        Handle::current().call_soon(move || tell.send(worker().is_some()).unwrap()).unwrap();
        loop {
            match told.try_recv() {
                Ok(inside) => return inside,
                Err(_) => yield_now(),
            }
        }
    });
    assert!(called.unwrap());
}

#[test]
fn all_that_is_left_is_ended_when_main_is() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    struct Counts;
    impl Drop for Counts {
        fn drop(&mut self) {
            ENDED.fetch_add(1, Ordering::SeqCst);
        }
    }
    let tasks = two().run(|| {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let counts = Counts;
                spawn_any(move || {
                    let _counts = counts;
                    Event::new().wait();
                })
            })
            .collect();
        sleep(Duration::from_millis(1));
        tasks
    });
    assert_eq!(ENDED.load(Ordering::SeqCst), 100);
    assert!(tasks.unwrap().iter().all(|task| task.join().unwrap_err().is_cancelled()));
}

/// What a task does as it is cancelled may need tasks on other workers, and new ones.
#[test]
fn cleaning_up_may_use_other_workers() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cleaned);
    two()
        .run(move || {
            for _ in 0..20 {
                let cleaned = Arc::clone(&counted);
                drop(spawn_any(move || {
                    cede::finally(
                        || sleep(Duration::MAX),
                        || {
                            let one = spawn_any(|| 1).join().unwrap_or(100);
                            cleaned.fetch_add(one, Ordering::SeqCst);
                        },
                    )
                }));
            }
            sleep(Duration::from_millis(5));
        })
        .unwrap();
    assert_eq!(cleaned.load(Ordering::SeqCst), 20);
}

#[test]
fn a_panic_of_main_goes_on_when_the_tasks_have_ended() {
    let ended = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ended);
    let panic = std::panic::catch_unwind(move || {
        two().run(|| {
            let event = Arc::new(Event::new());
            let begun = Arc::clone(&event);
            drop(spawn_any(move || {
                cede::finally(
                    || {
                        begun.set();
                        sleep(Duration::MAX)
                    },
                    || {
                        counted.fetch_add(1, Ordering::SeqCst);
                    },
                )
            }));
            event.wait();
            std::panic::resume_unwind(Box::new(5u8));
        })
    });
    assert_eq!(*panic.unwrap_err().downcast::<u8>().unwrap(), 5);
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

#[test]
fn runs_come_one_after_the_other_and_not_inside_each_other() {
    let runtime = Arc::new(two());
    for n in 0..20 {
        assert_eq!(runtime.run(|| spawn_any(move || n).join().unwrap()).unwrap(), n);
    }
    let inner = Arc::clone(&runtime);
    runtime
        .run(move || {
            assert!(matches!(inner.run(|| ()), Err(RunError::Nested)));
            let elsewhere = Arc::clone(&inner);
            let thread = thread::spawn(move || matches!(elsewhere.run(|| ()), Err(RunError::Busy)));
            assert!(thread.join().unwrap());
            assert!(matches!(two().run(|| ()), Err(RunError::Nested)));
        })
        .unwrap();
}

#[test]
fn nonsense_is_refused() {
    assert!(Runtime::builder().workers(0).build().is_err());
    assert!(Runtime::builder().workers(70_000).build().is_err());
    let error = Runtime::builder().max_blocking_threads(0).build().unwrap_err();
    assert!(error.to_string().contains("without threads"));
    let error = Runtime::builder().workers(2).virtual_time(true).build().unwrap_err();
    assert!(error.to_string().contains("one worker"));
    let one = Runtime::builder().workers(1).virtual_time(true).build().unwrap();
    one.run(|| {
        let slept = spawn_any(|| sleep(Duration::from_secs(3600)));
        slept.join().unwrap();
    })
    .unwrap();
}

#[test]
fn a_standstill_of_all_workers_is_a_deadlock_that_names_their_tasks() {
    let runtime = Runtime::builder().workers(2).by_itself(true).build().unwrap();
    let error = runtime.run(|| {
        let queue: Arc<Queue<()>> = Arc::new(Queue::unbounded());
        for task in spawn_on_each({
            let queue = Arc::clone(&queue);
            move |_| queue.get().is_ok()
        }) {
            assert!(!task.join().unwrap());
        }
    });
    let Err(RunError::Deadlock(deadlock)) = error else { panic!("it is one: {error:?}") };
    assert_eq!(deadlock.tasks.len(), 3, "{deadlock}");
    let ids: HashSet<u64> = deadlock.tasks.iter().map(|task| task.id).collect();
    assert_eq!(ids.len(), 3, "{deadlock}");
}

/// A runtime of two workers with a hook for deadlocks, and how often that is asked.
fn asking(
    hook: impl Fn(&cede::Deadlock) -> OnDeadlock + Send + Sync + 'static,
) -> (Runtime, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let runtime = Runtime::builder().workers(2).by_itself(true).on_deadlock(move |deadlock| {
        count.fetch_add(1, Ordering::SeqCst);
        hook(deadlock)
    });
    (runtime.build().unwrap(), asked)
}

#[test]
fn the_hook_for_deadlocks_may_wake_a_task_of_any_worker_and_go_on() {
    for sleeper in 0..2 {
        let event: Arc<Mutex<Arc<Event>>> = Arc::default();
        let (late, caller) = (Arc::clone(&event), thread::current().id());
        let (runtime, asked) = asking(move |deadlock| {
            assert_eq!(thread::current().id(), caller);
            assert!(current().is_none());
            assert_eq!(deadlock.tasks.len(), 3, "{deadlock}");
            late.lock().unwrap().set();
            OnDeadlock::Continue
        });
        for round in 1..=100 {
            let (events, done) = ([Arc::new(Event::new()), Arc::new(Event::new())], Arc::new(Event::new()));
            *event.lock().unwrap() = Arc::clone(&events[sleeper]);
            runtime
                .run(|| {
                    let theirs = Arc::clone(&done);
                    let tasks = spawn_on_each(move |number| {
                        events[number].wait();
                        theirs.set();
                    });
                    done.wait();
                    assert!(tasks[sleeper].join().is_ok());
                })
                .unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), round);
        }
    }
}

#[test]
fn a_hook_for_deadlocks_that_makes_nothing_ready_is_asked_once_whatever_it_says() {
    let (runtime, asked) = asking(|_| OnDeadlock::Continue);
    for round in 1..=300 {
        let error = runtime.run(|| {
            let never = Arc::new(Event::new());
            let theirs = Arc::clone(&never);
            drop(spawn_on_each(move |_| theirs.wait()));
            never.wait();
        });
        assert!(matches!(error, Err(RunError::Deadlock(_))), "{error:?}");
        assert_eq!(asked.load(Ordering::SeqCst), round);
    }
}

#[test]
fn the_hook_for_deadlocks_may_give_fresh_work_and_is_asked_at_the_end_of_a_run() {
    let (events, log) = (Arc::new(Queue::<()>::unbounded()), Arc::new(Mutex::new(Vec::new())));
    let (late, says, handle) = (Arc::clone(&events), Arc::clone(&log), Arc::new(Mutex::new(None::<Handle>)));
    let theirs = Arc::clone(&handle);
    let (runtime, asked) = asking(move |deadlock| {
        says.lock().unwrap().push(format!("{} stuck", deadlock.tasks.len()));
        let late = Arc::clone(&late);
        let handle = theirs.lock().unwrap().clone().unwrap();
        drop(handle.spawn(move || late.put_nowait(()).unwrap()));
        OnDeadlock::Continue
    });
    *handle.lock().unwrap() = Some(runtime.handle());
    runtime
        .run(|| {
            let (gets, log) = (Arc::clone(&events), Arc::clone(&log));
            let begun = Arc::new(Event::new());
            let begins = Arc::clone(&begun);
            drop(spawn_on_each(move |number| {
                if number == 1 {
                    begins.set();
                    assert!(catch_cancelled(|| Event::new().wait()).is_err());
                    gets.get().unwrap();
                    log.lock().unwrap().push("cleaned up".to_owned());
                }
            }));
            begun.wait();
            events.get().unwrap();
        })
        .unwrap();
    assert_eq!(*log.lock().unwrap(), ["2 stuck", "1 stuck", "cleaned up"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn par_map_keeps_the_order_and_uses_all_workers() {
    let barrier = Barrier::new(2);
    let things: Vec<usize> = (0..1000).collect();
    two()
        .run(|| {
            let doubled = par_map(&things, |n| n * 2).unwrap();
            assert_eq!(doubled, things.iter().map(|n| n * 2).collect::<Vec<_>>());
            let threads = par_map(0..2, |_| {
                barrier.wait();
                worker()
            });
            assert_ne!(threads.as_ref().unwrap()[0], threads.as_ref().unwrap()[1]);
            assert_eq!(par_map(Vec::<u8>::new(), |n| n).unwrap(), []);
        })
        .unwrap();
}

#[test]
fn hooks_are_called_on_each_thread_and_threads_are_named() {
    let (tell, told) = mpsc::channel();
    let (tell_start, tell_stop) = (tell.clone(), tell);
    let name = || thread::current().name().map(str::to_owned);
    let runtime = Runtime::builder()
        .workers(2)
        .thread_name("crew")
        .on_worker_start(move |worker| tell_start.send(("start", worker, name())).unwrap())
        .on_worker_stop(move |worker| tell_stop.send(("stop", worker, name())).unwrap())
        .build()
        .unwrap();
    runtime.run(|| spawn_on_each(|_| ()).iter().for_each(|task| task.join().unwrap())).unwrap();
    let told: HashSet<_> = told.try_iter().collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.contains(&("stop", 1, Some("crew-1".to_owned()))), "{told:?}");
}
