//! Long chains: results of results of results, tasks that join tasks that join tasks, groups of errors in groups. Nothing that is done
//! about them takes a stack that grows with their length, nor time that grows faster than it.
//!
//! Each test runs in tasks with 64 KiB of stack, on a thread that has 256 KiB.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use cede::task::{Awaitable, End, Promise, Shield, all_tasks, gather, gather_results, shield};
use cede::{
    GroupError, JoinHandle, Runner, catch_cancelled, scope, sleep, spawn, try_scope, try_spawn, yield_now,
};

const DEPTH: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

/// Runs a main task under virtual time, with little stack everywhere. Gives it, too, what is left to do when the run is over.
fn on_little_stack<T: 'static>(main: impl FnOnce() -> T + Send + 'static) {
    let body = move || {
        let runner = Runner::builder().virtual_time(true).stack_size(64 << 10).build();
        let left = runner.run(main).unwrap();
        runner.close().unwrap();
        drop(left);
    };
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(body).unwrap();
    thread.join().unwrap();
}

/// Something in a shield, that in a shield, and so on.
fn shields<T: 'static>(inner: Shield<T>) -> Shield<T> {
    (1..DEPTH).fold(inner, |inner, _| shield(inner))
}

/// Something in a gather, that in a gather, and so on.
fn gathers(inner: End) -> End {
    (0..DEPTH).fold(
        inner,
        |inner, i| {
            if i % 2 == 0 { gather([inner]).end() } else { gather_results([inner]).end() }
        },
    )
}

/// A task that sleeps for ever, one that joins it, one that joins that, and so on.
fn joins(length: usize) -> JoinHandle<()> {
    let first = spawn(|| sleep(Duration::MAX));
    (0..length).fold(first, |before, _| spawn(move || before.join().unwrap()))
}

#[test]
fn shields_are_dropped_while_what_they_shield_goes_on() {
    on_little_stack(|| {
        let promise = Promise::<u32>::new();
        drop(shields(shield(&promise)));
        // Somebody wants to hear of the end: the shields stay without their handles.
        shields(shield(&promise)).on_done(|_| unreachable!("the promise is dropped"));
        drop(promise);
        let kept = Promise::<u32>::new();
        let outermost = shields(shield(&kept));
        drop(kept);
        outermost
    });
}

#[test]
fn shields_hand_on_what_they_shield() {
    on_little_stack(|| {
        let promise = Promise::new();
        let outermost = shields(shield(&promise));
        promise.set_result(Box::new(7)).unwrap();
        assert_eq!(*outermost.join_cloned().unwrap(), 7);
        let of_what_has_ended = shields(shield(&promise));
        assert!(of_what_has_ended.is_finished());
        assert_eq!(*of_what_has_ended.join().unwrap(), 7);
        assert!(outermost.join().unwrap_err().is_already_taken());
        let failed = Promise::<()>::new();
        let outermost = shields(shield(&failed));
        failed.set_error("no disk").unwrap();
        assert_eq!(outermost.join().unwrap_err().to_string(), "no disk");
        (outermost, of_what_has_ended)
    });
}

#[test]
fn the_outermost_of_many_shields_is_cancelled_alone_and_the_innermost_cancels_all() {
    on_little_stack(|| {
        let promise = Promise::<u32>::new();
        let innermost = shield(&promise);
        let middle = shields(shield(&innermost));
        let outermost = shields(shield(&middle));
        assert!(outermost.cancel());
        assert!(outermost.join().unwrap_err().is_cancelled() && !middle.is_finished());
        assert!(innermost.cancel());
        assert!(middle.join().unwrap_err().is_cancelled() && !promise.is_finished());
    });
}

#[test]
fn gathers_of_gathers_are_dropped_and_joined_and_cancelled() {
    on_little_stack(|| {
        let promise = Promise::<u32>::new();
        drop(gathers(promise.end()));
        gathers(promise.end()).on_done(|_| unreachable!("the promise is dropped"));
        drop(promise);

        let promise = Promise::new();
        let outermost = gathers(promise.end());
        promise.set_result(7).unwrap();
        outermost.join().unwrap();
        assert_eq!(outermost.outcome().unwrap().map_err(|error| error.to_string()), Ok(()));

        let task = spawn(|| sleep(Duration::MAX));
        yield_now();
        let outermost = gathers(task.end());
        assert!(outermost.cancel());
        assert!(outermost.join().unwrap_err().is_cancelled() && task.is_cancelled());
        outermost
    });
}

/// What is in two places on each of many levels is in very many on the whole.
#[test]
fn a_result_that_many_gathers_share_is_looked_at_once_by_each() {
    on_little_stack(|| {
        let failing = Promise::<u32>::new();
        let outermost = (0..60).fold(failing.end(), |inner, _| gather([&inner, &inner]).end());
        let stuck = spawn(move || outermost.join());
        yield_now();
        let stuck_in =
            all_tasks().iter().find_map(|task| task.waits_for().filter(|text| text.contains("gather")));
        assert!(stuck_in.unwrap().len() < 10_000);
        failing.set_error("no disk").unwrap();
        assert_eq!(stuck.join().unwrap().unwrap_err().to_string(), "no disk");
    });
}

#[test]
fn a_deadlock_over_many_levels_is_reported_in_a_few_words() {
    let body = || {
        let runner = Runner::builder().virtual_time(true).by_itself(true).stack_size(64 << 10).build();
        let waits = |end: End| {
            let error = runner.run(move || end.join().map_err(|_| ())).unwrap_err().to_string();
            assert!(error.contains("joins a ") && error.len() < 2_000, "{error}");
        };
        let promise = Promise::<u32>::new();
        let outermost = runner.run(|| shields(shield(&promise)).end()).unwrap();
        waits(outermost);
        let outermost = runner.run(|| gathers(promise.end())).unwrap();
        waits(outermost);
        runner.close().unwrap();
    };
    thread::Builder::new().stack_size(256 << 10).spawn(body).unwrap().join().unwrap();
}

#[test]
fn a_chain_of_joins_is_cancelled_from_its_end() {
    on_little_stack(|| {
        let last = joins(DEPTH);
        yield_now();
        yield_now();
        assert!(last.cancel());
        assert!(last.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_chain_of_joins_is_ended_with_its_run() {
    on_little_stack(|| {
        let last = joins(DEPTH);
        yield_now();
        yield_now();
        last
    });
}

#[test]
fn a_chain_of_joins_is_ended_with_its_scope() {
    on_little_stack(|| {
        let ended = Rc::new(Cell::new(0));
        let error = try_scope(|s| {
            s.spawn(|| {
                let last = (0..DEPTH).fold(s.spawn(|| sleep(Duration::MAX)), |before, _| {
                    let ended = &ended;
                    s.spawn(move || {
                        let joined = catch_cancelled(|| before.join().unwrap());
                        ended.set(ended.get() + 1);
                        joined.unwrap_err().resume()
                    })
                });
                last.join().unwrap();
            });
            yield_now();
            yield_now();
            yield_now();
            Err::<(), _>("no disk")
        });
        assert_eq!(error.unwrap_err().to_string(), "no disk");
        assert_eq!(ended.get(), DEPTH);
    });
}

/// Tasks that join each other in a ring, and others that join those.
#[test]
fn rings_of_joins_are_ended_with_their_run() {
    on_little_stack(|| {
        let ring: Rc<std::cell::RefCell<Vec<Rc<JoinHandle<()>>>>> = Rc::default();
        let length = 1_000;
        for number in 0..length {
            let others = Rc::clone(&ring);
            let task = spawn(move || {
                let next = Rc::clone(&others.borrow()[(number + 1) % length]);
                next.join().unwrap();
            });
            ring.borrow_mut().push(Rc::new(task));
        }
        let tail = (0..length)
            .fold(Rc::clone(&ring.borrow()[0]), |before, _| Rc::new(spawn(move || before.join().unwrap())));
        yield_now();
        yield_now();
        drop(tail);
    });
}

/// How long it takes to end the run with a chain of joins that is so long.
fn time_to_end(length: usize) -> Duration {
    let runner = Runner::builder().virtual_time(true).stack_size(64 << 10).build();
    runner
        .run(|| {
            drop(joins(length));
            yield_now();
            yield_now();
        })
        .unwrap();
    let begin = Instant::now();
    runner.close().unwrap();
    begin.elapsed()
}

/// A chain that is eight times as long took 64 times as long once.
#[test]
fn the_time_to_end_a_chain_grows_with_its_length() {
    let ratio = |_: u32| time_to_end(16_000).as_secs_f64() / time_to_end(2_000).as_secs_f64();
    let best = (0..5).map(ratio).fold(f64::INFINITY, f64::min);
    assert!(best < 32.0, "{best}");
}

/// The values of tasks that nobody has taken, each with the handle of the next.
struct Nested {
    _task: Option<JoinHandle<Nested>>,
    _promise: Option<Promise<Nested>>,
}

#[test]
fn handles_in_the_values_of_handles_are_dropped() {
    on_little_stack(|| {
        let mut last = Nested { _task: None, _promise: None };
        for i in 0..DEPTH {
            last = if i % 2 == 0 {
                let task = spawn(move || last);
                yield_now();
                Nested { _task: Some(task), _promise: None }
            } else {
                let promise = Promise::new();
                assert!(promise.set_result(last).is_ok());
                Nested { _task: None, _promise: Some(promise) }
            };
        }
        drop(last);
    });
}

#[test]
fn groups_of_errors_in_groups_are_written_searched_split_and_dropped() {
    on_little_stack(|| {
        let mut error: Box<dyn Error> = "no disk".parse::<u8>().unwrap_err().into();
        for i in 0..DEPTH {
            let group = scope(|s| {
                s.try_spawn(move || Err::<(), _>(error));
                if i == 10 {
                    s.try_spawn(|| Err::<(), _>("no time"));
                }
            });
            error = group.unwrap_err().into();
        }
        let group = *error.downcast::<GroupError>().unwrap();
        assert_eq!(group.to_string(), "invalid digit found in string (and 1 other error)");
        assert!(format!("{group:#}").lines().count() < 100);
        assert_eq!(group.of_type::<std::num::ParseIntError>().count(), 1);
        let (these, others) =
            group.split_by(|error| error.error().is_some_and(|error| error.is::<std::num::ParseIntError>()));
        assert_eq!(these.unwrap().to_string(), "invalid digit found in string");
        assert_eq!(others.unwrap().to_string(), "no time");
        // A task that ends with it, and nobody asks.
        cede::set_task_hook(|report| assert!(report.message().len() < 1_000));
        drop(try_spawn(move || Err::<(), _>(group)));
        yield_now();
        drop(cede::take_task_hook());
    });
}
