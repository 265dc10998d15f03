//! Values that are made once: who makes them, who waits, and who comes next when it comes to nothing.

#[path = "sync_model/random.rs"]
mod random;
#[path = "sync_model/refusals.rs"]
mod refusals;
#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cede::sync::{Lazy, OnceCell, SetError};
use cede::time::after;
use cede::{JoinHandle, select, sleep, spawn, try_spawn, yield_now};
use random::Random;
use refusals::{assert_refused, deadlock, everywhere};
use trace::{SECOND, log, logged, panic_text, run, silent_panic, tick, ticking};

/// Starts a task with a cell.
fn with<T: 'static, R: 'static>(
    cell: &Rc<OnceCell<T>>,
    f: impl FnOnce(&OnceCell<T>) -> R + 'static,
) -> JoinHandle<R> {
    let cell = Rc::clone(cell);
    spawn(move || f(&cell))
}

#[test]
fn a_value_is_made_by_the_first_that_wants_it_while_the_others_wait() {
    run(|| {
        let cell = Rc::new(OnceCell::new());
        assert_eq!(cell.get(), None);
        let tasks = [1, 2, 3].map(|n| {
            with(&cell, move |cell| {
                *cell.get_or_init(|| {
                    log(format!("{n} makes it"));
                    sleep(SECOND);
                    n * 10
                })
            })
        });
        assert_eq!(tasks.map(|task| task.join().unwrap()), [10; 3]);
        assert_eq!(
            (logged(), cell.get(), cell.get_or_init(|| 7)),
            (vec!["1 makes it".to_owned()], Some(&10), &10)
        );
    });
}

#[test]
fn who_waits_goes_on_in_the_tick_after_the_value_is_made() {
    ticking(|| {
        let cell = Rc::new(OnceCell::new());
        let maker = with(&cell, |cell| {
            cell.get_or_init(|| {
                yield_now();
                yield_now();
            });
            tick()
        });
        let others = [
            with(&cell, |cell| (cell.get_or_init(|| unreachable!()), tick()).1),
            with(&cell, |cell| (cell.wait(), tick()).1),
        ];
        let made = maker.join().unwrap();
        assert_eq!(others.map(|other| other.join().unwrap()), [made + 1; 2]);
    });
}

#[test]
fn a_value_can_be_set_where_there_is_none_and_nobody_makes_one() {
    run(|| {
        let cell = Rc::new(OnceCell::new());
        let waiter = with(&cell, |cell| *cell.wait());
        yield_now();
        assert_eq!(cell.set(1), Ok(()));
        assert_eq!((cell.set(2), cell.get()), (Err(SetError::AlreadySet(2)), Some(&1)));
        assert_eq!(waiter.join().unwrap(), 1);

        let cell = Rc::new(OnceCell::new());
        let maker = with(&cell, |cell| {
            *cell.get_or_init(|| {
                yield_now();
                3
            })
        });
        yield_now();
        assert_eq!(cell.set(4), Err(SetError::Initializing(4)));
        assert_eq!((maker.join().unwrap(), cell.set(5).map_err(SetError::into_inner)), (3, Err(5)));
    });
}

#[test]
fn the_parts_of_a_cell_are_those_of_std() {
    let mut cell = OnceCell::from(1);
    *cell.get_mut().unwrap() += 1;
    assert_eq!((cell.take(), cell.take(), cell.get_mut()), (Some(2), None, None));
    assert_eq!(
        (cell.set(3), format!("{cell:?}"), cell.into_inner()),
        (Ok(()), "OnceCell(3)".to_owned(), Some(3))
    );
    assert_eq!(format!("{:?}", OnceCell::<u8>::default()), "OnceCell(<no value>)");
}

/// A maker that comes to nothing in some way.
fn fail(cell: &OnceCell<u32>, how: usize) {
    let give_up = || {
        sleep(SECOND);
        log("came to nothing");
    };
    match how {
        0 => {
            let text = panic_text(|| {
                cell.get_or_init(|| {
                    give_up();
                    silent_panic("no value")
                })
            });
            assert_eq!(text, "no value");
        }
        1 => {
            let error = cell.get_or_try_init(|| {
                give_up();
                Err("no value")
            });
            assert_eq!(error, Err("no value"));
        }
        _ => {
            cell.get_or_init(|| {
                give_up();
                sleep(Duration::MAX);
                unreachable!()
            });
        }
    }
}

#[test]
fn a_maker_that_panics_fails_or_is_cancelled_leaves_it_to_the_next_in_order() {
    for how in 0..3 {
        run(|| {
            let cell = Rc::new(OnceCell::new());
            let first = with(&cell, move |cell| fail(cell, how));
            let others = [2, 3].map(|n| {
                with(&cell, move |cell| {
                    *cell.get_or_init(|| {
                        log(format!("{n} makes it"));
                        yield_now();
                        n
                    })
                })
            });
            sleep(2 * SECOND);
            first.cancel();
            // One that comes later does not slip in.
            assert_eq!(*cell.get_or_init(|| unreachable!("{how}")), 2);
            assert_eq!(others.map(|other| other.join().unwrap()), [2; 2]);
            assert_eq!(first.join().is_ok(), how < 2);
            assert_eq!(logged(), ["came to nothing", "2 makes it"]);
        });
    }
}

#[test]
fn a_maker_that_comes_to_nothing_with_nobody_waiting_leaves_the_cell_as_new() {
    run(|| {
        for how in 0..2 {
            let cell = OnceCell::new();
            fail(&cell, how);
            logged();
            assert_eq!((cell.get(), cell.set(1)), (None, Ok(())));
        }
    });
}

#[test]
fn one_that_was_given_the_turn_and_is_cancelled_passes_it_on() {
    run(|| {
        let cell = Rc::new(OnceCell::new());
        let [woken, next] = [2, 3].map(|n| with(&cell, move |cell| *cell.get_or_init(|| n)));
        let failed = cell.get_or_try_init(|| {
            yield_now();
            Err(())
        });
        assert_eq!(failed, Err(()));
        assert_eq!(cell.set(9), Err(SetError::Initializing(9)), "it is promised");
        woken.cancel();
        assert_eq!(next.join().unwrap(), 3);
        assert!(woken.join().unwrap_err().is_cancelled());
        assert_eq!(cell.get(), Some(&3));
    });
}

/// Cancels one of four after each number of ticks, of which the first two come to nothing anyway.
#[test]
fn however_many_give_up_the_value_is_made_as_long_as_one_wants_it() {
    for after in 0..40 {
        run(|| {
            let cell = Rc::new(OnceCell::new());
            let makes = Rc::new(Cell::new(0));
            let tasks = [0, 1, 2, 3].map(|n| {
                let makes = Rc::clone(&makes);
                with(&cell, move |cell| {
                    let made = cell.get_or_try_init(|| {
                        assert_eq!(makes.replace(1), 0, "one at a time");
                        // Also where it is left by an unwind.
                        let _done = Done(Rc::clone(&makes));
                        yield_now();
                        yield_now();
                        if n < 2 { Err(n) } else { Ok(n) }
                    });
                    made.copied()
                })
            });
            (0..after / 4).for_each(|_| yield_now());
            tasks[after % 4].cancel();
            let ends: Vec<_> = tasks.iter().map(|task| task.join().ok()).collect();
            let value = *cell.get().unwrap();
            assert!(value >= 2, "{ends:?}");
            assert!(ends.iter().flatten().flatten().all(|end| *end == value), "{ends:?}");
        });
    }
    struct Done(Rc<Cell<u32>>);
    impl Drop for Done {
        fn drop(&mut self) {
            self.0.set(0);
        }
    }
}

#[test]
fn a_function_that_wants_the_value_that_it_makes_is_told_so() {
    fn wants_itself() -> (OnceCell<u32>, &'static Location<'static>) {
        let cell = OnceCell::new();
        (cell, Location::caller())
    }
    let message = |line: u32| {
        format!(
            "cede: the function that makes the value of the OnceCell made at tests/sync_once_cell.rs:{line}:20 wants that \
             value itself"
        )
    };
    let (cell, place) = wants_itself();
    let check = || {
        let text = panic_text(|| cell.get_or_init(|| *cell.get_or_init(|| 1) + 1));
        assert_eq!(text, message(place.line() - 1));
        let text = panic_text(|| cell.get_or_try_init(|| cell.get_or_try_init(|| Err(())).copied()));
        assert_eq!(text, message(place.line() - 1));
    };
    check();
    run(check);
    // It is as it was.
    assert_eq!(cell.get_or_init(|| 2), &2);

    static LAZY: Lazy<u32> = Lazy::new(|| *LAZY + 1);
    assert!(panic_text(|| *LAZY).contains("wants that value itself"));
    run(|| assert!(panic_text(|| *LAZY).contains("wants that value itself")));
}

#[test]
fn a_function_that_waits_for_a_task_that_wants_the_value_is_a_deadlock_that_says_who() {
    let text = deadlock(|| {
        let cell = Rc::new(OnceCell::new());
        let inner = Rc::clone(&cell);
        cell.get_or_init(move || spawn(move || *inner.get_or_init(|| 1)).join().unwrap());
    });
    assert!(text.contains("waits for the value of OnceCell made at tests/sync_once_cell.rs:"), "{text}");
    assert!(text.contains(", which task 1 makes"), "{text}");
    let text = deadlock(|| {
        OnceCell::<u8>::new().wait();
    });
    assert!(text.contains("waits for the value of OnceCell made at"), "{text}");
}

#[test]
fn waiting_for_a_value_can_lose_a_select_or_be_cancelled() {
    run(|| {
        let cell = Rc::new(OnceCell::new());
        let first = select! { value = cell.waiting() => *value, () = after(SECOND) => 0 };
        assert_eq!(first, 0);
        let waiters = [(); 2].map(|()| with(&cell, |cell| *cell.wait()));
        yield_now();
        waiters[0].cancel();
        cell.set(1).unwrap();
        waiters[1].cancel();
        assert!(waiters.iter().all(|waiter| waiter.join().unwrap_err().is_cancelled()));
        let first = select! { value = cell.waiting() => *value, () = after(SECOND) => 0 };
        assert_eq!(first, 1);
    });
}

#[test]
fn a_lazy_value_is_made_when_it_is_first_looked_at() {
    run(|| {
        let lazy = Rc::new(Lazy::new(|| {
            log("made");
            sleep(SECOND);
            vec![1, 2]
        }));
        assert_eq!((format!("{lazy:?}"), Lazy::get(&lazy)), ("Lazy(<no value>)".to_owned(), None));
        let other = Rc::clone(&lazy);
        let length = spawn(move || other.len());
        assert_eq!((lazy.first(), length.join().unwrap()), (Some(&1), 2));
        assert_eq!((Lazy::force(&lazy).len(), format!("{lazy:?}")), (2, "Lazy([1, 2])".to_owned()));
        assert_eq!((logged(), Lazy::get(&lazy)), (vec!["made".to_owned()], Some(&vec![1, 2])));
    });
}

#[test]
fn a_lazy_value_whose_maker_panics_or_is_cancelled_is_made_by_the_next() {
    run(|| {
        let calls = Rc::new(Cell::new(0));
        let counts = Rc::clone(&calls);
        let lazy = Rc::new(Lazy::new(move || {
            counts.set(counts.get() + 1);
            match counts.get() {
                1 => silent_panic("first"),
                2 => sleep(Duration::MAX),
                _ => {}
            }
            counts.get()
        }));
        assert_eq!(panic_text(|| **lazy), "first");
        let [second, third] = [(); 2].map(|()| {
            let lazy = Rc::clone(&lazy);
            spawn(move || **lazy)
        });
        yield_now();
        second.cancel();
        assert_eq!((third.join().unwrap(), **lazy, calls.get()), (3, 3, 3));
        assert!(second.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_static_value_is_made_once_for_the_tasks_of_all_threads() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    static LAZY: Lazy<String> = Lazy::new(|| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        (0..50).for_each(|_| yield_now());
        "made".to_owned()
    });
    let threads =
        [(); 4].map(|()| thread::spawn(|| cede::run(|| spawn(|| LAZY.len()).join().unwrap() + LAZY.len())));
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 8));
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

#[test]
fn makers_of_several_threads_take_turns_until_one_succeeds() {
    for round in 0..100 {
        let cell = Arc::new(OnceCell::new());
        let turns = Arc::new(AtomicU32::new(0));
        let threads = [0, 1].map(|_| {
            let (cell, turns) = (Arc::clone(&cell), Arc::clone(&turns));
            thread::spawn(move || {
                cede::run(|| {
                    let tasks = [0; 3].map(|_| {
                        let (cell, turns) = (Arc::clone(&cell), Arc::clone(&turns));
                        try_spawn(move || {
                            let made = cell.get_or_try_init(|| {
                                let turn = turns.fetch_add(1, Ordering::Relaxed);
                                yield_now();
                                if turn == 4 { Ok(turn) } else { Err("not yet") }
                            });
                            made.copied()
                        })
                    });
                    tasks.iter().filter(|task| task.join().is_ok_and(|turn| turn == 4)).count()
                })
            })
        });
        let succeeded: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        // Each of the first four has failed, and all others have the value.
        assert_eq!((succeeded, turns.load(Ordering::Relaxed), cell.get()), (2, 5, Some(&4)), "round {round}");
    }
}

/// A task that wants the value, by its number, and what decides whether it succeeds where it makes it.
type Maker = (usize, JoinHandle<Result<usize, ()>>, Rc<Cell<Option<bool>>>);

/// Makers that wait, fail, are cancelled and give up, in random orders: one at a time, and in the order in which they came.
#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 0..2000 {
        run(|| {
            let mut random = Random::new(seed);
            let cell = Rc::new(OnceCell::new());
            // Those that have not ended, in order; the first of them makes the value, for as long as its gate is shut.
            let mut queue: Vec<Maker> = Vec::new();
            let mut value = None;
            for number in 0..25 {
                match random.below(6) {
                    0..=2 => {
                        let gate = Rc::new(Cell::new(None));
                        let inner = Rc::clone(&gate);
                        let task = with(&cell, move |cell| {
                            let made = cell.get_or_try_init(|| {
                                while inner.get().is_none() {
                                    sleep(Duration::from_micros(1));
                                }
                                if inner.get() == Some(true) { Ok(number) } else { Err(()) }
                            });
                            made.copied()
                        });
                        queue.push((number, task, gate));
                    }
                    3 if !queue.is_empty() => {
                        let (_, task, _) = queue.remove(random.below(queue.len()));
                        task.cancel();
                        assert!(task.join().unwrap_err().is_cancelled());
                    }
                    4 if !queue.is_empty() => {
                        let (number, task, gate) = queue.remove(0);
                        let succeeds = random.below(3) == 0;
                        gate.set(Some(succeeds));
                        assert_eq!(
                            task.join().unwrap(),
                            if succeeds { Ok(number) } else { Err(()) },
                            "seed {seed}"
                        );
                        value = succeeds.then_some(number);
                    }
                    5 => {
                        let expected = match value {
                            Some(_) => Err(SetError::AlreadySet(99)),
                            None if queue.is_empty() => Ok(()),
                            None => Err(SetError::Initializing(99)),
                        };
                        assert_eq!(cell.set(99), expected, "seed {seed}");
                        value = value.or(expected.is_ok().then_some(99));
                    }
                    _ => {}
                }
                sleep(Duration::from_micros(3));
                assert_eq!(cell.get().copied(), value, "seed {seed}");
                if let Some(value) = value {
                    assert!(
                        queue.drain(..).all(|(_, task, _)| task.join().unwrap() == Ok(value)),
                        "seed {seed}"
                    );
                }
                assert!(queue.iter().all(|(_, task, _)| !task.is_finished()), "seed {seed}");
            }
        });
    }
}

fn assert_waits_are_refused(why: &str) {
    let cell = OnceCell::new();
    assert_refused(why, || cell.wait());
    assert_refused(why, || cell.get_or_init(|| *OnceCell::<u8>::new().wait()));
    assert_eq!((cell.get(), cell.get_or_init(|| 1), cell.wait()), (None, &1, &1));
    assert_eq!(*Lazy::new(|| 1), 1);
}

#[test]
fn where_nothing_may_wait_the_reason_is_given_and_the_rest_works() {
    everywhere(assert_waits_are_refused);
}
