//! Queues: bounds, order, cancellation at every wait, shutting down, and counting what is unfinished.
//!
//! The cases of CPython's test_queues, with `sync_queue_kinds.rs`, which has those that go for all three kinds. Left out:
//!
//! | case | why |
//! |---|---|
//! | `test_generic_alias` | is about Python's annotations |
//! | `test_float_maxsize` | a bound that is no whole number does not compile |
//! | `test_format`, and the items in `test_repr` and `test_str` | the debug form counts items and does not show them: they need no Debug |

#[path = "sync_queue/cancelled.rs"]
mod cancelled;
mod sync_shared;

use std::rc::Rc;
use std::sync::Arc;

use cede::sync::{DoneTooOften, Event, GetNowaitError, PutError, PutNowaitError, Queue, QueueShutDown};
use cede::{Runner, call_soon, select, spawn, yield_now};
use sync_shared::trace::{Logs, log, logged, panic_text, run, silent_panic, ticking, ticks};
use sync_shared::{assert_needs_a_task, on_two_threads, pass, task};

// test_order, test_empty, test_nonblocking_get, test_nonblocking_get_exception
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

// test_full, test_nonblocking_put_exception
#[test]
fn a_bounded_queue_holds_no_more_than_its_bound_and_gives_items_back() {
    run(|| {
        let queue = Queue::bounded(2);
        queue.put_nowait(1).unwrap();
        queue.put(2).unwrap();
        assert!(queue.is_full());
        assert_eq!(queue.capacity(), Some(2));
        assert!(matches!(queue.put_nowait(3), Err(PutNowaitError::Full(3))));
        assert_eq!(queue.len(), 2);
        let unbounded = Queue::bounded(0);
        (0..100).for_each(|i| unbounded.put_nowait(i).unwrap());
        assert!(!unbounded.is_full());
        assert_eq!(unbounded.capacity(), None);
    });
}

// test_repr, test_str
#[test]
fn its_debug_form_counts_the_items_and_those_who_wait() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        let getter = task(&queue, Queue::get);
        yield_now();
        let text = format!("{queue:?}");
        assert!(
            text.starts_with("Queue { len: 0, capacity: Some(1), unfinished: 0, getters: 1, putters: 0"),
            "{text}"
        );
        queue.put_nowait(0).unwrap();
        assert_eq!(getter.join().unwrap(), Ok(0));
        queue.put_nowait(1).unwrap();
        let putter = task(&queue, |queue| queue.put(2));
        yield_now();
        let text = format!("{queue:?}");
        assert!(text.contains("len: 1, capacity: Some(1), unfinished: 2, getters: 0, putters: 1"), "{text}");
        queue.get_nowait().unwrap();
        putter.join().unwrap().unwrap();
        queue.shutdown(false);
        assert!(format!("{queue:?}").ends_with("shut_down: true }"));
    });
}

// test_maxsize
#[test]
fn a_putter_waits_when_its_items_are_as_many_as_the_bound() {
    run(|| {
        let queue = Rc::new(Queue::bounded(2));
        let putter = task(&queue, |queue| {
            for i in 0..3 {
                queue.put(i).unwrap();
                log(i.to_string());
            }
        });
        pass(2);
        assert_eq!(logged(), ["0", "1"]);
        assert_eq!(queue.get(), Ok(0));
        yield_now();
        assert_eq!(logged(), ["2"]);
        assert_eq!((queue.get(), queue.get()), (Ok(1), Ok(2)));
        assert!(putter.is_finished());
    });
}

// test_blocking_get, test_blocking_put
#[test]
fn what_is_there_is_had_and_what_has_room_is_put_without_waiting() {
    ticking(|| {
        let queue = Queue::bounded(1);
        assert_eq!(ticks(|| queue.put(1).unwrap()), 0);
        assert_eq!(ticks(|| assert_eq!(queue.get(), Ok(1))), 0);
        queue.task_done().unwrap();
        assert_eq!(ticks(|| queue.join()), 0);
    });
}

// test_get_with_putters
#[test]
fn a_get_wakes_the_first_who_waits_to_put() {
    ticking(|| {
        let queue = Rc::new(Queue::bounded(1));
        queue.put(1).unwrap();
        let putters = [2, 3].map(|item| task(&queue, move |queue| queue.put(item).unwrap()));
        yield_now();
        assert_eq!(queue.get(), Ok(1));
        assert_eq!(ticks(yield_now), 1);
        assert!(putters[0].is_finished() && !putters[1].is_finished());
        assert_eq!((queue.get(), queue.get()), (Ok(2), Ok(3)));
    });
}

// test_blocking_get_wait, test_put_with_waiting_getters
#[test]
fn a_getter_waits_until_a_callback_puts_something() {
    run(|| {
        let (queue, started) = (Rc::new(Queue::unbounded()), Rc::new(Event::new()));
        let starts = Rc::clone(&started);
        let getter = task(&queue, move |queue| {
            starts.set();
            queue.get()
        });
        started.wait();
        assert!(!getter.is_finished());
        let puts = Rc::clone(&queue);
        call_soon(move || puts.put_nowait(1).unwrap());
        assert_eq!(getter.join().unwrap(), Ok(1));
    });
}

// test_blocking_put_wait
#[test]
fn a_putter_waits_until_a_callback_takes_something() {
    run(|| {
        let (queue, started) = (Rc::new(Queue::bounded(1)), Rc::new(Event::new()));
        let starts = Rc::clone(&started);
        let putter = task(&queue, move |queue| {
            starts.set();
            queue.put(1).unwrap();
            queue.put(2).unwrap();
        });
        started.wait();
        pass(2);
        assert!(!putter.is_finished());
        let gets = Rc::clone(&queue);
        call_soon(move || assert_eq!(gets.get_nowait(), Ok(1)));
        putter.join().unwrap();
    });
}

// test_get_with_waiting_putters
#[test]
fn items_of_waiting_putters_come_in_their_order() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        let _putters = ["a", "b"].map(|item| task(&queue, move |queue| queue.put(item).unwrap()));
        assert_eq!((queue.get(), queue.get()), (Ok("a"), Ok("b")));
    });
}

// test_why_are_getters_waiting, test_why_are_putters_waiting
#[test]
fn no_getter_and_no_putter_waits_for_ever() {
    run(|| {
        let queue = Rc::new(Queue::bounded(1));
        let producer = task(&queue, |queue| (0..5).for_each(|i| queue.put(i).unwrap()));
        let consumer = task(&queue, |queue| (0..5).for_each(|i| assert_eq!(queue.get(), Ok(i))));
        producer.join().unwrap();
        consumer.join().unwrap();

        let queue = Rc::new(Queue::bounded(2));
        let getter = task(&queue, |queue| {
            yield_now();
            (0..queue.len()).for_each(|_| drop(queue.get_nowait().unwrap()));
        });
        let putters = [0, 1, 2, 3].map(|item| task(&queue, move |queue| queue.put(vec![item]).unwrap()));
        getter.join().unwrap();
        putters.iter().for_each(|putter| putter.join().unwrap());
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
    assert_eq!(
        format!("{queue:?}"),
        "Queue { len: 1, capacity: Some(1), unfinished: 1, getters: 0, putters: 0, shut_down: false }"
    );
}

#[test]
fn the_loser_of_a_race_has_put_and_taken_nothing() {
    run(|| {
        let [full, empty] = [Rc::new(Queue::bounded(1)), Rc::new(Queue::bounded(1))];
        full.put(1).unwrap();
        let (puts, gets) = (Rc::clone(&full), Rc::clone(&empty));
        let racer = spawn(move || {
            select! {
                item = gets.getting() => item.unwrap(),
                put = puts.putting(2) => { put.unwrap(); 0 }
            }
        });
        let next = task(&full, |queue| queue.put(3));
        yield_now();
        assert_eq!(full.get_nowait(), Ok(1));
        empty.put(7).unwrap();
        assert_eq!(racer.join().unwrap(), 7);
        next.join().unwrap().unwrap();
        assert_eq!((full.get_nowait(), full.len(), empty.len()), (Ok(3), 0, 0));
        full.put(4).unwrap();
        let joins = Rc::clone(&full);
        let racer = spawn(
            move || select! { () = joins.joining() => 'j', item = joins.getting() => if item == Ok(4) { 'g' } else { '?' } },
        );
        assert_eq!(racer.join().unwrap(), 'g');
        (0..3).for_each(|_| full.task_done().unwrap());
        let joins = Rc::clone(&full);
        let racer = spawn(move || select! { () = joins.joining() => 'j', _item = joins.getting() => 'g' });
        assert_eq!(racer.join().unwrap(), 'j');
    });
}

#[test]
fn what_does_not_wait_works_outside_of_runs_and_what_waits_says_why_it_cannot() {
    let queue = Queue::bounded(1);
    assert_needs_a_task(|| queue.get());
    queue.put("one").unwrap();
    assert_needs_a_task(|| queue.put("two"));
    assert_needs_a_task(|| queue.join());
    assert_eq!(queue.get(), Ok("one"));
    queue.task_done().unwrap();
    queue.join();
    queue.shutdown(true);
    assert_eq!(queue.get(), Err(QueueShutDown));
}

#[test]
fn two_runs_on_two_threads_lose_and_double_nothing() {
    let sums = on_two_threads(Queue::bounded(2), |queue, number| {
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let queue = Arc::clone(queue);
                spawn(move || match number {
                    0 => {
                        (1..=300).for_each(|item| queue.put(item).unwrap());
                        0
                    }
                    _ => {
                        let items = (0..300).map(|_| queue.get().unwrap());
                        items.inspect(|_| queue.task_done().unwrap()).sum::<u32>()
                    }
                })
            })
            .collect();
        let sum = tasks.iter().map(|task| task.join().unwrap()).sum::<u32>();
        queue.join();
        sum
    });
    assert_eq!(sums, [0, 3 * 300 * 301 / 2]);
}

#[test]
fn a_shutdown_on_another_thread_ends_all_waits() {
    on_two_threads((Queue::bounded(1), Event::new()), |shared, number| {
        let (queue, come) = &**shared;
        if number == 1 {
            come.wait();
            queue.shutdown(true);
            return;
        }
        let tasks = [false, true, false].map(|puts| {
            let shared = Arc::clone(shared);
            spawn(move || match puts {
                true => (0..1000).any(|item| shared.0.put(item).is_err()),
                false => (0..1000).any(|_| shared.0.get().is_err()),
            })
        });
        pass(20);
        come.set();
        assert!(tasks.iter().all(|task| task.join().is_ok()));
        assert_eq!(queue.get(), Err(QueueShutDown));
    });
}
