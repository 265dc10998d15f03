//! What is done wrong with generators, and what goes wrong in them: each fault is an error, a report or a message.

#[path = "generator_statements/child.rs"]
mod child;
#[path = "generator_statements/fault.rs"]
mod fault;
#[path = "generator_statements/lifetimes.rs"]
mod lifetimes;
#[path = "generator_statements/values.rs"]
mod values;
#[path = "generator_statements/yielding.rs"]
mod yielding;

use cede::stack::StackError;
use cede::{Generator, Yielder};

#[test]
fn stacks_of_no_size_or_an_absurd_one_are_errors_and_drop_the_body() {
    for size in [0, usize::MAX, usize::MAX / 2 + 2] {
        let held = std::rc::Rc::new(());
        let inside = std::rc::Rc::clone(&held);
        let built =
            Generator::builder().stack_size(size).build(move |y: &Yielder<std::rc::Rc<()>>| y.yield_(inside));
        match built {
            Err(StackError::Zero) => assert_eq!(size, 0),
            Err(StackError::TooLarge(asked)) => assert_eq!(asked, size),
            other => panic!("{size}: {other:?}"),
        }
        assert_eq!(std::rc::Rc::strong_count(&held), 1);
    }
}

#[test]
fn a_stack_that_the_system_refuses_is_an_error_and_smaller_ones_are_to_be_had_afterwards() {
    let test = "a_stack_that_the_system_refuses_is_an_error_and_smaller_ones_are_to_be_had_afterwards";
    child::alone(test, Some(4 << 20), || {
        let build = |size| Generator::builder().stack_size(size).build(|y: &Yielder<u8>| y.yield_(1));
        let Err(StackError::OutOfMemory { size, .. }) = build(8 << 30) else { panic!("8 GiB were given") };
        assert_eq!(size, 8 << 30);
        assert_eq!(build(64 << 10).unwrap().count(), 1);
    });
}

#[test]
fn new_panics_with_the_reason_where_no_stack_can_be_had() {
    child::alone("new_panics_with_the_reason_where_no_stack_can_be_had", Some(2 << 20), || {
        let mut kept = Vec::new();
        let text = fault::panic_text(|| {
            loop {
                kept.push(Generator::new(|y: &Yielder<u8>| y.yield_(1)));
            }
        });
        assert!(
            text.starts_with("cede: no stack for a generator: the operating system gives no memory"),
            "{text}"
        );
        // What there is goes on working, and what is given back can be had again.
        assert!(kept.len() > 10);
        assert!(kept.drain(..10).all(|g| g.eq([1])));
        assert_eq!(Generator::new(|y: &Yielder<u8>| y.yield_(1)).count(), 1);
    });
}
