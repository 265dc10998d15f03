//! Yields where none is possible: nothing has changed but the error that is given.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cede::{Generator, GeneratorError, Step, Thrown, Yielder, grow_with, scoped};

use crate::child;
use crate::fault::{Fault, panic_text, reported};

fn misuse(result: Result<(), Thrown>) -> GeneratorError {
    result.unwrap_err().downcast().expect("cede's own error")
}

#[test]
fn a_yield_through_an_outer_yielder_is_an_error_and_both_go_on() {
    let g = Generator::new(|outer: &Yielder<u32>| {
        let inner_values = scoped(
            |inner: &Yielder<u32>| {
                inner.yield_(1);
                assert!(matches!(misuse(outer.try_yield(99)), GeneratorError::NotInnermost));
                let text = panic_text(|| outer.yield_(99));
                assert!(text.contains("not the innermost one running here"), "{text}");
                let text = panic_text(|| drop(outer.yield_from_iter([99])));
                assert!(text.contains("not the innermost one running here"), "{text}");
                inner.yield_(2);
            },
            |inner| inner.collect::<Vec<_>>(),
        );
        assert_eq!(inner_values, [1, 2]);
        outer.yield_(3);
    });
    assert_eq!(g.collect::<Vec<_>>(), [3]);
}

#[test]
fn a_yield_through_the_yielder_of_the_one_that_delegates_is_an_error() {
    let g = Generator::new(|outer: &Yielder<u32>| {
        scoped(
            |inner: &Yielder<u32>| {
                inner.yield_(1);
                assert!(matches!(misuse(outer.try_yield(99)), GeneratorError::NotInnermost));
                let never = Generator::new(|y: &Yielder<u32>| y.yield_(98));
                assert!(matches!(misuse(outer.try_yield_from(never)), GeneratorError::NotInnermost));
                inner.yield_(2);
            },
            |inner| outer.yield_from(inner),
        );
        outer.yield_(3);
    });
    assert_eq!(g.collect::<Vec<_>>(), [1, 2, 3]);
}

/// Runs a closure as it is dropped.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_try_yield_in_a_destructor_of_an_unwinding_body_is_an_error_and_the_unwind_goes_on() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = Rc::clone(&seen);
    let g = Generator::new(move |y: &Yielder<u32>| {
        let _at_end = AtEnd(|| note.borrow_mut().push(misuse(y.try_yield(99)).to_string()));
        y.yield_(1);
    });
    g.advance().unwrap();
    assert_eq!(g.close().unwrap(), None);
    let seen = seen.borrow();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains("while its stack is being unwound"), "{seen:?}");
}

#[test]
fn a_yield_in_a_destructor_of_an_unwinding_body_ends_the_process_with_the_reason() {
    let test = "yielding::a_yield_in_a_destructor_of_an_unwinding_body_ends_the_process_with_the_reason";
    let output = child::run(test, None, || {
        let g = Generator::new(|y: &Yielder<u32>| {
            let _at_end = AtEnd(|| y.yield_(99));
            y.yield_(1);
        });
        g.advance().unwrap();
        let _ = g.close();
    });
    let text = child::text(&output);
    assert!(!output.status.success());
    assert!(text.contains("a generator can't yield while its stack is being unwound"), "{text}");
}

#[test]
fn a_generator_that_is_made_and_resumed_while_the_thread_unwinds_may_yield() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = Rc::clone(&seen);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _at_end = AtEnd(|| {
            let g = Generator::new(|y: &Yielder<u32>| (0..3).for_each(|i| y.yield_(i)));
            note.borrow_mut().extend(&g);
            // And one may be ended, by unwinding inside the unwinding.
            let g = Generator::new(|y: &Yielder<u32>| y.yield_(7));
            g.advance().unwrap();
            g.close().unwrap();
        });
        crate::fault::silent_panic("first");
    }));
    assert!(caught.is_err());
    assert_eq!(*seen.borrow(), [0, 1, 2]);
    assert!(!std::thread::panicking());
}

#[test]
fn a_generator_that_was_begun_before_goes_on_while_the_thread_unwinds_and_afterwards() {
    let g = Generator::new(|y: &Yielder<(u32, bool)>| {
        (0..3).for_each(|i| y.yield_((i, std::thread::panicking())));
    });
    g.advance().unwrap();
    let during = RefCell::new(None);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _at_end = AtEnd(|| *during.borrow_mut() = g.advance().unwrap().yielded());
        crate::fault::silent_panic("first");
    }));
    assert!(caught.is_err());
    assert_eq!(during.take(), Some((1, true)));
    assert_eq!(g.advance().unwrap(), Step::Yielded((2, false)));
}

/// Inside a segment of `grow`, however much stack is left.
fn grown<T>(f: impl FnOnce() -> T) -> T {
    grow_with(usize::MAX, 256 << 10, f)
}

#[test]
fn a_body_yields_takes_throws_and_is_unwound_and_dropped_inside_a_grown_segment() {
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let make = |number: u32| {
        let dropped = Rc::clone(&dropped);
        Generator::new(move |y: &Yielder<u32>| {
            y.yield_(0);
            grown(|| {
                let _at_end = AtEnd(|| dropped.borrow_mut().push(number));
                y.yield_(1);
                grown(|| {
                    if let Err(Thrown::Error(error)) = y.try_yield(2) {
                        y.yield_(error.downcast::<Fault>().unwrap().0);
                    }
                    y.yield_(3);
                });
                y.yield_(4);
            });
            y.yield_(5);
        })
    };
    assert!(make(1).eq(0..6));
    let thrown = make(2);
    assert_eq!((&thrown).take(3).count(), 3);
    assert_eq!(thrown.throw(Fault(70)).unwrap(), Step::Yielded(70));
    assert_eq!((&thrown).collect::<Vec<_>>(), [3, 4, 5]);
    let closed = make(3);
    assert_eq!((&closed).take(4).count(), 4);
    assert_eq!(closed.close().unwrap(), None);
    let left = make(4);
    assert_eq!((&left).take(2).count(), 2);
    drop(left);
    assert_eq!(*dropped.borrow(), [1, 2, 3, 4]);
    assert_eq!(make(5).count(), 6);
}

#[test]
fn an_outer_yielder_is_refused_from_a_grown_segment_of_an_inner_generator() {
    let g = Generator::new(|outer: &Yielder<u32>| {
        grown(|| {
            let inner = |inner: &Yielder<u32>| {
                grown(|| {
                    assert!(matches!(misuse(outer.try_yield(99)), GeneratorError::NotInnermost));
                    inner.yield_(1);
                });
            };
            scoped(inner, |inner| assert_eq!(inner.collect::<Vec<_>>(), [1]));
            outer.yield_(2);
        });
    });
    assert_eq!(g.collect::<Vec<_>>(), [2]);
}

#[test]
fn a_body_that_ignores_its_end_by_catch_unwind_is_reported_and_ended() {
    let (g, errors) = reported(|| {
        let g = Generator::new(|y: &Yielder<u32>| {
            let _ = catch_unwind(AssertUnwindSafe(|| y.yield_(1)));
            y.yield_(2);
            unreachable!("nothing is asked of it any more");
        });
        g.advance().unwrap();
        drop(g);
    });
    let () = g;
    assert_eq!(errors, ["generator ignored GeneratorExit: its body yielded when it was asked to end"]);
}
