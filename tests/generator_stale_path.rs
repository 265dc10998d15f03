//! A path that goes stale where a delegation is cut because its end is busy.
//!
//! `top` delegates to `upper`, that to `lower`, that to `leaf`; `top` keeps the path `[upper, lower, leaf]`. `leaf`
//! is advanced by hand and, while it runs, resumes `upper`: `lower`'s statement fails with "already executing" and
//! so ends, though its end has not. `top`'s path must not survive that.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use cede::{Generator, GeneratorError, GeneratorState, Step, Yielder};

type Shared = Rc<Generator<u32>>;

/// `top`, `upper` and `leaf`. `lower` ended and was dropped; `upper` is suspended at 20.
fn cut() -> (Shared, Shared, Shared) {
    let handle: Rc<RefCell<Weak<Generator<u32>>>> = Rc::default();
    let inside = Rc::clone(&handle);
    let leaf = Rc::new(Generator::new(move |y: &Yielder<u32>| {
        y.yield_(1);
        let upper = inside.borrow().upgrade().unwrap();
        assert_eq!(upper.advance().unwrap(), Step::Yielded(20));
        y.yield_(2);
    }));
    let inner = Rc::clone(&leaf);
    let upper = Rc::new(Generator::new(move |y: &Yielder<u32>| {
        let lower = Generator::new(move |y: &Yielder<u32>| {
            let error = y.try_yield_from(inner).unwrap_err().downcast::<GeneratorError>().unwrap();
            assert!(matches!(error, GeneratorError::AlreadyExecuting));
        });
        y.yield_from(lower);
        y.yield_(20);
        y.yield_(21);
    }));
    *handle.borrow_mut() = Rc::downgrade(&upper);
    let inner = Rc::clone(&upper);
    let top = Rc::new(Generator::new(move |y: &Yielder<u32>| y.yield_from(inner)));
    assert_eq!(top.advance().unwrap(), Step::Yielded(1));
    assert_eq!(leaf.advance().unwrap(), Step::Yielded(2));
    assert_eq!(upper.state(), GeneratorState::Suspended);
    (top, upper, leaf)
}

#[test]
fn values_come_from_the_new_end_after_a_delegation_failed_because_its_end_was_busy() {
    let (top, _upper, leaf) = cut();
    assert_eq!(top.advance().unwrap(), Step::Yielded(21));
    assert_eq!(leaf.state(), GeneratorState::Suspended);
    assert_eq!(top.advance().unwrap(), Step::Returned(()));
}

#[test]
fn a_generator_that_took_the_place_of_a_freed_one_is_left_alone() {
    let (top, _upper, _leaf) = cut();
    // The slot of `lower` is free, and the one that was used last.
    let other = Generator::new(|y: &Yielder<String>| {
        y.yield_("another's value".to_owned());
        y.yield_("another's second value".to_owned());
    });
    assert_eq!(other.advance().unwrap(), Step::Yielded("another's value".into()));
    let got = top.advance();
    let state = other.state();
    let second = other.advance();
    assert!(matches!(got, Ok(Step::Yielded(21))), "{got:?}, other: {state:?} {second:?}");
    assert!(matches!(&second, Ok(Step::Yielded(text)) if text == "another's second value"), "{second:?}");
}
