//! Waiting allocates nothing, whatever it is for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::{Barrier, Condition, Condvar, Event, Lock, Mutex, PriorityQueue, Queue, RwLock, Semaphore};
use cede::sync::{mpsc, watch};
use cede::time::after;
use cede::{Runner, select, spawn, yield_now};

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

/// The system's allocator, which counts how often each thread asks it.
struct Counting;

// SAFETY: all is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Has two tasks do the same, a few times and then many times, and asserts that the many have allocated nothing.
fn assert_allocates_nothing<S: 'static>(shared: S, f: fn(&S)) {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let shared = Rc::new(shared);
            let theirs = Rc::clone(&shared);
            let other = spawn(move || (0..120).for_each(|_| f(&theirs)));
            (0..10).for_each(|_| f(&shared));
            let before = ALLOCATIONS.get();
            (0..100).for_each(|_| f(&shared));
            assert_eq!(ALLOCATIONS.get(), before);
            (0..10).for_each(|_| f(&shared));
            other.join().unwrap();
        })
        .unwrap();
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get(), before + 1);
}

#[test]
fn waiting_for_a_lock_a_permit_or_a_value_allocates_nothing() {
    assert_allocates_nothing(Lock::new(), |lock| {
        let _held = lock.acquire();
        yield_now();
    });
    assert_allocates_nothing(Mutex::new(0), |mutex| {
        *mutex.lock() += 1;
        let _value = mutex.lock();
        yield_now();
    });
    assert_allocates_nothing(Semaphore::new(1), |semaphore| {
        let _permit = semaphore.acquire();
        yield_now();
    });
}

#[test]
fn waiting_for_each_other_allocates_nothing() {
    assert_allocates_nothing((Event::new(), Cell::new(0)), |(event, turn)| {
        turn.set(turn.get() + 1);
        if turn.get() % 2 == 1 {
            event.clear();
            event.wait();
        } else {
            event.set();
        }
    });
    assert_allocates_nothing(Barrier::new(2), |barrier| assert!(barrier.wait().is_ok()));
    assert_allocates_nothing((Condition::new(), Cell::new(0)), |(condition, turn)| {
        let _held = condition.acquire();
        turn.set(turn.get() + 1);
        condition.notify_all().unwrap();
        if turn.get() % 2 == 1 {
            let next = turn.get() + 1;
            condition.wait_for(|| turn.get() >= next).unwrap();
        }
    });
    assert_allocates_nothing((Mutex::new(0), Condvar::new()), |(turn, changed)| {
        let mut turn = turn.lock();
        *turn += 1;
        changed.notify_all();
        // Of two turns the first waits for the second.
        if *turn % 2 == 1 {
            let next = *turn + 1;
            drop(changed.wait_while(turn, |turn| *turn < next));
        }
    });
}

#[test]
fn waiting_for_items_and_for_room_allocates_nothing() {
    fn puts_and_gets(queue: &Queue<u32>) {
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        queue.get().unwrap();
        queue.get().unwrap();
    }
    assert_allocates_nothing(Queue::bounded(3), puts_and_gets);
    assert_allocates_nothing(PriorityQueue::bounded(3), |queue| {
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        queue.get().unwrap();
        queue.get().unwrap();
        queue.task_done().unwrap();
        queue.task_done().unwrap();
    });
    assert_allocates_nothing((Queue::bounded(1), Cell::new(0)), |(queue, turn)| {
        turn.set(turn.get() + 1);
        if turn.get() % 2 == 1 {
            queue.get().unwrap();
            queue.task_done().unwrap();
        } else {
            queue.put(1).unwrap();
            queue.join();
        }
    });
}

/// How much is allocated by `f` in a run, the third time that it is called.
fn allocations(mut f: impl FnMut()) -> usize {
    f();
    f();
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

fn run(main: impl FnOnce()) {
    let runner = Runner::builder().virtual_time(true).build();
    runner.run(main).unwrap();
}

#[test]
fn an_item_that_goes_through_a_channel_allocates_nothing() {
    run(|| {
        for bounded in [true, false] {
            let (ping, pings) = if bounded { mpsc::bounded(1) } else { mpsc::unbounded() };
            let (pong, pongs) = if bounded { mpsc::bounded(1) } else { mpsc::unbounded() };
            let echo = spawn(move || pings.iter().try_for_each(|item: u64| pong.send(item)));
            let counted = allocations(|| {
                for item in 0..100 {
                    ping.send(item).unwrap();
                    assert_eq!(pongs.recv(), Ok(item));
                }
            });
            drop(ping);
            echo.join().unwrap().unwrap();
            assert_eq!(counted, 0);
        }
    });
}

#[test]
fn waits_that_are_long_timed_or_raced_allocate_nothing() {
    run(|| {
        let (tx, rx) = mpsc::bounded(2);
        let (stop, stopped) = watch::channel(());
        let sender = spawn(move || (0..).try_for_each(|item: u64| tx.send(item)));
        let counted = allocations(|| {
            for _ in 0..100 {
                rx.recv_timeout(Duration::from_secs(1)).unwrap();
                stopped.changed_timeout(Duration::from_millis(1)).unwrap_err();
                select! {
                    item = rx.receiving() => assert!(item.is_ok()),
                    _ = stopped.changing() => {}
                    () = after(Duration::from_secs(1)) => {}
                }
            }
        });
        drop((rx, stop));
        assert!(sender.join().unwrap().is_err());
        assert_eq!(counted, 0);
    });
}

#[test]
fn a_lock_that_is_contended_allocates_nothing() {
    run(|| {
        let lock = Rc::new(RwLock::new(0));
        let others = [false, true].map(|writes| {
            let lock = Rc::clone(&lock);
            spawn(move || {
                loop {
                    let (_read, _write);
                    if writes {
                        let mut guard = lock.write();
                        *guard += 1;
                        _write = guard;
                    } else {
                        _read = lock.read();
                    }
                    yield_now();
                }
            })
        });
        let counted = allocations(|| {
            for _ in 0..100 {
                let before = *lock.read();
                yield_now();
                assert!(*lock.write() >= before);
            }
        });
        assert!(*lock.read() > 0);
        others.iter().for_each(|other| assert!(other.cancel()));
        assert_eq!(counted, 0);
    });
}
