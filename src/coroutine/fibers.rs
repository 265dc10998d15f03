//! Tells ThreadSanitizer of each switch, under `cfg(cede_tsan)`, which `.ci/sanitizers thread` sets; otherwise nothing is here.
//!
//! The sanitizer keeps a clock and a stack of calls for each thread of control, its fibers. It has to be told before control
//! goes from one stack to another, and from then on takes the code for the other's. But what runs between the telling and the
//! switch itself are calls into corosensei, whose ends come on the other side: the one fiber's stack of calls would grow and
//! the other's shrink with each switch. So control leaves to a third fiber, which the coroutine has for that alone, and arrives
//! from there:
//!
//! ```text
//!   resumer ──leave──▶ between ═switch═▶ between ──arrive──▶ coroutine
//!                                                              │ leave
//!   resumer ◀─arrive── between ◀═switch═ between ◀─────────────┘
//! ```
//!
//! Both fibers are made when the coroutine first runs and go with its header. The sanitizer has room for some 8,000.

#[cfg(cede_tsan)]
pub(super) use told::{Fiber, Resumer};
#[cfg(not(cede_tsan))]
pub(super) use untold::{Fiber, Resumer};

#[cfg(not(cede_tsan))]
mod untold {
    /// Of one coroutine.
    pub(in crate::coroutine) struct Fiber;

    /// Who has resumed a coroutine.
    pub(in crate::coroutine) struct Resumer;

    impl Fiber {
        pub(in crate::coroutine) fn new() -> Self {
            Fiber
        }

        /// The coroutine is about to give control away.
        #[inline(always)]
        pub(in crate::coroutine) fn leave(&self) {}

        /// The coroutine has been given control.
        #[inline(always)]
        pub(in crate::coroutine) fn arrive(&self) {}
    }

    impl Resumer {
        /// The current fiber is about to give control to a coroutine.
        #[inline(always)]
        pub(in crate::coroutine) fn leave(_to: &Fiber) -> Self {
            Resumer
        }

        /// Control is back.
        #[inline(always)]
        pub(in crate::coroutine) fn arrive(self) {}
    }
}

#[cfg(cede_tsan)]
mod told {
    use std::cell::OnceCell;
    use std::ffi::{c_uint, c_void};

    unsafe extern "C" {
        safe fn __tsan_get_current_fiber() -> *mut c_void;
        safe fn __tsan_create_fiber(flags: c_uint) -> *mut c_void;
        fn __tsan_destroy_fiber(fiber: *mut c_void);
        fn __tsan_switch_to_fiber(fiber: *mut c_void, flags: c_uint);
    }

    /// A fiber that is destroyed with this.
    struct Owned(*mut c_void);

    impl Owned {
        fn new() -> Self {
            Owned(__tsan_create_fiber(0))
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            // SAFETY: it is destroyed once, and is not the current one: a coroutine's header goes when that does not run.
            unsafe { __tsan_destroy_fiber(self.0) }
        }
    }

    /// Inlined, as are all that call it: the begin of a function and its end belong to one fiber.
    #[inline(always)]
    fn switch_to(fiber: *mut c_void) {
        // SAFETY: it is alive: one of a coroutine which runs or is about to, or that of whoever has resumed it and waits.
        unsafe { __tsan_switch_to_fiber(fiber, 0) }
    }

    /// Of one coroutine; nothing before that runs.
    pub(in crate::coroutine) struct Fiber(OnceCell<Both>);

    struct Both {
        own: Owned,
        between: Owned,
    }

    pub(in crate::coroutine) struct Resumer(*mut c_void);

    impl Fiber {
        pub(in crate::coroutine) fn new() -> Self {
            Fiber(OnceCell::new())
        }

        fn both(&self) -> &Both {
            self.0.get_or_init(|| Both { own: Owned::new(), between: Owned::new() })
        }

        #[inline(always)]
        pub(in crate::coroutine) fn leave(&self) {
            switch_to(self.both().between.0);
        }

        #[inline(always)]
        pub(in crate::coroutine) fn arrive(&self) {
            switch_to(self.both().own.0);
        }
    }

    impl Resumer {
        #[inline(always)]
        pub(in crate::coroutine) fn leave(to: &Fiber) -> Self {
            let resumer = __tsan_get_current_fiber();
            switch_to(to.both().between.0);
            Resumer(resumer)
        }

        #[inline(always)]
        pub(in crate::coroutine) fn arrive(self) {
            switch_to(self.0);
        }
    }
}
