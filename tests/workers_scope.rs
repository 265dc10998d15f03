//! Scopes whose children run on other workers: what they may borrow, and that it outlives them however the scope is left.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use cede::runtime::worker;
use cede::sync::{Event, Semaphore};
use cede::task::{AnyScope, try_par_map};
use cede::{
    RunError, Runtime, SpawnError, TaskGroup, catch_cancelled, no_cancel, scope, set_task_hook, sleep, spawn,
    take_task_hook, yield_now,
};

fn two<T>(main: impl FnOnce() -> T) -> T {
    Runtime::builder().workers(2).build().unwrap().run(main).unwrap()
}

const FOREVER: Duration = Duration::MAX;

/// Says that it is gone.
struct Gone<'a>(&'a AtomicUsize);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn children_on_all_workers_write_into_what_the_parent_lends() {
    let mut totals = vec![0u64; 64];
    let data: Vec<u64> = (0..6400).collect();
    two(|| {
        scope(|s| {
            for (total, part) in totals.iter_mut().zip(data.chunks(100)) {
                s.spawn_any(move || *total = part.iter().sum());
            }
        })
        .unwrap();
    });
    assert_eq!(totals.iter().sum::<u64>(), data.iter().sum::<u64>());
}

/// Twice as many as there are workers are inside at once, on both.
#[test]
fn children_run_on_both_workers() {
    let barrier = Barrier::new(2);
    let seen = Mutex::new([false; 2]);
    two(|| {
        scope(|s| {
            for _ in 0..2 {
                s.spawn_any(|| {
                    barrier.wait();
                    seen.lock().unwrap()[worker().unwrap()] = true;
                });
            }
        })
        .unwrap();
    });
    assert_eq!(seen.into_inner().unwrap(), [true; 2]);
}

fn fibonacci<'scope>(any: &'scope AnyScope<'scope, '_>, n: u32, sum: &'scope AtomicUsize) {
    if n < 2 {
        sum.fetch_add(n as usize, SeqCst);
        return;
    }
    any.spawn_any(move || fibonacci(any, n - 1, sum));
    any.spawn_any(move || fibonacci(any, n - 2, sum));
}

#[test]
fn children_add_children_from_wherever_they_run() {
    let sum = AtomicUsize::new(0);
    two(|| {
        scope(|s| {
            let any = s.any();
            any.spawn_any(|| fibonacci(any, 15, &sum));
        })
        .unwrap();
    });
    assert_eq!(sum.into_inner(), 610);
}

#[test]
fn scopes_nest_across_workers() {
    fn count(depth: u32) -> usize {
        if depth == 0 {
            return 1;
        }
        let counts = scope(|s| {
            let children: Vec<_> = (0..3).map(|_| s.spawn_any(move || count(depth - 1))).collect();
            children.iter().map(|child| child.join().unwrap()).sum()
        });
        counts.unwrap()
    }
    assert_eq!(two(|| count(6)), 729);
}

#[test]
fn the_first_failure_ends_the_others_wherever_they_are() {
    let ended = AtomicUsize::new(0);
    let error = two(|| {
        scope(|s| {
            for _ in 0..20 {
                let gone = Gone(&ended);
                s.spawn_any(move || {
                    let _gone = gone;
                    sleep(FOREVER)
                });
                let gone = Gone(&ended);
                s.spawn(move || {
                    let _gone = gone;
                    sleep(FOREVER)
                });
            }
            s.try_spawn_any(|| "x".parse::<u8>());
            sleep(FOREVER);
        })
        .unwrap_err()
        .to_string()
    });
    assert_eq!((error.as_str(), ended.into_inner()), ("invalid digit found in string", 40));
}

#[test]
fn a_local_failure_ends_the_children_on_other_workers() {
    let ended = AtomicUsize::new(0);
    let typed = two(|| {
        let error = scope(|s| {
            for _ in 0..20 {
                let gone = Gone(&ended);
                s.spawn_any(move || {
                    let _gone = gone;
                    sleep(FOREVER)
                });
            }
            s.try_spawn(|| "x".parse::<u8>());
        });
        error.unwrap_err().of_type::<std::num::ParseIntError>().count()
    });
    assert_eq!((typed, ended.into_inner()), (1, 20));
}

/// The parent does not come to the end of its block before its local child has ended, which is cancelled by the word from elsewhere.
#[test]
fn word_of_a_failure_reaches_local_children_while_the_parent_is_masked() {
    let error = two(|| {
        let ended = Cell::new(false);
        let event = Event::new();
        let (ended, event) = (&ended, &event);
        let result = scope(|s| {
            s.spawn(|| cede::finally(|| sleep(FOREVER), || event.set()));
            yield_now();
            s.try_spawn_any(|| Err::<(), _>("elsewhere"));
            no_cancel(|| event.wait());
            ended.set(true);
        });
        assert!(ended.get());
        result.unwrap_err().to_string()
    });
    assert_eq!(error, "elsewhere");
}

#[test]
fn errors_and_panics_of_children_are_of_their_types() {
    two(|| {
        let error = scope(|s| {
            s.try_spawn_any(|| "x".parse::<u8>());
        });
        assert_eq!(error.unwrap_err().of_type::<std::num::ParseIntError>().count(), 1);
        let error = scope(|s| {
            s.spawn_any(|| panic::resume_unwind(Box::new(7u8)));
        })
        .unwrap_err();
        let payload = error.iter().next().unwrap().clone().into_panic().unwrap();
        assert_eq!(*payload.downcast::<u8>().unwrap(), 7);
        let failed = try_par_map(0..100, |n| if n == 50 { Err("fifty") } else { Ok(n) });
        assert_eq!(failed.unwrap_err().to_string(), "fifty");
    });
}

#[test]
fn a_body_that_panics_is_left_when_all_children_have_ended() {
    let ended = AtomicUsize::new(0);
    two(|| {
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                for _ in 0..20 {
                    let gone = Gone(&ended);
                    s.spawn_any(move || {
                        let _gone = gone;
                        sleep(FOREVER)
                    });
                }
                panic::resume_unwind(Box::new(()));
            })
        }));
        assert!(result.is_err());
        assert_eq!(ended.load(SeqCst), 20);
    });
}

#[test]
fn a_parent_that_is_cancelled_waits_for_its_children() {
    let ended = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&ended);
    two(move || {
        let begun = Arc::new(Semaphore::new(0));
        let (count, ready) = (Arc::clone(&ended), Arc::clone(&begun));
        let parent = spawn(move || {
            let lent = String::from("lent");
            let (lent, count, ready) = (&lent, &*count, &*ready);
            scope(|s| {
                for _ in 0..4 {
                    s.spawn_any(move || {
                        ready.release();
                        cede::finally(
                            || sleep(FOREVER),
                            || {
                                no_cancel(|| sleep(Duration::from_millis(2)));
                                count.fetch_add(lent.len(), SeqCst);
                            },
                        )
                    });
                }
            })
        });
        (0..4).for_each(|_| begun.acquire().forget());
        parent.cancel();
        assert!(parent.join().unwrap_err().is_cancelled());
        assert_eq!(ended.load(SeqCst), 16);
    });
    assert_eq!(seen.load(SeqCst), 16);
}

/// A value whose handle is gone is dropped by the worker, before the scope comes back.
#[test]
fn values_that_nobody_wants_are_dropped_before_the_scope_is_over() {
    for _ in 0..50 {
        let ended = AtomicUsize::new(0);
        two(|| {
            scope(|s| {
                for _ in 0..10 {
                    let gone = Gone(&ended);
                    drop(s.spawn_any(move || gone));
                }
            })
            .unwrap();
            assert_eq!(ended.load(SeqCst), 10);
        });
    }
}

/// Handles that are given to other children are dropped by those, in any order.
#[test]
fn handles_that_go_to_other_children_keep_no_value_beyond_the_scope() {
    for _ in 0..50 {
        let ended = AtomicUsize::new(0);
        two(|| {
            scope(|s| {
                for _ in 0..10 {
                    let gone = Gone(&ended);
                    let handle = s.spawn_any(move || gone);
                    let other = s.spawn_any(move || drop(handle));
                    s.spawn_any(move || drop(other.join()));
                }
            })
            .unwrap();
            assert_eq!(ended.load(SeqCst), 10);
        });
    }
}

#[test]
fn a_destructor_that_panics_does_not_keep_the_scope_waiting() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic::resume_unwind(Box::new("destructor"));
        }
    }
    let reports = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reports);
    set_task_hook(move |report| {
        if report.message().contains("destructor") {
            counted.fetch_add(1, SeqCst);
        }
    });
    two(|| {
        let handles_have_gone = Event::new();
        scope(|s| {
            for _ in 0..10 {
                let wait = || handles_have_gone.wait();
                drop(s.spawn_any(move || (wait(), Panics)));
            }
            handles_have_gone.set();
        })
        .unwrap();
    });
    drop(take_task_hook());
    assert_eq!(reports.load(SeqCst), 10);
}

/// Both workers are busy, so none of the children begins before they are cancelled; what they have borrowed is there until their
/// closures have gone.
#[test]
fn closures_that_never_begin_are_dropped_before_the_scope_is_over() {
    let (dropped, ran) = (AtomicUsize::new(0), AtomicBool::new(false));
    let busy = Arc::new(Barrier::new(2));
    two(|| {
        let (theirs, ready) = (Arc::clone(&busy), Arc::new(Event::new()));
        let begun = Arc::clone(&ready);
        let blocked = cede::spawn_any(move || {
            if worker() == Some(1) {
                begun.set();
                theirs.wait();
            }
            worker()
        });
        while !ready.is_set() && !blocked.is_finished() {
            yield_now();
        }
        let is_blocked = ready.is_set();
        scope(|s| {
            for _ in 0..100 {
                let gone = Gone(&dropped);
                let ran = &ran;
                s.spawn_any(move || {
                    let _gone = gone;
                    ran.store(true, SeqCst);
                });
            }
            s.cancel();
            if is_blocked {
                busy.wait();
            }
        })
        .unwrap();
        assert_eq!(dropped.load(SeqCst), 100);
    });
    // Where the other worker was not to be had it may have run some.
    let _ = ran;
}

#[test]
fn a_scope_that_is_ending_takes_no_more() {
    two(|| {
        scope(|s| {
            s.cancel();
            let error = s.spawn_any(|| 5).join().unwrap_err();
            let reason = error.error().unwrap().downcast_ref::<SpawnError>();
            assert_eq!(reason, Some(&SpawnError::ShuttingDown));
            let error = s.any().spawn_any(|| 5).join().unwrap_err();
            assert!(error.error().unwrap().is::<SpawnError>());
        })
        .unwrap();
    });
}

#[test]
fn a_standstill_inside_a_scope_ends_it_with_its_children() {
    let runtime = Runtime::builder().workers(2).by_itself(true).build().unwrap();
    let ended = AtomicUsize::new(0);
    let result = runtime.run(|| {
        let event = Event::new();
        scope(|s| {
            for _ in 0..8 {
                let gone = Gone(&ended);
                let event = &event;
                s.spawn_any(move || {
                    let _gone = gone;
                    event.wait();
                });
            }
        })
    });
    assert!(matches!(&result, Err(RunError::Deadlock(deadlock)) if deadlock.tasks.len() == 9), "{result:?}");
    assert_eq!(ended.into_inner(), 8);
}

#[test]
fn in_a_run_of_one_thread_children_for_any_worker_are_tasks_of_that() {
    let order = Mutex::new(Vec::new());
    cede::run(|| {
        scope(|s| {
            s.spawn_any(|| order.lock().unwrap().push(1));
            s.spawn(|| order.lock().unwrap().push(2));
            s.spawn_any(|| order.lock().unwrap().push(3));
        })
        .unwrap();
    });
    assert_eq!(order.into_inner().unwrap(), [1, 2, 3]);
    let runner = cede::Runner::builder().virtual_time(true).build();
    let stuck = runner.run(|| scope(|s| drop(s.spawn_any(|| Event::new().wait()))));
    assert!(matches!(stuck, Err(RunError::Deadlock(_))));
}

#[test]
fn groups_have_children_on_any_worker_too() {
    two(|| {
        let group = TaskGroup::new();
        let answers: Vec<_> = (0..20).map(|n| group.spawn_any(move || n)).collect();
        let local = group.spawn(|| 5);
        group.join().unwrap();
        assert_eq!(answers.iter().map(|answer| answer.join().unwrap()).sum::<i32>(), 190);
        assert_eq!(local.join().unwrap(), 5);

        let group = TaskGroup::new();
        group.try_spawn_any(|| Err::<(), _>("no disk"));
        group.spawn(|| sleep(FOREVER));
        assert_eq!(group.join().unwrap_err().to_string(), "no disk");

        // One that nobody joins ends its tasks.
        let group = TaskGroup::new();
        let task = group.spawn_any(|| sleep(FOREVER));
        drop(group);
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_child_may_catch_its_end_and_the_scope_waits_for_that() {
    let caught = AtomicUsize::new(0);
    two(|| {
        let error = scope(|s| {
            let begun = Arc::new(Event::new());
            for _ in 0..4 {
                let (begun, caught) = (Arc::clone(&begun), &caught);
                s.spawn_any(move || {
                    begun.set();
                    drop(catch_cancelled(|| sleep(FOREVER)));
                    caught.fetch_add(1, SeqCst);
                });
            }
            begun.wait();
            s.try_spawn_any(|| Err::<(), _>("end"));
        });
        assert_eq!(error.unwrap_err().to_string(), "end");
    });
    // Those that had not begun did not.
    assert!((1..=4).contains(&caught.into_inner()));
}
