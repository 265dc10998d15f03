//! Ctrl-C: what SIGINT does while a run watches for it.
//!
//! ```text
//!              watch                        first SIGINT                      second SIGINT
//!   default ──────────▶ ours, for one time ──────────────▶ default again ──────────────────▶ the process ends
//!                            │                                  │
//!                            └──────────── the run ends ────────┴────▶ default
//! ```
//!
//! The handler marks the inbox of the run and ends its sleep, which takes atomics and one write to a descriptor: no
//! pipe, no thread of its own, and nothing to open for a run that does not sleep. That it works once is the kernel's
//! doing (`SA_RESETHAND`), so that the second signal ends the process also where the run is stuck.
//!
//! The handler may run on any thread, and on a stack of its own (`SA_ONSTACK`), since a coroutine's may be small. It
//! counts itself in `INSIDE` before it looks for its target; who takes the target away waits until nobody is inside,
//! and only then may the inbox go.
//!
//! SIGINT belongs to whoever takes it over: with another handler installed ours does nothing, even if that one calls
//! it, and nothing is put back.
//!
//! Rejected: the crate signal-hook, for this. Once it has installed its handler it never gives the signal back: between
//! runs Ctrl-C would do nothing, or end the process in spite of what others have registered since.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::process;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::thread;

use super::inbox::Inbox;

/// The inbox of the run that is to be interrupted.
static TARGET: AtomicPtr<Inbox> = AtomicPtr::new(ptr::null_mut());

/// How many calls of the handler are under way.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Has Ctrl-C interrupt a run as long as this lives.
#[derive(Debug)]
pub(super) struct Interrupts {
    inbox: Arc<Inbox>,
}

impl Interrupts {
    /// Watches for a run, unless another one is watched for or SIGINT would not end the process.
    pub(super) fn watch(inbox: &Arc<Inbox>) -> Option<Self> {
        let target = Arc::as_ptr(inbox).cast_mut();
        TARGET.compare_exchange(ptr::null_mut(), target, Ordering::SeqCst, Ordering::Relaxed).ok()?;
        inbox.set_interruptible(true);
        let watch = Interrupts { inbox: Arc::clone(inbox) };
        // From here on a failure drops it, which takes the target away.
        (handler() == Some(libc::SIG_DFL) && install()).then_some(watch)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if handler() == Some(ours()) {
            restore_default();
        }
        TARGET.store(ptr::null_mut(), Ordering::SeqCst);
        while INSIDE.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        self.inbox.set_interruptible(false);
        if self.inbox.take_interrupt() {
            // It came when there was nothing left to cancel: as if it had come a moment later.
            // SAFETY: has no preconditions.
            unsafe { libc::raise(libc::SIGINT) };
        }
    }
}

fn ours() -> libc::sighandler_t {
    handle as extern "C" fn(libc::c_int) as *const () as libc::sighandler_t
}

/// Called by the kernel. All in it may be called in a signal handler.
extern "C" fn handle(_signal: libc::c_int) {
    let errno = errno::errno();
    INSIDE.fetch_add(1, Ordering::SeqCst);
    // By the kernel's doing it is the default now, unless another handler was installed, which has called this one.
    if handler() == Some(libc::SIG_DFL) {
        // SAFETY: a target stays until nobody is inside any more.
        if let Some(inbox) = unsafe { TARGET.load(Ordering::SeqCst).as_ref() } {
            inbox.interrupt();
        }
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    errno::set_errno(errno);
}

/// What SIGINT does now.
fn handler() -> Option<libc::sighandler_t> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only reads the action, and writes it where there is room for it.
    let read = unsafe { libc::sigaction(libc::SIGINT, ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: it was written.
    read.then(|| unsafe { action.assume_init() }.sa_sigaction)
}

/// Installs ours. Gives whether that went well.
fn install() -> bool {
    // SAFETY: a sigaction of zeros is valid, with no signal in its mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = ours();
    action.sa_flags = libc::SA_RESETHAND | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the handler has the type that goes with these flags, and does only what a handler may.
    unsafe { libc::sigaction(libc::SIGINT, &action, ptr::null_mut()) == 0 }
}

fn restore_default() {
    // SAFETY: the default action needs no handler.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
}

/// Whether this is the thread that the process began with.
pub(super) fn on_main_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        rustix::thread::gettid() == rustix::process::getpid()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        thread::current().name() == Some("main")
    }
}

/// Ends the process as an interrupt would have, for who started it to see.
pub(super) fn end_process() -> ! {
    restore_default();
    // What was printed is not to be lost. A second Ctrl-C ends this too.
    let _ = io::stdout().flush();
    // SAFETY: the set is initialised before it is used; the calls have no other preconditions.
    unsafe {
        let mut only = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), ptr::null_mut());
        libc::raise(libc::SIGINT);
    }
    // Only the first process of a system or a container survives that. Shells have this status for it.
    process::exit(128 + libc::SIGINT)
}
