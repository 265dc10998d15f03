//! Semaphores, bounded ones too: turns, cancellation, and who is woken for which permit.
//!
//! The cases are those of `SemaphoreTests` in CPython's test_locks. Left out:
//!
//! | case | why |
//! |---|---|
//! | `test_semaphore` | a semaphore that is awaited does not compile |
//! | `test_semaphore_value` | a number of permits below 0 does not compile |

mod sync_shared;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cede::sync::{BoundedSemaphore, Event, ReleasedTooOften, Semaphore};
use cede::{JoinHandle, Runner, call_soon, no_switch, select, sleep, spawn, yield_now};
use sync_shared::trace::{run, silent_panic, ticking, ticks};
use sync_shared::{
    assert_needs_a_task, cancel_at_each_tick, cancel_soon, on_two_threads, pass, task, was_cancelled,
};

struct Shared {
    semaphore: Semaphore,
    result: RefCell<Vec<u32>>,
}

impl Shared {
    fn new(permits: usize) -> Rc<Self> {
        Rc::new(Shared { semaphore: Semaphore::new(permits), result: RefCell::default() })
    }

    fn push(&self, number: u32) {
        self.result.borrow_mut().push(number);
    }

    fn result(&self) -> Vec<u32> {
        self.result.borrow().clone()
    }
}

fn acquirer(shared: &Rc<Shared>, number: u32) -> JoinHandle<()> {
    task(shared, move |shared| {
        shared.semaphore.acquire().forget();
        shared.push(number);
    })
}

// test_initial_value_zero
#[test]
fn one_without_permits_is_locked() {
    assert!(Semaphore::new(0).is_locked());
    assert!(!Semaphore::new(1).is_locked());
}

// test_repr
#[test]
fn its_debug_form_says_how_many_permits_are_free_and_how_many_wait() {
    run(|| {
        let semaphore = Rc::new(Semaphore::new(1));
        assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 1, waiting: 0 }");
        let permit = semaphore.acquire();
        assert_eq!(format!("{permit:?}"), "Permit { semaphore: Semaphore { available: 0, waiting: 0 } }");
        let waits = [(); 2].map(|()| task(&semaphore, |semaphore| drop(semaphore.acquire())));
        yield_now();
        assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 0, waiting: 2 }");
        drop(permit);
        waits.iter().for_each(|task| task.join().unwrap());
        assert_eq!(
            format!("{:?}", BoundedSemaphore::new(2)),
            "BoundedSemaphore { available: 2, waiting: 0 }"
        );
    });
}

// test_acquire
#[test]
fn permits_go_to_those_who_wait_in_their_order() {
    run(|| {
        let shared = Shared::new(3);
        let semaphore = &shared.semaphore;
        semaphore.acquire().forget();
        semaphore.acquire().forget();
        assert!(!semaphore.is_locked());
        let mut tasks: Vec<_> = (1..4).map(|number| acquirer(&shared, number)).collect();
        yield_now();
        assert_eq!((shared.result(), semaphore.available()), (vec![1], 0));
        assert!(semaphore.is_locked());
        tasks.push(acquirer(&shared, 4));
        semaphore.release();
        semaphore.release();
        assert_eq!(semaphore.available(), 0);
        yield_now();
        assert_eq!((shared.result(), semaphore.available()), (vec![1, 2, 3], 0));
        assert!(semaphore.is_locked() && tasks[0].is_finished());
        semaphore.release();
        tasks.iter().for_each(|task| task.join().unwrap());
        assert_eq!(shared.result(), [1, 2, 3, 4]);
    });
}

// test_acquire_cancel
#[test]
fn a_waiter_that_is_cancelled_leaves_no_trace() {
    run(|| {
        let semaphore = Rc::new(Semaphore::new(1));
        let permit = semaphore.acquire();
        let waits = cancel_soon(task(&semaphore, |semaphore| drop(semaphore.acquire())));
        assert!(was_cancelled(&waits));
        assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 0, waiting: 0 }");
        drop(permit);
    });
}

// test_acquire_cancel_before_awoken, test_acquire_hang
#[test]
fn a_permit_passes_by_those_who_were_cancelled_before_it_came() {
    run(|| {
        let semaphore = Rc::new(Semaphore::new(0));
        let tasks = [(); 4].map(|()| task(&semaphore, |semaphore| semaphore.acquire().forget()));
        yield_now();
        tasks[0].cancel();
        tasks[1].cancel();
        semaphore.release();
        pass(2);
        assert!(tasks[2].is_finished() && !tasks[3].is_finished());
        assert!(semaphore.is_locked());
        tasks[3].cancel();
        assert!(was_cancelled(&tasks[3]) && was_cancelled(&tasks[0]) && was_cancelled(&tasks[1]));
        tasks[2].join().unwrap();
    });
}

// test_acquire_no_hang
#[test]
fn a_permit_of_one_who_is_cancelled_after_it_came_goes_back() {
    run(|| {
        let semaphore = Rc::new(Semaphore::new(1));
        let other: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let (mine, victim) = (Rc::clone(&semaphore), Rc::clone(&other));
        let first = spawn(move || {
            let permit = mine.acquire();
            yield_now();
            drop(permit);
            victim.borrow().as_ref().unwrap().cancel();
        });
        *other.borrow_mut() = Some(task(&semaphore, |semaphore| {
            let _permit = semaphore.acquire();
            unreachable!("it is cancelled first");
        }));
        first.join().unwrap();
        assert!(was_cancelled(other.borrow().as_ref().unwrap()));
        drop(semaphore.acquire());
        assert_eq!(semaphore.available(), 1);
    });
}

// test_release_not_acquired
#[test]
fn a_bounded_one_refuses_more_permits_than_it_had() {
    let semaphore = BoundedSemaphore::new(1);
    assert_eq!(semaphore.release(), Err(ReleasedTooOften));
    run(|| {
        let permit = semaphore.acquire();
        assert!(semaphore.is_locked());
        assert_eq!(semaphore.release(), Ok(()));
        // The permit has nothing to give back any more.
        drop(permit);
        assert_eq!(semaphore.available(), 1);
    });
    assert_eq!(ReleasedTooOften.to_string(), "the semaphore was released more often than it was acquired");
}

// test_release_no_waiters
#[test]
fn a_permit_that_nobody_waits_for_is_free() {
    run(|| {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().forget();
        assert!(semaphore.is_locked());
        semaphore.release();
        assert!(!semaphore.is_locked());
        semaphore.release();
        assert_eq!(semaphore.available(), 2, "it is not bounded");
        let most = Semaphore::new(usize::MAX);
        most.release();
        assert_eq!(most.available(), usize::MAX);
    });
}

// test_acquire_fifo_order
#[test]
fn nobody_has_a_second_turn_before_all_had_the_first() {
    run(|| {
        let shared = Shared::new(1);
        let tasks: Vec<_> = (1..4)
            .map(|number| {
                task(&shared, move |shared| {
                    for turn in [10, 20] {
                        let permit = shared.semaphore.acquire();
                        shared.push(turn + number);
                        sleep(Duration::from_millis(10));
                        drop(permit);
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
        assert_eq!(shared.result(), [11, 12, 13, 21, 22, 23]);
    });
}

// test_acquire_fifo_order_2
#[test]
fn who_releases_and_acquires_again_waits_behind_those_who_came_before() {
    run(|| {
        let shared = Shared::new(1);
        let first = acquirer(&shared, 1);
        let second = task(&shared, |shared| {
            shared.semaphore.acquire().forget();
            shared.push(2);
            shared.semaphore.release();
            shared.semaphore.acquire().forget();
            shared.push(4);
        });
        let third = acquirer(&shared, 3);
        yield_now();
        shared.semaphore.release();
        shared.semaphore.release();
        [first, second, third].iter().for_each(|task| task.join().unwrap());
        assert_eq!(shared.result(), [1, 2, 3, 4]);
    });
}

// test_acquire_fifo_order_3
#[test]
fn one_that_was_cancelled_while_no_permit_was_there_costs_none() {
    run(|| {
        let shared = Shared::new(0);
        let tasks: Vec<_> = (1..4).map(|number| acquirer(&shared, number)).collect();
        yield_now();
        tasks[0].cancel();
        yield_now();
        shared.semaphore.release();
        shared.semaphore.release();
        tasks.iter().for_each(|task| drop(task.join()));
        assert_eq!(shared.result(), [2, 3]);
    });
}

// test_acquire_fifo_order_4
#[test]
fn one_who_goes_on_wakes_as_many_as_there_are_permits_for() {
    run(|| {
        let shared = Shared::new(0);
        let last = Rc::new(Event::new());
        let (own, pushed) = (Rc::clone(&shared), Rc::clone(&last));
        let first = spawn(move || {
            own.semaphore.acquire().forget();
            assert_eq!(own.semaphore.available(), 0, "the others were woken");
            let shared = Rc::clone(&own);
            spawn(move || {
                shared.push(4);
                pushed.set();
            });
            own.push(1);
        });
        let second = task(&shared, |shared| {
            (0..3).for_each(|_| shared.semaphore.release());
            assert_eq!(shared.semaphore.available(), 2);
            assert!(shared.semaphore.is_locked(), "the first has not run yet");
            assert!(shared.semaphore.try_acquire().is_none());
            shared.semaphore.acquire().forget();
            shared.push(2);
        });
        let third = task(&shared, |shared| {
            shared.semaphore.acquire().forget();
            assert!(shared.semaphore.is_locked());
            shared.push(3);
        });
        yield_now();
        assert_eq!(format!("{:?}", shared.semaphore), "Semaphore { available: 2, waiting: 2 }");
        [first, second, third].iter().for_each(|task| task.join().unwrap());
        last.wait();
        assert_eq!(shared.result(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_free_permit_is_had_at_once_and_a_release_wakes_in_the_next_tick() {
    ticking(|| {
        let semaphore = Rc::new(Semaphore::new(1));
        assert_eq!(ticks(|| semaphore.acquire().forget()), 0);
        let waits = task(&semaphore, |semaphore| drop(semaphore.acquire()));
        yield_now();
        semaphore.release();
        assert_eq!(semaphore.available(), 0, "it is given to who was woken");
        assert_eq!(ticks(yield_now), 1);
        assert!(waits.is_finished());
    });
}

#[test]
fn who_comes_while_all_who_wait_are_cancelled_does_not_wait() {
    run(|| {
        let semaphore = Rc::new(Semaphore::new(0));
        let waits = task(&semaphore, |semaphore| drop(semaphore.acquire()));
        yield_now();
        waits.cancel();
        semaphore.release();
        no_switch(|| drop(semaphore.acquire()));
        assert!(was_cancelled(&waits));
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_holder_that_is_cancelled_or_panics_gives_its_permit_back() {
    run(|| {
        let semaphore = Rc::new(Semaphore::new(2));
        let sleeps = task(&semaphore, |semaphore| {
            let _permit = semaphore.acquire();
            sleep(Duration::MAX);
        });
        let panics = task(&semaphore, |semaphore| {
            let _permit = semaphore.acquire();
            yield_now();
            silent_panic("with a permit")
        });
        yield_now();
        assert!(semaphore.is_locked());
        sleeps.cancel();
        drop([semaphore.acquire(), semaphore.acquire()]);
        assert!(was_cancelled(&sleeps) && panics.join().unwrap_err().is_panic());
        assert_eq!(semaphore.available(), 2);
    });
}

#[test]
fn no_permit_is_lost_wherever_a_task_is_cancelled() {
    for permits in [1, 2] {
        let cancelled = cancel_at_each_tick(
            || {
                let semaphore = Rc::new(BoundedSemaphore::new(permits));
                let uses = |semaphore: &BoundedSemaphore| {
                    for _ in 0..2 {
                        let _permit = semaphore.acquire();
                        yield_now();
                    }
                };
                let tasks = (0..4).map(|_| task(&semaphore, uses)).collect();
                (semaphore, tasks)
            },
            |semaphore| assert_eq!(semaphore.available(), permits),
        );
        assert!(cancelled > 10, "{cancelled}");
    }
}

#[test]
fn a_permit_for_one_who_lost_a_race_is_the_next_ones() {
    run(|| {
        let [first, second] = [(); 2].map(|()| Rc::new(Semaphore::new(0)));
        let (a, b) = (Rc::clone(&first), Rc::clone(&second));
        let racer = spawn(move || {
            select! {
                permit = a.acquiring() => { permit.forget(); 'a' }
                permit = b.acquiring() => { permit.forget(); 'b' }
            }
        });
        yield_now();
        let next = task(&second, |semaphore| semaphore.acquire().forget());
        yield_now();
        second.release();
        first.release();
        assert_eq!(racer.join().unwrap(), 'a');
        next.join().unwrap();
        assert_eq!((first.available(), second.available()), (0, 0));

        let (a, b) = (Rc::clone(&first), Rc::clone(&second));
        let racer = spawn(move || {
            select! { _permit = a.acquiring() => {}, _permit = b.acquiring() => {} }
        });
        yield_now();
        first.release();
        second.release();
        racer.cancel();
        assert!(was_cancelled(&racer));
        assert_eq!((first.available(), second.available()), (1, 1));
    });
}

#[test]
fn releasing_works_in_callbacks_and_outside_of_runs_and_waiting_needs_a_task() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    let permit = SEMAPHORE.acquire();
    assert!(SEMAPHORE.try_acquire().is_none());
    assert_needs_a_task(|| drop(SEMAPHORE.acquire()));
    drop(permit);
    let bounded = BoundedSemaphore::new(0);
    assert_needs_a_task(|| drop(bounded.acquire()));
    run(|| {
        let semaphore = Rc::new(Semaphore::new(0));
        let releases = Rc::clone(&semaphore);
        call_soon(move || releases.release());
        drop(semaphore.acquire());
    });
}

#[test]
fn two_runs_on_two_threads_never_have_more_permits_than_there_are() {
    let shared = (Semaphore::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
    let most = on_two_threads(shared, |shared, number| {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let shared = Arc::clone(shared);
                spawn(move || {
                    let (semaphore, inside, most) = &*shared;
                    for i in 0..200 {
                        let _permit = semaphore.acquire();
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        if i % 3 == 0 {
                            yield_now();
                        }
                        inside.fetch_sub(1, SeqCst);
                    }
                })
            })
            .collect();
        pass(50);
        tasks[number].cancel();
        tasks.iter().for_each(|task| drop(task.join()));
        shared.2.load(SeqCst)
    });
    assert_eq!(most.into_iter().max(), Some(2));
}

#[test]
fn cancelled_waiters_of_two_threads_lose_no_permit() {
    let left = on_two_threads(Semaphore::new(1), |semaphore, number| {
        let held = Cell::new(0);
        for round in 0..200 {
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let semaphore = Arc::clone(semaphore);
                    spawn(move || {
                        let _permit = semaphore.acquire();
                        yield_now();
                    })
                })
                .collect();
            pass((round + number) % 4);
            tasks[round % 3].cancel();
            held.set(held.get() + tasks.iter().filter(|task| task.join().is_ok()).count());
        }
        assert!(held.get() >= 400);
        Arc::clone(semaphore)
    });
    assert_eq!(format!("{:?}", left[0]), "Semaphore { available: 1, waiting: 0 }");
}

#[test]
fn the_report_of_a_deadlock_says_how_many_permits_there_are_and_where_the_semaphore_was_made() {
    let (semaphore, line) = (Semaphore::new(3), line!());
    let runner = Runner::builder().virtual_time(true).build();
    let text = runner.run(|| (0..4).for_each(|_| semaphore.acquire().forget())).unwrap_err().to_string();
    let expected = format!("acquires Semaphore(0/3) made at tests/sync_semaphore.rs:{line}:");
    assert!(text.contains(&expected), "{text}");
    let text = runner.run(|| drop(BoundedSemaphore::new(0).acquire())).unwrap_err().to_string();
    assert!(text.contains("acquires BoundedSemaphore(0/0) made at tests/sync_semaphore.rs"), "{text}");
}
