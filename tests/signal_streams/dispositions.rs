//! What signals do while somebody listens, before and afterwards.

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::signal::{Signal, SignalKind, signal};
use cede::{sleep, unblock, yield_now};

use super::alone;
use super::harness::Case;

const USR1: SignalKind = SignalKind::USR1;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static REPLACED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn counts(_signal: c_int) {
    CALLS.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn is_informed(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's arguments are passed on as they were.
    assert!(unsafe { (*info).si_signo } == signal && !context.is_null());
    CALLS.fetch_add(1, Ordering::SeqCst);
}

/// Calls the handler that it has replaced.
extern "C" fn chains(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    CALLS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: what was installed before is cede's handler, which has this type.
    let replaced: Handler = unsafe { mem::transmute(REPLACED.load(Ordering::SeqCst)) };
    replaced(signal, info, context);
}

fn calls() -> usize {
    CALLS.load(Ordering::SeqCst)
}

fn action(kind: SignalKind) -> libc::sigaction {
    // SAFETY: a sigaction of zeros is valid, and the call only writes it.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        assert_eq!(libc::sigaction(kind.as_raw(), ptr::null(), &mut action), 0);
        action
    }
}

fn install(kind: SignalKind, function: usize, flags: c_int) {
    let mut new = action(kind);
    new.sa_sigaction = function;
    new.sa_flags = flags;
    // SAFETY: the functions here do what a handler may, and fit their flags.
    assert_eq!(unsafe { libc::sigaction(kind.as_raw(), &new, ptr::null_mut()) }, 0);
}

pub(crate) fn set_default(kind: SignalKind) {
    install(kind, libc::SIG_DFL, 0);
}

pub(crate) fn this_thread() -> libc::pthread_t {
    // SAFETY: has no preconditions.
    unsafe { libc::pthread_self() }
}

/// Sends a signal to a thread, which has not ended.
pub(crate) fn send_to_thread(thread: libc::pthread_t, kind: SignalKind) {
    // SAFETY: the thread is there.
    assert_eq!(unsafe { libc::pthread_kill(thread, kind.as_raw()) }, 0);
}

/// Raises it, and gives whether the stream has heard.
fn hears(stream: &Signal, kind: SignalKind) -> bool {
    kind.raise().unwrap();
    stream.try_recv() == Some(kind)
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "it_is_put_back_when_the_last_listener_goes",
        body: || {
            for function in [libc::SIG_DFL, libc::SIG_IGN] {
                install(USR1, function, 0);
                let first = signal(USR1).unwrap();
                let second = signal(USR1).unwrap();
                drop(first);
                assert!(hears(&second, USR1));
                drop(second);
                assert_eq!(action(USR1).sa_sigaction, function);
            }
            USR1.raise().unwrap();
        },
        script: alone,
    },
    Case {
        name: "a_handler_that_was_there_is_called_too_and_put_back",
        body: || {
            let plain = counts as extern "C" fn(c_int) as usize;
            type Informed = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            let informed = is_informed as Informed as usize;
            for (function, flags) in
                [(plain, libc::SA_RESTART), (informed, libc::SA_SIGINFO | libc::SA_NODEFER)]
            {
                install(USR1, function, flags);
                let before = calls();
                for round in 1..=2 {
                    let stream = signal(USR1).unwrap();
                    assert!(hears(&stream, USR1));
                    assert_eq!(calls(), before + 2 * round - 1);
                    drop(stream);
                    USR1.raise().unwrap();
                    assert_eq!(calls(), before + 2 * round);
                }
                let restored = action(USR1);
                assert_eq!((restored.sa_sigaction, restored.sa_flags & flags), (function, flags));
            }
        },
        script: alone,
    },
    Case {
        name: "a_handler_that_comes_later_stays_and_may_pass_signals_on",
        body: || {
            type Informed = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            let (plain, chained) = (counts as extern "C" fn(c_int) as usize, chains as Informed as usize);
            install(USR1, plain, 0);
            let stream = signal(USR1).unwrap();
            REPLACED.store(action(USR1).sa_sigaction, Ordering::SeqCst);
            install(USR1, chained, libc::SA_SIGINFO);
            assert!(hears(&stream, USR1));
            assert_eq!(calls(), 2, "it, and the one at the bottom");
            drop(stream);
            assert_eq!(action(USR1).sa_sigaction, chained);
            USR1.raise().unwrap();
            assert_eq!(calls(), 4);
            // In a ring: ours calls it, and it calls ours.
            let stream = signal(USR1).unwrap();
            assert!(hears(&stream, USR1));
            assert_eq!(calls(), 5);
            drop(stream);
            assert_eq!(action(USR1).sa_sigaction, chained);
        },
        script: alone,
    },
    Case {
        name: "sigchld_comes_beside_children_that_are_waited_for",
        body: || {
            cede::run(|| {
                let children = signal(SignalKind::CHLD).unwrap();
                for _ in 0..3 {
                    let mut child = Command::new("true").spawn().unwrap();
                    children.recv();
                    assert!(unblock(move || child.wait()).unwrap().success());
                }
                assert!(unblock(|| Command::new("true").status()).unwrap().success());
            });
        },
        script: alone,
    },
    Case {
        name: "a_pipe_that_nobody_reads_is_an_error_with_and_without_a_listener",
        body: || {
            let breaks = || {
                let (theirs, mut ours) = std::io::pipe().unwrap();
                drop(theirs);
                assert_eq!(ours.write(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
            };
            breaks();
            let stream = signal(SignalKind::PIPE).unwrap();
            breaks();
            assert_eq!(stream.try_recv(), Some(SignalKind::PIPE));
            drop(stream);
            breaks();
        },
        script: alone,
    },
    Case {
        name: "children_begin_with_the_default",
        body: || {
            let stream = signal(SignalKind::TERM).unwrap();
            let status = Command::new("sh").args(["-c", "kill -TERM $$"]).status().unwrap();
            assert_eq!(status.signal(), Some(libc::SIGTERM));
            assert_eq!(stream.try_recv(), None);
        },
        script: alone,
    },
    Case {
        name: "a_child_that_is_forked_and_calls_no_exec_leaves_the_parent_alone",
        body: || {
            cede::run(|| {
                let stream = signal(USR1).unwrap();
                assert!(stream.recv_timeout(Duration::from_millis(1)).is_err());
                // SAFETY: the child does only what a signal handler may, and leaves.
                unsafe {
                    let child = libc::fork();
                    assert!(child >= 0);
                    if child == 0 {
                        libc::raise(libc::SIGUSR1);
                        libc::_exit(7);
                    }
                    let mut status = 0;
                    assert_eq!(libc::waitpid(child, &mut status, 0), child);
                    assert_eq!(libc::WEXITSTATUS(status), 7);
                }
                sleep(Duration::from_millis(1));
                yield_now();
                assert_eq!(stream.try_recv(), None);
                assert!(hears(&stream, USR1));
            });
        },
        script: alone,
    },
];
