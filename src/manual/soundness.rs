//! Why safe code cannot break memory with this crate, rule by rule, and the test that holds each rule.
//!
//! A stack that can be suspended breaks things that other code takes for granted: that a function which is called returns
//! before its caller goes on, that it returns on the thread that called it, and that it returns at all. The rules
//! below say what of that a body may still rely on. Nothing that a user needs is `unsafe`.
//!
//! # What moves between threads
//!
//! A generator never does: [`Generator`](crate::Generator), [`Scoped`](crate::Scoped), [`Yielder`](crate::Yielder) and
//! references to them are neither `Send` nor `Sync`, whatever they yield. A stack may hold an `Rc`, a lock guard, a
//! reference into a thread-local, or the address of one that the compiler keeps in a register, and no bound on the body's type
//! says what it holds. A task stays on the thread that it began on, for the same reason, and so do its handles: a
//! [`JoinHandle`](crate::JoinHandle), a [`Promise`](crate::task::Promise), a callback. Between threads lie the types of [`sync`](crate::sync). Into
//! a run go closures that have not begun ([`Handle::spawn`](crate::Handle::spawn)), and out of it their results, all of which are `Send`, as are the
//! values of context variables, which closures take along.
//!
//! | what | crosses | test |
//! |---|---|---|
//! | a closure that has not begun | with [`spawn_any`](crate::spawn_any), `Handle::spawn`, [`Scope::spawn_any`](crate::Scope::spawn_any): it is `Send` | `tests/ui/task_spawn_any_takes_what_may_cross.rs` |
//! | the value or error of a task that was started so | back: it is `Send` | `tests/ui/task_spawn_any_gives_what_may_cross.rs` |
//! | the values of context variables | with the closure, as a copy | `a_closure_has_a_copy_of_the_context_of_who_spawned_it` |
//! | a request to cancel a task | by the number of the task, to its thread | `tests/workers_cancel.rs` |
//! | a wake-up | by the same | `tests/workers_sync.rs` |
//! | what a [`scope`](crate::scope) lends to children on other workers | by reference, until the last of them has ended | `tests/workers_scope.rs` |
//! | a task that has begun, its stack, a generator | never | `a_task_that_has_begun_stays_on_its_thread` |
//! | what is spawned by [`spawn`](crate::spawn), its handle, the part of a scope that takes local children | never | `spawn_stays_on_its_worker`, `tests/ui/task_scope_does_not_cross_threads.rs` |
//!
//! Runtimes that resume a stack on another thread than the one that has suspended it can't be sound in safe Rust, whatever they ask of the closure: the bound is
//! on what the closure captures, and not on what the functions that it calls keep on their stacks meanwhile.
//!
//! What is thrown need not be `Send`, though the payload of an unwind has to be. The payload remembers its thread: it is
//! opened and dropped there only, and anywhere else what it carries is leaked.
//!
//! Tests: `each_public_type_crosses_threads_only_where_it_may`, `tests/ui/generator_is_not_send.rs`,
//! `tests/ui/yielder_cannot_cross_threads.rs`, `tests/ui/scoped_cannot_cross_threads.rs`,
//! `tests/ui/task_handles_cannot_cross_threads.rs`,
//! `a_payload_that_goes_to_another_thread_and_back_is_whole_and_there_it_is_only_a_panic`,
//! `a_payload_that_is_dropped_on_another_thread_leaks_what_is_bound_to_its_own`.
//!
//! # Borrowed data only inside closures
//!
//! `mem::forget` is safe, so the owner of a stack can vanish without ending it. What such a stack holds must then stay valid for
//! ever. Hence two kinds of generator:
//! - a [`Generator`](crate::Generator) owns its stack and is `'static`, in its body and in all three of its types. One that is
//!   forgotten, or that sits in a circle of `Rc`, is leaked with all that it holds. Its memory is never used for anything else,
//!   also when its thread has ended, since it may in turn have lent parts of its stack to others;
//! - a [`Scoped`](crate::Scoped) one may borrow. It is owned by the frame of [`scoped`](crate::scoped), which ends it before it returns,
//!   by whatever way. The handle is a copy of a private pointer: dropping, forgetting or swapping it does nothing. A
//!   body that catches every request to end leaves no honest way on, so that the process is aborted, with a message.
//!
//! ```
//! let words = vec!["to", "cede"];
//! let longest = cede::scoped(
//!     |y| words.iter().for_each(|word| y.yield_(word.len())),
//!     |lengths| lengths.max(),
//! );
//! assert_eq!(longest, Some(4));
//! ```
//!
//! All handles are invariant in their types and in the lifetime of the scope.
//!
//! Tests: the programs of `tests/ui`, `a_scope_that_is_left_in_every_way_ends_its_body_first`,
//! `memory_that_a_leaked_generator_lends_outlives_its_thread`,
//! `a_body_that_catches_its_forced_unwind_for_ever_is_leaked_and_nothing_is_used_again`,
//! `a_scope_whose_body_can_t_be_ended_aborts_since_its_stack_borrows`.
//!
//! # Children that borrow
//!
//! The tasks of a [`scope`](crate::scope) may borrow what lives outside of it, as std's scoped threads may. `scope` comes back when all of them have
//! ended, and not before, however its body is left: a panic and a cancellation are caught first, and the children cancelled and waited for.
//! That wait itself can't be refused, since it is asked at the entry whether the task may wait at all, and can't be
//! interrupted: a cancellation meanwhile only cancels the children. Where it is impossible all the same (a context manager that was
//! entered in a task and is left in a destructor during an unwind), the process is aborted, with a message.
//!
//! The main function of a run may borrow too, so a run does not end before its main task has, also when it ends in a deadlock. A main
//! task that swallows every cancellation aborts the process. Any other task owns what it holds, and one that can't be
//! ended is leaked, with its stack and what its children have borrowed from that.
//!
//! A child on another worker borrows in the same way. It counts as ended when its closure and, unless a handle has that, its value have been dropped
//! over there, and not before; what tells the parent so keeps nothing of the parent's stack. A closure that never begins is dropped before
//! the scope is over, too.
//!
//! Tests: `tests/task_scope.rs`, `tests/workers_scope.rs`, `tests/ui/task_scope_child_outlives_its_data.rs` and its neighbours,
//! `a_main_task_that_swallows_every_cancellation_aborts_with_a_message`, `a_task_that_swallows_every_cancellation_is_given_up_named_and_leaked`.
//!
//! # A thread borrows from a task
//!
//! The function of [`unblock_scoped`](crate::unblock_scoped) runs on another thread and borrows from the task that waits for it. The call is
//! not left before the function has returned and is gone: a cancellation takes it back where it has not begun, and is kept until
//! it has ended where it has. A task that is leaked keeps its stack, but a thread-local that it has lent goes with its thread; so no run comes
//! back to its caller, and no thread can end, while such a function is under way, whatever has become of the task. A function that
//! waits for what only the caller of the run would do later therefore waits for ever.
//!
//! Jobs of [executors](crate::executor) and the functions of [`unblock`](crate::unblock) own all that they use.
//!
//! Tests: `tests/blocking_scoped.rs`, among them `a_run_does_not_come_back_while_a_task_that_it_leaves_lends_something`.
//!
//! # A wait lies on the stack of who waits
//!
//! A node in the list of what it waits for, and no allocation. It is taken out before the wait returns, by a guard, so also when the wait
//! is left by an unwind. A task that is leaked while it waits keeps its stack, and so its node. A node that goes while it is linked would
//! leave the list with a pointer to nothing; its destructor aborts the process instead, and nothing that is tested leads there.
//!
//! A list is dropped with what it belongs to. Nobody waits then, since an operation borrows that; callbacks that are left in it are owned by
//! it, and dropped.
//!
//! Tests: `a_node_that_leaves_takes_itself_out_wherever_it_stands`, `a_callback_is_owned_by_the_list_until_it_is_taken_out`.
//!
//! Where an operation is awaited as a future ([`AsFuture`](crate::future::AsFuture)) the pinned future is what the stack is elsewhere: its destructor takes the node out, and
//! one that is leaked keeps its memory, and so its node. A list may then be dropped, or moved, with the node in it: nodes don't point to
//! their list, and nobody polls such a future again. Nodes may cross threads for that, since what can be reached from two threads
//! is touched under the lock of the list.
//!
//! Tests: `a_future_that_is_leaked_keeps_its_turn_and_nothing_else`, `a_future_is_dropped_while_its_waker_is_called_on_another_thread`,
//! `a_future_moves_between_threads_from_poll_to_poll`.
//!
//! # What threads share
//!
//! Tasks of several runs may wait for one lock or queue. Its state, with the lists of those who wait, lies in a
//! `Guarded`, a lock that belongs to the first thread that takes it, until a second one comes. (The record that a task shares with a handle on
//! another thread has an ordinary mutex instead.) Who may touch what:
//!
//! | what | who |
//! |---|---|
//! | the state in a `Guarded`, its lists | who holds its guard |
//! | links, target and state of a node | the same: the guard of the list that it is, or is about to be, in |
//! | the mark that a node was left | its waiter |
//! | the owner of a `Guarded` | any thread reads it; who holds its mutex writes it: from nobody to a thread to all, and never back |
//! | whether the owner is inside | the owner writes it; who ends the ownership reads it |
//! | in a task's record: its run and its key, which never change | any thread, while the task can't have left its wait: under the lock of the list |
//! | all else of a task, its run queue, its timers | its thread |
//! | the inbox of a run | any thread, under its lock; the word for a lone wake-up, by atomic operations |
//! | the function of a blocking call, and then its result | the task or the thread that does the call, as one atomic word says |
//! | a closure that has not begun, and its place for the result | its owner, which is one thread at a time: who has spawned it, who takes it out of a queue, who begins it |
//! | the result of a task that has ended | who turns its stage from VALUE into TAKEN, by an atomic operation; a failure, any thread, to read |
//! | a `Completion` and its callbacks | one thread; no type that has one is `Send` |
//!
//! The owner of a `Guarded` enters with plain loads and stores: it writes that it is inside, then reads who the owner is. Who
//! ends the ownership writes that there is none, then has the kernel put a full fence into every thread of the process, then reads whether the
//! owner is inside, and waits until it is not. One of the two sees the other: if the owner read before that fence, what it wrote
//! before is visible after it; if it reads later, it finds that it is owner no more, and takes the mutex as all do. Where the
//! system has no such fence, nobody becomes an owner.
//!
//! Waking is done under the lock. A waiter takes its node out under the same lock, so it can't have left while it is being woken,
//! nor can its task have ended. A task of another run is put into that run's inbox by its key, which carries a generation: a message that
//! comes late finds nobody. No code of users runs under such a lock, neither a destructor nor a `Clone` nor a comparison, and so it is
//! not entered twice; what is to be dropped is taken out, and dropped without it. Where users' code has to run while a thing changes, as
//! the comparisons of a [`PriorityQueue`](crate::sync::PriorityQueue) do, that has a mutex of its own, in which nothing waits, and which refuses the
//! thread that is inside already. The std waker of a future is code of users as well: it is taken out under the lock, and called when
//! no lock is held any more.
//!
//! Tests: `a_waker_is_called_when_the_lock_is_free_so_it_may_use_the_same_queue`,
//! `a_waker_may_use_the_same_priority_queue_whose_items_are_compared_under_a_lock`, `the_first_thread_owns_it_until_another_comes`, `a_second_thread_waits_until_the_owner_has_come_out`,
//! `nothing_is_lost_while_the_ownership_ends`, `two_runs_on_two_threads_hand_items_to_each_other`,
//! `a_task_of_another_run_of_the_thread_is_woken_in_its_own_run`, `cancelled_waiters_of_two_threads_lose_no_turn`.
//!
//! ## What is checked of that
//!
//! Tests on real threads see a few of the orders in which these can come. So the machines themselves, not copies of them, are also compiled
//! against a model checker, loom, which goes through all orders with up to three preemptions and through the values that the memory model
//! lets each load see (`.ci/loom`). The modules named `models` have what is checked:
//!
//! | machine | property | models |
//! |---|---|---|
//! | the lock that one thread owns | one at a time is inside and sees what the one before wrote, at whatever moment the second thread comes | `runtime/guarded/models.rs` |
//! | the inbox of a run | no wake-up, function or interrupt is lost, comes twice or out of order; a sleep is notified once at most; what comes as a run ends is taken or given back; the last one that could speak ends the sleep | `runtime/inbox/models.rs` |
//! | waits for channels, semaphores and events | what is sent is received once, or comes back; a close is seen by all; what a cancelled waiter was given goes to the next | `sync/models.rs` |
//! | handles of tasks on other threads | the result comes once and is dropped once, a cancellation is counted once or is too late and says so, all who wait are told | `runtime/remote/models.rs` |
//! | blocking calls | the result comes once; what nobody wants any more is gone before the run may end | `runtime/blocking/models.rs` |
//! | the pool of threads | work that is taken in is done or refused, once, though threads fall asleep, go, or the pool is closed | `runtime/pool/models.rs` |
//!
//! The task that waits is a record without a stack in them, and the OS a flag. Not modelled are the reference counts (`Arc`), the queues of
//! crossbeam behind the pool, and the fence that the kernel puts into other threads, which is two full fences there; loom orders sequentially
//! consistent accesses by fences. Each model was seen to fail when a line that it is about was taken out, swapped or weakened.
//!
//! `.ci/stress` has real threads hammer all of it, and counts; `.ci/sanitizers` has ThreadSanitizer watch the same programs, told of each
//! switch from stack to stack, and with the standard library built for it, so that there is nothing to suppress.
//!
//! # Who may suspend
//!
//! A task suspends itself through one function, in `runtime/park.rs`, which asks first: is there a task, does it run on this stack (perhaps with
//! generators on top, which stay where they are), does nothing unwind, has nobody promised that it won't. Each refusal is a panic
//! that says what to do.
//!
//! Of generators, only the innermost one that runs. A `Yielder` can be reached from the body of another generator that is resumed inside its
//! own; a yield through it there would suspend a stack that has others on top of it. Every yield compares the stack pointer with the
//! bounds of its own stack, or of the segment that [`grow`](crate::grow) has moved it to, and gives
//! [`GeneratorError::NotInnermost`](crate::GeneratorError::NotInnermost) where they do not agree. Nothing has changed then. No record
//! of the innermost one is kept that could be out of date.
//!
//! ```
//! use cede::{Generator, Yielder, scoped};
//!
//! let g = Generator::new(|outer: &Yielder<u32>| {
//!     scoped(
//!         |inner: &Yielder<u32>| {
//!             assert!(outer.try_yield(1).is_err());
//!             inner.yield_(2);
//!         },
//!         |mut inner| outer.yield_(inner.next().unwrap()),
//!     );
//! });
//! assert_eq!(g.collect::<Vec<_>>(), [2]);
//! ```
//!
//! Tests: `an_outer_yielder_is_refused_in_every_kind_of_inner_stack`, `tests/attack_foreign_stacks.rs`, `tests/task_misuse.rs`.
//!
//! While a task polls a future it may not be suspended either, as if in `no_switch`: see [`futures`](super::futures).
//! Tests: `a_poll_that_wants_to_suspend_is_refused_loudly`, `a_generator_can_not_yield_out_of_a_poll`.
//!
//! # Who may be resumed
//!
//! A generator that is created or suspended, by anybody on its thread. All operations take `&self`, so that one which is running can be
//! reached again, by itself, a delegate, a destructor, or an error's `Display`; the answer is
//! [`AlreadyExecuting`](crate::GeneratorError::AlreadyExecuting). In a delegation all links between the one that was resumed and the one that runs
//! count as running, and so do those of a chain that is being closed until each had its turn.
//!
//! An operation runs user code in the middle: `Default` of a sent value, destructors of values and errors, the unraisable hook. Such
//! code may resume, end and free whatever it can reach. So none of it runs between looking at the end of a chain and acting on that, and what
//! was found is not used again after it has run.
//!
//! Tests: `tests/attack_sharing.rs`, `tests/attack_paths.rs`, `tests/generator_stale_path.rs`, `tests/attack_random.rs`, in which
//! generators do random things to each other from everywhere.
//!
//! # Unwinding
//!
//! No unwind crosses from one stack to another by itself. At the root of each it is caught and becomes the result of the resumption; a panic is
//! then raised again in the resumer. A thrown error and a close are unwinds that do not call the panic hook. Their payload carries what was
//! thrown and names the generator it is meant for, and only that one opens it. Whoever catches it with `catch_unwind` may keep it,
//! raise it later, elsewhere, on another thread or when the generator is gone: it is then a panic like any other.
//! A cancellation is such an unwind as well, whose payload names the task and carries nothing.
//!
//! Nothing suspends while its own stack is being unwound. Otherwise the resumer would find
//! [`thread::panicking()`](std::thread::panicking) true, and locks that it releases poisoned. A yield in a destructor that runs during an unwind gives
//! [`GeneratorError::Unwinding`](crate::GeneratorError::Unwinding). A generator may be resumed in such a destructor, and may then yield.
//!
//! One limit: std counts the panics of a thread and not those of a stack. A generator that is resumed while its resumer unwinds, starts an unwind of its
//! own, and yields in a destructor of that one cannot be told from one that behaves. `thread::panicking()` is then wrong until the generator
//! has gone on, and a panic meanwhile may abort. Memory stays sound.
//!
//! Tests: `tests/attack_unwinding.rs`, among them `panicking_is_what_it_was_on_both_sides_of_every_switch` and
//! `a_payload_that_is_raised_in_another_generator_is_a_panic_of_that_one`.
//!
//! # Why closing unwinds
//!
//! A suspended body has destructors to run, and others rely on it that they do: a scope waits for its threads, a guard puts a vector in order. Freeing a stack
//! without them would be unsound. They run by unwinding, which is why `panic = "abort"` is refused at compile time.
//!
//! Dropping a suspended generator closes it. What comes out goes to the hook of [`set_unraisable_hook`](crate::set_unraisable_hook). A body that yields instead is
//! unwound by force, and one that catches that again and again is leaked. A generator that is dropped while it runs (which takes
//! `process::exit` in its body) is leaked, since its frames are in use.
//!
//! Tests: `a_build_that_aborts_on_panic_is_refused_with_the_reason`, `an_iterator_adaptor_that_iterates_inside_may_be_left_in_the_middle`,
//! `a_process_that_exits_inside_nested_bodies_scopes_and_segments_runs_no_body_on`.
//!
//! # The end of a thread
//!
//! A body may be suspended inside `LOCAL.with(|x| ...)`, and holds `x` then. If its generator lies in a thread-local itself, `LOCAL` may be gone when it is dropped. So
//! from the moment that a thread's locals are known to be destroyed, nothing suspended is resumed there: operations give
//! [`ThreadExiting`](crate::GeneratorError::ThreadExiting), and generators are leaked instead of unwound.
//!
//! **What remains.** Locals are destroyed in the reverse order of their first use, and cede learns of it from one that it uses with the thread's first
//! coroutine. A generator is out of reach of that where all of this holds:
//! 1. it is kept in a thread-local that was first used after the thread's first coroutine was made, and
//! 2. it is suspended inside the `with` of another local, which was first used later still, and has a destructor.
//!
//! That local is destroyed before the generator is, no call tells of it, and the body's destructors see a local that is gone. No library can close this
//! hole at a price that is fit for a suspension. To be safe: do not keep suspended generators in thread-locals, or touch the local that they use before.
//!
//! Tests: `tests/attack_thread_exit.rs`, among them `a_body_inside_a_local_is_never_unwound_after_that_local_whichever_was_used_first`.
//!
//! # Guards held over a yield
//!
//! They are sound, and seldom what is wanted. A [`RefCell`](std::cell::RefCell) that stays borrowed panics at the next borrow; a std `Mutex` that stays locked
//! blocks the thread that locks it again, which here is often the same one. The same is true of stdout's lock and of everything else with a guard. Take what
//! you need out of the guard and drop it before you yield.
//!
//! ```
//! use std::cell::RefCell;
//!
//! let shared = RefCell::new(vec![1, 2]);
//! cede::scoped(
//!     |y| {
//!         let guard = shared.borrow_mut();
//!         y.yield_(guard[0]);
//!     },
//!     |mut g| {
//!         assert_eq!(g.next(), Some(1));
//!         assert!(shared.try_borrow().is_err());
//!         assert_eq!(g.next(), None);
//!         assert!(shared.try_borrow().is_ok());
//!     },
//! );
//! ```
//!
//! # Thread state that is restored by nesting
//!
//! Some crates keep a pointer to a borrowed value in a thread-local while a closure runs, and put the old one back as it returns; scoped-tls is the best known.
//! They are sound because calls nest. With stackful coroutines they don't: a body may yield inside such a closure, its resumer goes on with the
//! pointer still set, and the value may end before the pointer is put back. Two generators that interleave put back each other's values. Every library that lets
//! plain functions suspend has this conflict with them, and one of the two has to be called unsound; this crate takes the side that safe code may not
//! rest memory safety on the order in which frames of one thread end. Do not yield inside such a closure. Thread-locals that own their values, also when
//! they are set and restored by nesting, can only mix up values, not memory.
//!
//! # What is lent across workers
//!
//! A scope whose children run on other workers is left when they have ended, whatever leaves it: its return, a panic, a timeout around it, a
//! cancellation from another thread, the end of the run. The same holds for `unblock_scoped`, and in a fork of the process, where no thread
//! uses the child's copy, neither is waited for. A task that is given up keeps its stack for ever; what a thread-local has lent it stays as long as any
//! worker runs anything, or a call of `unblock_scoped` is under way for one.
//!
//! Tests: `tests/workers_attack.rs`, `tests/workers_scope.rs`, `a_thread_whose_locals_are_lent_stays_until_no_worker_runs_anything`,
//! `a_thread_whose_locals_are_lent_stays_until_no_blocking_call_uses_them`.
//!
//! # What is left to the user elsewhere
//!
//! Most crates with stackful coroutines ask their users for a promise that none can give for the libraries that he calls. The same
//! programs here are refused by the compiler, or get an error, or do what they say:
//!
//! | what goes wrong | where the user has to prevent it | here | test |
//! |---|---|---|---|
//! | A coroutine goes on on another thread. What it has on its stack, an `Rc`, a guard of std's `Mutex`, a reference into a thread-local, is then used from two threads, or from the wrong one. | may: tasks move between workers, so its `spawn` is `unsafe`, and its macro `go!` hides that. generator 0.8: its `Generator` is `Send` if what the closure captures is, whatever its frames hold. | What has begun stays. Only closures that have not begun cross. | `tests/ui/generator_is_not_send.rs`, `a_task_that_has_begun_stays_on_its_thread` |
//! | The same, unseen: the compiler keeps the address of a thread-local in a register over a suspension. | may | The thread is the same. | `spawn_stays_on_its_worker` |
//! | A coroutine borrows, and its handle is leaked; what it borrows ends. | crates whose handles have the lifetime of what is borrowed, and end the coroutine as they are dropped | Borrowing needs a closure scope. | `tests/ui/scoped_cannot_be_returned.rs` and its neighbours |
//! | A stack overflows into other memory. | crates without guard pages, or whose guard is smaller than a frame | A guard, and the compiler's probes; the report names the coroutine. | `tests/overflow.rs` |
//! | A suspended stack is freed without its destructors, on which somebody relies. | crates that can be told not to unwind | A stack is unwound, or leaked with all that it lends. | `tests/attack_thread_exit.rs` |
//! | Somebody else's stack is suspended by a handle that was carried there. | crates that keep "the current coroutine" and trust it | Each suspension compares the stack pointer. | `tests/attack_foreign_stacks.rs`, `tests/attack_yielder.rs` |
//!
//! # Stacks
//!
//! Each stack ends in a guard, and touching it ends the process with a report that names the generator. A frame that is larger than the
//! guard cannot step over it: compiled Rust touches every page of its frame in order. C code may not do so, and for its sake the guard is a
//! sixteenth of the stack. Headers that hold large values get larger slots, and no size or alignment makes one reach into a neighbour's.
//!
//! Tests: `tests/overflow.rs`, `tests/attack_sizes.rs`.
