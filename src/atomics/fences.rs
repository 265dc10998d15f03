//! Fences of which one side costs nothing: `fence_this_thread` is an order to the compiler alone, and `fence_all_threads` has the
//! kernel make up for it (`membarrier`). Between the two they are what two full fences are; between two of the cheap
//! ones there is nothing.
//!
//! A model has two full fences instead. That is more than there is between two cheap ones, which must be for one thread
//! only.

#[cfg(cede_loom)]
pub(crate) use modelled::*;
#[cfg(not(cede_loom))]
pub(crate) use real::*;

#[cfg(not(cede_loom))]
mod real {
    use std::sync::OnceLock;
    use std::sync::atomic::{Ordering, compiler_fence};

    /// The side that costs nothing.
    #[inline(always)]
    pub(crate) fn fence_this_thread() {
        compiler_fence(Ordering::SeqCst);
    }

    /// Whether `fence_all_threads` works. To be asked before anybody relies on it.
    #[cfg(target_os = "linux")]
    pub(crate) fn fences_are_to_be_had() -> bool {
        use rustix::thread::{MembarrierCommand, membarrier};
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        *REGISTERED.get_or_init(|| membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok())
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn fences_are_to_be_had() -> bool {
        static NEVER: OnceLock<bool> = OnceLock::new();
        *NEVER.get_or_init(|| false)
    }

    /// Puts a full fence into every thread of the process that runs now. Those that don't run have one when they come to run.
    #[cfg(target_os = "linux")]
    pub(crate) fn fence_all_threads() {
        use rustix::thread::{MembarrierCommand, membarrier};
        if let Err(error) = membarrier(MembarrierCommand::PrivateExpedited) {
            // It was registered, so only a filter of system calls that was put up since can refuse it.
            eprintln!(
                "cede: the system no longer allows membarrier, without which threads can't share: {error}: aborting"
            );
            std::process::abort();
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn fence_all_threads() {
        unreachable!("nobody relies on such fences where there are none")
    }
}

#[cfg(cede_loom)]
mod modelled {
    use std::sync::atomic::Ordering;

    pub(crate) fn fence_this_thread() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }

    pub(crate) fn fences_are_to_be_had() -> bool {
        true
    }

    pub(crate) fn fence_all_threads() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}
