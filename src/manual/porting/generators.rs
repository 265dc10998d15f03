//! Generators, asynchronous generators, `contextlib` and `itertools`.
//!
//! What a generator is, form by form and rule by rule, has a chapter of its own:
//! [`manual::generators`](crate::manual::generators). This one has what tasks add to it, and the names.
//!
//! Where an example waits, its `run` is [`cede::run`](crate::run) under a virtual clock.
//!
//! # Generators
//!
//! | Python | cede |
//! |---|---|
//! | a function with `yield` | a function that gives a [`Generator`](crate::Generator) |
//! | `yield v`, `x = yield v`, `yield from g` | [`y.yield_(v)`](crate::Yielder::yield_), [`y.yield_from(g)`](crate::Yielder::yield_from), [`yield_from_iter`](crate::Yielder::yield_from_iter) |
//! | `try: x = yield v` / `except E` | [`y.try_yield(v)`](crate::Yielder::try_yield) and [`Thrown::downcast`](crate::Thrown::downcast) |
//! | `next(g)`, `g.send(x)`, `g.throw(e)`, `g.close()` | [`advance`](crate::Generator::advance), [`send`](crate::Generator::send), [`throw`](crate::Generator::throw), [`close`](crate::Generator::close) |
//! | `StopIteration`, `GeneratorExit` | [`Step::Returned`](crate::Step::Returned) and [`StopIteration`](crate::StopIteration), [`GeneratorExit`](crate::GeneratorExit) |
//! | "generator already executing" and the like | [`GeneratorError`](crate::GeneratorError), [`SendError`](crate::SendError) |
//! | `inspect.getgeneratorstate`, `gi_running`, `gi_yieldfrom` | [`state`](crate::Generator::state), [`delegate`](crate::Generator::delegate) |
//! | `inspect.getgeneratorlocals`, `gi_frame`, `gi_code` | nothing: a debugger shows the frames of the stack |
//! | `sys.unraisablehook` | [`set_unraisable_hook`](crate::set_unraisable_hook) |
//! | a generator expression `(f(x) for x in g)` | an adaptor: `g.map(f)` |
//! | `itertools` | std's adaptors and the crate `itertools`: see below |
//!
//! # Asynchronous generators
//!
//! There is no second kind. A generator whose body waits suspends the task that advances it, with itself on top, and is an
//! asynchronous generator by that. What it yields costs no tick; what its body waits for costs what it costs elsewhere.
//!
//! ```python
//! import asyncio
//!
//! log = []
//!
//! async def ticker(count):
//!     try:
//!         for i in range(count):
//!             await asyncio.sleep(1)
//!             yield i
//!     finally:
//!         await asyncio.sleep(1)
//!         log.append("closed")
//!
//! async def main():
//!     assert [i async for i in ticker(3)] == [0, 1, 2]
//!
//!     ticks = ticker(10)
//!     async for i in ticks:
//!         if i == 1:
//!             break
//!     await ticks.aclose()
//!     assert log == ["closed", "closed"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{Generator, Yielder};
//! use std::{cell::RefCell, rc::Rc, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! type Log = Rc<RefCell<Vec<&'static str>>>;
//!
//! fn ticker(count: u32, log: &Log) -> Generator<u32> {
//!     let log = Rc::clone(log);
//!     Generator::new(move |y: &Yielder<u32>| {
//!         let body = || for i in 0..count {
//!             cede::sleep(Duration::from_secs(1));
//!             y.yield_(i);
//!         };
//!         cede::finally(body, || {
//!             cede::sleep(Duration::from_secs(1));
//!             log.borrow_mut().push("closed");
//!         })
//!     })
//! }
//!
//! run(|| {
//!     let log = Log::default();
//!     assert_eq!(ticker(3, &log).collect::<Vec<_>>(), [0, 1, 2]);
//!
//!     let ticks = ticker(10, &log);
//!     for i in &ticks {
//!         if i == 1 {
//!             break;
//!         }
//!     }
//!     ticks.close().unwrap();
//!     assert_eq!(*log.borrow(), ["closed", "closed"]);
//! });
//! ```
//!
//! | Python | cede |
//! |---|---|
//! | `async def` with `yield` | the same as without `async` |
//! | `async for x in g` | `for x in g`, or `for x in &g` to keep it |
//! | `await anext(g)`, `await anext(g, d)` | `g.next()`, `g.next().unwrap_or(d)` |
//! | `await g.asend(x)`, `g.athrow(e)`, `g.aclose()` | `send`, `throw`, `close` |
//! | `return` in an asynchronous generator: no value | may have one, as in any generator |
//! | `StopAsyncIteration` | `None`, or `Step::Returned` |
//! | `async with aclosing(g)` | `with(closing(&g), \|g\| ...)`: [`closing`](crate::closing) |
//! | `sys.set_asyncgen_hooks`, `loop.shutdown_asyncgens()` | nothing: a generator has an owner, and ends with it |
//! | `inspect.getasyncgenstate`, `ag_running`, `ag_await` | [`state`](crate::Generator::state), [`TaskHandle::waits_for`](crate::TaskHandle::waits_for) of the task |
//! | an asynchronous comprehension | an adaptor |
//!
//! What holds for generators in tasks:
//!
//! - **Advancing one that another task is advancing** (it waits inside of its body) is an error,
//!   [`AlreadyExecuting`](crate::GeneratorError::AlreadyExecuting), never a wait. To share one, lock it: a
//!   [`Mutex`](crate::sync::Mutex) around the calls of `next`. Tasks may take turns at one generator, from different tasks of a run.
//! - **Closing may wait** in clean-up code, as above. Yielding then is
//!   [`IgnoredExit`](crate::GeneratorError::IgnoredExit).
//! - **Dropping closes.** `break` out of a `for` that owns its generator closes it there and then, and the clean-up may wait too,
//!   unless the drop is part of an unwind, in which nothing waits: what its clean-up does is then refused and goes to the unraisable hook.
//!   A generator with clean-up that waits is closed by name: in [`closing`](crate::closing) or in [`finally`](crate::finally).
//!   Python defers such clean-up to a hook of the loop, some time later.
//! - **A cancellation** of the task that advances a generator unwinds the generator's body as well, from where it waits. One that is
//!   suspended at a yield belongs to nobody's wait, and is closed by its owner.
//! - **A yield inside of a timeout or scope** that was opened inside of the generator is refused, with
//!   [`InExtent`](crate::GeneratorError::InExtent): it would cancel whatever code runs meanwhile. Python has the same trap (PEP 789) and
//!   leaves it open.
//! - **A run that ends** cancels its tasks, and so ends the generators that these hold.
//!
//! ```
//! use cede::{Generator, GeneratorError};
//! use std::{rc::Rc, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! run(|| {
//!     let slow = Rc::new(Generator::new(|y| {
//!         cede::sleep(Duration::from_secs(1));
//!         y.yield_("a page");
//!     }));
//!     let shared = Rc::clone(&slow);
//!     let other = cede::spawn(move || (&*shared).next());
//!     cede::yield_now();
//!     assert!(matches!(slow.advance(), Err(GeneratorError::AlreadyExecuting)));
//!     assert_eq!(other.join().unwrap(), Some("a page"));
//! });
//! ```
//!
//! A type of your own with `__aiter__` and `__anext__` is a type that is an [`Iterator`], whose `next` waits.
//!
//! # contextlib
//!
//! Most context managers of Python are types with a destructor here, or functions that take the block as a closure. Where the protocol
//! itself is wanted, because the end may fail, has to wait, or suppresses an error, it is there. As with generators, what waits and what
//! does not are the same thing: `with` is `async with`.
//!
//! ```python
//! import asyncio, contextlib
//!
//! log = []
//!
//! @contextlib.asynccontextmanager
//! async def connection(name):
//!     await asyncio.sleep(1)
//!     log.append(f"open {name}")
//!     try:
//!         yield name.upper()
//!     finally:
//!         await asyncio.sleep(1)
//!         log.append(f"close {name}")
//!
//! async def main():
//!     async with contextlib.AsyncExitStack() as stack:
//!         for name in "ab":
//!             log.append(await stack.enter_async_context(connection(name)))
//!     assert log == ["open a", "A", "open b", "B", "close b", "close a"]
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::{ContextManager, ExitStack, contextmanager};
//! use std::{cell::RefCell, error::Error, rc::Rc, time::Duration};
//! # fn run<T>(main: impl FnOnce() -> T) -> T { cede::Runner::builder().virtual_time(true).build().run(main).unwrap() }
//!
//! type Log = Rc<RefCell<Vec<String>>>;
//!
//! fn connection(name: &'static str, log: &Log) -> impl ContextManager<Value = String> + use<> {
//!     let log = Rc::clone(log);
//!     contextmanager(move |y| {
//!         cede::sleep(Duration::from_secs(1));
//!         log.borrow_mut().push(format!("open {name}"));
//!         cede::finally(|| y.yield_(name.to_uppercase()), || {
//!             cede::sleep(Duration::from_secs(1));
//!             log.borrow_mut().push(format!("close {name}"));
//!         })
//!     })
//! }
//!
//! run(|| {
//!     let log = Log::default();
//!     ExitStack::new().run(|stack| {
//!         for name in ["a", "b"] {
//!             let value = stack.enter(connection(name, &log))?;
//!             log.borrow_mut().push(value);
//!         }
//!         Ok::<_, Box<dyn Error>>(())
//!     })?;
//!     assert_eq!(*log.borrow(), ["open a", "A", "open b", "B", "close b", "close a"]);
//!     Ok::<_, Box<dyn Error>>(())
//! })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! | Python | cede |
//! |---|---|
//! | `with m as x: block`, `async with` | [`with(m, \|x\| block)`](crate::with); what was suppressed is `Ok(None)` |
//! | `__enter__`, `__exit__`, `AbstractContextManager` and their `a` forms | [`ContextManager`](crate::ContextManager) |
//! | `@contextmanager`, `@asynccontextmanager` | [`contextmanager`](crate::contextmanager), [`try_contextmanager`](crate::try_contextmanager): a function that makes a new one for each `with` |
//! | "generator didn't yield", "generator didn't stop" | [`DidNotYield`](crate::GeneratorError::DidNotYield), [`DidNotStop`](crate::GeneratorError::DidNotStop) |
//! | `ExitStack`, `AsyncExitStack` | [`ExitStack`](crate::ExitStack): `enter`, `push`, `callback`, `pop_all`, `close` |
//! | `enter_context`, `enter_async_context`, `push_async_exit`, `push_async_callback`, `aclose` | `enter`, `push`, `callback`, `close` |
//! | `closing`, `aclosing` | [`closing`](crate::closing), for what is [`Close`](crate::Close) |
//! | `suppress` | [`suppress`](crate::suppress) |
//! | `nullcontext` | [`nullcontext`](crate::nullcontext) |
//! | `ContextDecorator`, `AsyncContextDecorator` | a function that calls `with` |
//! | `redirect_stdout`, `redirect_stderr`, `chdir` | nothing: they change the whole process, under the feet of other threads |
//!
//! The body of a context manager may open a timeout or scope around its yield: the block is meant to be inside of it.
//!
//! # itertools
//!
//! A generator is an iterator, so all of std's adaptors and those of the crate `itertools` work with it, and cede has none of its own.
//! They are lazy as Python's are; an adaptor around a generator whose body waits waits where it asks for a value.
//!
//! | Python | Rust | of |
//! |---|---|---|
//! | `accumulate(xs, f)` | `scan(first, ...)` | std |
//! | `batched(xs, n)` | `chunks(n)`, or `tuples()` for a fixed small `n` | itertools |
//! | `chain(a, b)`, `chain.from_iterable(xs)` | `a.chain(b)`, `xs.flatten()` | std |
//! | `combinations`, `combinations_with_replacement`, `permutations` | the same names | itertools |
//! | `product(a, b)`, `product(a, repeat=n)` | `cartesian_product`, `iproduct!`, `multi_cartesian_product` | itertools |
//! | `compress(xs, flags)` | `xs.zip(flags).filter(...)` | std |
//! | `count(n, step)` | `(n..).step_by(step)` | std |
//! | `cycle`, `repeat(x)`, `repeat(x, n)` | `cycle`, `iter::repeat`, `iter::repeat_n` | std |
//! | `dropwhile`, `takewhile` | `skip_while`, `take_while` (which loses the first that does not fit, as Python's does) | std |
//! | `filterfalse` | `filter(\|x\| !f(x))` | std |
//! | `groupby(xs, f)` | `chunk_by(f)`, whose groups share a cursor as well | itertools |
//! | `islice(xs, a, b, step)` | `skip(a).take(b - a).step_by(step)` | std |
//! | `pairwise(xs)` | `tuple_windows()` | itertools |
//! | `starmap(f, xs)` | `map(\|(a, b)\| f(a, b))` | std |
//! | `tee(xs)` | `tee()` | itertools |
//! | `zip_longest(a, b)` | `zip_longest` | itertools |
//! | `iter(f, sentinel)` | `iter::from_fn(f).take_while(\|x\| *x != sentinel)` | std |
//! | `enumerate`, `map`, `filter`, `zip`, `reversed` | the same names, `rev` | std |
//! | `any`, `all`, `sum`, `min`, `max`, `functools.reduce` | the same names | std |
