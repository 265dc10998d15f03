//! A crowd of tasks cancelled at once: all end, in order, nothing is lost, and each costs what one in a small crowd costs.
//!
//! There are 5,000 of them, or as many as `CEDE_SCALE` says; a million need 5 GB.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use cede::stack::stats;
use cede::sync::{Event, Lock, Queue, Semaphore};
use cede::{JoinHandle, Runner, scope, sleep, spawn, yield_now};
use rustix::time::{ClockId, clock_gettime};

fn crowd() -> usize {
    std::env::var("CEDE_SCALE").map_or(5_000, |count| count.parse().expect("CEDE_SCALE is a number"))
}

/// Under virtual time, so that a task which is lost is a deadlock and not a hang.
fn run<T>(main: impl FnOnce() -> T) -> T {
    Runner::builder()
        .stack_size(if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 })
        .virtual_time(true)
        .build()
        .run(main)
        .unwrap()
}

/// Notes its number when it is dropped.
struct Leaves(usize, Rc<RefCell<Vec<usize>>>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// Has so many tasks wait and cancels them all; says in which order they left.
fn cancel_all(count: usize, wait: impl Fn() + 'static) -> Vec<usize> {
    let (left, wait) = (Rc::new(RefCell::new(Vec::with_capacity(count))), Rc::new(wait));
    let tasks: Vec<JoinHandle<()>> = (0..count)
        .map(|number| {
            let (leaves, wait) = (Leaves(number, Rc::clone(&left)), Rc::clone(&wait));
            spawn(move || {
                let _leaves = leaves;
                wait();
            })
        })
        .collect();
    yield_now();
    assert_eq!(stats().in_use, count + 1);
    assert!(tasks.iter().all(JoinHandle::cancel));
    assert!(tasks.iter().all(|task| !task.is_finished()), "it is requested, and they go on in the next tick");
    yield_now();
    assert!(tasks.iter().all(JoinHandle::is_finished));
    assert!(tasks.iter().all(|task| task.join().unwrap_err().is_cancelled()));
    assert_eq!(stats().in_use, 1);
    left.take()
}

fn check(wait: impl Fn() + 'static) {
    let count = crowd();
    assert!(cancel_all(count, wait).into_iter().eq(0..count));
}

#[test]
fn a_crowd_that_sleeps_ends_in_order() {
    run(|| check(|| sleep(Duration::from_secs(1_000))));
}

#[test]
fn a_crowd_that_waits_for_a_lock_ends_in_order_and_leaves_it_free() {
    run(|| {
        let lock = Rc::new(Lock::new());
        lock.acquire().forget();
        let wanted = Rc::clone(&lock);
        check(move || drop(wanted.acquire()));
        assert!(lock.is_locked());
        lock.release().unwrap();
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_crowd_that_waits_for_items_ends_in_order_and_the_items_go_to_others() {
    run(|| {
        let queue = Rc::new(Queue::<usize>::unbounded());
        let wanted = Rc::clone(&queue);
        check(move || assert!(wanted.get().is_err()));
        queue.put(7).unwrap();
        assert_eq!(queue.get(), Ok(7));
    });
}

#[test]
fn a_crowd_that_waits_for_an_event_ends_in_order() {
    run(|| {
        let event = Rc::new(Event::new());
        let wanted = Rc::clone(&event);
        check(move || wanted.wait());
        event.set();
    });
}

#[test]
fn a_crowd_that_waits_for_a_permit_ends_in_order_and_takes_none() {
    run(|| {
        let permits = Rc::new(Semaphore::new(1));
        permits.acquire().forget();
        let wanted = Rc::clone(&permits);
        check(move || drop(wanted.acquire()));
    });
}

#[test]
fn a_crowd_that_joins_one_task_ends_with_it() {
    run(|| {
        let count = crowd();
        let slow = Rc::new(spawn(|| sleep(Duration::from_secs(1_000))));
        let joining: Vec<_> = (0..count)
            .map(|_| {
                let slow = Rc::clone(&slow);
                spawn(move || slow.join().unwrap_err().is_cancelled())
            })
            .collect();
        yield_now();
        slow.cancel();
        assert!(joining.iter().all(|task| task.join().unwrap()));
    });
}

#[test]
fn the_children_of_a_scope_end_in_order_when_one_fails_and_so_do_those_of_a_run() {
    let count = crowd();
    let left = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let waits = |number: usize| {
        let leaves = Leaves(number, Rc::clone(&left));
        move || {
            let _leaves = leaves;
            sleep(Duration::from_secs(1_000));
        }
    };
    run(|| {
        let error = scope(|s| {
            (0..count).for_each(|number| drop(s.spawn(waits(number))));
            yield_now();
            s.try_spawn(|| "x".parse::<u8>());
        });
        assert_eq!(error.unwrap_err().len(), 1);
        assert!(left.take().into_iter().eq(0..count));
        (0..count).for_each(|number| drop(spawn(waits(number))));
        yield_now();
    });
    assert!(left.take().into_iter().eq(0..count));
    assert_eq!(stats().in_use, 0);
}

/// Time, but of this thread alone, and with room for a machine that is busy: what takes quadratic time takes a hundred times as long.
#[test]
fn ten_times_as_many_take_about_ten_times_as_long() {
    let time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    run(|| {
        let lock = Rc::new(Lock::new());
        lock.acquire().forget();
        let round = |count| {
            let (wanted, start) = (Rc::clone(&lock), time());
            assert!(cancel_all(count, move || drop(wanted.acquire())).into_iter().eq(0..count));
            time() - start
        };
        round(500);
        let (few, many) = (round(500), round(5_000));
        assert!(many < few * 40, "500 took {few:?}, 5,000 took {many:?}");
    });
}
