//! A child as the system has it: whether it has ended, and with what status.
//!
//! ```text
//!   RUNNING ── exits ──▶ ZOMBIE ── look ──▶ ended with a status
//!      │                                    (the number may be a stranger's from here on)
//!      └── the system keeps no zombie ── look ──▶ lost
//! ```
//!
//! | field | who may touch it |
//! |---|---|
//! | `state` | any thread, under its lock. Nobody waits under it: looking at a child and sending it a signal take no time |
//! | `ended` | the thread that waits for the child sets it, after it has looked |
//!
//! The system keeps the number of a child until its status is taken, and only [`look`](Life::look) takes it. So who sees under the
//! lock that the status is not here yet knows whose number it is. Only where SIGCHLD is ignored is the number free as
//! soon as the child ends; there a signal by the descriptor is what reaches no stranger.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process,
    test_kill_process_group, waitid,
};

use super::group;
use crate::io::named;
use crate::runtime::process_signals;
use crate::runtime::quiet_thread::QuietThread;
use crate::sync::Event;

/// The thread that waits for a child does nothing else.
const THREAD_STACK: usize = 64 << 10;

/// See the head of this file.
pub(super) struct Life {
    id: u32,
    /// As errors write it.
    program: String,
    state: Mutex<State>,
    /// Of a child that a thread waits for.
    pub(super) ended: Event,
}

/// What is known of a group whose leader has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// The leader was waited for at some time: a stranger may have its number.
    MayBeAnothers,
    /// The leader was there a moment ago, or the group was: as long as anybody is in it no other process gets its number.
    IsFresh,
}

struct State {
    child: std::process::Child,
    end: Option<End>,
    has_thread: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
enum End {
    With(ExitStatus),
    Lost,
}

impl Life {
    pub(super) fn new(child: std::process::Child, program: String) -> Arc<Self> {
        let id = child.id();
        let state = Mutex::new(State { child, end: None, has_thread: false });
        Arc::new(Life { id, program, state, ended: Event::new() })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its status, if it has ended; takes it from the system where that has it still.
    ///
    /// # Errors
    ///
    /// When the status is lost.
    pub(super) fn look(&self) -> io::Result<Option<ExitStatus>> {
        match self.state().look()? {
            None => Ok(None),
            Some(End::With(status)) => Ok(Some(status)),
            Some(End::Lost) => {
                let why =
                    "whose status is lost: SIGCHLD is ignored, or others wait for children they don't know";
                Err(named(Errno::CHILD.into(), "waits for", format_args!("{self}, {why}")))
            }
        }
    }

    /// Whether it is known how it ended, or that nobody will.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.look(), Ok(None))
    }

    /// Sends a signal, by the descriptor if there is one. Does nothing once it has ended.
    pub(super) fn signal(&self, pidfd: Option<BorrowedFd<'_>>, number: i32) -> io::Result<()> {
        let signal = self.checked(number)?;
        let mut state = self.state();
        if state.end.is_some() {
            return Ok(());
        }
        let sent = match pidfd {
            Some(pidfd) => send_by_descriptor(pidfd, signal),
            None if state.look()?.is_some() => Ok(()),
            None => kill_process(state.pid(), signal),
        };
        match sent {
            // No zombie is kept of it.
            Err(Errno::SRCH) => Ok(()),
            sent => sent.map_err(|error| named(error.into(), "sends a signal to", self)),
        }
    }

    fn checked(&self, number: i32) -> io::Result<Signal> {
        process_signals::by_number(number).ok_or_else(|| {
            let message = format!(
                "can't send signal {number} to {self}: no signal that programs may use has this number"
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })
    }

    /// Whether it leads a process group, as it was started, and that is not the group of this process. It has not been waited for.
    pub(super) fn leads_group(&self) -> bool {
        let pid = self.state().pid();
        group::of(pid) == Some(pid)
    }

    /// Sends a signal to all that are in the group that it leads, or asks (`None`) whether anybody is. Gives whether anybody was.
    ///
    /// # Errors
    ///
    /// `Unsupported` where it has ended, and the system has no safe way to find its group.
    pub(super) fn signal_group(
        &self,
        pidfd: Option<BorrowedFd<'_>>,
        number: Option<i32>,
        trust: Number,
    ) -> io::Result<bool> {
        let signal = number.map(|number| self.checked(number)).transpose()?;
        let state = self.state();
        let by_descriptor = pidfd.map(|pidfd| group::signal_by_descriptor(pidfd, number.unwrap_or(0)));
        let sent = match by_descriptor {
            Some(sent) if !matches!(sent, Err(Errno::INVAL | Errno::NOSYS)) => sent,
            _ if trust == Number::MayBeAnothers && !state.has_its_number() => {
                let message = format!(
                    "can't send a signal to the group of {self}, which has ended: its number may be another's by now. \
                     Signal the group before waiting for its leader, or use Linux 6.9 or later"
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
            // Its leader was waited for, so it is a stranger who has the number: the group has gone.
            _ if !state.has_its_number() && test_kill_process(state.pid()) != Err(Errno::SRCH) => {
                Err(Errno::SRCH)
            }
            _ => match signal {
                Some(signal) => kill_process_group(state.pid(), signal),
                None => test_kill_process_group(state.pid()),
            },
        };
        match sent {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            // Somebody is there, whom this process may not signal.
            Err(Errno::PERM) if signal.is_none() => Ok(true),
            Err(error) => Err(named(error.into(), "sends a signal to", format_args!("the group of {self}"))),
        }
    }

    /// Has a thread wait for it, unless one does already.
    ///
    /// # Errors
    ///
    /// When no thread can be had.
    pub(super) fn watch_by_thread(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.state();
        if !state.has_thread {
            let (life, pid) = (Arc::clone(self), state.pid());
            let builder = thread::Builder::new().name("cede-child".to_owned()).stack_size(THREAD_STACK);
            builder.spawn(move || life.await_end(pid)).map_err(|error| {
                let message = format!("can't wait for {self}: no thread can be had: {error}");
                io::Error::new(error.kind(), message)
            })?;
            state.has_thread = true;
        }
        Ok(())
    }

    /// Waits until the child has ended, without the lock, and then takes the status under it.
    fn await_end(&self, pid: Pid) {
        let _quiet = QuietThread::begin();
        let waited = rustix::io::retry_on_intr(|| {
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        });
        let mut state = self.state();
        if waited.is_err() && !matches!(state.look(), Ok(Some(_))) {
            // Nobody can wait for it, for whatever reason.
            state.end = Some(End::Lost);
        }
        let _ = state.look();
        drop(state);
        self.ended.set();
    }
}

#[cfg(target_os = "linux")]
fn send_by_descriptor(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    rustix::process::pidfd_send_signal(pidfd, signal)
}

#[cfg(not(target_os = "linux"))]
fn send_by_descriptor(_: BorrowedFd<'_>, _: Signal) -> Result<(), Errno> {
    unreachable!("there are no descriptors of processes here")
}

impl State {
    fn look(&mut self) -> io::Result<Option<End>> {
        if self.end.is_none() {
            self.end = match self.child.try_wait() {
                Ok(status) => status.map(End::With),
                Err(error) if error.raw_os_error() == Some(Errno::CHILD.raw_os_error()) => Some(End::Lost),
                Err(error) => return Err(error),
            };
        }
        Ok(self.end)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether it is there, or its status is, so that nobody else can have its number.
    fn has_its_number(&self) -> bool {
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.end.is_none() && rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid()), peek)).is_ok()
    }
}

/// As errors name it.
impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child {} ({})", self.id, self.program)
    }
}
