//! Futures of operations in bad hands: polled for no reason, by changing threads, by wakers, dropped in the worst moment, leaked.

mod future_shared;

use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use cede::future::{AsFuture, Independent, as_future};
use cede::sync::{Event, Lock, PriorityQueue, Queue, Semaphore, broadcast, mpsc};
use future_shared::trace::{panic_text, reported, silent_panic};
use future_shared::{Calls, Count, poll};

/// On the heap, so that it may move.
fn boxed<O: Independent>(operation: O) -> Pin<Box<AsFuture<O>>> {
    Box::pin(as_future(operation))
}

fn noop() -> &'static Waker {
    Waker::noop()
}

#[test]
fn a_waker_is_called_when_the_lock_is_free_so_it_may_use_the_same_queue() {
    let queue = Arc::new(Queue::unbounded());
    let inner = Arc::clone(&queue);
    let waker = Arc::new(Calls(move || inner.put_nowait(2).unwrap())).into();
    let mut gets = boxed(queue.getting());
    assert!(poll(&mut gets, &waker).is_pending());
    queue.put_nowait(1).unwrap();
    assert_eq!(poll(&mut gets, noop()), Poll::Ready(Ok(1)));
    assert_eq!(queue.get_nowait(), Ok(2));
}

#[test]
fn a_waker_may_use_the_same_priority_queue_whose_items_are_compared_under_a_lock() {
    let queue = Arc::new(PriorityQueue::unbounded());
    let (inner, seen) = (Arc::clone(&queue), Arc::new(StdMutex::new(None)));
    let says = Arc::clone(&seen);
    let waker = Arc::new(Calls(move || {
        inner.put_nowait(1).unwrap();
        *says.lock().unwrap() = Some(inner.get_nowait());
    }))
    .into();
    let mut gets = boxed(queue.getting());
    assert!(poll(&mut gets, &waker).is_pending());
    queue.put_nowait(2).unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(Ok(1)));
    assert_eq!(poll(&mut gets, noop()), Poll::Ready(Ok(2)));
}

#[test]
fn a_waker_may_poll_the_future_and_drop_it() {
    let (tx, rx) = mpsc::unbounded::<u32>();
    let rx: &'static mpsc::Receiver<u32> = Box::leak(Box::new(rx));
    type Slot = StdMutex<Option<Pin<Box<AsFuture<mpsc::Receiving<'static, u32>>>>>>;
    let slot: Arc<Slot> = Arc::new(StdMutex::new(Some(boxed(rx.receiving()))));
    let seen = Arc::new(StdMutex::new(None));
    let (its_slot, its_seen) = (Arc::clone(&slot), Arc::clone(&seen));
    let waker: Waker = Arc::new(Calls(move || {
        let mut future = its_slot.lock().unwrap().take().unwrap();
        *its_seen.lock().unwrap() = Some(poll(&mut future, Waker::noop()));
    }))
    .into();
    assert!(poll(slot.lock().unwrap().as_mut().unwrap(), &waker).is_pending());
    tx.try_send(9).unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(Poll::Ready(Ok(9))));
}

#[test]
fn a_waker_that_panics_is_reported_and_harms_nobody() {
    let event = Event::new();
    let count = Count::new();
    let panics: Waker = Arc::new(Calls(|| silent_panic("in a waker"))).into();
    let (mut first, mut second) = (boxed(event.waiting()), boxed(event.waiting()));
    assert!(poll(&mut first, &panics).is_pending());
    assert!(poll(&mut second, &count.waker()).is_pending());
    let ((), told) = reported(|| event.set());
    assert_eq!(told, ["a waker: panicked: in a waker"]);
    assert_eq!(count.get(), 1);
    assert!(poll(&mut first, noop()).is_ready() && poll(&mut second, noop()).is_ready());
}

#[test]
fn a_poll_for_no_reason_keeps_the_turn_and_the_last_waker_is_called() {
    let queue = Queue::unbounded();
    let (first, second, later) = (Count::new(), Count::new(), Count::new());
    let (mut a, mut b) = (boxed(queue.getting()), boxed(queue.getting()));
    assert!(poll(&mut a, &first.waker()).is_pending());
    assert!(poll(&mut b, &second.waker()).is_pending());
    assert!(poll(&mut a, &later.waker()).is_pending());
    queue.put_nowait(1).unwrap();
    assert_eq!((first.get(), second.get(), later.get()), (0, 0, 1));
    assert!(poll(&mut b, noop()).is_pending(), "it is not its turn");
    assert_eq!(poll(&mut a, noop()), Poll::Ready(Ok(1)));
}

#[test]
fn what_a_future_that_is_dropped_was_woken_for_is_the_next_ones() {
    let queue = Queue::unbounded();
    let counts = [Count::new(), Count::new()];
    let (mut a, mut b) = (boxed(queue.getting()), boxed(queue.getting()));
    assert!(poll(&mut a, &counts[0].waker()).is_pending());
    assert!(poll(&mut b, &counts[1].waker()).is_pending());
    queue.put_nowait(1).unwrap();
    drop(a);
    assert_eq!(counts.each_ref().map(|count| count.get()), [1, 1]);
    assert_eq!(poll(&mut b, noop()), Poll::Ready(Ok(1)));

    let lock = Lock::new();
    let held = lock.try_acquire().unwrap();
    let (mut a, mut b) = (boxed(lock.acquiring()), boxed(lock.acquiring()));
    assert!(poll(&mut a, noop()).is_pending() && poll(&mut b, &counts[1].waker()).is_pending());
    drop(held);
    drop(a);
    assert_eq!(counts[1].get(), 2);
    assert!(poll(&mut b, noop()).is_ready());
}

#[test]
fn a_future_moves_between_threads_from_poll_to_poll() {
    let (tx, rx) = mpsc::unbounded();
    let rx: &'static mpsc::Receiver<u32> = Box::leak(Box::new(rx));
    let mut future = boxed(rx.receiving());
    for _ in 0..3 {
        let count = Count::new();
        let waker = count.waker();
        future = thread::spawn(move || {
            assert!(poll(&mut future, &waker).is_pending());
            future
        })
        .join()
        .unwrap();
    }
    let count = Count::new();
    assert!(poll(&mut future, &count.waker()).is_pending());
    thread::spawn(move || tx.try_send(5).unwrap()).join().unwrap();
    assert_eq!(count.get(), 1);
    assert_eq!(thread::spawn(move || poll(&mut future, Waker::noop())).join().unwrap(), Poll::Ready(Ok(5)));
}

#[test]
fn a_future_is_dropped_while_its_waker_is_called_on_another_thread() {
    for _ in 0..2000 {
        let event = Arc::new(Event::new());
        let start = Arc::new(Barrier::new(2));
        let (its_event, its_start) = (Arc::clone(&event), Arc::clone(&start));
        let sets = thread::spawn(move || {
            its_start.wait();
            its_event.set();
        });
        let count = Count::new();
        let mut future = boxed(event.waiting());
        assert!(poll(&mut future, &count.waker()).is_pending());
        start.wait();
        drop(future);
        sets.join().unwrap();
        assert!(count.get() <= 1);
        assert_eq!(Arc::strong_count(&count), 1, "its waker is gone");
    }
}

#[test]
fn a_permit_is_never_lost_between_futures_that_come_and_go_on_several_threads() {
    let semaphore = Arc::new(Semaphore::new(1));
    let threads: Vec<_> = (0..3)
        .map(|number| {
            let semaphore = Arc::clone(&semaphore);
            thread::spawn(move || {
                for turn in 0..500 {
                    let mut future = boxed(semaphore.acquiring());
                    if poll(&mut future, noop()).is_pending() && (turn + number) % 3 == 0 {
                        continue;
                    }
                    drop(future);
                    smol::block_on(async { drop(semaphore.acquiring().await) });
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(semaphore.try_acquire().is_some());
}

#[test]
fn a_future_that_is_leaked_keeps_its_turn_and_nothing_else() {
    let count = Count::new();
    let event = Event::new();
    let mut leaked = boxed(event.waiting());
    assert!(poll(&mut leaked, &count.waker()).is_pending());
    std::mem::forget(leaked);
    let mut other = boxed(event.waiting());
    assert!(poll(&mut other, noop()).is_pending());
    event.set();
    assert_eq!(count.get(), 1, "its memory is still there");
    assert!(poll(&mut other, noop()).is_ready());

    // The list goes while a node that was leaked is in it.
    for dropped_first in [true, false] {
        let queue = Queue::<u32>::unbounded();
        let mut leaked = boxed(queue.getting());
        assert!(poll(&mut leaked, &count.waker()).is_pending());
        let mut other = boxed(queue.getting());
        assert!(poll(&mut other, noop()).is_pending());
        std::mem::forget(leaked);
        if dropped_first {
            drop(other);
        } else {
            std::mem::forget(other);
        }
        let moved = queue;
        moved.put_nowait(1).unwrap();
        drop(moved);
    }
}

#[test]
fn a_future_that_was_ready_panics_when_it_is_polled_again() {
    let event = Event::new();
    event.set();
    let mut future = boxed(event.waiting());
    assert!(poll(&mut future, noop()).is_ready());
    assert_eq!(panic_text(|| poll(&mut future, noop())), "cede: a future was polled after it was ready");
}

#[test]
fn a_future_that_was_never_polled_does_nothing() {
    let queue = Queue::unbounded();
    drop(boxed(queue.getting()));
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.get_nowait(), Ok(1));
}

#[test]
fn a_clone_that_panics_comes_out_of_the_poll_and_leaves_the_channel_as_it_was() {
    struct Bomb(bool);
    impl Clone for Bomb {
        fn clone(&self) -> Self {
            if self.0 { silent_panic("cloned") } else { Bomb(false) }
        }
    }
    let (tx, rx) = broadcast::channel(4);
    // The last one to receive an item gets it without a copy.
    let other = tx.subscribe();
    let mut future = Box::pin(as_future(rx.receiving()));
    let count = Count::new();
    assert!(poll(&mut future, &count.waker()).is_pending());
    assert!(tx.send(Bomb(true)).is_ok());
    assert_eq!(count.get(), 1);
    let polled = panic::catch_unwind(AssertUnwindSafe(|| poll(&mut future, noop()).is_ready()));
    assert!(polled.is_err());
    drop(future);
    assert!(tx.send(Bomb(false)).is_ok());
    assert!(other.try_recv().is_ok_and(|bomb| bomb.0));
}

/// An executor that polls in the waker itself, on whatever stack that is.
#[test]
fn an_executor_that_polls_inside_of_wake_works() {
    let (tx, rx) = mpsc::unbounded::<u32>();
    let rx: &'static mpsc::Receiver<u32> = Box::leak(Box::new(rx));
    let sum = Arc::new(StdMutex::new(0));
    let total = Arc::clone(&sum);
    let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        while let Ok(n) = rx.receiving().await {
            *total.lock().unwrap() += n;
        }
    });
    struct Inline(StdMutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);
    impl std::task::Wake for Inline {
        fn wake(self: Arc<Self>) {
            let Some(mut future) = self.0.lock().unwrap().take() else { return };
            let waker = Waker::from(Arc::clone(&self));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                *self.0.lock().unwrap() = Some(future);
            }
        }
    }
    Waker::from(Arc::new(Inline(StdMutex::new(Some(future))))).wake();
    (1..=10).for_each(|n| tx.try_send(n).unwrap());
    drop(tx);
    assert_eq!(*sum.lock().unwrap(), 55);
}
