//! What goes for queues of all three orders: joining, shutting down; and the orders.
//!
//! The cases of CPython's test_queues that are run for each class there: `LifoQueueTests`, `PriorityQueueTests`, and those of the
//! mixins for joining and shutting down. What was left out is said in `sync_queue.rs`.

mod sync_shared;

use std::cell::Cell;
use std::cmp::Reverse;
use std::rc::Rc;

use cede::sync::{
    DoneTooOften, Fifo, GetNowaitError, Lifo, LifoQueue, Order, Priority, PriorityQueue, PutError,
    PutNowaitError, QueueBy, QueueShutDown,
};
use cede::{Runner, spawn, yield_now};
use sync_shared::trace::run;
use sync_shared::{cancel_at_each_tick, pass, task};

/// Runs a test for each kind of queue.
macro_rules! for_each_kind {
    ($test:ident) => {
        run($test::<Fifo>);
        run($test::<Lifo>);
        run($test::<Priority>);
    };
}

fn unbounded<O: Order<u32>>() -> Rc<QueueBy<u32, O>> {
    Rc::default()
}

fn assert_is_shut_down<O: Order<u32>>(queue: &QueueBy<u32, O>) {
    assert!(matches!(queue.put(3), Err(PutError(3))));
    assert!(matches!(queue.put_nowait(3), Err(PutNowaitError::ShutDown(3))));
    assert_eq!(queue.get(), Err(QueueShutDown));
    assert_eq!(queue.get_nowait(), Err(GetNowaitError::ShutDown));
}

// test_order of LifoQueueTests and PriorityQueueTests
#[test]
fn the_last_comes_first_or_the_smallest() {
    run(|| {
        let (lifo, smallest, largest) =
            (LifoQueue::default(), PriorityQueue::default(), PriorityQueue::unbounded());
        for item in [1, 3, 2] {
            lifo.put(item).unwrap();
            smallest.put(item).unwrap();
            largest.put(Reverse(item)).unwrap();
        }
        assert_eq!([(); 3].map(|()| lifo.get().unwrap()), [2, 3, 1]);
        assert_eq!([(); 3].map(|()| smallest.get().unwrap()), [1, 2, 3]);
        assert_eq!([(); 3].map(|()| largest.get().unwrap().0), [3, 2, 1]);
    });
}

#[test]
fn a_waiting_getter_takes_what_is_first_when_it_runs() {
    run(|| {
        let smallest = Rc::new(PriorityQueue::unbounded());
        let getter = task(&smallest, PriorityQueue::get);
        yield_now();
        smallest.put(2).unwrap();
        smallest.put(1).unwrap();
        assert_eq!(getter.join().unwrap(), Ok(1));
    });
}

// test_task_done_underflow
fn task_done_too_often<O: Order<u32>>() {
    let queue = unbounded::<O>();
    assert_eq!(queue.task_done(), Err(DoneTooOften));
}

#[test]
fn task_done_without_an_item_is_an_error() {
    for_each_kind!(task_done_too_often);
}

// test_task_done
fn two_workers<O: Order<u32> + 'static>() {
    let queue = unbounded::<O>();
    (0..100).for_each(|item| queue.put_nowait(item).unwrap());
    let workers = [(); 2].map(|()| {
        task(&queue, |queue| {
            let mut sum = 0;
            while let Ok(item) = queue.get() {
                sum += item;
                queue.task_done().unwrap();
            }
            sum
        })
    });
    queue.join();
    assert!(queue.is_empty());
    queue.shutdown(false);
    assert_eq!(workers.iter().map(|worker| worker.join().unwrap()).sum::<u32>(), (0..100).sum());
}

#[test]
fn join_returns_when_all_items_have_been_dealt_with() {
    for_each_kind!(two_workers);
}

// test_join_empty_queue
fn join_twice<O: Order<u32>>() {
    let queue = unbounded::<O>();
    cede::no_switch(|| {
        queue.join();
        queue.join();
    });
}

#[test]
fn joining_an_empty_queue_does_not_wait() {
    for_each_kind!(join_twice);
}

// test_shutdown_empty
fn shut_down_empty<O: Order<u32> + 'static>() {
    let queue = unbounded::<O>();
    let getter = task(&queue, QueueBy::get);
    yield_now();
    queue.shutdown(false);
    assert_eq!(queue.len(), 0);
    queue.join();
    yield_now();
    assert!(getter.is_finished());
    assert_eq!(getter.join().unwrap(), Err(QueueShutDown));
    assert_is_shut_down(&queue);
}

#[test]
fn shutting_an_empty_queue_down_tells_those_who_wait_to_get() {
    for_each_kind!(shut_down_empty);
}

// test_shutdown_nonempty
fn shut_down_nonempty<O: Order<u32> + 'static>() {
    let queue = Rc::new(QueueBy::<u32, O>::bounded(1));
    queue.put_nowait(1).unwrap();
    let joiner = task(&queue, QueueBy::join);
    let putter = task(&queue, |queue| queue.put(2));
    yield_now();
    assert!(!putter.is_finished());
    queue.shutdown(false);
    assert_eq!(queue.len(), 1);
    yield_now();
    assert!(matches!(putter.join().unwrap(), Err(PutError(2))));
    assert_eq!(queue.get(), Ok(1));
    yield_now();
    assert!(!joiner.is_finished());
    assert_is_shut_down(&queue);
    queue.task_done().unwrap();
    yield_now();
    assert!(joiner.is_finished());
    assert_eq!(queue.task_done(), Err(DoneTooOften));
}

#[test]
fn shutting_a_full_queue_down_leaves_its_items() {
    for_each_kind!(shut_down_nonempty);
}

// test_shutdown_immediate
fn shut_down_immediately<O: Order<u32> + 'static>() {
    let queue = unbounded::<O>();
    queue.put_nowait(1).unwrap();
    let joiner = task(&queue, QueueBy::join);
    yield_now();
    queue.shutdown(true);
    assert_eq!(queue.len(), 0);
    yield_now();
    assert!(joiner.is_finished());
    assert_is_shut_down(&queue);
    assert_eq!(queue.task_done(), Err(DoneTooOften));
}

#[test]
fn shutting_down_immediately_takes_the_items_away() {
    for_each_kind!(shut_down_immediately);
}

// test_shutdown_immediate_with_unfinished
fn shut_down_immediately_with_one_taken<O: Order<u32> + 'static>() {
    let queue = unbounded::<O>();
    queue.put_nowait(1).unwrap();
    queue.put_nowait(1).unwrap();
    let joiner = task(&queue, QueueBy::join);
    assert_eq!(queue.get(), Ok(1));
    queue.shutdown(true);
    assert_eq!(queue.len(), 0);
    yield_now();
    assert!(!joiner.is_finished());
    assert_is_shut_down(&queue);
    queue.task_done().unwrap();
    assert_eq!(queue.task_done(), Err(DoneTooOften));
    yield_now();
    assert!(joiner.is_finished());
}

#[test]
fn shutting_down_immediately_waits_for_what_was_taken_before() {
    for_each_kind!(shut_down_immediately_with_one_taken);
}

struct Counted<O: Order<u32>> {
    queue: QueueBy<u32, O>,
    put: Cell<usize>,
    got: Cell<usize>,
}

struct ShutsDown<O: Order<u32>>(Rc<Counted<O>>);

impl<O: Order<u32>> Drop for ShutsDown<O> {
    fn drop(&mut self) {
        self.0.queue.shutdown(false);
    }
}

fn add_one(count: &Cell<usize>) {
    count.set(count.get() + 1);
}

fn counted_and_cancelled<O: Order<u32> + 'static>() {
    let make = || {
        let queue = QueueBy::<u32, O>::bounded(1);
        let shared = Rc::new(Counted { queue, put: Cell::new(0), got: Cell::new(0) });
        let puts = |shared: &Counted<O>| {
            (0..3).for_each(|i| {
                if shared.queue.put(i).is_ok() {
                    add_one(&shared.put)
                }
            })
        };
        let gets = |shared: &Counted<O>| {
            while shared.queue.get().is_ok() {
                add_one(&shared.got);
            }
        };
        let mut tasks =
            vec![task(&shared, puts), task(&shared, gets), task(&shared, puts), task(&shared, gets)];
        // However that task ends.
        let closes = ShutsDown(Rc::clone(&shared));
        tasks.push(spawn(move || {
            let _closes = closes;
            pass(15);
        }));
        (shared, tasks)
    };
    let cancelled = cancel_at_each_tick(make, |shared| {
        assert_eq!(shared.put.get(), shared.got.get() + shared.queue.len());
        assert!(format!("{:?}", shared.queue).contains("getters: 0, putters: 0"));
    });
    assert!(cancelled > 30, "{cancelled}");
}

#[test]
fn what_was_put_is_had_once_wherever_a_task_is_cancelled() {
    counted_and_cancelled::<Fifo>();
    counted_and_cancelled::<Lifo>();
    counted_and_cancelled::<Priority>();
}

#[test]
fn the_reports_name_the_kind() {
    let lifo = LifoQueue::<u32>::unbounded();
    let smallest = PriorityQueue::bounded(1);
    let run = |f: &dyn Fn()| Runner::builder().virtual_time(true).build().run(f).unwrap_err().to_string();
    let text = run(&|| assert!(lifo.get().is_err()));
    assert!(text.contains("gets from LifoQueue(0) made at tests/sync_queue_kinds.rs"), "{text}");
    let text = run(&|| (0..2).for_each(|i| smallest.put(i).unwrap()));
    assert!(text.contains("puts into PriorityQueue(1/1) made at tests/sync_queue_kinds.rs"), "{text}");
    assert!(format!("{lifo:?} {smallest:?}").starts_with("LifoQueue { len: 0"));
}
