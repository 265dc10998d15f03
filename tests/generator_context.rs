//! `contextmanager`, `with` and the ready-made managers.
//!
//! Cases of CPython's `test_contextlib` keep their names.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use cede::{
    AlreadyEntered, BlockPanicked, Close, ContextManager, Generator, GeneratorError, GeneratorExit,
    GeneratorState, SendError, Step, StopIteration, Thrown, Yielder, closing, contextmanager, nullcontext,
    suppress, try_contextmanager, with,
};

#[path = "generator_context/managers.rs"]
mod managers;
#[path = "generator_context/unwind.rs"]
mod unwind;

type Boxed = Box<dyn Error>;

/// An error with a number, so that one can be told from another.
#[derive(Debug, PartialEq)]
struct Fault(u32);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {}", self.0)
    }
}

impl Error for Fault {}

/// An error that keeps the one before it.
#[derive(Debug)]
struct Because(Boxed);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("because")
    }
}

impl Error for Because {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Sets a flag when it is dropped.
struct Flag(Rc<Cell<bool>>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

fn flag() -> (Rc<Cell<bool>>, Flag) {
    let dropped = Rc::new(Cell::new(false));
    (Rc::clone(&dropped), Flag(dropped))
}

fn address(error: &Boxed) -> *const () {
    (&raw const **error).cast()
}

fn kind(error: &Boxed) -> &GeneratorError {
    error.downcast_ref().unwrap_or_else(|| panic!("no error of a generator: {error:?}"))
}

thread_local!(static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// What this thread has reported to the unraisable hook while `f` ran. The hook is the whole process's.
fn reported<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    cede::set_unraisable_hook(|unraisable| {
        REPORTED.with_borrow_mut(|reported| reported.push(unraisable.error().to_string()));
    });
    REPORTED.take();
    let result = f();
    (result, REPORTED.take())
}

/// A panic without a report on stderr.
fn silent_panic(text: &'static str) -> ! {
    panic::resume_unwind(Box::new(text))
}

fn panic_text<R>(f: impl FnOnce() -> R) -> &'static str {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("no panic"),
        Err(payload) => *payload.downcast().expect("a payload of this test"),
    }
}

/// A manager that lets everything pass, and shows what its exit was given.
fn witness() -> (Rc<RefCell<Vec<String>>>, impl ContextManager<Value = ()>) {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let manager = try_contextmanager(move |y: &Yielder<()>| {
        let outcome = y.try_yield(());
        log.borrow_mut().push(match &outcome {
            Ok(()) => "normal".to_owned(),
            Err(thrown) => thrown.to_string(),
        });
        outcome
    });
    (seen, manager)
}

#[test]
fn contextmanager_plain() {
    let state = Rc::new(RefCell::new(vec![]));
    let log = Rc::clone(&state);
    let manager = contextmanager(move |y| {
        log.borrow_mut().push(1);
        y.yield_(42);
        log.borrow_mut().push(999);
    });
    assert!(state.borrow().is_empty());
    let value = with(manager, |x| {
        assert_eq!(*state.borrow(), [1]);
        state.borrow_mut().push(x);
        Ok::<_, Fault>("value")
    });
    assert_eq!(value.unwrap(), Some("value"));
    assert_eq!(*state.borrow(), [1, 42, 999]);
}

#[test]
fn contextmanager_finally() {
    let (dropped, guard) = flag();
    let manager = contextmanager(move |y| {
        let _guard = guard;
        y.yield_(42);
    });
    let result = with(manager, |_| {
        assert!(!dropped.get());
        Err::<(), _>(Fault(1))
    });
    assert!(dropped.get());
    assert_eq!(*result.unwrap_err().downcast::<Fault>().unwrap(), Fault(1));
}

#[test]
fn contextmanager_no_reraise() {
    let mut manager = contextmanager(|y| y.yield_(()));
    manager.enter().unwrap();
    let error: Boxed = Box::new(Fault(1));
    let place = address(&error);
    let out = manager.exit(Some(error)).unwrap_err();
    assert_eq!(address(&out), place, "the same error goes on, not a copy");
}

#[test]
fn an_error_handed_on_by_try_yield_is_the_same_one() {
    type Body = fn(&Yielder<()>) -> Result<(), Thrown>;
    let bodies: [Body; 2] = [|y| y.try_yield(()), |y| y.try_yield(()).map_err(|thrown| thrown.rethrow())];
    for body in bodies {
        let mut manager = try_contextmanager(body);
        manager.enter().unwrap();
        let error: Boxed = Box::new(Fault(1));
        let place = address(&error);
        assert_eq!(address(&manager.exit(Some(error)).unwrap_err()), place);
    }
}

#[test]
fn contextmanager_trap_yield_after_throw() {
    let (dropped, guard) = flag();
    let mut manager = contextmanager(move |y| {
        let _guard = guard;
        if y.try_yield(()).is_err() {
            y.yield_(());
        }
    });
    manager.enter().unwrap();
    let error = manager.exit(Some(Box::new(Fault(1)))).unwrap_err();
    assert!(matches!(kind(&error), GeneratorError::DidNotStop));
    assert!(dropped.get(), "the body is closed");
}

#[test]
fn contextmanager_trap_no_yield() {
    let mut manager = contextmanager(|_: &Yielder<()>| {});
    assert!(matches!(kind(&manager.enter().unwrap_err()), GeneratorError::DidNotYield));
}

#[test]
fn contextmanager_trap_second_yield() {
    let (dropped, guard) = flag();
    let manager = contextmanager(move |y| {
        let _guard = guard;
        y.yield_(());
        y.yield_(());
    });
    let error = with(manager, |()| Ok::<_, Fault>(())).unwrap_err();
    assert!(matches!(kind(&error), GeneratorError::DidNotStop));
    assert!(dropped.get(), "the body is closed");
}

#[test]
fn an_error_while_a_body_that_did_not_stop_is_closed_goes_on_instead() {
    let manager = try_contextmanager(|y| {
        y.yield_(());
        y.try_yield(()).map_err(|_| Fault(7))
    });
    let error = with(manager, |()| Ok::<_, Fault>(())).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Fault(7)));

    let manager = contextmanager(|y| {
        y.yield_(());
        while y.try_yield(()).is_err() {
            y.yield_(());
        }
    });
    let (result, reports) = reported(|| with(manager, |()| Ok::<_, Fault>(())));
    assert!(matches!(kind(&result.unwrap_err()), GeneratorError::IgnoredExit));
    assert!(reports.is_empty(), "the second end finds the body at a plain yield: {reports:?}");
}

#[test]
fn contextmanager_non_normalised() {
    let manager = try_contextmanager(|y| match y.try_yield(()) {
        Err(thrown) if thrown.is::<Fault>() => Err(fmt::Error),
        other => panic!("{other:?}"),
    });
    assert!(with(manager, |()| Err::<(), _>(Fault(1))).unwrap_err().is::<fmt::Error>());
}

#[test]
fn contextmanager_except() {
    let state = Rc::new(RefCell::new(vec![]));
    let log = Rc::clone(&state);
    let manager = contextmanager(move |y| {
        log.borrow_mut().push(1);
        match y.try_yield(42).unwrap_err().downcast::<Fault>() {
            Ok(Fault(number)) => log.borrow_mut().push(number),
            Err(other) => other.rethrow(),
        }
    });
    let result = with(manager, |x| {
        state.borrow_mut().push(x);
        Err::<(), _>(Fault(999))
    });
    assert_eq!(result.unwrap(), None);
    assert_eq!(*state.borrow(), [1, 42, 999]);
}

#[test]
fn contextmanager_except_stopiter() {
    type Manager = Box<dyn ContextManager<Value = ()>>;
    let managers: [fn() -> Manager; 3] = [
        || Box::new(contextmanager(|y| y.yield_(()))),
        || Box::new(try_contextmanager(|y| y.try_yield(()))),
        || Box::new(contextmanager(|y| y.try_yield(()).unwrap_or_else(|thrown| thrown.rethrow()))),
    ];
    for manager in managers {
        let error = with(manager(), |()| Err::<(), _>(StopIteration::with_value("spam"))).unwrap_err();
        let stop = error.downcast::<StopIteration>().expect("not the error of PEP 479");
        assert_eq!(stop.into_value(), Some("spam"));
        assert!(with(manager(), |()| Err::<(), _>(StopIteration::new())).unwrap_err().is::<StopIteration>());
    }
}

#[test]
fn a_stop_iteration_can_be_suppressed() {
    let manager = contextmanager(|y| assert!(y.try_yield(()).unwrap_err().is::<StopIteration>()));
    assert_eq!(with(manager, |()| Err::<(), _>(StopIteration::new())).unwrap(), None);
}

#[test]
fn a_stop_iteration_of_the_body_s_own_is_an_error() {
    let in_place_of_another =
        try_contextmanager(|y| y.try_yield(()).map_err(|_| StopIteration::with_value(2)));
    let after_a_good_block = try_contextmanager(|y| {
        y.yield_(());
        Err(StopIteration::with_value(2))
    });
    let outcomes = [
        with(in_place_of_another, |()| Err(Fault(1))),
        with(after_a_good_block, |()| Ok::<(), Fault>(())),
        with(try_contextmanager(|_: &Yielder<()>| Err(StopIteration::with_value(2))), |()| Err(Fault(1))),
    ];
    for outcome in outcomes {
        match *outcome.unwrap_err().downcast::<GeneratorError>().unwrap() {
            GeneratorError::RaisedStopIteration(stop) => assert_eq!(stop.into_value(), Some(2)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn contextmanager_do_not_unchain_non_stopiteration_exceptions() {
    let manager = try_contextmanager(|y| y.try_yield(()).map_err(|thrown| Because(thrown.into())));
    let error = with(manager, |()| Err::<(), _>(Fault(1))).unwrap_err();
    assert!(error.is::<Because>());
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&Fault(1)));
}

#[test]
fn contextmanager_wrap_runtimeerror() {
    let wrap = || {
        try_contextmanager(|y| {
            y.try_yield(()).map_err(|thrown| match thrown.downcast::<StopIteration>() {
                Ok(stop) => GeneratorError::RaisedStopIteration(stop).into(),
                Err(other) => Boxed::from(Because(other.into())),
            })
        })
    };
    assert!(with(wrap(), |()| Err::<(), _>(Fault(1))).unwrap_err().is::<Because>());
    // What the generator would have done by itself is undone, whoever did it.
    assert!(with(wrap(), |()| Err::<(), _>(StopIteration::new())).unwrap_err().is::<StopIteration>());
}

#[test]
fn a_generator_exit_is_an_error_like_others() {
    let passes = contextmanager(|y| y.yield_(()));
    assert!(with(passes, |()| Err::<(), _>(GeneratorExit)).unwrap_err().is::<GeneratorExit>());
    let suppresses = contextmanager(|y| assert!(matches!(y.try_yield(()), Err(Thrown::Exit))));
    assert_eq!(with(suppresses, |()| Err::<(), _>(GeneratorExit)).unwrap(), None);
}

#[test]
fn recursive() {
    fn nest(depth: &Rc<Cell<u32>>, entered: &Rc<Cell<u32>>) {
        let (depth_in, entered_in) = (Rc::clone(depth), Rc::clone(entered));
        let manager = contextmanager(move |y| {
            entered_in.set(entered_in.get() + 1);
            let before = depth_in.get();
            depth_in.set(before + 1);
            y.yield_(());
            depth_in.set(depth_in.get() - 1);
            assert_eq!(depth_in.get(), before);
        });
        with(manager, |()| {
            if depth.get() < 10 {
                nest(depth, entered);
            }
            Ok::<_, Fault>(())
        })
        .unwrap();
    }
    let (depth, entered) = (Rc::default(), Rc::default());
    nest(&depth, &entered);
    assert_eq!((depth.get(), entered.get()), (0, 10));
}

#[test]
fn an_error_before_the_yield_comes_out_of_enter_and_the_block_does_not_run() {
    let manager = try_contextmanager(|_: &Yielder<()>| Err(Fault(3)));
    let result = with(manager, |()| -> Result<(), Fault> { panic!("the block runs") });
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&Fault(3)));
}

#[test]
fn a_second_enter_is_refused_and_changes_nothing() {
    let mut manager = contextmanager(|y| {
        y.yield_(1);
        y.yield_(2);
    });
    assert_eq!(manager.enter().unwrap(), 1);
    assert!(matches!(kind(&manager.enter().unwrap_err()), GeneratorError::DidNotYield));
    assert!(matches!(kind(&manager.exit(None).unwrap_err()), GeneratorError::DidNotStop));
    assert!(matches!(kind(&manager.enter().unwrap_err()), GeneratorError::DidNotYield));
}

#[test]
fn exit_without_enter_does_what_python_does() {
    let mut fresh = contextmanager(|y| y.yield_(()));
    assert!(matches!(kind(&fresh.exit(None).unwrap_err()), GeneratorError::DidNotStop));

    let mut fresh = contextmanager(|_: &Yielder<()>| panic!("the body runs"));
    assert!(fresh.exit(Some(Box::new(Fault(1)))).unwrap_err().is::<Fault>());

    let mut finished = contextmanager(|y| y.yield_(()));
    finished.enter().unwrap();
    finished.exit(None).unwrap();
    finished.exit(None).unwrap();
    assert!(finished.exit(Some(Box::new(Fault(1)))).unwrap_err().is::<Fault>());
    assert!(finished.exit(Some(Box::new(StopIteration::new()))).unwrap_err().is::<StopIteration>());
}

#[test]
fn dropping_an_entered_manager_closes_its_body() {
    let (dropped, guard) = flag();
    let mut manager = contextmanager(move |y| {
        let _guard = guard;
        assert!(matches!(y.try_yield(()), Err(Thrown::Exit)));
    });
    manager.enter().unwrap();
    drop(manager);
    assert!(dropped.get());
}

#[test]
fn the_block_may_yield_from_the_generator_around_it() {
    let log = Rc::new(RefCell::new(vec![]));
    let inner = Rc::clone(&log);
    let g = Generator::new(move |y: &Yielder<u32>| {
        let manager = contextmanager({
            let inner = Rc::clone(&inner);
            move |y| {
                inner.borrow_mut().push("enter");
                y.yield_(10);
                inner.borrow_mut().push("exit");
            }
        });
        with(manager, |base| {
            (0..3).for_each(|i| y.yield_(base + i));
            Ok::<_, Fault>(())
        })
        .unwrap();
    });
    assert_eq!(g.collect::<Vec<_>>(), [10, 11, 12]);
    assert_eq!(*log.borrow(), ["enter", "exit"]);
}

#[test]
fn managers_may_be_boxed_or_borrowed() {
    let mut boxed: Box<dyn ContextManager<Value = i32>> = Box::new(contextmanager(|y| y.yield_(1)));
    assert_eq!(with(&mut boxed, Ok::<_, Fault>).unwrap(), Some(1));
    assert!(matches!(kind(&with(boxed, Ok::<_, Fault>).unwrap_err()), GeneratorError::DidNotYield));
}

#[test]
fn an_error_of_exit_takes_the_place_of_a_good_result() {
    let manager = try_contextmanager(|y| {
        y.yield_(());
        Err(Fault(5))
    });
    assert_eq!(with(manager, |()| Ok::<_, Fault>("lost")).unwrap_err().downcast_ref(), Some(&Fault(5)));
}
