//! Waits with a limit, and shields: who is cancelled, who is not, and in which tick it is known.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::Queue;
use cede::task::{Awaitable, Promise, gather, gather_results, shield, wait_for};
use cede::{RunError, Runner, catch_cancelled, current, sleep, spawn, time, try_spawn, yield_now};
use trace::{
    Logs, SECOND, log, logged, logged_since, panic_text, reported, run, silent_panic, tick, ticking, ticks,
};

const NO_TIME: Option<Duration> = Some(Duration::ZERO);

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

fn yields(times: u32) {
    (0..times).for_each(|_| yield_now());
}

#[test]
fn a_closure_runs_inside_of_the_task_and_may_borrow() {
    ticking(|| {
        let word = String::from("cede");
        let me = current().unwrap().id();
        assert_eq!(ticks(|| assert_eq!(wait_for(Some(SECOND), || word.len()), Ok(4))), 0);
        assert_eq!(wait_for(None, || current().unwrap().id()), Ok(me));
    });
}

#[test]
fn a_closure_that_takes_too_long_is_unwound_when_the_timer_fires() {
    run(|| {
        let begin = time::now();
        let result = wait_for(Some(SECOND), || {
            let _logs = Logs("unwound");
            forever();
        });
        assert!(result.is_err());
        assert_eq!((time::now() - begin, logged()), (SECOND, vec!["unwound".to_owned()]));
        assert_eq!(current().unwrap().cancelling(), 0);
    });
}

#[test]
fn a_closure_with_no_time_left_never_runs_and_is_dropped_and_others_run_meanwhile() {
    ticking(|| {
        let logs = Logs("dropped");
        let at = tick();
        let result = wait_for(NO_TIME, move || {
            let _logs = logs;
            log("ran");
        });
        assert!(result.is_err());
        assert_eq!(tick() - at, 3, "as asyncio: a task that is cancelled, its callback, the waiter");
        assert_eq!(logged_since(at), [(0, "dropped".to_owned())]);
    });
}

#[test]
fn a_handle_gives_what_its_join_gives() {
    run(|| {
        assert_eq!(wait_for(Some(SECOND), spawn(|| 1)).unwrap().unwrap(), 1);
        let fails = try_spawn(|| Err::<u8, _>("fails"));
        assert_eq!(wait_for(Some(SECOND), &fails).unwrap().unwrap_err().to_string(), "fails");
        let cancelled = spawn(forever);
        cancelled.cancel();
        assert!(wait_for(Some(SECOND), &cancelled).unwrap().unwrap_err().is_cancelled());
        let promise = Promise::new();
        promise.set_result("kept").unwrap();
        assert_eq!(wait_for(None, &promise).unwrap().unwrap(), "kept");
        assert_eq!(wait_for(None, gather((|| 1, || 2))).unwrap().unwrap(), (1, 2));
        assert!(wait_for(None, gather_results([|| 1])).unwrap().unwrap()[0].is_ok());
        assert!(wait_for(None, spawn(|| 1).end()).unwrap().is_ok());
        let me: Rc<Cell<Option<cede::JoinHandle<bool>>>> = Rc::default();
        let inside = Rc::clone(&me);
        me.set(Some(spawn(move || {
            let me = inside.take().unwrap();
            wait_for(Some(SECOND), &me).unwrap().unwrap_err().is_await_self()
        })));
        yields(3);
        assert!(me.take().is_none());
    });
}

#[test]
fn the_end_of_a_task_takes_one_tick() {
    ticking(|| {
        let task = spawn(|| {
            yields(3);
            tick()
        });
        let ended = wait_for(Some(SECOND), task).unwrap().unwrap();
        assert_eq!(tick() - ended, 1);
    });
}

#[test]
fn what_is_behind_a_handle_is_cancelled_when_the_time_is_up_and_awaited() {
    run(|| {
        let begin = time::now();
        let task = spawn(|| {
            let cancelled = catch_cancelled(forever).unwrap_err();
            sleep(SECOND);
            log("cleaned up");
            cancelled.resume()
        });
        assert!(wait_for(Some(SECOND), &task).is_err());
        assert_eq!((time::now() - begin, logged()), (2 * SECOND, vec!["cleaned up".to_owned()]));
        assert!(task.is_cancelled());
        let promise = Promise::<u8>::new();
        assert!(wait_for(Some(SECOND), &promise).is_err());
        assert!(promise.is_cancelled());
        let members = [spawn(forever), spawn(forever)];
        assert!(wait_for(Some(SECOND), gather(&members)).is_err());
        assert!(members.iter().all(|member| member.is_cancelled()));
    });
}

#[test]
fn a_value_that_comes_in_spite_of_the_cancellation_is_given() {
    run(|| {
        let stubborn = || catch_cancelled(forever).map_or("in spite", |()| unreachable!());
        assert_eq!(wait_for(Some(SECOND), spawn(stubborn)).unwrap().unwrap(), "in spite");
        assert_eq!(wait_for(Some(SECOND), stubborn).unwrap(), "in spite");
        let task = spawn(stubborn);
        yield_now();
        assert_eq!(wait_for(NO_TIME, task).unwrap().unwrap(), "in spite");
        let task = try_spawn(|| catch_cancelled(forever).map_err(|_| "cannot clean up"));
        yield_now();
        let error = wait_for(NO_TIME, task).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "cannot clean up");
        yield_now();
    });
}

#[test]
fn with_no_time_left_what_has_ended_is_given_and_what_has_not_is_cancelled_after_its_first_look() {
    ticking(|| {
        let done = spawn(|| 1);
        yield_now();
        assert_eq!(ticks(|| assert_eq!(wait_for(NO_TIME, &done).unwrap().unwrap(), 1)), 0);
        let cancelled = spawn(forever);
        cancelled.cancel();
        yield_now();
        assert!(wait_for(NO_TIME, &cancelled).unwrap().unwrap_err().is_cancelled());
        let promise = Promise::<u8>::new();
        assert_eq!(ticks(|| assert!(wait_for(NO_TIME, &promise).is_err())), 2);
        let blocked = spawn(forever);
        yield_now();
        assert_eq!(ticks(|| assert!(wait_for(NO_TIME, &blocked).is_err())), 3);
        assert!(promise.is_cancelled() && blocked.is_cancelled());
    });
}

#[test]
fn a_task_that_is_cancelled_in_a_wait_without_time_goes_at_once_and_leaves_its_callback_behind_nowhere() {
    ticking(|| {
        let slow = Rc::new(spawn(|| {
            let cancelled = catch_cancelled(forever).unwrap_err();
            yields(9);
            cancelled.resume()
        }));
        let inside = Rc::clone(&slow);
        let task = spawn(move || wait_for(NO_TIME, &*inside).is_err());
        yields(4);
        let at = tick();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(tick() - at, 2);
        assert!(!slow.is_finished());
    });
}

#[test]
fn a_cancellation_from_elsewhere_stays_one_whichever_comes_first() {
    for limit in [Some(2 * SECOND), Some(SECOND), None] {
        run(|| {
            let inner = Rc::new(spawn(forever));
            let inside = Rc::clone(&inner);
            let task = spawn(move || wait_for(limit, &*inside));
            sleep(SECOND);
            assert!(task.cancel());
            assert!(task.join().unwrap_err().is_cancelled(), "{limit:?}");
            assert!(inner.is_cancelled());
        });
    }
}

#[test]
fn a_panic_of_the_closure_goes_on() {
    run(|| {
        assert_eq!(
            panic_text(|| wait_for(Some(SECOND), || -> u8 { silent_panic("went wrong") })),
            "went wrong"
        );
        struct PanicsInDrop;
        impl Drop for PanicsInDrop {
            fn drop(&mut self) {
                silent_panic("destructor");
            }
        }
        let held = PanicsInDrop;
        assert_eq!(panic_text(|| wait_for(NO_TIME, move || drop(held))), "destructor");
    });
}

#[test]
fn waits_refuse_where_no_task_can_wait() {
    let text = panic_text(|| wait_for(Some(SECOND), || 1));
    assert!(text.contains("only a task can wait"), "{text}");
    run(|| {
        let text = panic_text(|| cede::no_switch(|| wait_for(NO_TIME, || 1)));
        assert!(text.contains("no_switch"), "{text}");
    });
}

#[test]
fn a_wait_that_outlasts_the_run_says_whose_end_it_waits_for() {
    let runner = Runner::builder().virtual_time(true).build();
    let error = runner.run(|| {
        let stubborn = spawn(|| cede::no_cancel(forever));
        yield_now();
        wait_for(NO_TIME, stubborn).is_ok()
    });
    let Err(RunError::Deadlock(deadlock)) = error else { panic!("{error:?}") };
    let waits = &deadlock.tasks[0].waits_for;
    assert_eq!(waits, "waits for the end of task 2 \"Task-2\", which it has cancelled");
    // The task can't be ended: it is given up, as the report says.
    let ((), reports) = reported(|| drop(runner));
    assert_eq!(reports.len(), 1, "{reports:?}");
}

#[test]
fn a_shield_gives_what_is_inside_two_ticks_after_its_end() {
    ticking(|| {
        let inner = spawn(|| {
            yields(3);
            tick()
        });
        let shielded = shield(&inner);
        let ended = shielded.join().unwrap();
        assert_eq!(tick() - ended, 2);
        assert!(shielded.join().unwrap_err().is_already_taken());
        let fails = try_spawn(|| Err::<u8, _>("fails"));
        assert_eq!(shield(&fails).join().unwrap_err().to_string(), "fails");
        let done = spawn(|| 1);
        yield_now();
        let shielded = shield(&done);
        assert!(shielded.is_finished() && !shielded.cancel());
        assert_eq!(ticks(|| assert_eq!(shielded.join().unwrap(), 1)), 0);
        assert_eq!(shield(|| "a closure").join().unwrap(), "a closure");
    });
}

#[test]
fn a_cancelled_waiter_leaves_the_inner_one_alone() {
    ticking(|| {
        let inner = Rc::new(spawn(|| {
            yields(6);
            7
        }));
        let inside = Rc::clone(&inner);
        let waiter = spawn(move || shield(&*inside).join());
        yields(2);
        let at = tick();
        assert!(waiter.cancel());
        assert!(waiter.join().unwrap_err().is_cancelled());
        assert_eq!(tick() - at, 2);
        assert!(!inner.is_finished());
        assert_eq!(inner.join().unwrap(), 7);
    });
}

#[test]
fn a_shield_can_be_cancelled_by_itself_and_others_are_not() {
    run(|| {
        let inner = spawn(|| sleep(SECOND));
        let (first, second) = (shield(&inner), shield(&inner));
        assert!(first.cancel() && !first.cancel());
        assert!(first.is_finished() && first.is_cancelled());
        assert!(first.join().unwrap_err().is_cancelled());
        assert!(second.join().is_ok());
    });
}

#[test]
fn an_inner_one_that_is_cancelled_cancels_the_shield() {
    run(|| {
        let inner = spawn(forever);
        let shielded = shield(&inner);
        yield_now();
        inner.cancel();
        assert!(shielded.join().unwrap_err().is_cancelled());
        assert!(shielded.is_cancelled());
        let told = Promise::<u8>::new();
        let shielded = shield(&told);
        told.set_error(cede::JoinError::cancelled()).unwrap();
        assert!(shielded.join().unwrap_err().is_cancelled());
        assert!(!shielded.is_cancelled(), "an error that was set is no cancellation");
    });
}

#[test]
fn a_shield_with_a_limit_ends_and_the_inner_one_goes_on() {
    run(|| {
        let begin = time::now();
        let saving = spawn(|| (sleep(3 * SECOND), "saved").1);
        assert!(wait_for(Some(SECOND), shield(&saving)).is_err());
        assert_eq!(time::now() - begin, SECOND);
        assert!(wait_for(NO_TIME, shield(&saving)).is_err());
        assert_eq!(wait_for(None, shield(&saving)).unwrap().unwrap(), "saved");
    });
}

#[test]
fn the_error_of_what_goes_on_behind_a_cancelled_shield_is_reported() {
    let ((), reports) = reported(|| {
        run(|| {
            let shielded = shield(try_spawn(|| (sleep(SECOND), Err::<(), _>("late")).1));
            shielded.cancel();
            assert!(shielded.join().unwrap_err().is_cancelled());
            let seen = shield(try_spawn(|| Err::<(), _>("seen")));
            seen.join().unwrap_err();
            sleep(2 * SECOND);
        });
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].ends_with("failed and nobody asked: late"), "{reports:?}");
}

#[test]
fn shields_of_something_that_lasts_leave_nothing_with_it() {
    run(|| {
        let promise = Promise::<u8>::new();
        let alive = Rc::new(());
        for _ in 0..10 {
            let shielded = shield(&promise);
            let held = Rc::clone(&alive);
            shielded.on_done(move |_| drop(held));
            shielded.cancel();
            drop(shield(&promise));
        }
        yield_now();
        assert_eq!(Rc::strong_count(&alive), 1);
        let kept = shield(&promise);
        let held = Rc::clone(&alive);
        kept.on_done(move |_| drop(held));
        drop((kept, promise));
        assert_eq!(Rc::strong_count(&alive), 1, "and nothing goes round in a circle");
    });
}

#[test]
fn shields_name_what_is_inside_and_need_a_run() {
    let runner = Runner::builder().virtual_time(true).build();
    let error = runner.run(|| shield(Promise::<u8>::new()).join()).unwrap_err();
    let RunError::Deadlock(deadlock) = error else { panic!("{error}") };
    let waits = &deadlock.tasks[0].waits_for;
    assert!(waits.starts_with("joins a shield of a promise made at tests/task_wait_for.rs:"), "{waits}");
    let text = panic_text(|| shield(Promise::<u8>::new()));
    assert_eq!(text, "cede: shield works inside a run: call it inside cede::run");
    let done = Promise::new();
    done.set_result(1).unwrap();
    assert_eq!(format!("{:?}", shield(&done)), "Shield { finished: true, .. }");
    assert_eq!(run(|| shield(done).join().unwrap()), 1);
}

#[test]
fn a_child_of_a_scope_that_borrows_can_be_shielded_and_limited() {
    run(|| {
        let word = String::from("cede");
        let kept = cede::scope(|s| {
            let child = s.spawn(|| word.as_str());
            assert_eq!(wait_for(Some(SECOND), shield(&child)).unwrap().unwrap(), "cede");
            assert!(wait_for(NO_TIME, &s.spawn(forever)).is_err());
            shield(s.spawn(|| &word[1..]))
        })
        .unwrap();
        assert_eq!(kept.join().unwrap(), "ede");
    });
}

#[test]
fn a_waiter_and_the_shield_that_is_cancelled_by_hand() {
    ticking(|| {
        let shielded = Rc::new(shield(|| yields(9)));
        let inside = Rc::clone(&shielded);
        let waiter = spawn(move || inside.join().unwrap_err().is_cancelled());
        yields(2);
        let at = tick();
        shielded.cancel();
        assert!(waiter.join().unwrap(), "an error of the join, since the waiter was not cancelled itself");
        assert_eq!(tick() - at, 2);
    });
}
