//! Waiting allocates nothing, and neither does an item that goes through a channel.

#[path = "task_order/trace.rs"]
mod trace;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::{RwLock, mpsc, watch};
use cede::time::after;
use cede::{select, spawn, yield_now};
use trace::run;

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

/// The system's allocator, which counts for each thread how often it is asked for memory.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// How much is allocated by `f`, the third time that it is called.
fn allocations(mut f: impl FnMut()) -> u64 {
    f();
    f();
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
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
                    item = rx.receiving() => drop(item),
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
