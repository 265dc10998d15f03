//! Advice to the kernel about many spans of memory at once.
//!
//! Linux takes a list of spans in one system call (`process_madvise`, on the calling process itself from 6.14
//! on, by the descriptor that stands for it). It costs 0.7 µs a span where a call for each costs 1.8. Where
//! it does not work, each span is a call of its own.

use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of memory from an address on. Laid out as the kernel's `iovec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
}

const _: () = assert!(size_of::<Span>() == size_of::<libc::iovec>());
const _: () = assert!(align_of::<Span>() == align_of::<libc::iovec>());

/// Tells the kernel that the contents of memory are no longer needed; it reads as zeros from then on.
#[cfg(any(target_os = "linux", target_os = "android"))]
const DISCARD: libc::c_int = libc::MADV_DONTNEED;
/// Elsewhere DONTNEED keeps the memory. FREE gives it up, though it may be read until the system takes it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const DISCARD: libc::c_int = libc::MADV_FREE;

/// Gives the memory of the spans back to the operating system and keeps the address space. Guards survive
/// this.
///
/// A failure is not an error: memory that is locked is simply kept.
///
/// # Safety
///
/// The spans are mapped, and nobody needs what is in them.
pub(super) unsafe fn discard(spans: &[Span]) {
    // SAFETY: passed on to the caller.
    let _ = unsafe { advise(spans, DISCARD) };
}

/// Gives one piece of advice about all spans.
///
/// # Safety
///
/// The spans are mapped, and the advice breaks nothing that somebody relies on.
pub(super) unsafe fn advise(spans: &[Span], advice: libc::c_int) -> io::Result<()> {
    // SAFETY: passed on to the caller.
    let done = unsafe { advise_together(spans, advice) };
    for span in &spans[done..] {
        // SAFETY: the caller vouches for the spans and for the advice.
        if unsafe { libc::madvise(span.start as *mut libc::c_void, span.len, advice) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Advises on as many spans as the kernel takes together, and returns how many those were.
///
/// # Safety
///
/// As for [`advise`].
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn advise_together(spans: &[Span], advice: libc::c_int) -> usize {
    /// The descriptor that stands for the calling thread's process (`PIDFD_SELF_THREAD`). A real one would
    /// mean the parent after a fork.
    const SELF: libc::c_int = -10_000;
    /// The most that the kernel takes in one call.
    const SPANS_MAX: usize = 1_024;
    static WORKS: AtomicBool = AtomicBool::new(true);

    let mut done = 0;
    while spans.len() - done > 1 && WORKS.load(Ordering::Relaxed) {
        let part = &spans[done..spans.len().min(done + SPANS_MAX)];
        let bytes: usize = part.iter().map(|span| span.len).sum();
        // SAFETY: a span is laid out as an iovec (checked above), and the caller vouches for the rest.
        let advised = unsafe {
            libc::syscall(
                libc::SYS_process_madvise,
                SELF,
                part.as_ptr(),
                part.len(),
                advice,
                0 as libc::c_uint,
            )
        };
        if advised < 0 {
            // Whether it is the call that is unknown or the advice that is refused: single calls will tell,
            // and a kernel that refuses one kind of advice is not asked in this way again.
            WORKS.store(false, Ordering::Relaxed);
        } else if advised as usize == bytes {
            done += part.len();
        } else {
            // The kernel stopped at a span that it refuses; a single call for that span will say why.
            break;
        }
    }
    done
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn advise_together(_spans: &[Span], _advice: libc::c_int) -> usize {
    0
}
