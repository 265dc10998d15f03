//! Python's generators, form by form and rule by rule.
//!
//! The reference is CPython 3.13 with PEP 255, 342, 380 and 479. The first part is for writing: each form
//! of Python beside the one of cede. The second part is for looking up: the twenty-two rules that
//! generators follow in Python, each with what it is here and a piece of code that holds it to it. The
//! last part says what differs on purpose.
//!
//! # Forms
//!
//! In the body, where `y` is the [`Yielder`]:
//!
//! | Python | cede |
//! |---|---|
//! | `def g(): ...` with a `yield` in it | `fn g() -> Generator<Y, S, R>` around [`Generator::new`] |
//! | `def g(): ...` that raises | [`Generator::try_new`], whose body returns a `Result` |
//! | `yield v` | `y.yield_(v);` |
//! | `x = yield v` | `let x = y.yield_(v);` |
//! | `try: x = yield v` / `except E as e:` | `match y.try_yield(v)`, then [`Thrown::downcast`] |
//! | `except GeneratorExit:` | `Err(Thrown::Exit)` of `try_yield` |
//! | `finally:` | a destructor, which runs however the body ends |
//! | `raise` in a handler | [`Thrown::rethrow`], or `?` in a body that returns a `Result` |
//! | `raise E` | `return Err(e)` in the body of `try_new` |
//! | `return v` | `v` as the closure's value |
//! | `v = yield from inner` | `let v = y.yield_from(inner);` |
//! | `try: v = yield from inner` | `match y.try_yield_from(inner)` |
//! | `yield from [1, 2]` | `y.yield_from_iter([1, 2]);` |
//! | a helper that must yield: `yield from helper()` | `helper(y)`, a plain call with `y: &Yielder<Y, S>` |
//!
//! Outside:
//!
//! | Python | cede |
//! |---|---|
//! | `for v in g:` | `for v in g`, or `for v in &g` to keep it |
//! | `for v in g:` where the body raises | `for v in g.fallible()`, with `v?` |
//! | `next(g)` | [`Generator::start`] the first time or [`Generator::advance`] at any time |
//! | `next(g, None)` | `g.next()` of [`Iterator`] |
//! | `g.send(x)` | [`Generator::send`] |
//! | `g.throw(e)` | [`Generator::throw`] |
//! | `g.close()` | [`Generator::close`] |
//! | `except StopIteration as e: e.value` | `Step::Returned(value)` |
//! | `inspect.getgeneratorstate(g)` | [`Generator::state`] |
//! | `g.gi_yieldfrom` | [`Generator::delegate`] |
//! | `g.__name__` | [`Generator::name`], set by [`Generator::builder`] |
//! | `del g`, or the end of its block | the same: a generator ends where its owner does |
//! | `sys.unraisablehook` | [`set_unraisable_hook`](crate::set_unraisable_hook) |
//! | `@contextmanager`, `ExitStack`, `closing`, `suppress` | [`contextmanager`](crate::contextmanager) and its neighbours |
//! | `itertools` | std's adaptors and the `itertools` crate, since a generator is an iterator |
//!
//! # The rules at a glance
//!
//! | | Python | cede |
//! |---|---|---|
//! | 1 | creation runs nothing; a generator is its own iterator | `Generator::new(body)`, `Iterator` |
//! | 2 | `send` before the start is a TypeError | `Err(SendError::JustStarted(value))` |
//! | 3 | `next(g)` is `g.send(None)` | `advance()` is `send(S::default())` |
//! | 4 | `throw` before the start raises and closes | `Err(SendError::Raised(error))`, `Closed` |
//! | 5 | finished: `throw` raises its argument, `next` is StopIteration | `Raised(error)`; `Finished(value)`, `None` |
//! | 6 | only exceptions can be thrown | `impl Into<Box<dyn Error>>` |
//! | 7 | `return v` is `StopIteration.value`, once | `Step::Returned(v)`, once |
//! | 8 | an escaping StopIteration is a RuntimeError | `GeneratorError::RaisedStopIteration` |
//! | 9 | an escaping exception closes | `Err(Raised(error))`, `Closed` |
//! | 10 | `close` before the start or after the end | `Ok(None)`, nothing runs |
//! | 11 | `close` raises GeneratorExit at the yield | `Thrown::Exit` from `try_yield`, an unwind from `yield_` |
//! | 12 | a yield after it: "ignored GeneratorExit" | `Err(GeneratorError::IgnoredExit)`, `Suspended` |
//! | 13 | `close` gives what the body returned | `Ok(Some(value))`, once |
//! | 14 | running: "already executing" | `AlreadyExecuting`, with what was sent |
//! | 15 | dropping closes; errors are reported | `Drop`, [`set_unraisable_hook`](crate::set_unraisable_hook) |
//! | 16 | `getgeneratorstate`, `gi_yieldfrom` | `state()`, `delegate()` |
//! | 17 | `__cause__`, `__context__` | `Error::source` |
//! | 18 | `yield from` begins with `next`, then sends | `yield_from(inner)` |
//! | 19 | its value is the inner one's return value | its value, a `Delegate::Return` |
//! | 20 | `throw` goes to the inner generator | the same; `yield_from_iter` for iterators |
//! | 21 | `close` closes the inner one first | the same |
//! | 22 | delegating generators count as running | `state()` is `Running` |
//!
//! # Rules: the life of a generator
//!
//! ## 1. Creating one runs nothing, and it is its own iterator
//!
//! ```
//! use cede::{Generator, GeneratorState, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<i32>| y.yield_(1));
//! assert_eq!(g.state(), GeneratorState::Created);
//! assert_eq!(g.collect::<Vec<_>>(), [1]);
//! ```
//!
//! ## 2. A value cannot be sent before the start
//!
//! Python raises TypeError. Here the value comes back in the error, and the generator stays usable.
//!
//! ```
//! use cede::{Generator, GeneratorState, SendError, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<(), String>| y.yield_(()));
//! let Err(SendError::JustStarted(value)) = g.send("to whom?".to_string()) else { panic!() };
//! assert_eq!((value.as_str(), g.state()), ("to whom?", GeneratorState::Created));
//! ```
//!
//! ## 3. `next` sends None; `send` gives the next value yielded
//!
//! `advance` sends `S::default()`, which is `None` where `S` is an `Option`.
//!
//! ```
//! use cede::{Generator, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<String, Option<i32>>| {
//!     let mut heard = None;
//!     loop { heard = y.yield_(format!("{heard:?}")) }
//! });
//! g.advance().unwrap();
//! assert_eq!(g.send(Some(7)).unwrap().yielded().unwrap(), "Some(7)");
//! assert_eq!(g.advance().unwrap().yielded().unwrap(), "None");
//! ```
//!
//! ## 4. An error thrown before the start is raised at the call
//!
//! The generator is closed, and its body never runs.
//!
//! ```
//! use cede::{Generator, GeneratorState, SendError, Yielder};
//!
//! let g = Generator::new(|_: &Yielder<i32>| unreachable!());
//! let Err(SendError::Raised(error)) = g.throw(std::fmt::Error) else { panic!() };
//! assert!(error.is::<std::fmt::Error>());
//! assert_eq!(g.state(), GeneratorState::Closed);
//! ```
//!
//! ## 5. A finished one gives thrown errors back and has no values
//!
//! ```
//! use cede::{Generator, GeneratorError, SendError, Yielder};
//!
//! let g = Generator::new(|_: &Yielder<i32>| "done");
//! assert_eq!(g.advance().unwrap().returned(), Some("done"));
//! assert!(matches!(g.throw(std::fmt::Error), Err(SendError::Raised(e)) if e.is::<std::fmt::Error>()));
//! assert!(matches!(g.send(()), Err(SendError::Finished(()))));
//! assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
//! assert_eq!((&g).next(), None);
//! ```
//!
//! ## 6. Only errors can be thrown
//!
//! Python finds out when it runs. Here it does not compile:
//!
//! ```compile_fail,E0277
//! use cede::{Generator, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<i32>| y.yield_(1));
//! let _ = g.throw(5);
//! ```
//!
//! ## 7. The value that is returned comes once
//!
//! ```
//! use cede::{Generator, GeneratorError, Step, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<i32>| {
//!     y.yield_(1);
//!     "the end"
//! });
//! assert!(matches!(g.advance(), Ok(Step::Yielded(1))));
//! assert!(matches!(g.advance(), Ok(Step::Returned("the end"))));
//! assert!(matches!(g.advance(), Err(GeneratorError::Finished)));
//! ```
//!
//! ## 8. A StopIteration that escapes is an error of its own (PEP 479)
//!
//! Python raises RuntimeError with the original as its cause. Thrown into a generator that has not begun, it
//! goes on unchanged, as rule 4 says.
//!
//! ```
//! use cede::{Generator, GeneratorError, SendError, StopIteration, Yielder};
//! use std::error::Error;
//!
//! let g = Generator::new(|y: &Yielder<i32>| y.yield_(1));
//! g.start().unwrap();
//! let Err(SendError::Raised(error)) = g.throw(StopIteration::with_value(5)) else { panic!() };
//! assert!(matches!(*error.downcast_ref().unwrap(), GeneratorError::RaisedStopIteration(_)));
//! assert!(error.source().unwrap().is::<StopIteration>());
//! ```
//!
//! ## 9. An error that escapes closes the generator
//!
//! ```
//! use cede::{Generator, GeneratorError, GeneratorState, Yielder};
//!
//! let g = Generator::try_new(|_: &Yielder<i32>| "x".parse::<i32>());
//! assert!(matches!(g.advance(), Err(GeneratorError::Raised(e)) if e.is::<std::num::ParseIntError>()));
//! assert_eq!(g.state(), GeneratorState::Closed);
//! ```
//!
//! # Rules: ending one
//!
//! ## 10. Closing one that has not begun runs nothing; closing a finished one does nothing
//!
//! ```
//! use cede::{Generator, GeneratorState, Yielder};
//!
//! let g = Generator::new(|_: &Yielder<i32>| -> i32 { unreachable!() });
//! assert_eq!(g.close().unwrap(), None);
//! assert_eq!(g.state(), GeneratorState::Closed);
//! assert_eq!(g.close().unwrap(), None);
//! ```
//!
//! ## 11. Closing raises GeneratorExit at the yield
//!
//! An end of the body, or the exit itself coming out, is what is meant to happen. Another error goes to
//! the caller of `close`.
//!
//! ```
//! use cede::{Generator, GeneratorError, Thrown, Yielder};
//!
//! let polite = Generator::new(|y: &Yielder<i32>| y.yield_(1));
//! polite.start().unwrap();
//! assert!(polite.close().is_ok());
//!
//! let failing = Generator::try_new(|y: &Yielder<i32>| match y.try_yield(1) {
//!     Err(Thrown::Exit) => Err("can't save"),
//!     _ => Ok(()),
//! });
//! failing.start().unwrap();
//! assert!(matches!(failing.close(), Err(GeneratorError::Raised(e)) if e.to_string() == "can't save"));
//! ```
//!
//! ## 12. A body that yields again has ignored its end
//!
//! It stays suspended at that yield.
//!
//! ```
//! use cede::{Generator, GeneratorError, GeneratorState, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<i32>| if y.try_yield(1).is_err() { y.yield_(2) });
//! g.start().unwrap();
//! assert!(matches!(g.close(), Err(GeneratorError::IgnoredExit)));
//! assert_eq!(g.state(), GeneratorState::Suspended);
//! ```
//!
//! ## 13. `close` gives what the body returned when it was told to end, once
//!
//! ```
//! use cede::{Generator, Yielder};
//!
//! let g = Generator::new(|y: &Yielder<i32>| (1..).find(|&i| y.try_yield(i).is_err()));
//! (&g).take(3).for_each(drop);
//! assert_eq!(g.close().unwrap(), Some(Some(3)));
//! assert_eq!(g.close().unwrap(), None);
//! ```
//!
//! ## 14. A running generator cannot be resumed or closed
//!
//! ```
//! use cede::{Generator, GeneratorError, Yielder};
//! use std::cell::OnceCell;
//! use std::rc::Rc;
//!
//! let itself: Rc<OnceCell<Generator<bool>>> = Rc::default();
//! let seen = Rc::downgrade(&itself);
//! let g = itself.get_or_init(|| {
//!     Generator::new(move |y: &Yielder<bool>| {
//!         let refused = {
//!             let itself = seen.upgrade().unwrap();
//!             matches!(itself.get().unwrap().advance(), Err(GeneratorError::AlreadyExecuting))
//!         };
//!         y.yield_(refused);
//!     })
//! });
//! assert_eq!(g.start().unwrap().yielded(), Some(true));
//! ```
//!
//! ## 15. Dropping a suspended generator closes it
//!
//! Destructors run, innermost first; `break` out of a `for` that owns it only drops it. One that has not
//! begun runs nothing. An error that comes out meanwhile goes to the unraisable hook, since nobody else
//! could be given it.
//!
//! ```
//! use cede::{Generator, Yielder};
//! use std::rc::Rc;
//!
//! let open = Rc::new(());
//! let handle = Rc::clone(&open);
//! for value in Generator::new(move |y: &Yielder<i32>| {
//!     let _handle = handle;
//!     (0..).for_each(|i| y.yield_(i));
//! }) {
//!     if value == 2 {
//!         break;
//!     }
//! }
//! assert_eq!(Rc::strong_count(&open), 1);
//! ```
//!
//! ## 16. The states can be seen, and so can what a generator delegates to
//!
//! ```
//! use cede::{Generator, GeneratorState, Yielder};
//!
//! let inner = Generator::builder().name("inner").build(|y: &Yielder<i32>| y.yield_(1)).unwrap();
//! let outer = Generator::new(|y: &Yielder<i32>| y.yield_from(inner));
//! assert!(outer.delegate().is_none());
//! outer.start().unwrap();
//! assert_eq!(outer.state(), GeneratorState::Suspended);
//! assert_eq!(outer.delegate().unwrap().name.as_deref(), Some("inner"));
//! ```
//!
//! ## 17. Errors keep what they came from
//!
//! Python links exceptions by `__context__` and `__cause__`; here an error has its
//! [`source`](std::error::Error::source), and it is handed through generators as the value it was.
//!
//! ```
//! use cede::{Generator, SendError, Thrown, Yielder};
//! use std::error::Error;
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("can't save")]
//! struct NotSaved(#[source] Box<dyn Error>);
//!
//! let g = Generator::try_new(|y: &Yielder<i32>| match y.try_yield(1) {
//!     Err(Thrown::Error(cause)) => Err(NotSaved(cause)),
//!     _ => Ok(()),
//! });
//! g.start().unwrap();
//! let Err(SendError::Raised(error)) = g.throw("no space") else { panic!() };
//! assert_eq!(error.to_string(), "can't save");
//! assert_eq!(error.source().unwrap().to_string(), "no space");
//! ```
//!
//! # Rules: delegation
//!
//! ## 18. Delegation begins with `next`, then passes on what is sent
//!
//! Also when the inner generator is part-consumed.
//!
//! ```
//! use cede::{Generator, Yielder};
//!
//! let inner = Generator::new(|y: &Yielder<i32, i32>| {
//!     let mut value = 1;
//!     loop { value = y.yield_(value) + 1 }
//! });
//! inner.start().unwrap();
//! let outer = Generator::new(|y: &Yielder<i32, i32>| -> () { y.yield_from(inner) });
//! assert_eq!(outer.start().unwrap().yielded(), Some(1));
//! assert_eq!(outer.send(41).unwrap().yielded(), Some(42));
//! ```
//!
//! ## 19. Its value is what the inner generator returns
//!
//! An iterator returns nothing. Neither does a generator that had already finished: Python gives None for
//! it, here it raises an empty [`StopIteration`](crate::StopIteration), since there is no `R` to give.
//!
//! ```
//! use cede::{Generator, StopIteration, Yielder};
//!
//! let inner = Generator::new(|y: &Yielder<i32>| {
//!     y.yield_(1);
//!     20
//! });
//! let outer = Generator::new(move |y: &Yielder<i32>| {
//!     let value = y.yield_from(&inner);
//!     y.yield_(value);
//!     y.try_yield_from(&inner).is_err_and(|thrown| thrown.is::<StopIteration>())
//! });
//! assert_eq!((&outer).take(2).collect::<Vec<_>>(), [1, 20]);
//! assert_eq!(outer.advance().unwrap().returned(), Some(true));
//! ```
//!
//! ## 20. Errors are thrown into the inner generator
//!
//! If it returns, the delegation has that value. An iterator has no `throw`: the error is raised at the
//! `yield_from_iter`, except StopIteration, which ends the delegation and is its value.
//!
//! ```
//! use cede::{Generator, StopIteration, Yielder};
//!
//! let inner = Generator::new(|y: &Yielder<i32>| y.try_yield(1).is_err());
//! let outer = Generator::new(|y: &Yielder<i32>| {
//!     let caught = y.yield_from(inner);
//!     let stop = y.yield_from_iter(2..);
//!     (caught, stop.into_value::<&str>())
//! });
//! outer.start().unwrap();
//! assert_eq!(outer.throw("into the inner one").unwrap().yielded(), Some(2));
//! let end = outer.throw(StopIteration::with_value("enough")).unwrap();
//! assert_eq!(end.returned(), Some((true, Some("enough"))));
//! ```
//!
//! ## 21. Closing closes the inner generator first
//!
//! Then GeneratorExit is raised in the outer one, also when the inner one returned. An inner one that
//! yields has ignored its end; its errors are raised in the outer one.
//!
//! ```
//! use cede::{Generator, GeneratorState, Yielder};
//! use std::rc::Rc;
//!
//! let inner = Rc::new(Generator::new(|y: &Yielder<i32>| y.try_yield(1).is_err()));
//! let shared = Rc::clone(&inner);
//! let outer = Generator::new(move |y: &Yielder<i32>| y.try_yield_from(shared).is_err());
//! outer.start().unwrap();
//! assert_eq!(outer.close().unwrap(), Some(true));
//! assert_eq!(inner.state(), GeneratorState::Closed);
//! ```
//!
//! ## 22. All that delegate to a running generator count as running
//!
//! ```
//! use cede::{Generator, GeneratorState, Yielder};
//! use std::cell::OnceCell;
//! use std::rc::Rc;
//!
//! let outer: Rc<OnceCell<Generator<GeneratorState>>> = Rc::default();
//! let seen = Rc::downgrade(&outer);
//! let inner = Generator::new(move |y: &Yielder<GeneratorState>| {
//!     let state = seen.upgrade().unwrap().get().unwrap().state();
//!     y.yield_(state);
//! });
//! let outer = outer.get_or_init(|| Generator::new(|y: &Yielder<_>| y.yield_from(inner)));
//! assert_eq!(outer.start().unwrap().yielded(), Some(GeneratorState::Running));
//! assert_eq!(outer.state(), GeneratorState::Suspended);
//! ```
//!
//! # What differs on purpose
//!
//! - **The end is not an error.** Python reports it by StopIteration; here it is `None` of an iterator or
//!   [`Step::Returned`](crate::Step::Returned), and a resumption after it is `Finished`, with the value back.
//! - **Iteration panics** with an error that a body raises, since `next` has no place for it.
//!   `fallible()` gives items of `Result`, where it is an `Err`.
//! - **Helpers are plain calls.** A function that takes `&Yielder` yields for its caller at any depth;
//!   `yield_from` is for inner generators that are values: shared, part-consumed, made elsewhere.
//! - **An uncaught throw unwinds.** `yield_` doesn't return then; destructors run on the way, and neither
//!   the panic hook nor a message appears. `try_yield` is the form that returns.
//! - **Dropping happens at a known place**, not when a collector finds the time. A body that ignores its end
//!   while it is dropped is reported, and then its stack is unwound by force, so that destructors run.
//! - **A generator stays on its thread.** It may therefore hold anything, `Rc` and lock guards included, but
//!   it cannot be sent to another thread.
//! - **`'static` by default.** A body that borrows runs in [`scoped`](crate::scoped), which the borrow outlives.
//!
//! [`Generator`]: crate::Generator
//! [`Generator::new`]: crate::Generator::new
//! [`Generator::try_new`]: crate::Generator::try_new
//! [`Generator::start`]: crate::Generator::start
//! [`Generator::advance`]: crate::Generator::advance
//! [`Generator::send`]: crate::Generator::send
//! [`Generator::throw`]: crate::Generator::throw
//! [`Generator::close`]: crate::Generator::close
//! [`Generator::state`]: crate::Generator::state
//! [`Generator::delegate`]: crate::Generator::delegate
//! [`Generator::name`]: crate::Generator::name
//! [`Generator::builder`]: crate::Generator::builder
//! [`Thrown::downcast`]: crate::Thrown::downcast
//! [`Thrown::rethrow`]: crate::Thrown::rethrow
//! [`Yielder`]: crate::Yielder
