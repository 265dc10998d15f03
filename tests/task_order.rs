//! How many ticks pass from each cause until the task that waits for it runs, and in which order: asyncio's numbers.

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;

use cede::sync::Queue;
use cede::{JoinHandle, Operation, catch_cancelled, current, sleep, spawn, time, try_spawn, yield_now};
use trace::{SECOND, log, logged, logged_since, run, tick, ticking, ticks};

/// A task that waits until it is cancelled.
fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

#[test]
fn a_task_takes_its_first_step_one_tick_after_its_spawn() {
    ticking(|| {
        let spawned = tick();
        let ran = spawn(tick).join().unwrap();
        assert_eq!(ran - spawned, 1);
    });
}

#[test]
fn yielding_and_sleeping_for_no_time_take_one_tick() {
    ticking(|| {
        assert_eq!(ticks(yield_now), 1);
        assert_eq!(ticks(|| sleep(std::time::Duration::ZERO)), 1);
        assert_eq!(ticks(|| time::sleep_until(time::now())), 1);
    });
}

#[test]
fn what_is_there_already_takes_no_tick() {
    ticking(|| {
        let done = spawn(|| 1);
        yield_now();
        assert_eq!(ticks(|| assert_eq!(done.join().unwrap(), 1)), 0);
        let queue = Queue::bounded(1);
        assert_eq!(ticks(|| queue.put(1).unwrap()), 0);
        assert_eq!(ticks(|| assert_eq!(queue.get(), Ok(1))), 0);
        queue.task_done().unwrap();
        assert_eq!(ticks(|| queue.join()), 0);
        assert_eq!(ticks(|| time::after(std::time::Duration::ZERO).wait()), 0);
        assert_eq!(ticks(|| assert_eq!(cede::timeout(SECOND, || 1), Ok(1))), 0);
        assert_eq!(ticks(|| cede::scope(|_| ()).unwrap()), 0);
    });
}

#[test]
fn the_end_of_a_task_takes_one_tick_for_each_task_between() {
    ticking(|| {
        for between in 1..5 {
            let mut last = spawn(|| {
                (0..5).for_each(|_| yield_now());
                tick()
            });
            for _ in 1..between {
                last = spawn(move || last.join().unwrap());
            }
            let ended = last.join().unwrap();
            assert_eq!(tick() - ended, between, "{between} joins");
        }
    });
}

#[test]
fn queues_wake_one_tick_after_the_put_the_get_and_the_last_task_done() {
    ticking(|| {
        let queue = Rc::new(Queue::bounded(1));
        let other = Rc::clone(&queue);
        let getter = spawn(move || other.get().map(|put: u64| tick() - put));
        yield_now();
        queue.put(tick()).unwrap();
        assert_eq!(getter.join().unwrap(), Ok(1));

        queue.put(0).unwrap();
        let other = Rc::clone(&queue);
        let putter = spawn(move || other.put(0).map(|()| tick()));
        yield_now();
        let got = tick();
        queue.get().unwrap();
        assert_eq!(putter.join().unwrap().unwrap() - got, 1);

        let other = Rc::clone(&queue);
        let joiner = spawn(move || {
            other.join();
            tick()
        });
        yield_now();
        (0..3).for_each(|_| queue.task_done().unwrap());
        let done = tick();
        assert_eq!(joiner.join().unwrap() - done, 1);
    });
}

#[test]
fn a_group_exits_two_ticks_after_its_last_child_has_ended() {
    ticking(|| {
        let mut ended = 0;
        cede::scope(|s| {
            s.spawn(|| {
                yield_now();
                ended = tick();
            });
        })
        .unwrap();
        assert_eq!(tick() - ended, 2);
    });
}

#[test]
fn a_group_whose_child_fails_cancels_after_two_ticks_and_exits_after_four() {
    ticking(|| {
        let failed = Rc::new(std::cell::Cell::new(0));
        let at = Rc::clone(&failed);
        let result = cede::scope(|s| {
            s.spawn(|| {
                let _ = catch_cancelled(forever).unwrap_err();
                log("sibling")
            });
            s.try_spawn(move || {
                at.set(tick());
                Err::<(), _>("fails")
            });
            let _ = catch_cancelled(forever).map_err(|cancelled| {
                log("body");
                cancelled.resume()
            });
        });
        assert_eq!(result.unwrap_err().to_string(), "fails");
        log("exit");
        let seen = [(2, "sibling"), (2, "body"), (4, "exit")];
        assert_eq!(logged_since(failed.get()), seen.map(|(at, text)| (at, text.to_owned())));
    });
}

#[test]
fn a_group_whose_body_fails_cancels_after_one_tick_and_exits_after_three() {
    ticking(|| {
        let mut failed = 0;
        let result = cede::try_scope(|s| {
            s.spawn(|| {
                let cancelled = catch_cancelled(forever).unwrap_err();
                log("sibling");
                cancelled.resume()
            });
            yield_now();
            yield_now();
            failed = tick();
            Err::<(), _>("body")
        });
        assert_eq!(result.unwrap_err().to_string(), "body");
        log("exit");
        assert_eq!(logged_since(failed), [(1, "sibling".to_owned()), (3, "exit".to_owned())]);
    });
}

/// The group learns of the failure before those who join the child, so a sibling that joins it is cancelled first.
#[test]
fn a_sibling_that_joins_a_failing_child_sees_its_own_cancellation() {
    ticking(|| {
        let result = cede::scope(|s| {
            let fails = s.try_spawn(|| {
                yield_now();
                yield_now();
                Err::<(), _>("fails")
            });
            s.spawn(move || match catch_cancelled(|| fails.join()) {
                Ok(_) => log("joined"),
                Err(cancelled) => {
                    log("cancelled");
                    cancelled.resume()
                }
            });
        });
        assert_eq!(result.unwrap_err().len(), 1);
        assert_eq!(logged(), ["cancelled"]);
    });
}

#[test]
fn a_blocked_task_sees_its_cancellation_after_one_tick_and_its_joiner_after_two() {
    ticking(|| {
        let task: JoinHandle<()> = spawn(|| {
            let cancelled = catch_cancelled(forever).unwrap_err();
            log("seen");
            cancelled.resume()
        });
        yield_now();
        let asked = tick();
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        log("joined");
        assert_eq!(logged_since(asked), [(1, "seen".to_owned()), (2, "joined".to_owned())]);
    });
}

#[test]
fn a_cancellation_through_joins_reaches_the_leaf_first_and_comes_back_by_one_tick_each() {
    const NAMES: [&str; 4] = ["leaf", "first", "second", "third"];
    ticking(|| {
        let waiting = |name: &'static str, wait: Box<dyn FnOnce()>| {
            spawn(move || match catch_cancelled(wait) {
                Ok(()) => unreachable!(),
                Err(cancelled) => {
                    log(name);
                    cancelled.resume()
                }
            })
        };
        let mut last: JoinHandle<()> = waiting(NAMES[0], Box::new(forever));
        for name in &NAMES[1..] {
            let inner = last;
            last = waiting(name, Box::new(move || drop(inner.join())));
        }
        (0..3).for_each(|_| yield_now());
        let asked = tick();
        last.cancel();
        assert!(last.join().unwrap_err().is_cancelled());
        let expected: Vec<_> = NAMES.iter().zip(1..).map(|(name, at)| (at, (*name).to_owned())).collect();
        assert_eq!(logged_since(asked), expected);
    });
}

#[test]
fn a_task_that_is_cancelled_before_its_first_step_never_runs_and_its_joiner_waits_two_ticks() {
    ticking(|| {
        let task = spawn(|| log("ran"));
        task.cancel();
        let asked = tick();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(tick() - asked, 2);
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn equal_deadlines_fire_in_the_order_in_which_they_were_made() {
    run(|| {
        let until = time::now() + SECOND;
        for i in 0..50 {
            spawn(move || {
                if i % 3 == 0 {
                    assert!(cede::timeout_at(until, forever).is_err());
                } else {
                    time::sleep_until(until);
                }
                log(i.to_string());
            });
        }
        sleep(2 * SECOND);
    });
    assert_eq!(logged(), (0..50).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[test]
fn earlier_deadlines_fire_first_however_they_were_made() {
    run(|| {
        for i in [5u32, 1, 4, 1, 3, 2] {
            spawn(move || {
                sleep(i * SECOND);
                log(i.to_string());
            });
        }
        sleep(10 * SECOND);
    });
    assert_eq!(logged(), ["1", "1", "2", "3", "4", "5"]);
}

/// What is due at once runs after what was ready, and what a step makes ready waits for the next tick.
#[test]
fn a_tick_runs_exactly_what_was_ready_when_it_began() {
    ticking(|| {
        let began = tick();
        for name in ["a", "b"] {
            spawn(move || {
                log(name);
                for _ in 0..2 {
                    cede::call_soon(move || log(format!("call of {name}")));
                    spawn(move || log(format!("child of {name}")));
                    yield_now();
                    log(name);
                }
            });
        }
        (0..4).for_each(|_| yield_now());
        let ab = |at: u64, text: &str| (at, text.to_owned());
        let mut expected = vec![ab(1, "a"), ab(1, "b")];
        for at in [2, 3] {
            for name in ["a", "b"] {
                expected.push(ab(at, &format!("call of {name}")));
                expected.push(ab(at, &format!("child of {name}")));
                expected.push(ab(at, name));
            }
        }
        assert_eq!(logged_since(began), expected);
    });
}

#[test]
fn the_same_program_gives_the_same_trace() {
    let program = || {
        run(|| {
            let queue = Rc::new(Queue::bounded(2));
            for i in 0..20u32 {
                let queue = Rc::clone(&queue);
                try_spawn(move || {
                    sleep(std::time::Duration::from_millis(u64::from(i * 7919 % 5)));
                    if i % 2 == 0 {
                        queue.put(i).map_err(|_| "shut")?
                    } else {
                        log(format!("{:?}", queue.get()))
                    }
                    log(format!("{} {i}", current().unwrap().id()));
                    Ok::<_, &str>(())
                });
            }
            sleep(SECOND);
        });
        logged()
    };
    let first = program();
    assert_eq!(first.len(), 30);
    assert_eq!(program(), first);
}
