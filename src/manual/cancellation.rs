//! How a task is cancelled, what may catch that, and why it is an unwind.
//!
//! # What happens
//!
//! [`JoinHandle::cancel`] requests that a task ends. The task learns of it where it waits: the wait does not
//! return, the stack is unwound from there, silently, with all destructors on the way, and who joins the task is
//! told that it was cancelled. It is what happens in Python when nobody catches CancelledError, and what dropping a
//! future does to the state of an `async fn`.
//!
//! ```
//! use std::{cell::Cell, rc::Rc, time::Duration};
//!
//! struct Connection(Rc<Cell<bool>>);
//! impl Drop for Connection {
//!     fn drop(&mut self) { self.0.set(false) }
//! }
//!
//! cede::run(|| {
//!     let open = Rc::new(Cell::new(true));
//!     let connection = Connection(open.clone());
//!     let task = cede::spawn(move || {
//!         let _connection = connection;
//!         cede::sleep(Duration::MAX);
//!     });
//!     cede::yield_now();
//!     task.cancel();
//!     assert!(task.join().unwrap_err().is_cancelled());
//!     assert!(!open.get());
//! });
//! ```
//!
//! A request reaches a task only where that suspends itself:
//!
//! | the task | what happens |
//! |---|---|
//! | waits | its wait is taken back, and it unwinds at its next step |
//! | joins another task, a promise, a gather or a shield | that one is cancelled, and the wait ends with it, as in asyncio |
//! | is ready, after a wake-up or `yield_now` | it unwinds at its next step: a wake-up in the same tick loses, and what it stood for (an item, a turn) goes to the next one who waits |
//! | has not begun | its closure is dropped and never runs |
//! | is running, and cancels itself | it goes on to its next suspension; if it ends before, it counts as cancelled |
//! | has ended | nothing, and `cancel` gives false |
//!
//! A wait that is complete at once doesn't suspend, and so isn't interrupted. A task that computes and never waits
//! can't be cancelled; `yield_now` in its loop is enough to change that.
//!
//! # Operations lose nothing
//!
//! An [`Operation`](crate::Operation) that is interrupted has had no effect: no item has left the queue, no turn
//! has been used up. One that was woken for something and is cancelled before it runs hands that on. Where something is lost all the
//! same, such as the item of an interrupted [`put`](crate::sync::Queue::put), the documentation of the method says so under
//! "Cancellation".
//!
//! | a task is cancelled while it | |
//! |---|---|
//! | waits for a lock, a permit, an item, a place, an event | leaves the line; a turn that it was woken for goes to the next |
//! | waits for a condition | takes the lock again first, however long that is, and hands a notification on |
//! | joins a task or a promise | cancels it, and goes on when it has ended: with its value, if it gives one all the same |
//! | joins a gather | cancels all its members |
//! | joins a shield | ends the shield alone; the inner task goes on |
//! | is in `wait`, `as_completed`, `select!` | leaves all of them alone |
//! | is in a scope or group | cancels the children, and waits for them |
//! | is in [`unblock`](crate::unblock) | leaves the function to itself; what it gives is dropped |
//! | waits for a job of an executor | leaves it alone; with [`wrap_future`](crate::executor::wrap_future) it cancels a job that has not begun |
//! | reads or writes a stream | nothing was read or written by that call |
//!
//! # Requests are counted
//!
//! Two parties may cancel a task at the same time, a timeout around its work and the scope that it belongs to, say.
//! Each has to know whether the unwind that comes by is its own. As in asyncio (since 3.11) a task counts requests:
//!
//! | | |
//! |---|---|
//! | `cancel` | adds one |
//! | [`TaskHandle::cancelling`] | tells how many there are |
//! | [`TaskHandle::uncancel`] | takes one back; at 0 a request that was not delivered yet is forgotten |
//!
//! A timeout that fires adds one, and takes it back when its block has been left. If no more are there than at its
//! beginning, the unwind was its own and becomes [`Elapsed`](crate::Elapsed); otherwise somebody else wants the
//! task to end as well, and the unwind goes on. A scope does the same when a child's failure makes it interrupt its
//! body.
//!
//! ```
//! use std::time::Duration;
//!
//! let runner = cede::Runner::builder().virtual_time(true).build();
//! runner.run(|| {
//!     let task = cede::spawn(|| cede::timeout(Duration::from_secs(9), || cede::sleep(Duration::MAX)));
//!     cede::sleep(Duration::from_secs(5));
//!     task.cancel();
//!     // Not `Ok(Err(Elapsed))`: the timeout had not fired.
//!     assert!(task.join().unwrap_err().is_cancelled());
//! })?;
//! # Ok::<_, cede::RunError>(())
//! ```
//!
//! # What may catch it
//!
//! | | |
//! |---|---|
//! | [`catch_cancelled`] | gives the cancellation as a value, Python's `except CancelledError`. [`Cancelled::resume`] lets it go on |
//! | [`finally`] | runs a clean-up that may wait, and lets it go on |
//! | [`no_cancel`] | keeps it out: it is delivered at the first suspension afterwards |
//! | [`timeout`](crate::timeout), [`wait_for`](crate::task::wait_for), [`scope`](crate::scope) | turn their own into a result, and let all others go on |
//! | destructors | run; they can't stop it, and can't wait |
//! | [`std::panic::catch_unwind`] | catches it, but gets it again |
//!
//! The last line is about code that has never heard of cede: a library that turns the panics of a callback into
//! errors, a worker loop that goes on whatever happens. That such a `catch_unwind` must not let a task survive by
//! accident is why a cancellation that was swallowed comes again at the next suspension, and at each one after
//! that. Only [`catch_cancelled`] is a decision.
//!
//! A program may raise one itself, by [`Cancelled::raise`]: a task that does so and doesn't catch it has been cancelled, without
//! a request that would be counted.
//!
//! ```
//! use std::{panic::catch_unwind, time::Duration};
//!
//! cede::run(|| {
//!     let task = cede::spawn(|| {
//!         let caught = catch_unwind(|| cede::sleep(Duration::MAX));
//!         assert!(caught.is_err());
//!         cede::sleep(Duration::from_millis(1));
//!         unreachable!("the sleep unwinds again");
//!     });
//!     cede::yield_now();
//!     task.cancel();
//!     assert!(task.join().unwrap_err().is_cancelled());
//! });
//! ```
//!
//! A task that swallows every one of them is given up at the end of the run, after a bounded number of tries: its
//! stack is leaked, and a report names it. One of a [`Runtime`](crate::Runtime)'s tasks that would go on for ever by itself is not run any more from then on, so that its
//! worker can sleep, and those who wait for it on other workers are found to wait in vain. A main task that does so may have borrowed what is about to go, so the
//! process is aborted then.
//!
//! # Clean-up
//!
//! Destructors run, as in any unwind, and are the place for clean-up that doesn't wait. **A destructor that runs
//! because of an unwind must not wait**: the task would go on with other code while it is half gone, and other
//! tasks would find [`std::thread::panicking`] true and poison what they unlock. A wait there is a panic, which in
//! a destructor during an unwind ends the process. Clean-up that waits goes into [`finally`], which has caught the
//! unwind before it begins:
//!
//! ```
//! use std::{cell::Cell, rc::Rc, time::Duration};
//!
//! cede::run(|| {
//!     let said_goodbye = Rc::new(Cell::new(false));
//!     let said = said_goodbye.clone();
//!     let task = cede::spawn(move || {
//!         cede::finally(|| cede::sleep(Duration::MAX), || {
//!             cede::no_cancel(|| cede::sleep(Duration::from_millis(1)));
//!             said.set(true);
//!         })
//!     });
//!     cede::yield_now();
//!     task.cancel();
//!     assert!(task.join().unwrap_err().is_cancelled());
//!     assert!(said_goodbye.get());
//! });
//! ```
//!
//! # Stretches that must not be interrupted
//!
//! [`no_cancel`] is for code that an unwind must not cross, callbacks from C above all, and for clean-up that has
//! to come to its end. The task may wait inside it; other tasks run meanwhile.
//!
//! [`no_switch`] is for code that other tasks must not interleave with, such as code that holds a `RefCell` borrow
//! or a lock of std. A wait inside it is a panic that says so. So the property that an `async fn` shows by the
//! absence of `.await` can be stated here, and is checked.
//!
//! # What an unwind does to std's types
//!
//! - A `std::sync::Mutex` whose guard is held across a wait is poisoned when the wait is interrupted. Who shares it
//!   between tasks of one thread had a problem before that: a second task that locks it blocks the thread for ever.
//!   [`Mutex`](crate::sync::Mutex) of this crate is released, and never poisoned.
//! - A `LazyLock` or `OnceLock` whose initialiser waits and is interrupted is poisoned, respectively still empty, and a second
//!   task that wants it meanwhile blocks the thread. [`OnceCell`](crate::sync::OnceCell) and [`Lazy`](crate::sync::Lazy) let others
//!   wait, and let the next one try.
//! - Both are arguments for not waiting there; [`no_switch`] finds such places.
//!
//! # Generators
//!
//! A task that waits inside a generator's body is suspended with the generator, and the unwind of its cancellation
//! ends the generators that it crosses. A generator that is suspended at a yield is no part of what is unwound; it
//! is closed by its owner's destructor, as always.
//!
//! A timeout, a scope, `no_cancel` and `no_switch` belong to the task that opened them. A generator that yielded
//! from inside of one would leave it open around code that is none of its business, and that code would be
//! cancelled in its stead. Python's PEP 789 describes the trap; here such a yield fails with
//! [`GeneratorError::InExtent`](crate::GeneratorError::InExtent). Bodies of
//! [`contextmanager`](crate::contextmanager) are exempt, since the block that they surround is what is meant to be
//! inside.
//!
//! ```
//! use cede::{Generator, GeneratorError, Thrown, Yielder, timeout};
//! use std::time::Duration;
//!
//! cede::run(|| {
//!     let trap = Generator::new(|y: &Yielder<i32>| {
//!         let yielded = timeout(Duration::from_secs(1), || y.try_yield(1)).unwrap();
//!         let Err(Thrown::Error(error)) = yielded else { panic!() };
//!         assert!(matches!(error.downcast_ref(), Some(GeneratorError::InExtent)));
//!     });
//!     assert_eq!(trap.count(), 0);
//! });
//! ```
//!
//! # Why it is not a `Result`
//!
//! The other way would be an error from each suspension. It was not taken, for these reasons:
//!
//! - **std's signatures would be lost.** `Read`, `Iterator` and every other trait that a parser, a codec or a
//!   template engine is written against has no room for it, or has room for an `io::Error` only.
//! - **Libraries swallow errors.** A reader that skips broken records would skip the cancellation, and a retry loop
//!   would try again. An unwind is left alone by all code that doesn't catch panics, and that which does gets it
//!   again.
//! - **Every closure would need an error type**, and every generic function an `E: From<Cancelled>`; that is
//!   function colouring once more, in another place.
//! - **A scope could not tell** an error of its body from its own interruption coming back through three libraries
//!   and two conversions. The payload of an unwind can't be converted on the way.
//!
//! The price is what is said above about std's locks, and time: an interrupted task costs microseconds, not
//! nanoseconds. Code that expects to give up often, such as a read with a deadline in a loop, uses a race of
//! operations ([`select!`](crate::select) with [`after`](crate::time::after)) and unwinds nothing.
//!
//! [`JoinHandle::cancel`]: crate::JoinHandle::cancel
//! [`TaskHandle::cancelling`]: crate::TaskHandle::cancelling
//! [`TaskHandle::uncancel`]: crate::TaskHandle::uncancel
//! [`catch_cancelled`]: crate::catch_cancelled
//! [`Cancelled::raise`]: crate::Cancelled::raise
//! [`Cancelled::resume`]: crate::Cancelled::resume
//! [`finally`]: crate::finally
//! [`no_cancel`]: crate::no_cancel
//! [`no_switch`]: crate::no_switch
