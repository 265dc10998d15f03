//! Generators that are leaked, immortal, in thread-locals, in adaptors, or gone at odd moments.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cede::stack::stats;
use cede::{Generator, GeneratorState, Yielder};

use crate::child;
use crate::fault::{reported, silent_panic};

/// Sets it as it is dropped.
struct Flag(Rc<Cell<bool>>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

fn counting() -> Generator<u32> {
    Generator::new(|y: &Yielder<u32>| (0..100).for_each(|i| y.yield_(i)))
}

#[test]
fn a_body_that_catches_every_end_is_reported_and_its_memory_never_used_again() {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(Rc::clone(&dropped));
    std::thread::scope(|_| {});
    let in_use = stats().in_use;
    let ((), errors) = reported(|| {
        let g = Generator::new(move |y: &Yielder<u32>| {
            let _flag = flag;
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| y.yield_(1)));
            }
        });
        g.advance().unwrap();
    });
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("ignored GeneratorExit"), "{errors:?}");
    assert!(errors[1].contains("its stack is leaked"), "{errors:?}");
    assert!(!dropped.get());
    assert_eq!(stats().in_use, in_use + 1);
    let others: Vec<_> = (0..10).map(|_| counting()).collect();
    assert!(others.into_iter().all(|g| g.eq(0..100)));
    assert!(!dropped.get());
}

/// Suspends a generator inside `with` of a local whose destructor marks it as gone.
mod locals {
    use super::*;

    pub(super) struct Other(Cell<u32>);

    impl Drop for Other {
        fn drop(&mut self) {
            self.0.set(0);
        }
    }

    pub(super) struct Look<'a>(&'a Other);

    impl Drop for Look<'_> {
        fn drop(&mut self) {
            println!("looked at {}", self.0.0.get());
        }
    }

    thread_local! {
        pub(super) static OTHER: Other = const { Other(Cell::new(42)) };
        pub(super) static KEPT: RefCell<Vec<Generator<u32>>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn keep(begun: bool) {
        let g = Generator::new(|y: &Yielder<u32>| {
            OTHER.with(|other| {
                let _look = Look(other);
                y.yield_(other.0.get());
            });
        });
        if begun {
            assert_eq!((&g).next(), Some(42));
        }
        KEPT.with_borrow_mut(|kept| kept.push(g));
    }
}

/// A frame that refers to a local which may be gone is not unwound; whichever of the two locals was used first.
#[test]
fn a_generator_in_a_thread_local_never_sees_another_local_that_is_gone() {
    let test = "lifetimes::a_generator_in_a_thread_local_never_sees_another_local_that_is_gone";
    let output = child::run(test, None, || {
        for other_first in [true, false] {
            let thread = std::thread::spawn(move || {
                if other_first {
                    locals::OTHER.with(|_| ());
                }
                locals::KEPT.with(|_| ());
                for begun in [true, false, true] {
                    locals::keep(begun);
                }
                let finished = counting();
                assert_eq!((&finished).count(), 100);
                locals::KEPT.with_borrow_mut(|kept| kept.push(finished));
            });
            thread.join().unwrap();
        }
    });
    let text = child::text(&output);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("looked at 0"), "{text}");
}

#[test]
fn a_process_that_exits_inside_a_body_ends_with_its_own_status() {
    let test = "lifetimes::a_process_that_exits_inside_a_body_ends_with_its_own_status";
    let output = child::run(test, None, || {
        thread_local!(static KEPT: RefCell<Option<Rc<Generator<u32>>>> = const { RefCell::new(None) });
        let g = Rc::new(Generator::new(|y: &Yielder<u32>| {
            y.yield_(1);
            std::process::exit(7);
        }));
        g.advance().unwrap();
        KEPT.set(Some(Rc::clone(&g)));
        // Its only handle is in the local, which is destroyed while it runs.
        let running = Rc::as_ptr(&g);
        drop(g);
        KEPT.with_borrow(|kept| {
            let g = kept.as_ref().unwrap();
            assert_eq!(Rc::as_ptr(g), running);
            let _ = g.advance();
        });
    });
    assert_eq!(output.status.code(), Some(7), "{}", child::text(&output));
}

#[test]
fn a_forgotten_generator_and_one_in_a_circle_of_references_are_only_leaked() {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(Rc::clone(&dropped));
    let forgotten = Generator::new(move |y: &Yielder<u32>| {
        let _flag = flag;
        y.yield_(1);
    });
    forgotten.advance().unwrap();
    std::mem::forget(forgotten);
    let flag = Flag(Rc::clone(&dropped));
    let circle: Rc<RefCell<Option<Generator<u32>>>> = Rc::default();
    let me = Rc::clone(&circle);
    *circle.borrow_mut() = Some(Generator::new(move |y: &Yielder<u32>| {
        let _held = (flag, me);
        y.yield_(1);
    }));
    circle.borrow().as_ref().unwrap().advance().unwrap();
    drop(circle);
    assert!((0..50).all(|_| counting().eq(0..100)));
    assert!(!dropped.get());
}

#[test]
fn generators_work_inside_scoped_threads() {
    let total: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| counting().sum::<u32>())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(total, 4 * 4_950);
}

#[test]
fn generators_work_inside_iterator_adaptors() {
    assert!(counting().zip(counting().skip(1)).all(|(a, b)| a + 1 == b));
    assert_eq!(counting().chain(counting()).count(), 200);
    assert_eq!(counting().take(3).flat_map(|n| counting().take(n as usize)).collect::<Vec<_>>(), [0, 0, 1]);
    let mut peekable = counting().peekable();
    assert_eq!(peekable.peek(), Some(&0));
    assert_eq!(peekable.next_if(|&n| n == 1), None);
    assert_eq!(peekable.next(), Some(0));
    let g = counting();
    assert_eq!((&g).take_while(|&n| n < 3).count(), 3);
    // The one that ended the `take_while` is gone, as with any iterator.
    assert_eq!((&g).next(), Some(4));
    assert_eq!((&g).fuse().count(), 95);
    assert_eq!((&g).next(), None);
}

#[test]
fn a_generator_is_dropped_by_a_panic_that_unwinds_its_owner() {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(Rc::clone(&dropped));
    let (caught, errors) = reported(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let g = Generator::new(move |y: &Yielder<u32>| {
                let _flag = flag;
                let _ = y.try_yield(1);
                silent_panic("second");
            });
            g.advance().unwrap();
            silent_panic("first");
        }))
    });
    assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), "first");
    assert_eq!(errors, ["generator panicked: second"]);
    assert!(dropped.get());
}

#[test]
fn a_generator_that_drops_another_inside_its_body_goes_on() {
    let other = counting();
    other.advance().unwrap();
    let g = Generator::new(move |y: &Yielder<GeneratorState>| {
        y.yield_(other.state());
        drop(other);
        y.yield_(GeneratorState::Closed);
    });
    assert_eq!(g.collect::<Vec<_>>(), [GeneratorState::Suspended, GeneratorState::Closed]);
}
