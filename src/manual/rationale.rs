//! What else could have been done, and why it was not.
//!
//! Each section has what was wanted, the ways to get it, and the choice.
//!
//! # Stacks, not state machines
//!
//! Wanted: a function that stops in the middle, written as any other function, called by any other.
//!
//! | way | for it | against it |
//! |---|---|---|
//! | state machines (`async`, genawaiter) | no stack; a frame of the exact size | every caller on the way must be one too; recursion needs boxes; borrows across a yield need pins |
//! | a thread for each generator | works everywhere | microseconds for a value; what it holds must be `Send` |
//! | a stack for each generator | any depth, any callee, any library | a page of memory at least; an assembly switch |
//!
//! A stack costs one page, and from a pool it costs nothing to speak of to make. In exchange a recursive
//! function, a visitor, or a callback that some library calls can all yield as they are.
//!
//! # The switch is corosensei's
//!
//! Switching stacks is a few lines of assembly for each processor and operating system, and unwinding and
//! backtraces through them are many more. corosensei has these, tested and maintained. Its interface is
//! narrow enough that one file holds all that is known of it, so the choice can be taken back.
//!
//! # A started generator stays on its thread
//!
//! A stack holds whatever its functions hold: an `Rc`, a lock guard, a reference into a thread-local, an
//! address of one that the compiler has kept in a register. Nothing in a type says what a stack holds, so
//! no bound on the closure makes it safe to move one. Hence `Generator` is never `Send`.
//!
//! | way | why not |
//! |---|---|
//! | `Send` if the closure is | the closure's captures say nothing of its locals |
//! | an `unsafe` promise by the user | the user would answer for every library that the body calls |
//!
//! # All operations take `&self`
//!
//! A generator can reach itself: by an `Rc` in its own body, or by another one that it advances. Python
//! answers "already executing". With `&mut self` the sharing would need a `RefCell`, whose borrow panics
//! where an error is due. So the state lies in cells and the answer is a value. The same makes `for v in &g`
//! possible, and generators that several others delegate to.
//!
//! # Throw and close unwind
//!
//! Wanted: when an error is thrown in, or the generator is closed, and the body doesn't care, its
//! destructors run and nothing else of it does.
//!
//! | way | why not |
//! |---|---|
//! | every yield returns a `Result` | each function on the way has an error type to carry; closures given to std's adaptors can't |
//! | the stack is dropped without unwinding | destructors don't run: unsound where others rely on them |
//! | an ordinary panic | it prints a message, and an end is no failure |
//!
//! So `yield_` raises an unwind without the panic hook, and who wants to look uses `try_yield`. The
//! payload is of a private type and carries the error, which need not be `Send`: on another thread it is never opened.
//!
//! A `catch_unwind` in somebody's library between the yield and the body's root may catch that unwind. The
//! generator keeps what it was told, so the next yield is told again. What ignores its end in this way, or by
//! yielding from `try_yield`'s error, is reported; in a drop it is then unwound by force, and what even catches that is
//! leaked, since the stack of a live frame must never be used again.
//!
//! # Two kinds of body, `new` and `try_new`
//!
//! Stable Rust can't ask whether a type parameter `R` is a `Result`, so a body says by its constructor
//! whether its `Err` is a value like any other or an error that is raised.
//!
//! # What is sent goes through the generator's header
//!
//! corosensei passes a value with each switch. An enum of "a value, an error, an end" there would be written
//! and examined for each value, and values over a register's size copied through memory twice. In the
//! header a value is written once where the body finds it, and what remains for the switch, a command, fits a register.
//!
//! # Delegation resumes the innermost generator
//!
//! One resumption for each level makes a value's cost grow with depth: a recursive walk of a balanced tree by
//! `yield from` then costs a logarithm too much, and of a list a factor of its length. Here the one that is resumed
//! knows the innermost and switches to it directly. The price is a cache that must be right when inner
//! generators are shared, advanced or closed by others; the rule that keeps it so stands in that file.
//!
//! # Borrowing bodies run in a scope
//!
//! A stack that is never unwound may still hold borrows. `mem::forget` is safe, so a generator that owns its
//! stack by value can be forgotten and its memory with borrowed data left behind; macros that pin it in a local don't help, since
//! an `async` block that holds that local can be leaked as well. Only a function that calls the user's closure can be sure to
//! run its end. `scoped` is that function, and its handle has no ownership to forget or to swap.
//!
//! # Guard pages and pools
//!
//! Every stack ends in pages that can't be touched. Protecting them in the usual way splits a mapping in two, and Linux
//! allows some 65,000 mappings, which is about 32,000 stacks. Newer kernels (6.13) can mark guard pages without
//! splitting; cede uses that where it is there, and the usual way where it is not.
//!
//! Mapping a stack costs microseconds, a value nanoseconds. So stacks are kept by the thread that made them, the last
//! used first, since its pages are warm. Memory is given back in batches above a water mark rather than on each
//! drop, which would cost more than the generator did.
//!
//! # Tasks are asyncio's, not threads
//!
//! A scheduler may run tasks in any order and still be right. This one runs them in the order in which asyncio
//! does, with as many ticks from a cause to its effect, for two reasons: a port shows the same interleavings as the
//! original, so that the two can be compared line by line; and a run under the virtual clock is the same run each time.
//!
//! # A waker wakes, and the woken one takes
//!
//! | way | against it |
//! |---|---|
//! | hand the item or the lock to the first who waits | if that one is cancelled in the same tick, it has to be handed back, at the right place |
//! | wake the first, who takes it when it runs | another may come in between; the woken one then waits again |
//! | the same, and it keeps its place in the list meanwhile, so that nobody may come in between | a list holds some who don't wait any more |
//!
//! Each of asyncio's types has its way, which can be seen in the order of execution, and so has each here: queues the second, locks the
//! third, events and conditions too; a semaphore does the first: a permit is given when its waiter is woken, and comes back from one who
//! leaves. What asyncio has not may choose: channels are like queues, a read-write lock is handed over, since several go in at once.
//! Whatever the way, none is lost on it: whoever leaves without the turn that it was woken for passes it on. That
//! stands in one place of each operation, `withdraw`, which runs however the wait ends.
//!
//! # What tasks share may be used by several threads
//!
//! Tasks stay on their thread, and most of what they share does too. Yet a queue between two runs is wanted, and an event that a
//! signal handler's thread sets.
//!
//! | way | why not |
//! |---|---|
//! | types for one thread, and types for several | two of everything, and a choice to make before one knows |
//! | a mutex or an atomic in each | each read-modify-write costs 8 ns where it was measured, more than all else that a queue does |
//! | the state belongs to one thread, others send messages | what is in an inbox is in no list: order, `len` and cancellation need answers from afar |
//!
//! So there is one kind of type, and its lock costs nothing to speak of for the first thread that uses it. A second one makes it
//! an ordinary mutex, for ever: who shares a thing does so again, and going back would need the same dance each time.
//!
//! # Tasks and callbacks stand in one list
//!
//! asyncio wakes who awaits a future by a callback like any other, so those who wait and those who are to be called come in one
//! order, and ports depend on it. Two lists, one of tasks and one of functions, would be simpler, and would lose that. A list of boxed
//! functions for both would need an allocation for each wait. Here a node of the list knows which of the two it stands for.
//!
//! # A result is taken once
//!
//! | way | why not |
//! |---|---|
//! | `join` gives a clone | results that can't be cloned could not be had |
//! | `join` consumes the handle | a handle that was waited for with a timeout, or by two tasks, would be gone; groups and gathers look at results too |
//! | `join` gives a reference | the result lives in the task's record, which would have to be kept, and moving it out is what most want |
//!
//! So the first `join` moves the value out, and a later one says that it is gone. Errors are shared by all, as they may have to go to
//! a group, a gather and a report.
//!
//! # What is waited for is a value
//!
//! Waiting for the first of several things needs a form of "wait" that isn't a call. Futures are one; tasks that are
//! spawned for each and cancelled when one wins are another, and lose items when two win. An `Operation` is less than a
//! future: it can be tried, linked and unlinked, it can't run code of its own, and nothing has happened until it is
//! complete.
//!
//! The trait is sealed. An operation is asked things under locks and in the middle of a cancellation, and its node lies on a stack that
//! others have pointers to; what is made of operations (`race`, `select!`) is open to all, what they are made of is not.
//!
//! # Signals are told by the runs
//!
//! | way | why not |
//! |---|---|
//! | a pipe that the signal handler writes to and a thread reads | a thread, two descriptors and a switch for each signal, in every program that calls `run`, since Ctrl-C would need it |
//! | the same, read by the reactor of one run | that run may be busy, and goes some day; who takes over? |
//! | `signalfd` | the signals have to be blocked on every thread, those of libraries included, and children inherit that |
//! | signal-hook | it never gives a signal back: a Ctrl-C between two runs would do nothing |
//!
//! A handler may do little: set bits, and end sleeps. A run can be woken in this way already, so the bits are the process's, every run that
//! has anybody waiting is woken, and the first to come tells all listeners, which is a matter of locks and lists like any other wake-up. A flood
//! costs one wake-up for each time that somebody has looked. What was installed before is called, and put back by the last who leaves, so that
//! a library may use this without the program's noticing.
//!
//! # Futures are driven by tasks, and polls are not interrupted
//!
//! A task could be suspended inside of a poll: its stack would keep the poll as it is. It is refused, since the code of futures rests on the
//! opposite. An executor keeps thread-locals for the time of a poll, which other tasks would find; a future that polls others holds
//! its borrow of them. What must wait is spawned, and its handle awaited.
//!
//! The methods are for [`Future`] and not for `IntoFuture`: operations are the latter, and have a `wait` of their own. With both
//! traits in scope a call would be ambiguous.
//!
//! For the other direction an operation is a future only when it is awaited ([`AsFuture`](crate::future::AsFuture)). Were each operation a future, each
//! wait in a task would pay for what only a poll needs: a waker that may change, and a check of who is to be called when a lock is released. So
//! locks tell the two apart: one that a future was ever registered with is an ordinary mutex, and only this kind looks for wakers that are due.
//!
//! A waker of a task is a record of its own, and no `Arc`: when the last one that others hold goes, and the task waits, the run has to look
//! whether anybody is left to wake it. So a future whose waker was dropped is a deadlock, and not a hang.
//!
//! # Cancellation unwinds
//!
//! See [`cancellation`](super::cancellation), whose last section has the reasons.
//!
//! # corosensei is used without its feature `unwind`
//!
//! With the feature, panics may leave a coroutine by themselves, and the compiler does not inline such a switch across
//! codegen units. cede catches every unwind at the root of a stack, so it can do without. The suspension is then
//! inlined into the function that yields, whatever the profile says of codegen units and link-time optimisation. Where
//! it isn't, the return after the switch is mispredicted, which was measured at 17 ns: 20 ns for a yield instead of 3.5.
//! Cargo unites features: a crate of the same build that turns this one on turns it on for cede too. All works then as
//! before; `codegen-units = 1` or `lto = "fat"` in the release profile keeps it fast.
//!
//! # Unwinding is required
//!
//! With `panic = "abort"` a suspended generator could not be dropped: nothing would run its destructors, and dropping it
//! would end the process without a word. cede refuses to compile there, with that reason.
