//! Guards: the low end of a slot, which nobody can touch without a fault.
//!
//! Two kinds. `MADV_GUARD_INSTALL` (Linux 6.13) marks pages inside a mapping and splits nothing, so that a
//! million stacks fit in the default limits. `mprotect` works everywhere, but makes two mappings of each
//! stack, and Linux allows 65,530 of them unless told otherwise. The second serves where the first is not to
//! be had: on older kernels, on other systems, and for memory locked by `mlockall`. The environment variable
//! `CEDE_STACK_GUARD=mprotect` asks for it.

use std::io;
use std::sync::OnceLock;

use super::advice::Span;
use super::{StackError, advice, size};

/// How guards are made in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// By advice inside a mapping.
    Install,
    /// By taking away the right to access, which splits the mapping.
    Protect,
}

/// The kind that works here; found out once.
pub(super) fn kind() -> Guard {
    static KIND: OnceLock<Guard> = OnceLock::new();
    *KIND.get_or_init(|| {
        let forced = std::env::var_os("CEDE_STACK_GUARD").is_some_and(|kind| kind == "mprotect");
        if !forced && installs() { Guard::Install } else { Guard::Protect }
    })
}

/// Guards the first of the spans, as many as possible, and returns how many those are: one at least.
///
/// # Safety
///
/// The spans are mapped, belong to the caller, and hold nothing that is needed.
pub(super) unsafe fn install(spans: &[Span]) -> Result<usize, StackError> {
    // SAFETY: passed on to the caller.
    if kind() == Guard::Install && unsafe { install_all(spans) } {
        return Ok(spans.len());
    }
    // What a failed batch has guarded already may be guarded again.
    for (done, span) in spans.iter().enumerate() {
        // SAFETY: the caller owns the span and needs nothing in it.
        if unsafe { libc::mprotect(span.start as *mut libc::c_void, span.len, libc::PROT_NONE) } != 0 {
            let error = io::Error::last_os_error();
            return match (done, error.raw_os_error()) {
                (1.., _) => Ok(done),
                (0, Some(libc::ENOMEM)) => Err(StackError::MapLimit),
                (0, _) => Err(StackError::OutOfMemory { size: span.len, source: error }),
            };
        }
    }
    Ok(spans.len())
}

/// Installs guards by advice; false where the kernel refuses.
///
/// # Safety
///
/// As for [`install`].
unsafe fn install_all(spans: &[Span]) -> bool {
    /// `MADV_GUARD_INSTALL`. Older kernels answer EINVAL, as they do for all numbers that they do not know.
    const GUARD_INSTALL: libc::c_int = 102;
    // SAFETY: passed on to the caller.
    unsafe { advice::advise(spans, GUARD_INSTALL) }.is_ok()
}

/// Whether guards can be installed by advice, tried on a page of its own.
fn installs() -> bool {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return false;
    }
    let page = size::page_size();
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: a new mapping, of which nobody else knows and which is gone at the end.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), page, access, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return false;
        }
        let works = install_all(&[Span { start: start as usize, len: page }]);
        libc::munmap(start, page);
        works
    }
}
