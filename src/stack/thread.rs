//! What is done once for a thread, and undone when it ends.

use std::cell::Cell;
use std::ops::Range;

use super::signal_stack::SignalStack;
use super::{StackError, pool};

thread_local! {
    /// Registered with the first stack. Thread-locals that were registered earlier are destroyed later, and
    /// their generators then find the pool closed: what they hold stays valid, and they get nothing new.
    static EXIT: Exit = const { Exit { signal_stack: Cell::new(None) } };

    /// The thread's own stack, once it was asked for: lowest usable address, end.
    static STACK: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

struct Exit {
    signal_stack: Cell<Option<SignalStack>>,
}

impl Drop for Exit {
    fn drop(&mut self) {
        pool::close();
        drop(self.signal_stack.take());
    }
}

/// Makes sure that [`pool::close`] runs when the thread ends.
///
/// # Errors
///
/// [`StackError::ThreadExiting`] when it has run already.
pub(super) fn on_exit_close_pool() -> Result<(), StackError> {
    EXIT.try_with(|_| ()).map_err(|_| StackError::ThreadExiting)
}

/// Gives the thread a signal stack where it has none. A thread that is ending stays without.
pub(super) fn ensure_signal_stack() {
    let _ = EXIT.try_with(|exit| {
        if !SignalStack::exists() {
            exit.signal_stack.set(SignalStack::install());
        }
    });
}

/// The stack that the operating system gave this thread, from its lowest usable address to its end; empty where it
/// does not tell.
pub(crate) fn current_thread_stack() -> Range<usize> {
    let (low, end) = STACK.get().unwrap_or_else(|| {
        let stack = system_stack();
        STACK.set(Some(stack));
        stack
    });
    low..end
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[cold]
fn system_stack() -> (usize, usize) {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut start, mut size, mut guard) = (std::ptr::null_mut(), 0, 0);
    // SAFETY: the attributes are written by the first call before the others read them, and destroyed once.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return (0, 0);
        }
        let known = libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut size) == 0;
        // Where the guard counts as a part of the stack, its pages are at the start. Where it does not, this
        // gives a page away.
        libc::pthread_attr_getguardsize(attributes.as_ptr(), &mut guard);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if known { (start as usize + guard, start as usize + size) } else { (0, 0) }
    }
}

#[cfg(target_vendor = "apple")]
#[cold]
fn system_stack() -> (usize, usize) {
    // SAFETY: both calls only read what the system knows of the calling thread. The address is the stack's
    // high end.
    unsafe {
        let thread = libc::pthread_self();
        let end = libc::pthread_get_stackaddr_np(thread) as usize;
        (end - libc::pthread_get_stacksize_np(thread), end)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
#[cold]
fn system_stack() -> (usize, usize) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;
    use std::ptr;

    use super::*;
    use crate::stack::prepare_thread;

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    #[test]
    fn the_floor_is_the_low_end_of_the_thread_s_own_stack() {
        let thread = std::thread::Builder::new().stack_size(1 << 20);
        let joined = thread.spawn(|| {
            let local = 0u8;
            let stack = current_thread_stack();
            let here = &raw const local as usize;
            assert!(stack.contains(&here));
            let room = here - stack.start;
            // More than was asked for where the system had a larger one at hand.
            assert!(room > 900 << 10 && room < 1 << 30, "{room} bytes");
            // SAFETY: this is the lowest usable address of the stack, far below all frames.
            unsafe { (stack.start as *mut u8).write_volatile(1) };
        });
        joined.unwrap().join().unwrap();
    }

    extern "C" fn on_a_foreign_thread(_: *mut libc::c_void) -> *mut libc::c_void {
        let before = SignalStack::exists();
        prepare_thread();
        prepare_thread();
        ptr::null_mut::<libc::c_void>().wrapping_byte_add(usize::from(!before && SignalStack::exists()))
    }

    #[test]
    fn a_thread_that_std_did_not_make_gets_a_signal_stack() {
        // SAFETY: the thread is created with default attributes and joined.
        let given = unsafe {
            let mut thread = MaybeUninit::uninit();
            let made =
                libc::pthread_create(thread.as_mut_ptr(), ptr::null(), on_a_foreign_thread, ptr::null_mut());
            assert_eq!(made, 0);
            let mut given = ptr::null_mut();
            libc::pthread_join(thread.assume_init(), &mut given);
            given as usize
        };
        assert_eq!(given, 1);
    }
}
