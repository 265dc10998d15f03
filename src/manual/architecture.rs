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
//! | `runtime` | tasks on one thread, the scheduler, the clock, timers, the reactor, other threads, and the one door to suspension | what tasks wait for |
//! | `task` | spawning, joining, cancelling; promises, scopes and groups, gathers, `select!`, context variables | locks, queues |
//! | `time` | sleeping and timeouts, under the clock of the run | locks, queues |
//! | `sync` | what tasks share, on one thread or several: locks, events, queues, channels | sockets, files |
//! | `io` | any descriptor that can be waited for | protocols |
//! | `net` | TCP, names | |
//! | `fs` | files, directories, paths, and what a file holds between calls on threads | sockets |
//! | `process` | children, how they end | what they are for |
//! | `signal` | streams of signals, handlers, an orderly end | how the kernel delivers them |
//! | `executor` | jobs, their futures, executors and pools of threads | sockets, files |
//! | `future` | how tasks wait for std futures, and futures for operations | |
//!
//! What is absent matters as much as what is there:
//! - only `coroutine.rs` knows corosensei;
//! - only `runtime/park.rs` suspends a task;
//! - only `runtime/reactor` knows polling, and `runtime` knows nothing of sockets;
//! - all that `sync` has lies under the lock of `runtime/guarded.rs`, and all that comes from other threads goes through `runtime/inbox.rs`;
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
//! The scheduler works in ticks, as asyncio's loop does. Behind what is ready already it puts the tasks whose I/O is ready, what other threads
//! have sent, and the timers that are due; then exactly the entries that are in the run queue now are carried out, in order, and what they
//! add waits for the next tick. An entry is a step of a task, a timer, or a callback. So the number of ticks that a wake-up takes is
//! asyncio's, and a port interleaves as it did in Python. When nothing is ready the clock is asked how long to wait for the next deadline:
//! the system's says how long, the virtual one goes there. When there is no deadline either, no I/O, and no other thread that could
//! wake anybody, the run is over: every task waits, and the report of the deadlock says for what.
//!
//! # A wait
//!
//! What can be waited for is an `Operation`, which is tried first. If it isn't complete:
//! 1. its node, which lies on the stack of the task that waits, is linked into the list of what it waits for. Where another thread
//!    may have come between, the operation looks once more under the lock, and has itself woken if there is something;
//! 2. the task is parked: `park` checks that this may be, and switches to the scheduler;
//! 3. whoever changes the state completes the first node of the list and makes its task ready, and does no more. A queue takes
//!    the node out; a lock leaves it at its place, so that nobody overtakes the one who was woken;
//! 4. the task runs, tries again, and takes its node out if it is still there, however the wait ends.
//!
//! Waiting allocates nothing. A task that was woken and leaves without its turn, because it was cancelled or another operation
//! of a `select!` won, hands the wake-up on to the next one in the list.
//!
//! ```text
//!                      attempt ──── complete ────────────────────────▶ output
//!                         │ not yet                                       ▲
//!                         ▼                                               │
//!       ┌──────────▶ register ──▶ park ──▶ woken ──▶ attempt ── complete ─┤
//!       │                           │                   │              withdraw
//!       └──────── withdraw ◀────────┼─────── not yet ───┘
//!                                   └──▶ cancelled ──▶ withdraw ──▶ unwind
//! ```
//!
//! # What is shared
//!
//! Everything in `sync` is a few words of state and its lists, in a `Guarded`: a lock that costs the first thread that uses it two stores and
//! two loads, and becomes an ordinary mutex when a second thread comes. Nothing of users runs under it. A task is woken under it too:
//! if its run is the one that the thread is in, it goes into the run queue at once, else into the inbox of its run, which notifies
//! the reactor at most once for each sleep. [`soundness`](super::soundness) says who may touch what.
//!
//! # An end
//!
//! Tasks, promises, gathers and shields have a result one day. What they have in common is an `Outcome`: whether it has come, how it failed, and
//! a request to cancel; `Awaitable` is the face of it that users see. The end is told by a `Completion`, one list in which tasks that join and
//! functions that are to be called stand in the order in which they came. A function is a `Callback`, which is asyncio's handle: it is
//! owned by the list, the timer or the run queue that it is in, and can be taken back from any of them. Groups, gathers, `wait` and
//! the others are built on such callbacks, so that each takes as many ticks as its original.
//!
//! Some are made of others, a shield of a shield, a gather of ends of gathers, over any number of levels. What goes through all of them
//! is a loop, or ends after some levels, never a call in a call: a stack is small. `runtime/outcome.rs` says how.
//!
//! # A cancellation
//!
//! A request is a count in the task's record and, where the task is parked, an order to raise an unwind at its next step. Its
//! payload names the task. [`cancellation`](super::cancellation) says what may catch it. A `scope` comes back when its
//! children have ended and not before, however it is left, which is what allows them to borrow.
//!
//! # From other threads
//!
//! A thread has one door into a run: the inbox, a queue under a lock, with a word beside it for a lone wake-up and an announcement of sleeps, so
//! that nothing is lost and nobody is notified twice. What comes through it is the number of a task to wake or a closure to call. A [`Handle`](crate::Handle) sends
//! closures that become tasks; what such a task gives goes into a record that it shares with its handle, when its own record is dropped. Signals
//! come the same way, Ctrl-C among them, by a signal handler that touches atomics and one descriptor; `runtime/process_signals.rs` says who gets
//! them, and is the one place that changes what a signal does.
//!
//! # Futures
//!
//! A task that waits for a future polls it on its own stack, with a waker that names the task by its key and owns a reference to the inbox:
//! one word of it says whether the task waits, so that only the first call for each wait tells the run. The other way, an operation in
//! an [`AsFuture`](crate::future::AsFuture) registers a `Waiter` that is not a task but a `WakerCell`, which lies in the pinned future as a node lies on a stack.
//! Its waker is code of users: whoever wakes it under a lock puts it aside, and calls it when the lock is free.
//!
//! # Several workers
//!
//! A [`Runtime`](crate::Runtime) has a scheduler for each of its threads, and all that was said of one holds for each. What is added is how work
//! that has not begun finds a thread: closures that were spawned for any worker lie in a deque of the worker that has spawned them, those
//! from other threads in an injector, and a tick that has run what was ready begins some of them, one at a time. A worker that
//! has nothing looks into the injector and into the deques of the others, and goes to sleep when there is nothing. A push
//! wakes one sleeper, unless somebody is looking already. `runtime/workers/crew.rs` says why none is forgotten, how it is known that
//! nothing can happen any more on any worker, and how all of them end.
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
//! # Files
//!
//! | `runtime/` | |
//! |---|---|
//! | `run_queue`, `timers`, `clock` | what is ready; what is due, and when; real and virtual time |
//! | `scheduler`, `prefetch` | the tick, and requests to cancel; what it has the processor fetch for the steps that come next |
//! | `task`, `signals` | the record of a task; the bits in it that say what is out of the ordinary, all in one byte |
//! | `park`, `operation`, `waiter`, `wait_list` | the door to suspension; what can be waited for; whom to wake; who waits |
//! | `waker_cell` | who waits in a future, and when its waker is called |
//! | `completion`, `outcome`, `callback` | the end of something: who is told; what it is; a function to call |
//! | `context` | the values of context variables that tasks and callbacks have |
//! | `guarded`, `holder` | the lock of what is shared; who holds a thing, for reports |
//! | `inbox`, `apart`, `outside`, `handle`, `remote` | the door for other threads; cache lines of its own; where all that comes from elsewhere is heard; a run as other threads see it; closures that cross threads, and the tasks that they become |
//! | `workers`, `addresses` | one run on several threads; where a run is reached by the number of a task |
//! | `blocking`, `dozing`, `quiet_thread` | threads for what blocks; when their results come together; those that wake nobody |
//! | `process_signals`, `interrupt` | who wants the signals of the process, and how they come to the runs; Ctrl-C |
//! | `with_deadline` | an operation, but not for ever |
//! | `reactor/` | descriptors, by edge; epoll by itself, and what all systems have |
//! | `builder`, `runner`, `shutdown` | settings; a run from its beginning to its end; tasks that don't end by themselves |
//! | `report` | deadlocks, and errors that nobody asked about |
//!
//! | `task/` | |
//! |---|---|
//! | `spawn`, `builder`, `handle` | making tasks; with settings; knowing oneself and the others |
//! | `join`, `joining`, `awaitable` | their handles and errors; waiting for an end; what has one |
//! | `promise`, `gather`, `shield` | other things that have one: what somebody else gives, several results as one, one that is cancelled alone |
//! | `member`, `members` | what those are made of: handles and closures |
//! | `wait`, `as_completed`, `wait_for`, `timeout` | the first or all, in the order in which they come, not too long |
//! | `latch`, `alarm` | the wait and the timer that all of these use |
//! | `call`, `context` | functions that are called soon or later; context variables |
//! | `cancel` | catching by name, clean-up that waits, stretches that are not interrupted |
//! | `group`, `group_error`, `scope` | tasks that end together; their errors; with borrows |
//! | `spawn_any`, `crowd`, `any_scope`, `par_map` | tasks that any worker may begin; those of a group; with borrows; a function over many things |
//! | `select` | the first of several operations |
//!
//! | `sync/` | |
//! |---|---|
//! | `queue` | the model of a type here: read it first. In `queue/`: the order in which items come out, the operations |
//! | `lock`, `event`, `semaphore`, `bounded_semaphore`, `condition`, `barrier` | asyncio's |
//! | `mutex`, `condvar`, `rwlock` | std's shapes |
//! | `notified` | what conditions of both kinds are made of |
//! | `mpsc`, `oneshot`, `broadcast`, `watch`, `channel` | channels, and what they have in common |
//! | `once_cell`, `lazy` | values that are made once |
//!
//! | `fs/` | |
//! |---|---|
//! | `calls`, `turns` | a call on a thread, with its paths; a thing that is lent to jobs which may outlive their tasks |
//! | `file`, `file/buffers` | an open file; what was read ahead and what is to be written, and the position between them: read it first |
//! | `file/reading`, `file/writing`, `file/locking` | its operations |
//! | `functions`, `open_options`, `dir_builder` | std's |
//! | `opening`, `copying`, `whole` | an open that ends with its task; a copy in pieces; a file read from beginning to end |
//! | `read_dir`, `walk` | directories and trees |
//! | `temp/` | what removes itself |
//!
//! | `process/` | |
//! |---|---|
//! | `command`, `child` | what is started, and what was |
//! | `life`, `waiting`, `orphans` | whether a child has ended, and who may say so; the operation; those that nobody has any more |
//! | `communication` | all three pipes at once |
//! | `group` | signals to all that a child has started |
//!
//! | `signal/` | |
//! |---|---|
//! | `kind`, `stream` | signals by name; receiving them |
//! | `ctrl_c`, `handlers`, `shutdown` | the next Ctrl-C; functions that are called; an orderly end |
//!
//! | `future/` | |
//! |---|---|
//! | `waiting`, `task_waker` | a task that drives a future; its waker |
//! | `as_future`, `independent`, `joined` | an operation as a future; which of them may be one; handles |
//! | `stream` | streams with futures-io's traits |
//!
//! # Where to begin reading
//!
//! `coroutine.rs` (the switch and its invariants), `generator/core.rs` (the states), `generator/record.rs` (every operation),
//! `generator/yielder.rs` (the body's side). Then `stack/pool.rs` and `generator/delegation.rs`, which are the
//! subtle ones. For tasks: `runtime/wait_list.rs`, `runtime/task.rs`, `runtime/scheduler.rs` and `runtime/park.rs`, in this
//! order, then `sync/queue.rs` as the model of what is waited for, and `task/scope.rs`. What concerns several threads begins at
//! `runtime/guarded.rs`. `examples/tour` and `examples/ports` use all of it.
