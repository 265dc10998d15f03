//! Cancellation: where it is delivered, how often, who may catch it, and what it leaves behind.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use cede::sync::Queue;
use cede::task::Builder;
use cede::{Generator, JoinHandle, Runner, Yielder, catch_cancelled, current, finally, no_cancel, no_switch};
use cede::{sleep, spawn, yield_now};
use trace::{Logs, SECOND, log, logged, panic_text, reported, run, silent_panic, tick, ticking};

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

fn is_cancelled<T>(task: &JoinHandle<T>) -> bool {
    task.join().map(drop).unwrap_err().is_cancelled()
}

#[test]
fn a_blocked_task_unwinds_from_where_it_waits() {
    run(|| {
        let task = spawn(|| {
            let _outer = Logs("outer");
            let _inner = Logs("inner");
            forever();
            log("unreachable");
        });
        yield_now();
        assert!(task.cancel());
        assert!(is_cancelled(&task));
        assert!(!task.cancel(), "it has ended");
        assert_eq!(logged(), ["inner", "outer"]);
    });
}

#[test]
fn a_ready_task_is_cancelled_at_its_next_step() {
    run(|| {
        let task = spawn(|| {
            yield_now();
            log("unreachable");
        });
        yield_now();
        assert!(task.cancel());
        assert!(is_cancelled(&task));
        assert_eq!(logged(), [""; 0]);
    });
}

struct DroppedIn(Rc<Cell<u64>>);

impl Drop for DroppedIn {
    fn drop(&mut self) {
        self.0.set(current().map_or(0, |task| task.id()));
        yield_now();
    }
}

/// Its destructors may wait, as they run in a task.
#[test]
fn the_closure_of_a_fresh_task_is_dropped_in_the_task_and_never_run() {
    run(|| {
        let dropped_in = Rc::new(Cell::new(0));
        let held = DroppedIn(Rc::clone(&dropped_in));
        let task = spawn(move || {
            log("unreachable");
            drop(held);
        });
        assert!(task.cancel());
        assert!(is_cancelled(&task));
        assert_eq!(dropped_in.get(), task.id());
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn a_masked_task_is_cancelled_at_the_first_wait_after_the_mask() {
    run(|| {
        let task = spawn(|| {
            no_cancel(|| {
                no_cancel(|| sleep(SECOND));
                sleep(SECOND);
                log("masked");
            });
            log("open");
            yield_now();
            log("unreachable");
        });
        yield_now();
        task.cancel();
        assert!(is_cancelled(&task));
        assert_eq!(logged(), ["masked", "open"]);
    });
}

#[test]
fn two_requests_before_the_delivery_give_one_unwind_and_count_twice() {
    run(|| {
        let task = spawn(|| {
            let _ = catch_cancelled(forever).unwrap_err();
            yield_now();
            current().unwrap().cancelling()
        });
        yield_now();
        assert!(task.cancel() && task.cancel());
        // The second was asked of a task that was ready, and is delivered together with the first.
        assert_eq!(task.join().unwrap(), 2);
    });
}

#[test]
fn a_task_that_cancels_itself_and_ends_is_cancelled_and_its_value_dropped() {
    run(|| {
        let task = spawn(|| {
            current().unwrap().cancel();
            Logs("value")
        });
        assert!(is_cancelled(&task));
        assert_eq!(logged(), ["value"]);
    });
}

/// asyncio: only a value gives way to a request that was not delivered.
#[test]
fn a_task_that_cancels_itself_and_fails_has_failed() {
    run(|| {
        let task = cede::try_spawn(|| {
            current().unwrap().cancel();
            Err::<(), _>("disk")
        });
        assert_eq!(task.join().unwrap_err().to_string(), "disk");
    });
}

#[test]
fn a_task_that_cancels_itself_passes_through_what_is_there_and_unwinds_at_its_first_wait() {
    run(|| {
        let task = spawn(|| {
            let queue = Queue::unbounded();
            queue.put(1).unwrap();
            current().unwrap().cancel();
            assert_eq!(queue.get(), Ok(1));
            log("passed");
            let _ = queue.get();
            log("unreachable");
        });
        assert!(is_cancelled(&task));
        assert_eq!(logged(), ["passed"]);
    });
}

#[test]
fn uncancel_takes_a_request_back_that_was_not_delivered() {
    run(|| {
        let task = spawn(|| {
            let me = current().unwrap();
            me.cancel();
            me.cancel();
            assert_eq!((me.cancelling(), me.uncancel(), me.uncancel(), me.uncancel()), (2, 1, 0, 0));
            yield_now();
            "not cancelled"
        });
        assert_eq!(task.join().unwrap(), "not cancelled");
    });
}

#[test]
fn who_catches_by_name_may_go_on_or_resume() {
    run(|| {
        let goes_on = spawn(|| {
            let cancelled = catch_cancelled(forever).unwrap_err();
            assert_eq!(cancelled.to_string(), "the task was cancelled");
            yield_now();
            8
        });
        let resumes = spawn(|| {
            let cancelled = catch_cancelled(forever).unwrap_err();
            yield_now();
            log("cleaned up");
            let again = catch_cancelled::<()>(|| cancelled.resume()).unwrap_err();
            again.resume();
        });
        yield_now();
        goes_on.cancel();
        resumes.cancel();
        assert_eq!(goes_on.join().unwrap(), 8);
        assert!(is_cancelled(&resumes));
        assert_eq!(logged(), ["cleaned up"]);
    });
}

#[test]
fn a_program_may_raise_a_cancellation_that_it_kept_from_another_task() {
    run(|| {
        let kept = Rc::new(RefCell::new(None));
        let keeper = Rc::clone(&kept);
        let first = spawn(move || keeper.replace(catch_cancelled(forever).err()));
        yield_now();
        first.cancel();
        assert!(first.join().unwrap().is_none());
        let other: JoinHandle<()> = spawn(move || kept.take().unwrap().resume());
        let error = other.join().unwrap_err();
        assert!(error.is_panic(), "it is not the other's own");
    });
}

#[test]
fn a_cancellation_that_somebody_swallows_comes_again_at_each_wait() {
    ticking(|| {
        let task = spawn(|| {
            let mut seen = Vec::new();
            for _ in 0..3 {
                seen.push(tick());
                assert!(panic::catch_unwind(forever).is_err());
            }
            let _ = catch_cancelled(yield_now).unwrap_err();
            yield_now();
            (seen, tick())
        });
        yield_now();
        task.cancel();
        let (seen, end) = task.join().unwrap();
        let steps: Vec<_> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((steps, end - seen[2]), (vec![1, 1], 3));
    });
}

#[test]
fn a_cancellation_that_is_swallowed_inside_finally_comes_again() {
    run(|| {
        let task = spawn(|| {
            let value = finally(|| panic::catch_unwind(forever).is_err(), yield_now);
            assert!(value);
            log("swallowed");
            yield_now();
            log("unreachable");
        });
        yield_now();
        task.cancel();
        assert!(is_cancelled(&task));
        assert_eq!(logged(), ["swallowed"]);
    });
}

#[test]
fn a_swallowed_cancellation_is_forgotten_by_who_takes_the_request_back() {
    run(|| {
        let timed = cede::timeout(SECOND, || panic::catch_unwind(forever).is_err());
        assert_eq!(timed, Ok(true));
        yield_now();
        let failed = cede::scope(|s| {
            s.try_spawn(|| Err::<(), _>("child"));
            assert!(panic::catch_unwind(forever).is_err());
        });
        assert_eq!(failed.unwrap_err().to_string(), "child");
        yield_now();
        assert_eq!(current().unwrap().cancelling(), 0);
    });
}

#[test]
fn a_task_that_swallows_every_cancellation_is_given_up_named_and_leaked() {
    std::thread::spawn(|| {
        let (left, reports) = reported(|| {
            let runner = Runner::builder().virtual_time(true).build();
            runner
                .run(|| {
                    drop(Builder::new().name("stubborn").spawn(|| {
                        let _held = Logs("never dropped");
                        loop {
                            let _ = panic::catch_unwind(forever);
                        }
                    }));
                    yield_now();
                })
                .unwrap();
            runner.close().unwrap();
            runner.close().unwrap();
            cede::stack::stats().in_use
        });
        assert_eq!(left, 1, "its stack is never used again");
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(
            reports[0].starts_with("task 2 \"stubborn\": can't be ended: it was cancelled "),
            "{reports:?}"
        );
        assert!(reports[0].ends_with(" times and goes on. Its stack is leaked"), "{reports:?}");
        assert_eq!(logged(), [""; 0]);
    })
    .join()
    .unwrap();
}

#[test]
fn a_cancellation_wins_over_a_wake_up_in_the_same_tick_and_the_item_is_not_lost() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let [first, second] = ["first", "second"].map(|name| {
            let queue = Rc::clone(&queue);
            spawn(move || (name, queue.get().unwrap()))
        });
        yield_now();
        queue.put(1).unwrap();
        first.cancel();
        assert!(is_cancelled(&first));
        assert_eq!(second.join().unwrap(), ("second", 1));
    });
}

#[test]
fn a_cancellation_wins_over_a_timer_and_over_a_timeout_in_the_same_tick() {
    run(|| {
        let until = cede::time::now() + SECOND;
        let handles: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
        let shared = Rc::clone(&handles);
        // Its timer is the first, so it runs when the others' timers have fired and before they do.
        spawn(move || {
            cede::time::sleep_until(until);
            shared.borrow().iter().for_each(|task| assert!(task.cancel()));
        });
        yield_now();
        handles.borrow_mut().push(spawn(move || cede::time::sleep_until(until)));
        handles.borrow_mut().push(spawn(move || {
            let _ = cede::timeout_at(until, forever);
            log("unreachable");
        }));
        sleep(2 * SECOND);
        for task in handles.take() {
            assert!(is_cancelled(&task));
        }
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn clean_up_that_waits_runs_in_finally_and_may_be_cancelled_itself() {
    run(|| {
        let task = spawn(|| {
            finally(
                || finally(forever, || log("inner")),
                || {
                    no_cancel(|| sleep(SECOND));
                    log("protected");
                    sleep(SECOND);
                    log("unreachable");
                },
            );
        });
        yield_now();
        task.cancel();
        yield_now();
        task.cancel();
        assert!(is_cancelled(&task));
        assert_eq!(logged(), ["inner", "protected"]);
    });
}

#[test]
fn finally_lets_values_and_panics_through() {
    run(|| {
        assert_eq!(finally(|| 3, yield_now), 3);
        assert_eq!(panic_text(|| finally(|| silent_panic("first"), yield_now)), "first");
        assert_eq!(panic_text(|| finally(|| silent_panic("first"), || silent_panic("last"))), "last");
    });
    assert_eq!(finally(|| 3, || log("outside of a run")), 3);
}

#[test]
fn no_switch_refuses_waits_and_lets_the_rest_be() {
    run(|| {
        let done = spawn(|| 1);
        yield_now();
        let text = panic_text(|| {
            no_switch(|| {
                assert_eq!(no_switch(|| done.join().unwrap()), 1);
                yield_now();
            });
        });
        assert_eq!(text, "cede: a task wanted to wait inside no_switch, which promises that it does not");
        yield_now();
    });
}

#[test]
fn a_task_is_cancelled_inside_a_generator_and_the_generator_is_closed() {
    run(|| {
        let generator = Rc::new(Generator::new(|y: &Yielder<u8>| {
            let _held = Logs("generator");
            y.yield_(1);
            forever();
        }));
        let other = Rc::clone(&generator);
        let task = spawn(move || {
            let _held = Logs("task");
            assert_eq!((&*other).count(), 1);
        });
        yield_now();
        task.cancel();
        assert!(is_cancelled(&task));
        assert_eq!(logged(), ["generator", "task"]);
        assert_eq!(generator.state(), cede::GeneratorState::Closed);
    });
}

#[test]
fn joins_hand_a_cancellation_on_and_go_on_when_the_joined_task_gives_a_value() {
    run(|| {
        let leaf = spawn(|| catch_cancelled(forever).is_err());
        let middle = spawn(move || leaf.join().unwrap());
        yield_now();
        yield_now();
        middle.cancel();
        assert!(middle.join().unwrap(), "the leaf caught it, so the middle was not cancelled");
    });
}

#[test]
fn a_ring_of_joins_can_be_cancelled() {
    for with_own_request in [false, true] {
        run(|| {
            let handles: Rc<RefCell<Vec<Rc<JoinHandle<()>>>>> = Rc::default();
            let tasks: Vec<_> = (0..3)
                .map(|i| {
                    let handles = Rc::clone(&handles);
                    Rc::new(spawn(move || {
                        let next = Rc::clone(&handles.borrow()[(i + 1) % 3]);
                        if with_own_request && i == 2 {
                            current().unwrap().cancel();
                        }
                        let _ = next.join();
                        log(format!("{i} went on"));
                    }))
                })
                .collect();
            *handles.borrow_mut() = tasks.clone();
            yield_now();
            yield_now();
            if !with_own_request {
                tasks[0].cancel();
            }
            for task in &tasks {
                assert!(is_cancelled(task));
            }
            handles.take();
            assert_eq!(logged(), [""; 0]);
        });
    }
}

#[test]
fn a_long_chain_of_joins_can_be_cancelled() {
    run(|| {
        let mut last = spawn(forever);
        for _ in 0..5_000 {
            let inner = last;
            last = spawn(move || inner.join().unwrap());
        }
        yield_now();
        yield_now();
        assert!(last.cancel());
        assert!(is_cancelled(&last));
    });
}

#[test]
fn a_panic_and_a_catch_in_a_cancelled_task_stay_their_own() {
    run(|| {
        let task = spawn(|| {
            let text = panic_text(|| catch_cancelled(|| silent_panic("panic")).is_ok());
            assert_eq!(text, "panic");
            let _ = panic::catch_unwind(AssertUnwindSafe(|| finally(forever, || silent_panic("clean-up"))));
            silent_panic("at last")
        });
        yield_now();
        task.cancel();
        let error = task.join().map(|(): ()| ()).unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: at last");
    });
}

#[test]
fn a_cancellation_of_another_run_is_none_of_a_task_with_the_same_number() {
    let payload = Runner::new().run(|| {
        current().unwrap().cancel();
        panic::catch_unwind(yield_now).unwrap_err()
    });
    let payload = payload.unwrap();
    let raised = panic::catch_unwind(AssertUnwindSafe(|| {
        Runner::new().run(|| {
            assert_eq!(current().unwrap().id(), 1);
            panic::resume_unwind(payload)
        })
    }));
    assert!(raised.is_err(), "it is a panic like any other: {raised:?}");
}
