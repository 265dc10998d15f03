//! Learns that the thread's locals are about to be destroyed, as early as that can be known.
//!
//! A local's destructor could otherwise resume or unwind a generator with a frame suspended inside
//! `OTHER.with(|x| ...)`, whose `x` is already gone. Destructors of thread locals run last registered first, and
//! a local is registered when it is first used, so the notice comes before those of all locals that were in use when the
//! thread made its first coroutine. What remains: a generator kept in a thread-local that was first used after
//! that, and suspended inside the `with` of a local that was first used later still. That one is gone when
//! the generator is dropped, and nobody can tell. (Registering again at each suspension would tell, at the price of
//! an allocation each, kept until the thread ends; interposing the C library's registration would too,
//! and is not for a library to do.)

use super::EXITING;

struct Notice;
impl Drop for Notice {
    fn drop(&mut self) {
        EXITING.set(true);
    }
}

thread_local!(static NOTICE: Notice = const { Notice });

pub(super) fn register() {
    // An error means that the thread's locals are being destroyed already.
    if NOTICE.try_with(|_| ()).is_err() {
        EXITING.set(true);
    }
}
