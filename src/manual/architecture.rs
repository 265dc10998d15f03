//! What the crate is made of, and the way of a value through it.
//!
//! # Layers
//!
//! A layer names only those above it in this table; a test in `tests/tidy.rs` holds it to that.
//!
//! | layer | what it knows | what it must not know |
//! |---|---|---|
//! | `stack` | memory: slots, guards, the pool of a thread, the report of an overflow | what runs on a stack |
//! | `coroutine` | the switch between two stacks, which coroutine is the innermost, growth, a thread's end | values, errors, Python |
//! | `generator` | the protocol: states, send, throw, close, delegation, scopes, context managers | any runtime |
//! | `runtime` | tasks on one thread, the scheduler, the clock, timers, and the one door to suspension | what tasks wait for |
//! | `task` | spawning, joining, cancelling, scopes, groups, `race` and `select!` | time, queues |
//! | `time` | sleeping and timeouts, under the clock of the run | queues |
//! | `sync` | what tasks share: queues | sockets, files |
//!
//! What is absent matters as much as what is there:
//! - only `coroutine.rs` knows corosensei;
//! - only `runtime/park.rs` suspends a task;
//! - `unsafe` stands in the files that the test lists, and nowhere else;
//! - generators know nothing of schedulers: they work on any thread, inside and outside of tasks.
//!
//! # One slot is one generator
//!
//! A slot is a piece of address space whose size is a power of two. All of a generator lies in it, so
//! making one takes a slot from the pool and nothing from the heap:
//!
//! ```text
//!   top of the slot     ┌────────────────────────────────┐
//!                       │ label pointer, colour          │  who runs here: read by the overflow report
//!                       ├────────────────────────────────┤
//!                       │ Whole ─ Record ─ Yielder ─ Core│  one address for all four: each begins with the next
//!                       │  └ body  └ returned └ values   │
//!                       ├────────────────────────────────┤
//!                       │ frames of the body             │
//!                       │              │ grows down      │
//!                       │              ▼                 │
//!                       ├────────────────────────────────┤
//!   bottom              │ guard: any touch is reported   │
//!                       └────────────────────────────────┘
//! ```
//!
//! `Core` is what untyped code sees: the coroutine, the state, and what the generator delegates to. `Yielder`
//! adds the values that go out and come in, and is what bodies get; `Record` adds the value that is returned,
//! and is what handles point to; `Whole` adds the body until it begins.
//!
//! # The way of a value
//!
//! `next()` on a generator that waits at a yield:
//! 1. reads the state: it must be suspended, and the thread must not be ending;
//! 2. writes what is sent into the header (nothing, for `next`) and sets the state to running;
//! 3. switches stacks, with the command to go on in a register;
//! 4. the body wakes inside its `yield_`, sees by the command that nothing was thrown, takes what was sent and goes on;
//! 5. at its next `yield_` it checks that the stack pointer is on its own stack, so that it is the innermost coroutine, and that
//!    nothing unwinds, writes the value into the header and switches back, with the event in a register;
//! 6. the resumer sets the state to suspended and takes the value out of the header.
//!
//! Nothing is noted at a resume: which coroutine is the innermost follows from the stack pointer, since a slot's label names its
//! owner.
//!
//! The body's side is inlined up to the user's code: a function that isn't would return after a change of stacks,
//! and the processor would mispredict that.
//!
//! # The way of an error
//!
//! `throw` puts the error into the header as a parcel and resumes with the command to raise it. In the body `try_yield` returns it, and
//! `yield_` raises an unwind whose payload carries it, with the number of the generator and the thread. At the root of the stack the
//! unwind is caught: if the payload names this generator, and this is its thread, what it carries says how the body ended; any other
//! payload is a panic, and goes on in the resumer. What is thrown need not be `Send`, so on another thread a payload is never opened, and what it
//! carries is leaked if it is dropped there. No unwind crosses a switch by itself.
//!
//! `close` is a throw of `Exit` whose outcome is read differently. Dropping is a close whose outcome goes to the
//! unraisable hook. A body that yields during a drop is unwound by force: from then on not even
//! `try_yield` returns. One that catches that too, several times, loses its stack, which is leaked for ever.
//!
//! # Delegation
//!
//! A generator in `yield_from` points to its delegate, and these links form chains. The generator that is
//! resumed switches to the end of its chain directly, and the value comes straight back, so that its cost
//! does not depend on the number of links. `generator/delegation.rs` opens with the reason why the
//! path that is kept for this is always right, although inner generators may be shared.
//!
//! # A task
//!
//! A task is one allocation: its record, its closure and its result. It has no stack until it first runs, takes one
//! from the top of the thread's pool then, and gives it back when it ends; a million tasks that never wait need one
//! stack. The scheduler owns it until it has ended, so that it can't be forgotten half done.
//!
//! # A tick
//!
//! The scheduler works in ticks, as asyncio's loop does. Timers that are due are put behind what is ready already, then
//! exactly the entries that are in the run queue now are carried out, in order; what they add waits for the next tick. An
//! entry is a step of a task, a timer, or a callback. So the number of ticks that a wake-up takes is asyncio's, and a port
//! interleaves as it did in Python. When nothing is ready the clock is asked how long to wait for the next deadline: the
//! system's says how long, the virtual one goes there. When there is no deadline either, the run is over: every task waits,
//! and the report of the deadlock says for what.
//!
//! # A wait
//!
//! What can be waited for is an `Operation`, which is tried first. If it isn't complete:
//! 1. its node, which lies on the stack of the task that waits, is linked into the list of what it waits for;
//! 2. the task is parked: `park` checks that this may be, and switches to the scheduler;
//! 3. whoever changes the state takes the first node out of the list and makes its task ready, and does no more: the
//!    item or the turn is taken by the task when it runs;
//! 4. the task runs, tries again, and takes its node out if it is still there, however the wait ends.
//!
//! Waiting allocates nothing. A task that was woken and leaves without its turn, because it was cancelled or another operation
//! of a `select!` won, hands the wake-up on to the next one in the list.
//!
//! # A cancellation
//!
//! A request is a count in the task's record and, where the task is parked, an order to raise an unwind at its next step. Its
//! payload names the task. [`cancellation`](super::cancellation) says what may catch it. A `scope` comes back when its
//! children have ended and not before, however it is left, which is what allows them to borrow.
//!
//! # From other threads
//!
//! A thread has one door into a run: the inbox, a queue under a lock with an announcement of sleeps, so that nothing is lost and nobody
//! is notified twice. What comes through it is the number of a task to wake or a closure to call. A [`Handle`](crate::Handle) sends
//! closures that become tasks; what such a task gives goes into a record that it shares with its handle, when its own record is dropped. Ctrl-C
//! comes the same way, by a signal handler that touches atomics and one descriptor.
//!
//! # The end of a run
//!
//! A run goes on for the tick after its main task, as asyncio's does. `close` then makes passes: the tasks that are there are cancelled once, in
//! order, and waited for; those that began meanwhile are the next pass. Only when nothing can happen any more, or after very
//! many ticks, is anything cancelled again, and after some rounds of that it is given up: its stack stays, and a report names it.
//!
//! # Stacks
//!
//! Arenas are large mappings, carved into slots as they are needed, with guards installed in batches. A thread's
//! pool hands out the slot that was used last. Slots that lie free above a water mark have their memory given back in
//! batches. The signal handler for an overflow finds the slot by arithmetic on the faulting address and prints the
//! generator's name and where it was made; faults that aren't in a guard go to the handler that was there
//! before.
//!
//! A slot that was not given back, because its generator was leaked, is never used again, unmapped or
//! trimmed, also when its thread ends: there may be borrows of it.
//!
//! # Where to begin reading
//!
//! `coroutine.rs` (the switch and its invariants), `generator/core.rs` (the states), `generator/record.rs` (every operation),
//! `generator/yielder.rs` (the body's side). Then `stack/pool.rs` and `generator/delegation.rs`, which are the
//! subtle ones. For tasks: `runtime/wait_list.rs`, `runtime/task.rs`, `runtime/scheduler.rs` and `runtime/park.rs`, in this
//! order, then `sync/queue.rs` as the model of what is waited for, and `task/scope.rs`. `examples/tour` uses all of it.
