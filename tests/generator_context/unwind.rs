//! Blocks that are left by a panic, or by the end of the generator around them.

use super::*;

#[test]
fn the_body_sees_a_panic_of_the_block_as_an_error_and_the_panic_goes_on() {
    let (seen, manager) = witness();
    let text = panic_text(|| with(manager, |()| -> Result<(), Fault> { silent_panic("boom") }));
    assert_eq!(text, "boom");
    assert_eq!(*seen.borrow(), ["the block of a context manager panicked: boom"]);
}

#[test]
fn a_panic_of_the_block_cannot_be_suppressed() {
    let (dropped, guard) = flag();
    let manager = contextmanager(move |y| {
        let _guard = guard;
        let panicked = y.try_yield(()).unwrap_err().downcast::<BlockPanicked>().unwrap();
        assert_eq!(panicked.message(), Some("boom"));
    });
    let (text, reports) =
        reported(|| panic_text(|| with(manager, |()| -> Result<(), Fault> { silent_panic("boom") })));
    assert_eq!(text, "boom");
    assert!(dropped.get());
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn the_payload_of_a_panic_is_the_same_box() {
    let payload = Box::new(5u64);
    let place = &raw const *payload;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let block = |()| -> Result<(), Fault> { panic::resume_unwind(payload) };
        with(witness().1, block)
    }));
    assert_eq!(&raw const *result.unwrap_err().downcast::<u64>().unwrap(), place);
}

#[test]
fn exit_runs_when_the_unwind_is_over() {
    let manager = contextmanager(|y| {
        let thrown = y.try_yield(()).unwrap_err();
        assert!(!thread::panicking());
        let inner = Generator::new(|y| (0..3).for_each(|i| y.yield_(i)));
        assert_eq!(inner.collect::<Vec<i32>>(), [0, 1, 2]);
        thrown.rethrow()
    });
    assert_eq!(panic_text(|| with(manager, |()| -> Result<(), Fault> { silent_panic("boom") })), "boom");
}

#[test]
fn an_error_of_exit_after_a_panic_goes_to_the_hook() {
    let manager = try_contextmanager(|y| y.try_yield(()).map_err(|_| Fault(4)));
    let (text, reports) =
        reported(|| panic_text(|| with(manager, |()| -> Result<(), Fault> { silent_panic("boom") })));
    assert_eq!(text, "boom");
    assert_eq!(reports, ["fault 4"]);
}

#[test]
fn a_panic_of_exit_after_a_panic_goes_to_the_hook() {
    let manager = contextmanager(|y| {
        let _ = y.try_yield(());
        silent_panic("second")
    });
    let (text, reports) =
        reported(|| panic_text(|| with(manager, |()| -> Result<(), Fault> { silent_panic("first") })));
    assert_eq!(text, "first");
    assert_eq!(reports, ["the block of a context manager panicked: second"]);
}

#[test]
fn panics_of_enter_and_exit_pass_through() {
    let manager = contextmanager(|_: &Yielder<()>| silent_panic("enter"));
    assert_eq!(panic_text(|| with(manager, |()| Ok::<_, Fault>(()))), "enter");
    let manager = contextmanager(|y| {
        let _ = y.try_yield(());
        silent_panic("exit")
    });
    assert_eq!(panic_text(|| with(manager, |()| Err::<(), _>(Fault(1)))), "exit");
}

#[test]
fn an_error_type_whose_conversion_panics_counts_as_a_panic_of_the_block() {
    struct Bad;
    impl From<Bad> for Boxed {
        fn from(_: Bad) -> Boxed {
            silent_panic("conversion")
        }
    }
    let (seen, manager) = witness();
    assert_eq!(panic_text(|| with(manager, |()| Err::<(), _>(Bad))), "conversion");
    assert_eq!(seen.borrow().len(), 1);
}

#[test]
fn an_error_thrown_into_a_generator_inside_the_block_goes_on_whatever_exit_says() {
    let seen = Rc::new(Cell::new(false));
    let flag = Rc::clone(&seen);
    let g = Generator::new(move |y: &Yielder<u32>| {
        let manager = contextmanager(move |y| {
            let panicked = y.try_yield(()).unwrap_err().downcast::<BlockPanicked>().unwrap();
            assert_eq!(panicked.message(), None);
            flag.set(true);
        });
        let _ = with(manager, |()| {
            y.yield_(1);
            Ok::<_, Fault>(())
        });
        unreachable!("the unwind goes on");
    });
    g.advance().unwrap();
    let error: Boxed = Box::new(Fault(1));
    let place = address(&error);
    match g.throw(error) {
        Err(cede::SendError::Raised(out)) => assert_eq!(address(&out), place),
        other => panic!("{other:?}"),
    }
    assert!(seen.get());
}

/// Its exit yields through the generator around it, and catches what is thrown there.
struct Chatty<'a>(&'a Yielder<u32>);

impl ContextManager for Chatty<'_> {
    type Value = ();

    fn enter(&mut self) -> Result<(), Boxed> {
        Ok(())
    }

    fn exit(&mut self, _: Option<Boxed>) -> Result<(), Boxed> {
        let _ = self.0.try_yield(2);
        Ok(())
    }
}

#[test]
fn what_was_thrown_survives_that_exit_yields_and_something_else_is_thrown_there() {
    let thrown = || {
        let g = Generator::new(|y: &Yielder<u32>| {
            let _ = with(Chatty(y), |()| {
                y.yield_(1);
                Ok::<_, Fault>(())
            });
            unreachable!("the unwind goes on");
        });
        g.advance().unwrap();
        assert_eq!(g.throw(Fault(1)).unwrap(), Step::Yielded(2));
        g
    };
    let first = |error: Boxed| assert_eq!(error.downcast_ref(), Some(&Fault(1)));
    first(match thrown().advance() {
        Err(GeneratorError::Raised(error)) => error,
        other => panic!("{other:?}"),
    });
    first(match thrown().throw(Fault(2)) {
        Err(SendError::Raised(error)) => error,
        other => panic!("{other:?}"),
    });
    first(match thrown().close() {
        Err(GeneratorError::Raised(error)) => error,
        other => panic!("{other:?}"),
    });
}

#[test]
fn closing_a_generator_inside_the_block_runs_exit() {
    let (seen, manager) = witness();
    let g = Generator::new(move |y: &Yielder<u32>| {
        let _ = with(manager, |()| {
            y.yield_(1);
            Ok::<_, Fault>(())
        });
    });
    g.advance().unwrap();
    g.close().unwrap();
    assert_eq!(*seen.borrow(), ["the block of a context manager was left by an unwind"]);
}

#[test]
fn try_yield_in_the_block_shows_exit_what_was_thrown() {
    let (seen, manager) = witness();
    let g = Generator::try_new(move |y: &Yielder<u32>| with(manager, |()| y.try_yield(1)).map(|_| ()));
    g.advance().unwrap();
    assert!(matches!(g.throw(Fault(6)), Err(cede::SendError::Raised(error)) if error.is::<Fault>()));
    assert_eq!(*seen.borrow(), ["fault 6"]);
}
