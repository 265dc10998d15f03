//! Statements 18 to 22: delegation.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;

use cede::{
    Generator, GeneratorError, GeneratorExit, GeneratorState, SendError, Step, StopIteration, Thrown, Yielder,
};

use crate::fault::Fault;

type Echo = Generator<i32, i32, i32>;

/// Yields 1000, then ten times what it was sent. Returns the sum of what it was sent when that is -1.
fn tenfold() -> Echo {
    Generator::new(|y: &Yielder<i32, i32>| {
        let (mut out, mut sum) = (1000, 0);
        loop {
            let sent = y.yield_(out);
            if sent == -1 {
                return sum;
            }
            (out, sum) = (sent * 10, sum + sent);
        }
    })
}

/// Delegates to `inner`, yields its value plus 5, and returns what was sent for that.
fn around(inner: impl cede::Delegate<i32, i32, Return = i32> + 'static) -> Echo {
    Generator::new(move |y: &Yielder<i32, i32>| {
        let value = y.yield_from(inner);
        y.yield_(value + 5)
    })
}

#[test]
fn statement_18_the_first_step_is_next_even_where_the_inner_one_is_part_consumed() {
    let inner = Rc::new(tenfold());
    inner.start().unwrap();
    inner.send(4).unwrap();
    let outer = around(Rc::clone(&inner));
    assert_eq!(outer.start().unwrap(), Step::Yielded(0), "the default was not sent");
    assert_eq!(outer.send(3).unwrap(), Step::Yielded(30));
    // test_yield_from: test_delegation_of_send
    assert_eq!(outer.advance().unwrap(), Step::Yielded(0));
    assert_eq!(outer.send(-1).unwrap(), Step::Yielded(12));
    assert_eq!(outer.send(6).unwrap(), Step::Returned(6));
}

#[test]
fn statement_18_a_created_inner_one_is_started() {
    // test_yield_from: test_delegation_of_initial_next_to_subgenerator
    let outer = around(tenfold());
    assert!(matches!(outer.send(1), Err(SendError::JustStarted(1))));
    assert_eq!(outer.start().unwrap(), Step::Yielded(1000));
    assert!(matches!(outer.start(), Err(GeneratorError::AlreadyStarted)));
}

#[test]
fn statement_19_the_value_of_the_expression_is_what_the_inner_one_returned() {
    // test_yield_from: test_generator_return_value
    let outer = Generator::new(|y: &Yielder<&str>| {
        let value = y.yield_from(Generator::new(|y: &Yielder<&str>| {
            y.yield_("inner");
            42
        }));
        // One that never yields gives its value too, without a suspension.
        let other = y.yield_from(Generator::new(|_: &Yielder<&str>| String::from("at once")));
        let none = y.yield_from_iter(["iterator"]).into_value::<i32>();
        (value, other, none)
    });
    assert_eq!(outer.advance().unwrap(), Step::Yielded("inner"));
    assert_eq!(outer.advance().unwrap(), Step::Yielded("iterator"));
    assert_eq!(outer.advance().unwrap(), Step::Returned((42, "at once".into(), None)));
}

#[test]
fn statement_19_an_inner_one_that_had_finished_has_no_value_and_raises_a_stop_iteration() {
    let inner = Rc::new(Generator::new(|_: &Yielder<i32>| 1));
    inner.advance().unwrap();
    let outer = Generator::new(move |y: &Yielder<i32>| y.try_yield_from(&*inner).map_err(|t| t.to_string()));
    let ended = outer.advance().unwrap().returned().unwrap();
    assert_eq!(ended, Err("StopIteration".into()));
}

#[test]
fn statement_20_a_thrown_error_goes_to_the_inner_one() {
    // test_yield_from: test_delegating_throw
    let inner = Generator::new(|y: &Yielder<u32>| {
        let fault = y.try_yield(1).unwrap_err().downcast::<Fault>().unwrap();
        y.yield_(fault.0);
        "inner's value"
    });
    let outer = Generator::new(move |y: &Yielder<u32>| y.yield_from(inner));
    assert_eq!(outer.advance().unwrap(), Step::Yielded(1));
    assert_eq!(outer.throw(Fault(77)).unwrap(), Step::Yielded(77));
    assert_eq!(outer.advance().unwrap(), Step::Returned("inner's value"));
}

#[test]
fn statement_20_an_error_that_the_inner_one_lets_out_is_raised_at_the_statement() {
    let outer = Generator::new(|y: &Yielder<i32>| {
        let inner = Generator::new(|y: &Yielder<i32>| y.yield_(1));
        let fault = y.try_yield_from(inner).unwrap_err().downcast::<Fault>().unwrap();
        y.yield_(fault.0 as i32);
    });
    outer.advance().unwrap();
    assert_eq!(outer.throw(Fault(3)).unwrap(), Step::Yielded(3));
}

#[test]
fn statement_20_an_inner_one_that_returns_during_a_throw_resumes_the_outer_one_with_its_value() {
    // test_yield_from: test_returning_value_from_delegated_throw
    let outer = Generator::new(|y: &Yielder<i32>| {
        let value = y.yield_from(Generator::new(|y: &Yielder<i32>| y.try_yield(1).map_or(42, |()| 0)));
        y.yield_(value);
    });
    outer.advance().unwrap();
    assert_eq!(outer.throw(Fault(1)).unwrap(), Step::Yielded(42));
}

#[test]
fn statement_20_a_plain_iterator_takes_no_throw_so_it_is_raised_at_the_statement() {
    // test_yield_from: test_delegating_throw_to_non_generator
    let outer = Generator::new(|y: &Yielder<i32>| {
        let fault = y.try_yield_from_iter(0..10).unwrap_err().downcast::<Fault>().unwrap();
        y.yield_(fault.0 as i32);
    });
    assert_eq!((&outer).take(3).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(outer.throw(Fault(30)).unwrap(), Step::Yielded(30));
}

#[test]
fn statement_20_a_stop_iteration_thrown_while_delegating_to_an_iterator_ends_that_with_its_payload() {
    let outer = Generator::new(|y: &Yielder<i32>| {
        let stop = y.yield_from_iter(0..10);
        y.yield_(stop.into_value().unwrap());
    });
    outer.advance().unwrap();
    assert_eq!(outer.throw(StopIteration::with_value(99)).unwrap(), Step::Yielded(99));
    assert_eq!(outer.advance().unwrap(), Step::Returned(()));
}

#[test]
fn statement_20_a_stop_iteration_thrown_to_an_inner_generator_comes_out_as_an_error() {
    let outer = Generator::new(|y: &Yielder<i32>| {
        let inner = Generator::new(|y: &Yielder<i32>| y.yield_(1));
        let error = y.try_yield_from(inner).unwrap_err().downcast::<GeneratorError>().unwrap();
        assert!(matches!(error, GeneratorError::RaisedStopIteration(_)));
        y.yield_(2);
    });
    outer.advance().unwrap();
    assert_eq!(outer.throw(StopIteration::new()).unwrap(), Step::Yielded(2));
}

#[test]
fn statement_20_a_value_sent_to_a_plain_iterator_is_an_error_at_the_statement() {
    // test_yield_from: test_attempting_to_send_to_non_generator
    let outer = Generator::new(|y: &Yielder<i32, u8>| {
        match y.try_yield_from_iter(0..10).unwrap_err().downcast::<GeneratorError>() {
            Ok(GeneratorError::NoSend) => "no send",
            _ => "else",
        }
    });
    outer.start().unwrap();
    assert_eq!(outer.send(0).unwrap(), Step::Yielded(1));
    assert_eq!(outer.send(5).unwrap(), Step::Returned("no send"));
}

/// An inner generator that answers an end with `answer`, and an outer one that returns what reaches it.
fn closing(
    answer: impl FnOnce(&Yielder<i32>) -> Result<i32, Fault> + 'static,
) -> Generator<i32, (), Result<i32, Thrown>> {
    Generator::new(move |y: &Yielder<i32>| {
        y.try_yield_from(Generator::try_new(move |y: &Yielder<i32>| {
            assert!(matches!(y.try_yield(1), Err(Thrown::Exit)));
            answer(y)
        }))
    })
}

/// Both ways to end a generator; gives what the outer one returned then.
fn ended(g: &Generator<i32, (), Result<i32, Thrown>>, by_close: bool) -> Result<i32, Thrown> {
    g.advance().unwrap();
    if by_close { g.close().unwrap().unwrap() } else { g.throw(GeneratorExit).unwrap().returned().unwrap() }
}

#[test]
fn statement_21_an_exit_is_raised_in_the_outer_one_also_where_the_inner_one_returned() {
    // test_yield_from: test_throwing_GeneratorExit_into_subgen_that_returns, test_close_and_throw_return
    for by_close in [true, false] {
        assert!(matches!(ended(&closing(|_| Ok(5)), by_close), Err(Thrown::Exit)));
    }
}

#[test]
fn statement_21_an_inner_one_that_yields_when_it_is_closed_is_an_error_in_the_outer_one() {
    // test_yield_from: test_throwing_GeneratorExit_into_subgenerator_that_yields, test_close_and_throw_yield
    for by_close in [true, false] {
        let reached = ended(
            &closing(|y| {
                let _ = y.try_yield(2);
                Ok(0)
            }),
            by_close,
        );
        let error = reached.unwrap_err().downcast::<GeneratorError>().unwrap();
        assert!(matches!(error, GeneratorError::IgnoredExit));
    }
}

#[test]
fn statement_21_an_error_of_the_inner_close_is_raised_in_the_outer_one() {
    // test_yield_from: test_throwing_GeneratorExit_into_subgen_that_raises, test_handing_exception_while_delegating_close
    for by_close in [true, false] {
        let reached = ended(&closing(|_| Err(Fault(8))), by_close);
        assert_eq!(reached.unwrap_err().downcast::<Fault>().unwrap(), Fault(8));
    }
}

#[test]
fn statement_21_the_inner_one_is_closed_before_the_outer_one() {
    // test_yield_from: test_delegating_close
    let log: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (first, second) = (Rc::clone(&log), Rc::clone(&log));
    let inner = Generator::new(move |y: &Yielder<i32>| {
        let _ = y.try_yield(1);
        first.borrow_mut().push("inner");
    });
    let outer = Generator::new(move |y: &Yielder<i32>| {
        let _ = y.try_yield_from(inner);
        second.borrow_mut().push("outer");
    });
    outer.advance().unwrap();
    outer.close().unwrap();
    assert_eq!(*log.borrow(), ["inner", "outer"]);
}

#[test]
fn statement_21_an_outer_one_that_catches_the_exit_and_yields_ignores_it() {
    let outer = Generator::new(|y: &Yielder<i32>| {
        let inner = Rc::new(Generator::new(|y: &Yielder<i32>| y.yield_(1)));
        assert!(matches!(y.try_yield_from(&inner), Err(Thrown::Exit)));
        assert_eq!(inner.state(), GeneratorState::Closed);
        y.yield_(2);
    });
    outer.advance().unwrap();
    assert!(matches!(outer.close(), Err(GeneratorError::IgnoredExit)));
    assert_eq!(outer.state(), GeneratorState::Suspended);
    assert_eq!(outer.close().unwrap(), None);
}

#[test]
fn statement_21_a_thrown_error_that_is_no_exit_does_not_close_the_inner_one() {
    let inner = Rc::new(Generator::new(|y: &Yielder<i32>| {
        let _ = y.try_yield(1);
        let _ = y.try_yield(2);
        3
    }));
    let shared = Rc::clone(&inner);
    let outer = Generator::new(move |y: &Yielder<i32>| y.yield_from(shared));
    outer.advance().unwrap();
    assert_eq!(outer.throw(Fault(1)).unwrap(), Step::Yielded(2));
    assert_eq!(inner.state(), GeneratorState::Suspended);
    assert_eq!(outer.advance().unwrap(), Step::Returned(3));
}

#[test]
fn statement_22_while_the_inner_one_runs_all_that_delegate_to_it_count_as_running() {
    // test_yield_from: test_delegating_generators_claim_to_be_running
    let chain: Rc<RefCell<Vec<Rc<Generator<i32>>>>> = Rc::default();
    let seen: Rc<Cell<u32>> = Rc::default();
    let (above, count) = (Rc::clone(&chain), Rc::clone(&seen));
    let leaf = Generator::new(move |y: &Yielder<i32>| {
        for i in 0..3 {
            for g in above.borrow().iter() {
                assert_eq!(g.state(), GeneratorState::Running);
                assert!(matches!(g.advance(), Err(GeneratorError::AlreadyExecuting)));
                assert!(matches!(g.close(), Err(GeneratorError::AlreadyExecuting)));
                assert!(matches!(g.throw(Fault(1)), Err(SendError::AlreadyExecuting(_))));
                count.set(count.get() + 1);
            }
            y.yield_(i);
        }
    });
    let middle = Rc::new(Generator::new(move |y: &Yielder<i32>| y.yield_from(leaf)));
    let inner = Rc::clone(&middle);
    let top = Rc::new(Generator::new(move |y: &Yielder<i32>| y.yield_from(inner)));
    chain.borrow_mut().extend([Rc::clone(&middle), Rc::clone(&top)]);
    assert_eq!((&*top).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(seen.get(), 6);
    chain.take();
}

#[test]
fn statement_22_a_generator_that_delegates_but_was_not_resumed_does_not_count_as_running() {
    // The path that was resumed runs; another that joins it further down is only suspended.
    let side: Rc<RefCell<Option<Rc<Generator<i32>>>>> = Rc::default();
    let seen: Rc<RefCell<Vec<GeneratorState>>> = Rc::default();
    let (handle, states) = (Rc::clone(&side), Rc::clone(&seen));
    let leaf = Rc::new(Generator::new(move |y: &Yielder<i32>| {
        for i in 0..3 {
            if let Some(side) = &*handle.borrow() {
                states.borrow_mut().push(side.state());
            }
            y.yield_(i);
        }
    }));
    let delegating = |inner: &Rc<Generator<i32>>| {
        let inner = Rc::clone(inner);
        Rc::new(Generator::new(move |y: &Yielder<i32>| y.yield_from(inner)))
    };
    let (first, second) = (delegating(&leaf), delegating(&leaf));
    *side.borrow_mut() = Some(Rc::clone(&second));
    assert_eq!(first.advance().unwrap(), Step::Yielded(0));
    assert_eq!(second.advance().unwrap(), Step::Yielded(1));
    assert_eq!(first.advance().unwrap(), Step::Yielded(2));
    let expected = [GeneratorState::Created, GeneratorState::Running, GeneratorState::Suspended];
    assert_eq!(*seen.borrow(), expected);
    side.take();
}

#[test]
fn statement_22_delegating_to_a_generator_that_is_executing_is_an_error_at_the_statement() {
    // test_yield_from: test_attempted_yield_from_loop
    let me: Rc<RefCell<Option<Rc<Generator<i32>>>>> = Rc::default();
    let inside = Rc::clone(&me);
    let g = Rc::new(Generator::new(move |y: &Yielder<i32>| {
        let me = inside.take().unwrap();
        let error: Box<dyn Error> = y.try_yield_from(me).unwrap_err().into();
        assert!(matches!(*error.downcast().unwrap(), GeneratorError::AlreadyExecuting));
        y.yield_(1);
    }));
    *me.borrow_mut() = Some(Rc::clone(&g));
    assert_eq!(g.advance().unwrap(), Step::Yielded(1));
    assert_eq!(g.advance().unwrap(), Step::Returned(()));
}
