//! The signals of the process: streams of them, handlers, Ctrl-C, and an orderly end.
//!
//! | | |
//! |---|---|
//! | [`signal`], [`signals`] | a [`Signal`]: a stream of one kind or of several, from which tasks receive |
//! | [`add_signal_handler`], [`remove_signal_handler`] | asyncio's: a function that the run calls |
//! | [`ctrl_c`](fn@ctrl_c) | the next Ctrl-C, as an operation |
//! | [`Shutdown`] | the first SIGTERM or SIGINT asks for an end, which all tasks can wait for; the second ends the process |
//!
//! # What a signal does meanwhile
//!
//! As long as anybody listens to a signal, all who do hear of it, on whatever thread, and it does nothing else: SIGTERM does not end
//! the process, SIGTSTP does not stop it, and SIGINT does not cancel the main task of [`run`](crate::run). When the last listener has gone it
//! does what it did before, be that the default, nothing (`SIG_IGN`), or a handler. A handler that was there before, of a library say, is called
//! as well. One that is installed later, by other means than this module, has the signal from then on, and nothing here puts it aside; if
//! it calls the one that it has replaced, as it should, listeners go on hearing.
//!
//! Signals that are on their way are one: what is raised a thousand times before anybody looks may be heard once, and at least once after the
//! last time. That is how the system has it too, and real-time signals are no exception here. A signal says that something may have
//! happened, never how often. For SIGCHLD that means: ask after every child.
//!
//! SIGKILL and SIGSTOP can't be listened to, nor can SIGSEGV, SIGBUS, SIGILL and SIGFPE, which tell of a fault in the instruction that runs.
//!
//! System calls that a signal interrupts go on (`SA_RESTART`) where the system can do that; those of cede's own do in any case. A child process
//! begins with the defaults of the signals that are listened to; those that are ignored stay ignored, as ever.
//!
//! A run in which a task waits for a signal, or that has a handler for one, is not at a deadlock: it waits. Under virtual time signals are
//! real ones, and come when they come; the clock doesn't wait for them.

mod ctrl_c;
mod handlers;
mod kind;
mod shutdown;
mod stream;

pub use ctrl_c::{CtrlC, ctrl_c};
pub use handlers::{add_signal_handler, remove_signal_handler};
pub use kind::{SignalKind, UnknownSignal};
pub use shutdown::{Requested, Shutdown};
pub use stream::{Receiving, Signal, signal, signals};
