//! Barriers: filling, draining, resetting, aborting, and cancellation.
//!
//! The cases are those of `BarrierTests` in CPython's test_locks. Left out:
//!
//! | case | why |
//! |---|---|
//! | the first half of `test_barrier` | a barrier that is awaited does not compile |
//! | a negative number in `test_barrier_parties` | does not compile |
//! | `async with barrier` in place of `wait` | there is nothing to do at the end of the block |

mod sync_shared;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cede::sync::{Barrier, BrokenBarrier};
use cede::{JoinHandle, Runner, no_switch, spawn, timeout, yield_now};
use sync_shared::trace::{SECOND, log, logged_since, panic_text, run, tick, ticking};
use sync_shared::{NO_TASK, cancel_at_each_tick, on_two_threads, task, was_cancelled};

const N: usize = 5;

struct Shared {
    barrier: Barrier,
    other: Barrier,
    count: Cell<usize>,
    results: [RefCell<Vec<usize>>; 3],
}

impl Shared {
    fn new(parties: usize) -> Rc<Self> {
        let results = Default::default();
        Rc::new(Shared {
            barrier: Barrier::new(parties),
            other: Barrier::new(parties),
            count: Cell::new(0),
            results,
        })
    }

    fn push(&self, list: usize, value: usize) {
        self.results[list].borrow_mut().push(value);
    }

    fn lengths(&self) -> [usize; 3] {
        self.results.each_ref().map(|list| list.borrow().len())
    }

    /// The number of this call.
    fn counted(&self) -> usize {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    fn assert_is_empty(&self) {
        assert_eq!(
            format!("{:?}", self.barrier),
            format!("Barrier {{ phase: Filling, inside: 0, parties: {} }}", self.barrier.parties())
        );
        assert_eq!((self.barrier.n_waiting(), self.barrier.is_broken()), (0, false));
    }
}

fn tasks<T: 'static>(shared: &Rc<Shared>, number: usize, f: fn(&Shared) -> T) -> Vec<JoinHandle<T>> {
    (0..number).map(|_| task(shared, f)).collect()
}

/// All of them, and their values.
fn gather<T: 'static>(shared: &Rc<Shared>, number: usize, f: fn(&Shared) -> T) -> Vec<T> {
    tasks(shared, number, f).iter().map(|task| task.join().unwrap()).collect()
}

fn phase(barrier: &Barrier) -> String {
    let text = format!("{barrier:?}");
    text.split([' ', ',']).nth(3).unwrap().to_owned()
}

// test_barrier, test_barrier_parties
#[test]
fn a_new_one_is_filling_and_is_for_one_at_least() {
    let barrier = Barrier::new(N);
    assert_eq!((barrier.parties(), barrier.n_waiting(), barrier.is_broken()), (N, 0, false));
    assert_eq!(phase(&barrier), "Filling");
    assert!(panic_text(|| Barrier::new(0)).contains("for one task at least"));
}

// test_repr
#[test]
fn its_debug_form_says_in_which_phase_it_is() {
    run(|| {
        let barrier = Rc::new(Barrier::new(N));
        let mut waiters = Vec::new();
        let mut more = |number| {
            waiters.extend((0..number).map(|_| task(&barrier, Barrier::wait)));
            yield_now();
        };
        more(2);
        assert_eq!(format!("{barrier:?}"), "Barrier { phase: Filling, inside: 2, parties: 5 }");
        assert_eq!(barrier.n_waiting(), 2);
        more(3);
        assert_eq!(format!("{barrier:?}"), "Barrier { phase: Draining, inside: 4, parties: 5 }");
        assert_eq!(barrier.n_waiting(), 0);
        more(2);
        // The first four have gone, and the two have come.
        assert_eq!(format!("{barrier:?}"), "Barrier { phase: Filling, inside: 2, parties: 5 }");
        barrier.reset();
        assert_eq!(format!("{barrier:?}"), "Barrier { phase: Resetting, inside: 2, parties: 5 }");
        more(2);
        barrier.abort();
        assert_eq!(phase(&barrier), "Broken");
        assert!(barrier.is_broken());
        waiters.iter().for_each(|task| assert!(task.join().is_ok()));
    });
}

// test_context_manager
#[test]
fn each_one_has_another_number() {
    run(|| {
        let shared = Shared::new(3);
        assert_eq!(gather(&shared, 3, |shared| shared.barrier.wait()), [Ok(0), Ok(1), Ok(2)]);
        shared.assert_is_empty();
    });
}

// test_filling_one_task, test_filling_one_task_twice
#[test]
fn one_for_a_single_task_never_holds_it_up() {
    run(|| {
        let shared = Shared::new(1);
        for _ in 0..2 {
            assert_eq!(no_switch(|| shared.barrier.wait()), Ok(0));
            shared.assert_is_empty();
        }
        let waits = task(&shared, |shared| shared.barrier.wait());
        yield_now();
        assert_eq!(waits.join().unwrap(), Ok(0));
    });
}

// test_filling_task_by_task
#[test]
fn it_counts_those_who_come() {
    run(|| {
        let shared = Shared::new(3);
        let waits = || task(&shared, |shared| shared.barrier.wait());
        let mut waiters = Vec::new();
        for number in 1..3 {
            waiters.push(waits());
            yield_now();
            assert_eq!((shared.barrier.n_waiting(), phase(&shared.barrier)), (number, "Filling".to_owned()));
        }
        waiters.push(waits());
        waiters.iter().for_each(|task| assert!(task.join().unwrap().is_ok()));
        shared.assert_is_empty();
    });
}

// test_filling_tasks_wait_twice, test_filling_tasks_check_return_value
#[test]
fn all_pass_it_before_any_passes_it_again() {
    run(|| {
        let shared = Shared::new(N);
        let numbers = gather(&shared, N, |shared| {
            shared.barrier.wait().unwrap();
            shared.push(0, 1);
            let number = shared.barrier.wait().unwrap();
            assert_eq!(shared.lengths()[0], N);
            shared.push(1, number);
            number
        });
        assert_eq!(shared.lengths(), [N, N, 0]);
        let mut sorted = numbers;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..N));
        shared.assert_is_empty();
    });
}

// test_draining_state
#[test]
fn it_drains_until_the_last_one_has_gone() {
    run(|| {
        let shared = Shared::new(N);
        let draining = gather(&shared, N, |shared| {
            shared.barrier.wait().unwrap();
            let draining = phase(&shared.barrier) == "Draining";
            shared.push(0, usize::from(draining));
            draining
        });
        // The last to come goes first.
        assert_eq!(draining, [true, true, true, false, true]);
        assert_eq!(*shared.results[0].borrow(), [1, 1, 1, 1, 0]);
        shared.assert_is_empty();
    });
}

#[test]
fn the_last_one_goes_on_at_once_and_the_others_in_the_next_tick() {
    let start = Rc::new(Cell::new(0));
    let begin = Rc::clone(&start);
    ticking(move || {
        let shared = Shared::new(3);
        let waiters = tasks(&shared, 3, |shared| log(shared.barrier.wait().unwrap().to_string()));
        begin.set(tick());
        waiters.iter().for_each(|task| task.join().unwrap());
    });
    assert_eq!(logged_since(start.get()), [(1, "2".into()), (2, "0".into()), (2, "1".into())]);
}

// test_blocking_tasks_while_draining
#[test]
fn who_comes_while_it_drains_is_of_the_next_round() {
    run(|| {
        let barrier = Barrier::new(N);
        let other = Barrier::new(N - 2);
        let shared = Rc::new(Shared { barrier, other, count: Cell::new(0), results: Default::default() });
        gather(&shared, N, |shared| {
            shared.barrier.wait().unwrap();
            if shared.counted() > 2 {
                shared.other.wait().unwrap();
            }
            shared.barrier.wait().unwrap();
        });
        shared.assert_is_empty();
    });
}

// test_filling_tasks_cancel_one
#[test]
fn one_that_is_cancelled_is_not_counted() {
    run(|| {
        let shared = Shared::new(3);
        let waits = || {
            let waits = task(&shared, |shared| {
                shared.barrier.wait().unwrap();
                shared.push(0, 1);
            });
            yield_now();
            waits
        };
        let first = waits();
        assert_eq!(shared.barrier.n_waiting(), 1);
        let second = waits();
        assert_eq!(shared.barrier.n_waiting(), 2);
        first.cancel();
        yield_now();
        assert_eq!(shared.barrier.n_waiting(), 1);
        assert!(was_cancelled(&first));
        let third = waits();
        assert_eq!(shared.barrier.n_waiting(), 2);
        let fourth = waits();
        [second, third, fourth].iter().for_each(|task| task.join().unwrap());
        assert_eq!(shared.lengths()[0], 3);
        shared.assert_is_empty();
    });
}

// test_reset_barrier, test_abort_barrier
#[test]
fn resetting_and_aborting_an_empty_one_works_at_once_and_outside_of_runs() {
    let barrier = Barrier::new(1);
    barrier.reset();
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, false));
    barrier.abort();
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, true));
    assert_eq!(barrier.wait(), Err(BrokenBarrier));
    barrier.reset();
    assert_eq!(barrier.wait(), Ok(0));
    assert_eq!(panic_text(|| Barrier::new(2).wait()), NO_TASK);
    assert_eq!(BrokenBarrier.to_string(), "the barrier is broken");
}

// test_reset_barrier_while_tasks_waiting
#[test]
fn a_reset_sends_those_who_wait_away() {
    run(|| {
        let shared = Shared::new(N);
        let waiters = tasks(&shared, N - 1, |shared| shared.barrier.wait());
        yield_now();
        let reset = task(&shared, |shared| shared.barrier.reset());
        assert!(waiters.iter().all(|task| task.join().unwrap() == Err(BrokenBarrier)));
        shared.assert_is_empty();
        reset.join().unwrap();
    });
}

// test_reset_barrier_when_tasks_half_draining
#[test]
fn a_reset_while_it_drains_sends_those_away_who_have_not_gone_yet() {
    run(|| {
        let shared = Shared::new(N);
        gather(&shared, N, |shared| match shared.barrier.wait() {
            Err(BrokenBarrier) => shared.push(0, 1),
            Ok(_) if shared.counted() == N - N / 2 => shared.barrier.reset(),
            Ok(_) => {}
        });
        assert_eq!(shared.lengths()[0], N / 2);
        shared.assert_is_empty();
    });
}

// test_reset_barrier_when_tasks_half_draining_half_blocking
#[test]
fn a_reset_while_it_drains_leaves_those_alone_who_wait_for_the_next_round() {
    run(|| {
        let shared = Shared::new(N);
        gather(&shared, N, |shared| match shared.barrier.wait() {
            Err(BrokenBarrier) => {
                shared.push(0, 1);
                shared.barrier.wait().unwrap();
            }
            Ok(_) if shared.counted() > N / 2 => {
                shared.barrier.reset();
                shared.barrier.wait().unwrap();
            }
            Ok(_) => {
                if shared.barrier.wait().is_err() {
                    shared.push(1, 1);
                }
            }
        });
        assert_eq!(shared.lengths(), [N / 2, 0, 0]);
        shared.assert_is_empty();
    });
}

// test_reset_barrier_while_tasks_waiting_and_waiting_again
#[test]
fn those_who_were_sent_away_may_come_again() {
    run(|| {
        let shared = Shared::new(N);
        let waiters = tasks(&shared, N - 1, |shared| {
            if shared.barrier.wait().is_err() {
                shared.push(0, 1);
            }
            shared.barrier.wait().unwrap();
            shared.push(1, 1);
        });
        let reset = task(&shared, |shared| shared.barrier.reset());
        yield_now();
        let last = task(&shared, |shared| {
            shared.barrier.wait().unwrap();
            shared.push(1, 1);
        });
        waiters.iter().chain([&reset, &last]).for_each(|task| task.join().unwrap());
        assert_eq!(shared.lengths(), [N - 1, N, 0]);
        shared.assert_is_empty();
    });
}

// test_reset_barrier_while_tasks_draining
#[test]
fn a_reset_by_the_last_to_go_disturbs_nobody() {
    run(|| {
        let shared = Shared::new(N);
        gather(&shared, N, |shared| {
            shared.barrier.wait().unwrap();
            if shared.counted() == N {
                shared.barrier.reset();
                shared.barrier.wait().unwrap();
            } else {
                match shared.barrier.wait() {
                    Ok(_) => shared.push(0, 1),
                    Err(BrokenBarrier) => shared.push(1, 1),
                }
            }
            shared.barrier.wait().unwrap();
            shared.push(2, 1);
        });
        assert_eq!(shared.lengths(), [N - 1, 0, N]);
        shared.assert_is_empty();
    });
}

// test_abort_barrier_when_tasks_half_draining_half_blocking
#[test]
fn an_abort_sends_those_away_who_go_and_those_who_come() {
    run(|| {
        let shared = Shared::new(N);
        gather(&shared, N, |shared| match shared.barrier.wait() {
            Err(BrokenBarrier) => shared.push(0, 1),
            Ok(_) if shared.counted() > N / 2 => shared.barrier.abort(),
            Ok(_) => {
                if shared.barrier.wait().is_err() {
                    shared.push(1, 1);
                }
            }
        });
        assert_eq!(shared.lengths(), [N / 2, N - N / 2 - 1, 0]);
        assert!(shared.barrier.is_broken());
        assert_eq!(format!("{:?}", shared.barrier), "Barrier { phase: Broken, inside: 0, parties: 5 }");
    });
}

/// The one in the middle breaks the barrier, the others come again.
fn breaks_or_comes_again(shared: &Shared) {
    match shared.barrier.wait() {
        Ok(number) if number == N / 2 => shared.barrier.abort(),
        Ok(_) if shared.barrier.wait().is_ok() => shared.push(0, 1),
        _ => shared.push(1, 1),
    }
}

// test_abort_barrier_when_exception
#[test]
fn after_an_abort_nobody_passes() {
    run(|| {
        let shared = Shared::new(N);
        gather(&shared, N, breaks_or_comes_again);
        assert_eq!(shared.lengths(), [0, N - 1, 0]);
        assert!(shared.barrier.is_broken());
        assert_eq!(shared.barrier.n_waiting(), 0);
    });
}

// test_abort_barrier_when_exception_then_resetting
#[test]
fn a_reset_mends_it() {
    run(|| {
        let shared = Shared::new(N);
        gather(&shared, N, |shared| {
            breaks_or_comes_again(shared);
            // All have left it before it is reset, and nobody comes before that.
            if shared.other.wait() == Ok(N / 2) {
                shared.barrier.reset();
            }
            shared.other.wait().unwrap();
            shared.barrier.wait().unwrap();
            shared.push(2, 1);
        });
        assert_eq!(shared.lengths(), [0, N - 1, N]);
        shared.assert_is_empty();
    });
}

#[test]
fn the_next_round_is_whole_wherever_a_task_is_cancelled() {
    let cancelled = cancel_at_each_tick(
        || {
            let shared = Shared::new(3);
            let tasks = tasks(&shared, 3, |shared| {
                for _ in 0..2 {
                    // Where one is gone the others are too few.
                    if timeout(SECOND, || shared.barrier.wait()).is_err() {
                        return;
                    }
                    yield_now();
                }
            });
            (shared, tasks)
        },
        Shared::assert_is_empty,
    );
    assert!(cancelled >= 12, "{cancelled}");
}

#[test]
fn one_that_is_cancelled_while_it_drains_keeps_nobody_inside() {
    run(|| {
        let shared = Shared::new(3);
        let waiters = tasks(&shared, 3, |shared| shared.barrier.wait());
        yield_now();
        assert_eq!(phase(&shared.barrier), "Draining");
        waiters[0].cancel();
        assert!(was_cancelled(&waiters[0]));
        assert_eq!((waiters[1].join().unwrap(), waiters[2].join().unwrap()), (Ok(1), Ok(2)));
        shared.assert_is_empty();
        assert_eq!(gather(&shared, 3, |shared| shared.barrier.wait()), [Ok(0), Ok(1), Ok(2)]);
    });
}

#[test]
fn two_runs_on_two_threads_pass_it_together() {
    on_two_threads((Barrier::new(4), AtomicU32::new(0)), |shared, _| {
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(shared);
                spawn(move || {
                    let (barrier, come) = &*shared;
                    for round in 1..=200 {
                        come.fetch_add(1, SeqCst);
                        barrier.wait().unwrap();
                        let come = come.load(SeqCst);
                        // All of this round, and of the next one as many as are not held up.
                        assert!((4 * round..4 * round + 4).contains(&come), "{come} in round {round}");
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn the_report_of_a_deadlock_says_how_many_have_come_and_where_the_barrier_was_made() {
    let (barrier, line) = (Barrier::new(2), line!());
    let runner = Runner::builder().virtual_time(true).build();
    let text = runner.run(|| barrier.wait()).unwrap_err().to_string();
    let expected = format!("waits for Barrier(1/2) made at tests/sync_barrier.rs:{line}:");
    assert!(text.contains(&expected), "{text}");
}
