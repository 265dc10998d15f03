//! Events: who is woken, and what clearing does.
//!
//! The cases are those of `EventTests` in CPython's test_locks, all of them.

mod sync_shared;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cede::sync::Event;
use cede::{Operation, Runner, call_soon, select, spawn, yield_now};
use sync_shared::trace::{run, ticking, ticks};
use sync_shared::{
    assert_needs_a_task, cancel_at_each_tick, cancel_soon, on_two_threads, pass, task, was_cancelled,
};

#[derive(Default)]
struct Shared {
    event: Event,
    result: RefCell<Vec<u32>>,
}

impl Shared {
    fn wait_and_push(&self, number: u32) {
        self.event.wait();
        self.result.borrow_mut().push(number);
    }
}

// test_repr
#[test]
fn its_debug_form_says_whether_it_is_set_and_how_many_wait() {
    run(|| {
        let event = Rc::new(Event::new());
        assert_eq!(format!("{event:?}"), "Event { set: false, waiting: 0 }");
        let waits = task(&event, Event::wait);
        yield_now();
        assert_eq!(format!("{event:?}"), "Event { set: false, waiting: 1 }");
        event.set();
        assert_eq!(format!("{event:?}"), "Event { set: true, waiting: 0 }");
        waits.join().unwrap();
    });
}

// test_wait
#[test]
fn those_who_wait_run_after_what_was_ready_and_in_the_order_in_which_they_came() {
    run(|| {
        let shared = Rc::new(Shared::default());
        let mut tasks = vec![1, 2]
            .into_iter()
            .map(|n| task(&shared, move |shared| shared.wait_and_push(n)))
            .collect::<Vec<_>>();
        yield_now();
        assert_eq!(*shared.result.borrow(), []);
        tasks.push(task(&shared, |shared| shared.wait_and_push(3)));
        shared.event.set();
        yield_now();
        assert_eq!(*shared.result.borrow(), [3, 1, 2]);
        assert!(tasks.iter().all(|task| task.is_finished()));
    });
}

// test_wait_on_set
#[test]
fn who_comes_when_it_is_set_does_not_wait() {
    ticking(|| {
        let event = Event::new();
        event.set();
        assert_eq!(ticks(|| event.wait()), 0);
        assert_eq!(ticks(|| event.waiting().wait()), 0);
    });
}

// test_wait_cancel
#[test]
fn a_waiter_that_is_cancelled_leaves_no_trace() {
    run(|| {
        let event = Rc::new(Event::new());
        let waits = cancel_soon(task(&event, Event::wait));
        assert!(was_cancelled(&waits));
        assert_eq!(format!("{event:?}"), "Event { set: false, waiting: 0 }");
    });
}

// test_clear
#[test]
fn it_is_set_until_it_is_cleared() {
    let event = Event::default();
    assert!(!event.is_set());
    event.set();
    assert!(event.is_set());
    event.clear();
    assert!(!event.is_set());
}

// test_clear_with_waiters
#[test]
fn one_who_was_woken_goes_on_though_it_is_cleared_before_he_runs() {
    run(|| {
        let shared = Rc::new(Shared::default());
        let waits = task(&shared, |shared| shared.wait_and_push(1));
        yield_now();
        shared.event.set();
        shared.event.clear();
        assert!(!shared.event.is_set());
        yield_now();
        assert_eq!(*shared.result.borrow(), [1]);
        waits.join().unwrap();

        let waits = task(&shared, |shared| shared.wait_and_push(2));
        yield_now();
        shared.event.set();
        shared.event.clear();
        shared.event.set();
        shared.event.set();
        yield_now();
        assert_eq!(*shared.result.borrow(), [1, 2]);
        waits.join().unwrap();
    });
}

#[test]
fn one_that_was_cleared_makes_the_next_wait() {
    run(|| {
        let event = Rc::new(Event::new());
        event.set();
        event.clear();
        let waits = task(&event, Event::wait);
        pass(3);
        assert!(!waits.is_finished());
        event.set();
        waits.join().unwrap();
    });
}

#[test]
fn a_cancellation_after_it_was_set_wins_over_it() {
    run(|| {
        let event = Rc::new(Event::new());
        let waits = task(&event, Event::wait);
        yield_now();
        event.set();
        waits.cancel();
        assert!(was_cancelled(&waits));
    });
}

#[test]
fn all_who_are_left_are_woken_wherever_one_is_cancelled() {
    let cancelled = cancel_at_each_tick(
        || {
            let event = Rc::new(Event::new());
            let mut tasks: Vec<_> = (0..2).map(|_| task(&event, Event::wait)).collect();
            let late = Rc::clone(&event);
            // The others go on however this one ends, also before it begins.
            let sets = SetsWhenDropped(Rc::clone(&event));
            tasks.push(spawn(move || {
                let _sets = sets;
                pass(2);
            }));
            tasks.push(spawn(move || {
                yield_now();
                late.wait();
            }));
            (event, tasks)
        },
        |event| assert_eq!(format!("{event:?}"), "Event { set: true, waiting: 0 }"),
    );
    assert!(cancelled >= 10, "{cancelled}");
}

struct SetsWhenDropped(Rc<Event>);

impl Drop for SetsWhenDropped {
    fn drop(&mut self) {
        self.0.set();
    }
}

#[test]
fn the_first_event_in_order_wins_a_race() {
    run(|| {
        let [first, second] = [(); 2].map(|()| Rc::new(Event::new()));
        let (a, b) = (Rc::clone(&first), Rc::clone(&second));
        let racer = spawn(move || {
            select! {
                () = a.waiting() => 'a',
                () = b.waiting() => 'b',
            }
        });
        yield_now();
        second.set();
        second.clear();
        assert_eq!(racer.join().unwrap(), 'b');
        assert_eq!(format!("{first:?}"), "Event { set: false, waiting: 0 }");
    });
}

#[test]
fn setting_works_in_callbacks_and_outside_of_runs_and_waiting_needs_a_task() {
    static EVENT: Event = Event::new();
    assert_needs_a_task(|| EVENT.wait());
    EVENT.set();
    EVENT.wait();
    run(|| {
        let event = Rc::new(Event::new());
        let sets = Rc::clone(&event);
        call_soon(move || sets.set());
        event.wait();
    });
}

#[test]
fn two_runs_on_two_threads_meet_in_each_round() {
    on_two_threads([(); 200].map(|()| [Event::new(), Event::new()]), |rounds, number| {
        for events in rounds.iter() {
            events[number].set();
            events[1 - number].wait();
        }
    });
}

#[test]
fn a_pulse_reaches_all_who_wait_on_another_thread() {
    on_two_threads((Event::new(), [(); 300].map(|()| Event::new())), |shared, number| {
        let (pulse, done) = &**shared;
        for done in done {
            if number == 0 {
                pulse.wait();
                done.set();
            } else {
                // Until the other has noticed: it may come late for any of them.
                while !done.is_set() {
                    pulse.set();
                    pulse.clear();
                    yield_now();
                }
            }
        }
    });
}

#[test]
fn the_report_of_a_deadlock_says_where_the_event_was_made() {
    let (event, line) = (Arc::new(Event::new()), line!());
    let runner = Runner::builder().virtual_time(true).build();
    let text = runner.run(|| event.wait()).unwrap_err().to_string();
    assert!(text.contains(&format!("waits for Event made at tests/sync_event.rs:{line}:")), "{text}");
}
