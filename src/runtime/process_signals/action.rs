//! What a signal does: the system calls that ask for it and change it.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use libc::c_int;

use super::handler;

/// What a signal does, as the system says it. Plain data.
#[derive(Clone, Copy)]
pub(super) struct Action(libc::sigaction);

/// How long ours stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// Until it is replaced.
    Always,
    /// For one signal: then the kernel puts the default in its place.
    Once,
}

/// The function behind an action.
pub(super) enum Function {
    Plain(Plain),
    Informed(Informed),
}

type Plain = unsafe extern "C" fn(c_int);
type Informed = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);

impl Action {
    /// What happens where nobody has asked for anything else.
    pub(super) fn default() -> Self {
        // SAFETY: a sigaction of zeros is valid, with no signal in its mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = libc::SIG_DFL;
        Action(action)
    }

    /// What a signal does now. May be called in a signal handler.
    pub(super) fn current(signal: c_int) -> io::Result<Self> {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only reads the action, and writes it where there is room for it.
        if unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was written.
        Ok(Action(unsafe { action.assume_init() }))
    }

    /// Our handler, which blocks the signals meanwhile that the action blocks in whose place it comes.
    pub(super) fn ours(stay: Stay, instead_of: &Action) -> Self {
        let mut action = Action::default();
        action.0.sa_mask = instead_of.0.sa_mask;
        action.0.sa_sigaction = handler::address();
        // What can be restarted is, so that a signal disturbs as few as possible.
        action.0.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        if stay == Stay::Once {
            action.0.sa_flags |= libc::SA_RESETHAND;
        }
        action
    }

    /// Has a signal do this from now on.
    pub(super) fn install(&self, signal: c_int) -> io::Result<()> {
        // SAFETY: it is ours, whose handler has the type that goes with its flags and does only what a handler may, or one that
        // was in force before.
        let result = unsafe { libc::sigaction(signal, &self.0, ptr::null_mut()) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    pub(super) fn is_default(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_DFL
    }

    /// Whether both call the same.
    pub(super) fn is_like(&self, other: &Action) -> bool {
        self.0.sa_sigaction == other.0.sa_sigaction
    }

    /// Whether it is our handler.
    pub(super) fn is_ours(&self) -> bool {
        self.0.sa_sigaction == handler::address()
    }

    /// Its function, if it has one.
    pub(super) fn function(&self) -> Option<Function> {
        match self.0.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => None,
            // SAFETY: with SA_SIGINFO the action is a function of this type.
            function if self.0.sa_flags & libc::SA_SIGINFO != 0 => unsafe {
                Some(Function::Informed(std::mem::transmute::<usize, Informed>(function)))
            },
            // SAFETY: without SA_SIGINFO the action is a function of this type.
            function => unsafe { Some(Function::Plain(std::mem::transmute::<usize, Plain>(function))) },
        }
    }
}

/// Sends a signal to this process, whose kernel picks the thread.
pub(crate) fn send_to_self(signal: c_int) -> io::Result<()> {
    // SAFETY: has no preconditions.
    let result = unsafe { libc::kill(libc::getpid(), signal) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The numbers of the signals that have no meaning of their own. The C library keeps the first ones for itself.
pub(crate) fn real_time() -> std::ops::RangeInclusive<c_int> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return libc::SIGRTMIN()..=libc::SIGRTMAX();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return 1..=0;
}

/// A signal by its number, if a program may use it: one with a name, or a real-time signal.
pub(crate) fn by_number(signal: c_int) -> Option<rustix::process::Signal> {
    if !real_time().contains(&signal) {
        return rustix::process::Signal::from_named_raw(signal);
    }
    // SAFETY: the C library does not keep it for itself, so that its handler, or what it does by default, is the program's own affair.
    Some(unsafe { rustix::process::Signal::from_raw_unchecked(signal) })
}

/// Has this thread take a signal, whatever its mask says, with the action that the signal has. Comes back where that lets it.
pub(in crate::runtime) fn deliver_here(signal: c_int) {
    // SAFETY: the set is initialised before it is used; the calls have no other preconditions, and may be called in a signal handler.
    unsafe {
        let mut only = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), ptr::null_mut());
        libc::raise(signal);
    }
}
