//! What waiting for futures allocates: one record for a wait at most, none when it is polled again, and no message for each call.

mod future_shared;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

use cede::future::Wait;
use cede::{spawn, yield_now};
use future_shared::Gate;
use future_shared::trace::run;

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

fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_wait_after_another_allocates_nothing() {
    run(|| {
        future::ready(()).wait();
        assert_eq!(allocations(|| (0..100).for_each(|_| future::ready(()).wait())), 0);
        let slot = Rc::new(RefCell::new(None::<Waker>));
        let theirs = Rc::clone(&slot);
        spawn(move || {
            loop {
                let waker = theirs.borrow_mut().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
                yield_now();
            }
        });
        let pending_once = || {
            let (slot, mut polled) = (&slot, false);
            poll_fn(move |context| {
                if polled {
                    return Poll::Ready(());
                }
                polled = true;
                *slot.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            })
        };
        pending_once().wait();
        assert_eq!(allocations(|| (0..100).for_each(|_| pending_once().wait())), 0);
    });
}

#[test]
fn a_wait_whose_wakers_are_kept_allocates_one_record_however_often_it_is_polled() {
    run(|| {
        let kept = RefCell::new(Vec::with_capacity(1000));
        future::ready(()).wait();
        let spent = allocations(|| {
            for _ in 0..10 {
                let mut polls = 0;
                poll_fn(|context| {
                    polls += 1;
                    kept.borrow_mut().push(context.waker().clone());
                    context.waker().wake_by_ref();
                    if polls == 50 { Poll::Ready(()) } else { Poll::Pending }
                })
                .wait();
            }
        });
        assert!((9..=10).contains(&spent), "{spent}");
    });
}

#[test]
fn a_million_calls_from_another_thread_are_one_message() {
    cede::run(|| {
        let gate = Gate::new();
        let waits = gate.clone();
        let task = spawn(move || waits.wait());
        yield_now();
        let waker = gate.waker();
        let calls = move || allocations(|| (0..1_000_000).for_each(|_| waker.wake_by_ref()));
        let spent = thread::spawn(calls).join().unwrap();
        assert!(spent <= 1, "the queue of messages grew {spent} times");
        gate.open();
        task.join().unwrap();
    });
}
