//! The state machine of one generator, without its types.
//!
//! ```text
//!             resume                    yield_
//!   CREATED ─────────▶ RUNNING ◀─────────────────▶ SUSPENDED
//!      │                │  ▲  ▲                        │
//!      │ drop, close,   │  │  │ resume, throw, close   │
//!      │ throw          │  │  └────────────────────────┘
//!      ▼       the body │  │ the delegate ended, or an
//!   CLOSED ◀────────────┘  │ error is raised at the statement
//!              ended       ▼
//!                      DELEGATING   (yield_from; see delegation.rs)
//! ```
//!
//! The resumer writes the state, before and after each switch, except for the end. `RUNNING` carries a bit, `VIA`,
//! where another generator was resumed and this one runs as the end of its chain. Python's "running" is not the same: all generators between the one that was resumed and the one that runs count
//! as running there; `is_executing` works that out, so that a resume need not mark each of them.
//!
//! Who may touch what: the body touches its own core while it runs; the resumer touches it while the body
//! is suspended. All fields are cells, since both hold shared references. No reference into a cell is
//! kept over a call of user code. Between learning what stands at the end of a chain, or who has just yielded, and
//! acting on it, no user code runs either: no `Default`, no `Drop`, no hook. It could resume or end that one.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};

use super::delegation::Turn;
use super::error::{GeneratorError, StopIteration, Thrown};
use super::unraisable;
use crate::coroutine::{self, Command, Coroutine, Kind};

/// Where a generator stands; see the drawing above.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct State(u8);

impl State {
    pub(super) const CREATED: State = State(0);
    pub(super) const SUSPENDED: State = State(1);
    pub(super) const DELEGATING: State = State(2);
    pub(super) const CLOSED: State = State(3);
    pub(super) const RUNNING: State = State(4);
    /// Running as the end of the chain of another, which was resumed.
    pub(super) const RUNNING_VIA: State = State(State::RUNNING.0 | State::VIA);
    const VIA: u8 = 8;

    /// `CREATED` or `SUSPENDED`: a value may be asked of it at once.
    #[inline(always)]
    pub(super) fn is_resumable(self) -> bool {
        self.0 <= State::SUSPENDED.0
    }

    #[inline(always)]
    pub(super) fn is_running(self) -> bool {
        self.0 >= State::RUNNING.0
    }

    pub(super) fn is_running_via(self) -> bool {
        self.is_running() && self.0 & State::VIA != 0
    }
}

/// What is raised at a point of suspension, or what left a body.
pub(super) enum Parcel {
    Thrown(Thrown),
    Panic(Box<dyn Any + Send>),
}

impl Parcel {
    pub(super) fn error(error: GeneratorError) -> Parcel {
        Parcel::Thrown(Thrown::Error(Box::new(error)))
    }
}

/// The typed operations that untyped code needs. Each may run user code, which may panic.
pub(super) struct Vtable {
    /// Drops the body of a generator that has not begun.
    pub(super) drop_body: unsafe fn(NonNull<Core>),
    /// Drops the value that was yielded and that nobody took.
    pub(super) drop_yielded: unsafe fn(NonNull<Core>),
    /// Drops the value that was returned, if nobody took it.
    pub(super) drop_returned: unsafe fn(NonNull<Core>),
}

/// The untyped part of a generator. First field of its [`Yielder`](super::Yielder).
#[repr(C)]
pub(crate) struct Core {
    pub(super) coroutine: Coroutine,
    pub(super) state: Cell<State>,
    /// The stack is being unwound by force: `try_yield` no longer returns.
    forced: Cell<bool>,
    /// With `Command::Raise`: what to raise. When `CLOSED`: how the body ended, `None` where it returned.
    pub(super) parcel: Cell<Option<Parcel>>,
    /// What tells this generator from all others of the process, once it has unwound; 0 before.
    serial: Cell<u64>,
    /// The generator that this one delegates to, while `DELEGATING`.
    pub(super) delegate: Cell<Option<NonNull<Core>>>,
    /// What is between this one, where it was resumed, and the end of its chain: `delegation.rs`.
    pub(super) path: RefCell<Vec<NonNull<Core>>>,
    /// The one generator whose `path` ends here.
    pub(super) cached_by: Cell<Option<NonNull<Core>>>,
    pub(super) vtable: &'static Vtable,
}

/// The payload of cede's silent unwinds: what was thrown, and the generator at whose root it is to arrive.
///
/// Whoever catches a payload may keep it, suspend and unwind otherwise meanwhile, and raise it again; so it
/// carries what it means, and names its target so that it is not taken for another's.
struct Token {
    target: u64,
    /// The only thread that may touch `thrown`.
    thread: ThreadId,
    thrown: ManuallyDrop<Thrown>,
}

// SAFETY: payloads must be `Send`, and what is thrown need not be. It is taken out and dropped on the thread that
// threw it only; on any other it is leaked.
unsafe impl Send for Token {}

impl Token {
    /// What it carries, if it is for this target; else all of it back.
    fn open(mut self: Box<Self>, target: u64) -> Result<Thrown, Box<Self>> {
        if self.target != target || self.thread != thread::current().id() {
            return Err(self);
        }
        // SAFETY: this is its thread, and the token is forgotten at once.
        let thrown = unsafe { ManuallyDrop::take(&mut self.thrown) };
        self.free_shell();
        Ok(thrown)
    }

    /// Frees the box without running the destructor for what was taken out.
    fn free_shell(self: Box<Self>) {
        // SAFETY: `ManuallyDrop` has the same layout, and has no destructor to run.
        drop(unsafe { Box::from_raw(Box::into_raw(self).cast::<ManuallyDrop<Token>>()) });
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.thread == thread::current().id() {
            // SAFETY: this is its thread, and nobody has taken it out.
            unsafe { ManuallyDrop::drop(&mut self.thrown) }
        }
    }
}

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// How often a body that catches its forced unwind is unwound again before its stack is given up.
const FORCED_TRIES: u32 = 8;

impl Core {
    pub(super) fn new(coroutine: Coroutine, vtable: &'static Vtable) -> Core {
        Core {
            coroutine,
            state: Cell::new(State::CREATED),
            forced: Cell::new(false),
            parcel: Cell::new(None),
            serial: Cell::new(0),
            delegate: Cell::new(None),
            path: RefCell::new(Vec::new()),
            cached_by: Cell::new(None),
            vtable,
        }
    }

    /// Whether the body may suspend itself here and now. To be asked right before a suspension; `refusal` says why not.
    #[inline(always)]
    pub(super) fn may_suspend(&self) -> bool {
        self.coroutine.is_free_to_suspend() && !self.coroutine.is_unwinding()
    }

    #[cold]
    pub(super) fn refusal(&self) -> GeneratorError {
        if coroutine::thread_is_exiting() {
            GeneratorError::ThreadExiting
        } else if !self.coroutine.is_innermost() {
            GeneratorError::NotInnermost
        } else if !self.coroutine.is_free_to_suspend() {
            GeneratorError::InExtent
        } else {
            GeneratorError::Unwinding
        }
    }

    /// Gets ready to be resumed as the end of `root`'s chain, with something to raise or without.
    pub(super) fn prepare(&self, root: &Core, parcel: Option<Parcel>) -> Command {
        self.count_as_running(root);
        if parcel.is_none() {
            return Command::Go;
        }
        self.parcel.set(parcel);
        Command::Raise
    }

    /// From now on this generator runs, or is treated as if it did, as the end of `root`'s chain.
    pub(super) fn count_as_running(&self, root: &Core) {
        let alone = std::ptr::eq(self, root);
        self.state.set(if alone { State::RUNNING } else { State::RUNNING_VIA });
    }

    /// In the body, after a suspension that ended with `Command::Raise`: what was thrown. Unwinds at once where it
    /// is a panic of a delegate, or where the stack is being unwound by force.
    #[cold]
    pub(super) fn take_thrown(&self) -> Thrown {
        match self.parcel.take() {
            Some(Parcel::Panic(payload)) => panic::resume_unwind(payload),
            Some(Parcel::Thrown(thrown)) if self.forced.get() => self.raise(thrown),
            Some(Parcel::Thrown(thrown)) => thrown,
            None => unreachable!("a parcel goes with the command to raise it"),
        }
    }

    /// In the body: unwinds silently to the root, where `end_by_unwind` takes it.
    #[cold]
    pub(super) fn raise(&self, thrown: Thrown) -> ! {
        if self.serial.get() == 0 {
            self.serial.set(NEXT_SERIAL.fetch_add(1, Ordering::Relaxed));
        }
        self.coroutine.note_own_unwind();
        let thrown = ManuallyDrop::new(thrown);
        let token = Token { target: self.serial.get(), thread: thread::current().id(), thrown };
        panic::resume_unwind(Box::new(token))
    }

    /// At the root: the body has returned a value, which is in its place.
    #[inline]
    pub(super) fn end(&self) {
        self.state.set(State::CLOSED);
    }

    /// At the root: the body has ended with something to raise.
    #[cold]
    pub(super) fn end_with(&self, parcel: Parcel) {
        self.parcel.set(Some(parcel));
        self.state.set(State::CLOSED);
    }

    /// At the root: what an unwind that arrived there means. One that is not ours, or not for this
    /// generator, goes on unchanged as a panic in the resumer.
    #[cold]
    pub(super) fn end_by_unwind(&self, payload: Box<dyn Any + Send>) {
        let parcel = match payload.downcast::<Token>().map(|token| token.open(self.serial.get())) {
            Ok(Ok(thrown)) => Parcel::Thrown(leaving_body(thrown)),
            Ok(Err(token)) => Parcel::Panic(token),
            Err(payload) => Parcel::Panic(payload),
        };
        self.end_with(parcel);
    }

    /// Runs one of the vtable's destructors. Gives the panic back if that panics.
    pub(super) fn discard(&self, drop: unsafe fn(NonNull<Core>)) -> Result<(), Box<dyn Any + Send>> {
        // SAFETY: callers name the destructor that fits the state: `drop_body` of a generator that has not
        // begun, `drop_yielded` of one that has just yielded, `drop_returned` of a finished one.
        panic::catch_unwind(AssertUnwindSafe(|| unsafe { drop(NonNull::from(self)) }))
    }

    /// The last handle is going: ends the body, and reports what comes out. Gives whether the header may be
    /// disposed of; else the stack must be leaked.
    ///
    /// A running generator is leaked: this can only happen in a thread-local destructor (`process::exit`
    /// inside a body), while its frames are in use. A suspended one is leaked when the thread's locals
    /// are being destroyed, since its frames may refer to them.
    #[cold]
    pub(super) fn abandon(&self) -> bool {
        let state = self.state.get();
        if state == State::CREATED {
            self.state.set(State::CLOSED);
            if let Err(payload) = self.discard(self.vtable.drop_body) {
                self.report(Parcel::Panic(payload));
            }
            return true;
        }
        if state == State::CLOSED {
            return true;
        }
        if state.is_running() || coroutine::thread_is_exiting() {
            return false;
        }
        match self.close() {
            Err(_executing) => false,
            Ok(Turn::Ended) => {
                self.report_ending();
                true
            }
            Ok(Turn::Yielded(leaf)) => {
                // In this order: the hook is user code, which may resume or end the leaf.
                self.discard_yielded(leaf);
                self.report(Parcel::error(GeneratorError::IgnoredExit));
                self.force()
            }
        }
    }

    /// Unwinds a body that ignored its end, whatever it delegates to. Gives whether it ended.
    fn force(&self) -> bool {
        self.forced.set(true);
        for _ in 0..FORCED_TRIES {
            self.forget_path();
            let command = self.prepare(self, Some(Parcel::Thrown(Thrown::Exit)));
            match self.drive(self, command) {
                Turn::Ended => {
                    self.report_ending();
                    return true;
                }
                Turn::Yielded(leaf) => self.discard_yielded(leaf),
            }
        }
        self.report(Parcel::error(GeneratorError::Immortal));
        false
    }

    fn discard_yielded(&self, leaf: NonNull<Core>) {
        // SAFETY: the leaf has just yielded, so it is alive and its value has not been taken.
        let leaf = unsafe { leaf.as_ref() };
        if let Err(payload) = leaf.discard(leaf.vtable.drop_yielded) {
            self.report(Parcel::Panic(payload));
        }
    }

    /// Reports how the body ended, and drops what it returned.
    fn report_ending(&self) {
        if let Err(payload) = self.discard(self.vtable.drop_returned) {
            self.report(Parcel::Panic(payload));
        }
        if let Some(parcel) = self.parcel.take() {
            self.report(parcel);
        }
    }

    /// Hands what nobody can be given to the unraisable hook. An `Exit` is the normal end.
    fn report(&self, parcel: Parcel) {
        let error = match parcel {
            Parcel::Thrown(Thrown::Exit) => return,
            Parcel::Thrown(Thrown::Error(error)) => error,
            Parcel::Panic(payload) => Box::new(GeneratorError::Panicked(panic_message(payload))),
        };
        let label = self.coroutine.label();
        unraisable::report(error, label.name.as_deref(), label.made_at);
    }
}

/// What a thrown error becomes as it leaves a body: PEP 479's conversion, and no wrapper around an error
/// that came from another generator.
pub(super) fn leaving_body(thrown: Thrown) -> Thrown {
    let Thrown::Error(error) = thrown else { return thrown };
    match Thrown::from(error) {
        Thrown::Error(error) => match error.downcast::<StopIteration>() {
            Ok(stop) => Thrown::Error(Box::new(GeneratorError::RaisedStopIteration(*stop))),
            Err(error) => Thrown::Error(error),
        },
        Thrown::Exit => Thrown::Exit,
    }
}

/// Unwinds to the root of the innermost generator on this thread.
pub(super) fn raise_in_innermost(thrown: Thrown) -> ! {
    match coroutine::innermost() {
        // SAFETY: a coroutine of this kind is the first field of a `Core`, alive because it is running.
        Some((generator, Kind::Generator)) => unsafe { generator.cast::<Core>().as_ref() }.raise(thrown),
        Some((_, Kind::Task)) | None => panic!("cede: raised outside of any generator: {thrown}"),
    }
}

fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = match payload.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "a value".to_owned()),
    };
    // The payload's destructor is user code that may panic, here inside a destructor.
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
    if let Err(second) = dropped {
        std::mem::forget(second);
    }
    message
}
