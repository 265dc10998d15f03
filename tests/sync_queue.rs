//! Queues: bounds, order, cancellation at every wait, shutting down, and counting what is unfinished.

#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;

use cede::sync::{DoneTooOften, GetNowaitError, PutError, PutNowaitError, Queue, QueueShutDown};
use cede::{Runner, spawn, yield_now};
use trace::{Logs, log, logged, panic_text, run, silent_panic};

#[test]
fn items_come_out_in_the_order_in_which_they_went_in() {
    run(|| {
        let queue = Queue::default();
        (0..5).for_each(|i| queue.put(i).unwrap());
        assert_eq!((queue.len(), queue.is_full()), (5, false));
        assert!((0..5).all(|i| queue.get() == Ok(i)));
        assert_eq!(queue.get_nowait(), Err(GetNowaitError::Empty));
        assert!(queue.is_empty());
    });
}

#[test]
fn a_bounded_queue_holds_no_more_than_its_bound_and_gives_items_back() {
    run(|| {
        let queue = Queue::bounded(2);
        queue.put_nowait(1).unwrap();
        queue.put(2).unwrap();
        assert!(queue.is_full());
        assert!(matches!(queue.put_nowait(3), Err(PutNowaitError::Full(3))));
        assert_eq!(queue.len(), 2);
        let unbounded = Queue::bounded(0);
        (0..100).for_each(|i| unbounded.put_nowait(i).unwrap());
        assert!(!unbounded.is_full());
    });
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        for name in ["first", "second", "third"] {
            let queue = Rc::clone(&queue);
            spawn(move || log(format!("{name} got {}", queue.get().unwrap())));
        }
        yield_now();
        for i in 0..6 {
            let queue = Rc::clone(&queue);
            spawn(move || {
                queue.put(i).unwrap();
                log(format!("put {i}"));
            });
        }
        (0..10).for_each(|_| yield_now());
        assert_eq!(queue.get(), Ok(3));
    });
    let (got, put): (Vec<_>, Vec<_>) = logged().into_iter().partition(|line| line.contains("got"));
    assert_eq!(got, ["first got 0", "second got 1", "third got 2"]);
    assert_eq!(put[..4], ["put 0", "put 1", "put 2", "put 3"]);
}

/// Cancels the task of a pipeline after each number of ticks, whatever it is doing then: no item may be lost or doubled.
#[test]
fn nothing_is_lost_when_a_getter_is_cancelled_at_any_wait() {
    for after in 0..30 {
        run(|| {
            let queue = Rc::new(Queue::bounded(1));
            let put = Rc::clone(&queue);
            let putter = spawn(move || (0..10).for_each(|i| put.put(i).unwrap()));
            let getters: Vec<_> = (0..3)
                .map(|_| {
                    let queue = Rc::clone(&queue);
                    spawn(move || {
                        while let Ok(item) = queue.get() {
                            log(item.to_string());
                        }
                    })
                })
                .collect();
            (0..after).for_each(|_| yield_now());
            getters[after % 3].cancel();
            putter.join().unwrap();
            queue.shutdown(false);
            getters.iter().for_each(|getter| drop(getter.join()));
        });
        let mut items: Vec<u32> = logged().iter().map(|line| line.parse().unwrap()).collect();
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>(), "cancelled after {after} ticks");
    }
}

#[test]
fn no_place_is_lost_when_a_putter_is_cancelled_at_any_wait() {
    for after in 0..30 {
        run(|| {
            let queue = Rc::new(Queue::bounded(1));
            let putters: Vec<_> = (0..3u32)
                .map(|n| {
                    let queue = Rc::clone(&queue);
                    spawn(move || (0..4).for_each(|i| queue.put(n * 10 + i).unwrap()))
                })
                .collect();
            let got = Rc::clone(&queue);
            let getter = spawn(move || std::iter::from_fn(|| got.get().ok()).collect::<Vec<_>>());
            (0..after).for_each(|_| yield_now());
            let victim = after % 3;
            putters[victim].cancel();
            let ended: Vec<_> = putters.iter().map(|putter| putter.join().is_ok()).collect();
            queue.shutdown(false);
            let items = getter.join().unwrap();
            for n in 0..3u32 {
                let own: Vec<_> = items.iter().filter(|&item| item / 10 == n).map(|item| item % 10).collect();
                let whole = ended[n as usize];
                assert!(whole || n as usize == victim);
                assert!(own.iter().copied().eq(0..own.len() as u32), "{own:?}");
                assert!(!whole || own.len() == 4, "cancelled after {after} ticks: {items:?}");
            }
        });
    }
}

#[test]
fn a_woken_waiter_that_goes_away_passes_its_wake_up_on_and_one_that_took_its_turn_does_not() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let queue = Rc::clone(&queue);
                spawn(move || queue.get())
            })
            .collect();
        yield_now();
        queue.put(1).unwrap();
        waiters[0].cancel();
        yield_now();
        waiters[1].cancel();
        assert_eq!(waiters[2].join().unwrap(), Ok(1));
    });
}

#[test]
fn who_takes_the_item_first_has_it_and_who_was_woken_for_it_waits_again() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        let other = Rc::clone(&queue);
        let waiter = spawn(move || other.get());
        yield_now();
        queue.put(1).unwrap();
        assert_eq!(queue.get_nowait(), Ok(1));
        yield_now();
        assert!(!waiter.is_finished());
        queue.put(2).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(2));
    });
}

#[test]
fn after_a_gentle_shutdown_what_is_there_can_be_taken_and_nothing_put() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put(1).unwrap();
        let other = Rc::clone(&queue);
        let putter = spawn(move || other.put(2));
        yield_now();
        queue.shutdown(false);
        assert!(matches!(putter.join().unwrap(), Err(PutError(2))));
        assert!(matches!(queue.put_nowait(3), Err(PutNowaitError::ShutDown(3))));
        assert_eq!(queue.get(), Ok(1));
        assert_eq!(queue.get(), Err(QueueShutDown));
        assert_eq!(queue.get_nowait(), Err(GetNowaitError::ShutDown));
    });
}

#[test]
fn an_immediate_shutdown_drops_the_items_and_wakes_all() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        queue.put(Logs("one")).unwrap();
        queue.put(Logs("two")).unwrap();
        let other = Rc::clone(&queue);
        let joiner = spawn(move || other.join());
        let empty = Rc::new(Queue::<u8>::unbounded());
        let other = Rc::clone(&empty);
        let getters = [0; 3].map(|_| {
            let other = Rc::clone(&other);
            spawn(move || other.get())
        });
        yield_now();
        queue.shutdown(true);
        empty.shutdown(true);
        joiner.join().unwrap();
        assert!(getters.iter().all(|getter| getter.join().unwrap() == Err(QueueShutDown)));
        assert_eq!(logged(), ["one", "two"]);
    });
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        silent_panic("in drop")
    }
}

#[test]
fn a_shutdown_wakes_all_though_an_item_panics_in_drop() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put(PanicsInDrop).unwrap();
        let (joins, puts) = (Rc::clone(&queue), Rc::clone(&queue));
        let joiner = spawn(move || joins.join());
        let putter = spawn(move || puts.put(PanicsInDrop).map_err(std::mem::forget).is_err());
        yield_now();
        assert_eq!(panic_text(|| queue.shutdown(true)), "in drop");
        joiner.join().unwrap();
        assert!(putter.join().unwrap());
    });
}

#[test]
fn join_waits_for_as_many_task_dones_as_there_were_items() {
    run(|| {
        let queue = Rc::new(Queue::unbounded());
        (0..3).for_each(|i| queue.put(i).unwrap());
        let other = Rc::clone(&queue);
        let joiner = spawn(move || other.join());
        for _ in 0..3 {
            queue.get().unwrap();
            yield_now();
            assert!(!joiner.is_finished());
            queue.task_done().unwrap();
        }
        // An item that comes before the joiner runs does not hold it back: it was idle once.
        queue.put(3).unwrap();
        joiner.join().unwrap();
    });
}

#[test]
fn task_done_is_an_error_when_it_is_called_too_often() {
    let queue = Queue::unbounded();
    queue.put(1).unwrap();
    assert_eq!(queue.task_done(), Ok(()));
    assert_eq!(queue.task_done(), Err(DoneTooOften));
}

#[test]
fn an_item_of_a_cancelled_putter_is_dropped_and_not_put() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put(Logs("in the queue")).unwrap();
        let other = Rc::clone(&queue);
        let putter = spawn(move || other.put(Logs("not put")).is_ok());
        yield_now();
        putter.cancel();
        assert!(putter.join().unwrap_err().is_cancelled());
        assert_eq!(logged(), ["not put"]);
        assert_eq!(queue.len(), 1);
    });
}

#[test]
fn the_report_says_where_the_queue_was_made_and_what_it_holds() {
    let queue = Queue::bounded(1);
    let line = line!() - 1;
    let runner = || Runner::builder().by_itself(true).build();
    let error = runner().run(|| {
        queue.put(1).unwrap();
        queue.put(2)
    });
    let text = error.map(drop).unwrap_err().to_string();
    assert!(text.contains(&format!("puts into Queue(1/1) made at tests/sync_queue.rs:{line}:17")), "{text}");
    let error = runner().run(|| queue.join()).unwrap_err().to_string();
    assert!(error.contains("waits for the items of Queue(1/1)"), "{error}");
    assert_eq!(format!("{queue:?}"), "Queue { len: 1, capacity: Some(1) }");
}
