//! The kinds of signals, by name and by number.

use std::fmt;
use std::io;
use std::str::FromStr;

use libc::c_int;
use thiserror::Error;

use crate::runtime::process_signals::{self, SignalSet};

/// A kind of signal: SIGTERM, SIGHUP.
///
/// # Examples
///
/// ```
/// use cede::signal::SignalKind;
///
/// assert_eq!(SignalKind::TERM.to_string(), "SIGTERM");
/// assert_eq!("hup".parse(), Ok(SignalKind::HUP));
/// assert_eq!(SignalKind::from_raw(2), SignalKind::INT);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(c_int);

/// The constants, and the names of all that have one on every Unix.
macro_rules! kinds {
    ($($(#[$doc:meta])* $NAME:ident = $number:ident;)+) => {
        impl SignalKind {
            $($(#[$doc])* pub const $NAME: SignalKind = SignalKind(libc::$number);)+
        }

        const NAMES: &[(c_int, &str)] = &[$((libc::$number, stringify!($number)),)+];
    };
}

kinds! {
    /// The process is to stop what it does, wait for a debugger or write its core: `abort`.
    ABRT = SIGABRT;
    /// A timer of `alarm` is up.
    ALRM = SIGALRM;
    /// An access to memory has failed. Can't be listened to.
    BUS = SIGBUS;
    /// A child has ended, or was stopped or continued.
    CHLD = SIGCHLD;
    /// The process goes on after it was stopped.
    CONT = SIGCONT;
    /// An arithmetic instruction has failed. Can't be listened to.
    FPE = SIGFPE;
    /// The terminal is gone; for servers, by custom: read the settings again.
    HUP = SIGHUP;
    /// The processor does not know an instruction. Can't be listened to.
    ILL = SIGILL;
    /// Ctrl-C.
    INT = SIGINT;
    /// A descriptor has become ready that was asked to tell by a signal.
    IO = SIGIO;
    /// The process is ended. Can't be listened to.
    KILL = SIGKILL;
    /// Somebody has written to a pipe or a socket that nobody reads. Rust's programs ignore it, and get an error instead.
    PIPE = SIGPIPE;
    /// The time of a profiling timer is up.
    PROF = SIGPROF;
    /// Ctrl-\\: end, with a core.
    QUIT = SIGQUIT;
    /// An access to memory has failed. Can't be listened to.
    SEGV = SIGSEGV;
    /// The process is stopped. Can't be listened to.
    STOP = SIGSTOP;
    /// A system call that there is not.
    SYS = SIGSYS;
    /// Please end: what `kill` sends, and what those send who supervise services and containers.
    TERM = SIGTERM;
    /// A breakpoint.
    TRAP = SIGTRAP;
    /// Ctrl-Z: stop.
    TSTP = SIGTSTP;
    /// A process in the background reads from its terminal.
    TTIN = SIGTTIN;
    /// A process in the background writes to its terminal.
    TTOU = SIGTTOU;
    /// Urgent data have come on a socket.
    URG = SIGURG;
    /// Whatever the program says it means.
    USR1 = SIGUSR1;
    /// Whatever the program says it means.
    USR2 = SIGUSR2;
    /// A timer of processor time is up.
    VTALRM = SIGVTALRM;
    /// The size of the terminal has changed.
    WINCH = SIGWINCH;
    /// The process has used more processor time than it may.
    XCPU = SIGXCPU;
    /// A file has become larger than it may.
    XFSZ = SIGXFSZ;
}

/// Those that tell of a fault in the instruction that runs: it would fail again when a handler has returned.
const FAULTS: [SignalKind; 4] = [SignalKind::SEGV, SignalKind::BUS, SignalKind::ILL, SignalKind::FPE];

impl SignalKind {
    /// The kind with this number, whether or not there is one: listening says so.
    pub const fn from_raw(number: i32) -> Self {
        SignalKind(number)
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// A real-time signal, counted from the first that programs may use (`SIGRTMIN`). `None` where there are not so many.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::signal::SignalKind;
    ///
    /// if let Some(kind) = SignalKind::real_time(3) {
    ///     assert_eq!(kind.to_string(), "SIGRTMIN+3");
    /// }
    /// assert_eq!(SignalKind::real_time(1000), None);
    /// ```
    pub fn real_time(number: u32) -> Option<Self> {
        let range = process_signals::real_time();
        let signal = range.start().checked_add(c_int::try_from(number).ok()?)?;
        range.contains(&signal).then_some(SignalKind(signal))
    }

    /// Its name, `"SIGTERM"`, if it has one of its own.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }

    /// Sends it to this process: Python's `signal.raise_signal`. The system picks the thread.
    ///
    /// # Errors
    ///
    /// When there is no such signal.
    pub fn raise(self) -> io::Result<()> {
        process_signals::send_to_self(self.0)
            .map_err(|error| io::Error::new(error.kind(), format!("can't raise {self}: {error}")))
    }

    /// The set of it, if it can be listened to.
    pub(super) fn set(self) -> io::Result<SignalSet> {
        let reason = match self {
            SignalKind::KILL | SignalKind::STOP => "the system lets nobody catch it",
            _ if FAULTS.contains(&self) => {
                "it tells of a fault in the instruction that runs, which would fail again"
            }
            _ if !SignalSet::may_hold(self.0) => "there is no such signal",
            _ => return Ok(SignalSet::of(self.0)),
        };
        Err(refused(self, reason))
    }

    /// Why the system does not give it.
    pub(super) fn not_given(self, error: &io::Error) -> io::Error {
        match error.raw_os_error() {
            Some(libc::EINVAL) => {
                refused(self, "the system has no such signal, or the C library keeps it for itself")
            }
            _ => io::Error::new(error.kind(), format!("can't listen to {self}: {error}")),
        }
    }
}

fn refused(kind: SignalKind, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("can't listen to {kind}: {reason}"))
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let real_time = process_signals::real_time();
        match self.name() {
            Some(name) => f.write_str(name),
            None if real_time.contains(&self.0) => write!(f, "SIGRTMIN+{}", self.0 - real_time.start()),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no signal: give a name such as TERM or SIGRTMIN+1, or a number")]
pub struct UnknownSignal {
    text: String,
}

impl FromStr for SignalKind {
    type Err = UnknownSignal;

    /// Takes names with and without `SIG`, in any case, `SIGRTMIN+1`, and numbers of signals that may exist.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let upper = text.to_ascii_uppercase();
        let short = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = NAMES.iter().find(|(_, name)| name[3..] == *short).map(|(number, _)| SignalKind(*number));
        let real_time = || match short.strip_prefix("RTMIN")? {
            "" => SignalKind::real_time(0),
            offset => SignalKind::real_time(offset.strip_prefix('+')?.parse().ok()?),
        };
        let number = || text.parse().ok().filter(|&number| SignalSet::may_hold(number)).map(SignalKind);
        named.or_else(real_time).or_else(number).ok_or_else(|| UnknownSignal { text: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_displayed_is_parsed() {
        let real_time = (0..40).filter_map(SignalKind::real_time);
        let kinds = NAMES.iter().map(|(number, _)| SignalKind(*number)).chain(real_time);
        for kind in kinds {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.to_string()[3..].to_lowercase().parse(), Ok(kind));
            assert_eq!(kind.as_raw().to_string().parse(), Ok(kind));
        }
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in [
            "",
            "SIG",
            "SIGSIGTERM",
            "TERMS",
            "0",
            "-1",
            "128",
            "99999999999",
            "RTMIN+99",
            "RTMIN-1",
            "RTMIN+",
        ] {
            let error = text.parse::<SignalKind>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is no signal")), "{error}");
        }
    }
}
