//! Statements 1 to 9: creating, resuming, throwing, returning, and what leaves a body.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;

use cede::{
    Generator, GeneratorError, GeneratorExit, GeneratorState, SendError, Step, StopIteration, Thrown, Yielder,
};

use crate::fault::Fault;

/// Yields what it was sent last, 0 first, and keeps what was thrown in.
fn echo() -> Generator<i32, i32, &'static str> {
    Generator::new(|y: &Yielder<i32, i32>| {
        let mut heard = 0;
        while heard != -1 {
            heard = y.yield_(heard);
        }
        "end"
    })
}

#[test]
fn statement_01_creating_a_generator_runs_nothing() {
    let ran = Rc::new(Cell::new(false));
    let inside = Rc::clone(&ran);
    let g = Generator::new(move |y: &Yielder<i32>| {
        inside.set(true);
        y.yield_(1);
    });
    assert!(!ran.get());
    assert_eq!(g.state(), GeneratorState::Created);
    assert_eq!(g.advance().unwrap(), Step::Yielded(1));
    assert!(ran.get());
}

#[test]
fn statement_01_a_generator_is_its_own_iterator() {
    fn same<I: IntoIterator<IntoIter = I, Item = i32> + Iterator>(iterable: I) -> I {
        iterable.into_iter()
    }
    let mut g = same(Generator::new(|y: &Yielder<i32>| (1..=4).for_each(|i| y.yield_(i))));
    assert_eq!(g.next(), Some(1));
    // Iterating twice goes on where it stopped.
    assert_eq!((&g).take(1).collect::<Vec<_>>(), [2]);
    assert_eq!((&g).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((&g).next(), None);
}

#[test]
fn statement_02_sending_to_a_just_started_generator_gives_the_value_back_and_leaves_it_usable() {
    let g = Generator::new(|y: &Yielder<(), String>| y.yield_(()));
    match g.send("precious".to_owned()) {
        Err(SendError::JustStarted(value)) => assert_eq!(value, "precious"),
        other => panic!("{other:?}"),
    }
    assert_eq!(g.state(), GeneratorState::Created);
    g.start().unwrap();
    assert_eq!(g.send("heard".into()).unwrap(), Step::Returned("heard".into()));
}

#[test]
fn statement_02_a_second_start_is_an_error_and_changes_nothing() {
    let g = echo();
    assert_eq!(g.start().unwrap(), Step::Yielded(0));
    assert!(matches!(g.start(), Err(GeneratorError::AlreadyStarted)));
    assert_eq!(g.send(5).unwrap(), Step::Yielded(5));
}

#[test]
fn statement_03_next_sends_the_default_and_send_gives_the_next_value() {
    let g = echo();
    assert_eq!(g.advance().unwrap(), Step::Yielded(0));
    assert_eq!(g.send(7).unwrap(), Step::Yielded(7));
    assert_eq!(g.advance().unwrap(), Step::Yielded(0));
    assert_eq!(g.send(-1).unwrap(), Step::Returned("end"));
}

#[test]
fn statement_04_a_throw_before_the_start_raises_at_the_call_and_the_body_never_runs() {
    let ran = Rc::new(Cell::new(false));
    let inside = Rc::clone(&ran);
    let g = Generator::new(move |y: &Yielder<i32>| {
        inside.set(true);
        y.yield_(1);
    });
    match g.throw(Fault(1)) {
        Err(SendError::Raised(error)) => assert_eq!(*error.downcast::<Fault>().unwrap(), Fault(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(g.state(), GeneratorState::Closed);
    assert_eq!(Rc::strong_count(&ran), 1, "the body was kept");
    assert!(!ran.get());
    assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
}

#[test]
fn statement_05_a_finished_generator_raises_what_is_thrown_and_takes_nothing() {
    let g = echo();
    g.start().unwrap();
    g.send(-1).unwrap();
    for n in 0..3 {
        let Err(SendError::Raised(error)) = g.throw(Fault(n)) else { panic!("{n}") };
        assert_eq!(*error.downcast::<Fault>().unwrap(), Fault(n));
        assert!(matches!(g.send(9), Err(SendError::Finished(9))));
        assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
        assert!(matches!(g.start(), Err(GeneratorError::Finished)));
    }
    let Err(SendError::Raised(error)) = g.throw(GeneratorExit) else { panic!() };
    assert!(error.is::<GeneratorExit>());
}

/// Statement 6 is the type system's: only what is an error can be thrown. It may be any error, boxed or not.
#[test]
fn statement_06_every_kind_of_error_can_be_thrown_and_keeps_its_type() {
    let caught = |error: Box<dyn Error>| {
        let g = Generator::new(|y: &Yielder<i32>| y.try_yield(0).unwrap_err());
        g.start().unwrap();
        g.throw(error).unwrap().returned().unwrap()
    };
    assert!(caught(Fault(3).into()).is::<Fault>());
    assert!(caught(std::fmt::Error.into()).is::<std::fmt::Error>());
    assert_eq!(caught("a text".into()).to_string(), "a text");
    assert!(matches!(caught(GeneratorExit.into()), Thrown::Exit));
    // What another generator raised is thrown as the error itself.
    assert!(caught(GeneratorError::Raised(Fault(4).into()).into()).is::<Fault>());
}

#[test]
fn statement_07_the_returned_value_is_given_once() {
    let g = Generator::new(|y: &Yielder<i32>| {
        y.yield_(1);
        String::from("value")
    });
    assert_eq!(g.advance().unwrap(), Step::Yielded(1));
    assert_eq!(g.advance().unwrap(), Step::Returned("value".into()));
    assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
    assert_eq!(g.close().unwrap(), None);
}

#[test]
fn statement_08_a_stop_iteration_that_leaves_the_body_becomes_an_error() {
    // test_generators: ExceptionTest.test_stopiteration_error; test_generator_stop
    let g = Generator::try_new(|y: &Yielder<i32>| -> Result<(), StopIteration> {
        y.yield_(1);
        Err(StopIteration::with_value(42))
    });
    g.advance().unwrap();
    let Err(GeneratorError::Raised(error)) = g.advance() else { panic!() };
    let error = *error.downcast::<GeneratorError>().unwrap();
    assert_eq!(error.to_string(), "generator raised StopIteration");
    assert!(error.source().unwrap().is::<StopIteration>());
    let GeneratorError::RaisedStopIteration(stop) = error else { panic!("{error:?}") };
    assert_eq!(stop.into_value(), Some(42));
    assert_eq!(g.state(), GeneratorState::Closed);
}

#[test]
fn statement_08_a_stop_iteration_that_is_thrown_in_and_comes_out_becomes_an_error() {
    // test_generators: ExceptionTest.test_tutorial_stopiteration
    let unwinding = Generator::new(|y: &Yielder<i32>| y.yield_(1));
    let returning = Generator::try_new(|y: &Yielder<i32>| y.try_yield(1).map_err(Box::<dyn Error>::from));
    for g in [unwinding, returning] {
        g.advance().unwrap();
        let Err(SendError::Raised(error)) = g.throw(StopIteration::new()) else { panic!() };
        assert!(matches!(
            *error.downcast::<GeneratorError>().unwrap(),
            GeneratorError::RaisedStopIteration(_)
        ));
    }
}

#[test]
fn statement_08_a_stop_iteration_goes_unchanged_through_a_generator_that_has_not_begun_or_has_finished() {
    let g = Generator::new(|y: &Yielder<i32>| y.yield_(1));
    for _ in 0..2 {
        let Err(SendError::Raised(error)) = g.throw(StopIteration::with_value(1u8)) else { panic!() };
        assert_eq!(error.downcast::<StopIteration>().unwrap().into_value(), Some(1u8));
    }
}

#[test]
fn statement_08_a_caught_stop_iteration_is_an_error_like_others() {
    let g = Generator::new(|y: &Yielder<i32>| {
        let stop = y.try_yield(1).unwrap_err().downcast::<StopIteration>().unwrap();
        y.yield_(stop.into_value().unwrap());
    });
    g.advance().unwrap();
    assert_eq!(g.throw(StopIteration::with_value(8)).unwrap(), Step::Yielded(8));
}

#[test]
fn statement_09_whatever_leaves_a_body_closes_the_generator() {
    // test_generators: doctest "weakref/exception tests", "The gen is closed after an exception"
    let returned_error = Generator::try_new(|y: &Yielder<i32>| {
        y.try_yield(1).and(Err::<(), _>(Thrown::Exit)).or(Err(Fault(1)))
    });
    let rethrown = Generator::try_new(|y: &Yielder<i32>| -> Result<(), Fault> {
        y.yield_(1);
        Thrown::Error(Box::new(Fault(1))).rethrow()
    });
    for g in [returned_error, rethrown] {
        assert_eq!(g.advance().unwrap(), Step::Yielded(1));
        let Err(GeneratorError::Raised(error)) = g.advance() else { panic!() };
        assert_eq!(*error.downcast::<Fault>().unwrap(), Fault(1));
        assert_eq!(g.state(), GeneratorState::Closed);
        assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
    }
}

#[test]
fn statement_09_a_panic_goes_to_the_resumer_and_closes_the_generator() {
    let g = Generator::new(|y: &Yielder<i32>| {
        y.yield_(1);
        crate::fault::silent_panic("broken");
    });
    g.advance().unwrap();
    assert_eq!(crate::fault::panic_text(|| g.advance()), "broken");
    assert_eq!(g.state(), GeneratorState::Closed);
    assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
}

#[test]
fn statement_09_a_caught_throw_leaves_it_running_on() {
    // test_generators: doctest coroutine tests, "caught ValueError"
    let g = Generator::new(|y: &Yielder<u32>| {
        let mut out = 0;
        for _ in 0..3 {
            match y.try_yield(out) {
                Ok(()) => {}
                Err(thrown) => out = thrown.downcast::<Fault>().unwrap().0,
            }
        }
    });
    assert_eq!(g.advance().unwrap(), Step::Yielded(0));
    assert_eq!(g.throw(Fault(5)).unwrap(), Step::Yielded(5));
    assert_eq!(g.throw(Fault(6)).unwrap(), Step::Yielded(6));
    assert_eq!(g.advance().unwrap(), Step::Returned(()));
}
