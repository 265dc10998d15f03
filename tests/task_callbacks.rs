//! Functions that the run calls: in which tick, in which order, and how they are taken back.

#[path = "task_order/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cede::task::{Awaitable, CallHandle, Promise, call_at, call_later, gather, shield};
use cede::{RunError, Runner, call_soon, current, sleep, spawn, time, try_spawn, yield_now};
use trace::{
    Logs, SECOND, log, logged, logged_since, panic_text, reported, run, silent_panic, tick, ticking,
};

fn yields(times: u32) {
    (0..times).for_each(|_| yield_now());
}

#[test]
fn soon_is_the_next_tick_in_the_order_of_the_calls() {
    ticking(|| {
        let at = tick();
        call_soon(|| log("first"));
        spawn(|| log("task"));
        call_soon(|| {
            log("second");
            call_soon(|| log("third"));
        });
        yields(2);
        let seen = [(1, "first"), (1, "task"), (1, "second"), (2, "third")];
        assert_eq!(logged_since(at), seen.map(|(at, text)| (at, text.to_owned())));
    });
}

#[test]
fn later_calls_come_by_their_time_and_then_by_their_age() {
    run(|| {
        let begin = time::now();
        let log_at = move |name: &str| log(format!("{name} {}", (time::now() - begin).as_secs()));
        call_later(3 * SECOND, move || log_at("c"));
        call_later(SECOND, move || log_at("a"));
        call_at(begin + 3 * SECOND, move || log_at("d"));
        call_at(begin + 2 * SECOND, move || log_at("b"));
        assert_eq!(logged(), [""; 0]);
        sleep(4 * SECOND);
        assert_eq!(logged(), ["a 1", "b 2", "c 3", "d 3"]);
    });
}

#[test]
fn no_time_and_the_past_are_the_next_tick_after_what_was_ready() {
    ticking(|| {
        let at = tick();
        call_later(Duration::ZERO, || log("later"));
        call_at(time::now() - SECOND, || log("past"));
        call_soon(|| log("soon"));
        yields(2);
        let seen = [(1, "soon"), (1, "past"), (1, "later")];
        assert_eq!(logged_since(at), seen.map(|(at, text)| (at, text.to_owned())));
    });
}

#[test]
fn a_call_for_ever_never_comes_and_sets_no_timer() {
    let runner = Runner::builder().virtual_time(true).build();
    let result = runner.run(|| {
        let never = call_later(Duration::MAX, || log("never"));
        assert_eq!(never.when(), None);
        Promise::<u8>::new().join()
    });
    assert!(matches!(result, Err(RunError::Deadlock(_))));
    assert_eq!(logged(), [""; 0]);
}

#[test]
fn a_call_that_was_taken_back_never_comes_and_its_function_goes_at_once() {
    run(|| {
        let dropped = |name| {
            let logs = Logs(name);
            move || drop(logs)
        };
        let handles = [
            call_soon(dropped("soon")),
            call_later(SECOND, dropped("later")),
            call_at(time::now() + SECOND, dropped("at")),
        ];
        for handle in &handles {
            assert!(!handle.is_cancelled());
            handle.cancel();
            handle.cancel();
            assert!(handle.is_cancelled());
        }
        assert_eq!(logged(), ["soon", "later", "at"]);
        let begin = time::now();
        sleep(2 * SECOND);
        assert_eq!(time::now() - begin, 2 * SECOND);
    });
}

#[test]
fn a_call_that_was_taken_back_when_it_was_due_does_not_come() {
    run(|| {
        let second = Rc::new(Cell::new(None));
        let inside = Rc::clone(&second);
        // Both are due in the same tick, and the first takes the second back.
        call_later(SECOND, move || CallHandle::cancel(&inside.take().unwrap()));
        second.set(Some(call_later(SECOND, || log("second"))));
        sleep(2 * SECOND);
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn taking_a_call_back_late_is_harmless_and_handles_may_be_dropped() {
    run(|| {
        let handle = call_later(SECOND, || log("called"));
        assert_eq!(handle.when(), Some(time::now() + SECOND));
        assert_eq!(call_soon(|| log("soon")).when(), None);
        drop(call_later(SECOND, || log("dropped handle")));
        sleep(SECOND);
        handle.cancel();
        assert!(handle.is_cancelled());
        // The place of its timer may be used by another, which is left alone.
        call_later(SECOND, || log("another"));
        handle.cancel();
        sleep(2 * SECOND);
        assert_eq!(logged(), ["soon", "called", "dropped handle", "another"]);
        assert!(format!("{handle:?}").contains("cancelled: true"));
    });
}

#[test]
fn a_cancelled_timer_does_not_hold_a_deadlock_up() {
    let runner = Runner::builder().virtual_time(true).build();
    let begin = Cell::new(None);
    let result = runner.run(|| {
        begin.set(Some(time::now()));
        call_later(SECOND, || ()).cancel();
        Promise::<u8>::new().join()
    });
    assert!(matches!(result, Err(RunError::Deadlock(_))));
    assert_eq!(runner.run(time::now).unwrap(), begin.get().unwrap());
}

#[test]
fn a_handle_takes_its_call_back_from_outside_of_the_run_and_from_another() {
    let runner = Runner::builder().virtual_time(true).build();
    let handles =
        runner.run(|| [call_later(SECOND, || log("one")), call_later(SECOND, || log("two"))]).unwrap();
    handles[0].cancel();
    run(|| {
        // A timer of this run has the same number as that of the other.
        let own = [call_later(SECOND, || log("own")), call_later(SECOND, || log("own"))];
        handles[1].cancel();
        sleep(2 * SECOND);
        drop(own);
    });
    runner.run(|| sleep(2 * SECOND)).unwrap();
    assert_eq!(logged(), ["own", "own"]);
    drop(runner);
    handles[0].cancel();
}

#[test]
fn callbacks_are_no_tasks_and_their_panics_go_to_the_hook() {
    let ((), reports) = reported(|| {
        run(|| {
            call_soon(|| log(format!("{}", current().is_none())));
            call_soon(|| silent_panic("soon"));
            call_later(Duration::ZERO, || silent_panic("later"));
            call_soon(|| log(panic_text(|| sleep(SECOND))));
            call_soon(|| {
                let task = spawn(|| log("a task of a callback"));
                task.on_done(|_| log("its end"));
            });
            yields(4);
        });
    });
    assert_eq!(reports, ["callback: panicked: soon", "callback: panicked: later"]);
    let seen = logged();
    assert_eq!((&*seen[0], &*seen[2], &*seen[3]), ("true", "a task of a callback", "its end"));
    assert!(seen[1].contains("only a task can wait"), "{seen:?}");
}

#[test]
fn calls_outside_of_a_run_are_refused() {
    for (name, text) in [
        ("call_soon", panic_text(|| call_soon(|| ()))),
        ("call_later", panic_text(|| call_later(SECOND, || ()))),
        ("call_at", panic_text(|| call_at(std::time::Instant::now(), || ()))),
    ] {
        assert_eq!(text, format!("cede: {name} works inside a run: call it inside cede::run"));
    }
}

#[test]
fn a_destructor_that_panics_as_a_call_is_taken_back_panics_there_and_nothing_is_lost() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            silent_panic("destructor");
        }
    }
    run(|| {
        let held = PanicsInDrop;
        let handle = call_later(SECOND, move || drop(held));
        call_later(SECOND, || log("next"));
        assert_eq!(panic_text(|| handle.cancel()), "destructor");
        assert!(handle.is_cancelled());
        sleep(2 * SECOND);
        assert_eq!(logged(), ["next"]);
    });
}

#[test]
fn functions_that_were_never_called_are_dropped_with_the_run() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let logs = Logs("dropped");
            call_later(SECOND, move || {
                let _logs = logs;
                log("called");
            });
        })
        .unwrap();
    assert_eq!(logged(), [""; 0]);
    drop(runner);
    assert_eq!(logged(), ["dropped"]);
}

#[test]
fn a_function_may_take_itself_back_and_call_itself_again() {
    run(|| {
        let own: Rc<RefCell<Option<CallHandle>>> = Rc::default();
        let inside = Rc::clone(&own);
        *own.borrow_mut() = Some(call_soon(move || {
            inside.borrow().as_ref().unwrap().cancel();
            log("called");
        }));
        yields(2);
        assert!(own.borrow().as_ref().unwrap().is_cancelled());
        fn every_second(left: u32) {
            log(format!("{left} left"));
            if left > 0 {
                call_later(SECOND, move || every_second(left - 1));
            }
        }
        every_second(2);
        sleep(3 * SECOND);
        assert_eq!(logged(), ["called", "2 left", "1 left", "0 left"]);
    });
}

#[test]
fn a_callback_is_given_what_has_ended_also_where_no_handle_is_left() {
    run(|| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let sees = |what: &'static str| {
            let seen = Rc::clone(&seen);
            move |text: String| seen.borrow_mut().push(format!("{what} {text}"))
        };
        let say = sees("value");
        spawn(|| Box::new(42)).on_done(move |task| say(task.join().unwrap().to_string()));
        let say = sees("error");
        try_spawn(|| Err::<(), _>("no disk"))
            .on_done(move |task| say(task.outcome().unwrap().unwrap_err().to_string()));
        let say = sees("cancelled");
        let cancelled = spawn(|| sleep(SECOND));
        cancelled.on_done(move |task| say(task.is_cancelled().to_string()));
        cancelled.cancel();
        let (promise, say) = (Promise::new(), sees("promise"));
        promise.on_done(move |promise| say(promise.join_cloned().unwrap()));
        promise.set_result("kept".to_owned()).unwrap();
        drop(promise);
        let say = sees("taken");
        let taken = spawn(|| 1);
        taken.join().unwrap();
        taken.on_done(move |task| say(task.join().unwrap_err().is_already_taken().to_string()));
        yields(4);
        let mut seen = seen.borrow().clone();
        seen.sort();
        assert_eq!(seen, ["cancelled true", "error no disk", "promise kept", "taken true", "value 42"]);
    });
}

#[test]
fn a_callback_of_a_gather_or_a_shield_without_a_handle_hears_how_it_ended() {
    run(|| {
        let (promise, failing) = (Promise::new(), Promise::<u32>::new());
        let heard = Rc::new(Cell::new(0));
        let hears = Rc::clone(&heard);
        shield(&promise).on_done(move |shield| {
            assert!(shield.outcome().unwrap().is_ok() && shield.join().unwrap_err().is_already_taken());
            hears.set(hears.get() + 1);
        });
        let hears = Rc::clone(&heard);
        gather([&failing]).on_done(move |gather| {
            assert_eq!(gather.join().unwrap_err().to_string(), "no disk");
            hears.set(hears.get() + 1);
        });
        promise.set_result(7).unwrap();
        failing.set_error("no disk").unwrap();
        yields(4);
        assert_eq!((heard.get(), promise.join().unwrap()), (2, 7));
    });
}

/// It stands for what it is the end of, of which a handle may be left or not.
#[test]
fn a_callback_of_an_end_is_given_that_end_also_where_no_handle_is_left() {
    let ((), reports) = reported(|| {
        run(|| {
            let heard = Rc::new(Cell::new(0));
            let hears = Rc::clone(&heard);
            spawn(|| 1).end().on_done(move |end| hears.set(hears.get() + i32::from(end.join().is_ok())));
            let (promise, hears) = (Promise::new(), Rc::clone(&heard));
            Rc::new(promise.end()).on_done(move |end| hears.set(hears.get() + i32::from(end.join().is_ok())));
            promise.set_result("kept").unwrap();
            try_spawn(|| Err::<(), _>("looked at")).end().on_done(|end| drop(end.outcome()));
            yields(4);
            assert_eq!((heard.get(), promise.join().unwrap()), (2, "kept"));
        });
    });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn an_error_that_a_callback_does_not_ask_for_is_reported_and_one_that_it_asks_for_is_not() {
    let ((), reports) = reported(|| {
        run(|| {
            try_spawn(|| Err::<(), _>("looked at")).on_done(|task| drop(task.outcome()));
            try_spawn(|| Err::<(), _>("ignored")).on_done(|_| ());
            yields(4);
        });
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("failed and nobody asked: ignored"), "{reports:?}");
}

/// The callback would keep it, and it the callback.
#[test]
fn a_callback_does_not_keep_what_it_waits_for() {
    let kept = Rc::new(());
    run(|| {
        let (promise, held) = (Promise::<u32>::new(), Rc::clone(&kept));
        promise.on_done(move |_| drop(held));
        drop(promise);
        assert_eq!(Rc::strong_count(&kept), 1);
    });
}
