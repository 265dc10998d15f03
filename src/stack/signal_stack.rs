//! A stack for signal handlers, for threads that have none.
//!
//! A handler for stack overflow cannot run on the stack that has overflowed. The standard library gives its
//! own threads a stack for this; threads that C code made have none, and without one the kernel ends the
//! process without a word.

use std::ptr;

use super::size;

/// A signal stack that we installed on this thread; it is taken away and unmapped when this is dropped.
#[derive(Debug)]
pub(super) struct SignalStack {
    /// The mapping, with one inaccessible page at its low end.
    mapping: *mut libc::c_void,
    len: usize,
}

impl SignalStack {
    /// Whether the thread has a signal stack.
    pub(super) fn exists() -> bool {
        current().is_none_or(|stack| stack.ss_flags & libc::SS_DISABLE == 0)
    }

    /// Maps a signal stack and makes it this thread's. `None` where the system refuses: an overflow is then
    /// not reported, but it still ends the process.
    pub(super) fn install() -> Option<Self> {
        let page = size::page_size();
        let usable = usable_size().next_multiple_of(page);
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: a new mapping.
        let mapping = unsafe { libc::mmap(ptr::null_mut(), page + usable, access, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        // From here on a failure drops it, which unmaps it.
        let made = SignalStack { mapping, len: page + usable };
        let start = made.start();
        let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: usable };
        // SAFETY: the first page of the mapping is ours, and the rest lives until it is no longer the
        // thread's signal stack (see drop).
        let installed = unsafe {
            libc::mprotect(mapping, page, libc::PROT_NONE) == 0
                && libc::sigaltstack(&stack, ptr::null_mut()) == 0
        };
        installed.then_some(made)
    }

    fn start(&self) -> *mut libc::c_void {
        self.mapping.wrapping_byte_add(size::page_size())
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        if current().is_some_and(|stack| stack.ss_sp == self.start()) {
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            // SAFETY: the call only changes what the kernel knows of this thread.
            if unsafe { libc::sigaltstack(&none, ptr::null_mut()) } != 0 {
                // A handler that runs on it has called `exit`, and goes on running.
                return;
            }
        }
        // SAFETY: the mapping is ours, and no longer the thread's signal stack.
        unsafe { libc::munmap(self.mapping, self.len) };
    }
}

/// The thread's signal stack, as the kernel tells.
fn current() -> Option<libc::stack_t> {
    let mut stack = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: with a null pointer for the new one, the call only reads.
    (unsafe { libc::sigaltstack(ptr::null(), &mut stack) } == 0).then_some(stack)
}

/// What handlers need: the kernel's own frame, which is several KiB where registers are wide, and room to
/// work.
fn usable_size() -> usize {
    const ROOM: usize = 64 << 10;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: reads a value that the kernel gave to the process; 0 where it gave none.
        let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
        ROOM + frame as usize
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    ROOM.max(libc::SIGSTKSZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_stack_is_there_until_it_is_dropped() {
        std::thread::spawn(|| {
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            // SAFETY: no handler runs. The standard library puts nothing back before the thread ends.
            unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
            assert!(!SignalStack::exists());
            let made = SignalStack::install().unwrap();
            assert!(SignalStack::exists());
            drop(made);
            assert!(!SignalStack::exists());
        })
        .join()
        .unwrap();
    }
}
