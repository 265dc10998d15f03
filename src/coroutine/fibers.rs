//! Tells ThreadSanitizer of each switch, under `cfg(cede_tsan)`, which `.ci/sanitizers thread` sets; otherwise nothing is here.
//!
//! The sanitizer keeps a clock and a stack of calls for each thread of control, its fibers. It has to be told before control
//! goes from one stack to another, and from then on takes the code for the other's. But what runs between the telling and the
//! switch itself are calls into corosensei, whose ends come on the other side: the one fiber's stack of calls would grow and
//! the other's shrink with each switch. So control leaves to a third fiber, which is the thread's and counts as none of both, and arrives
//! from there:
//!
//! ```text
//!   resumer ──leave──▶ between ═switch═▶ between ──arrive──▶ coroutine
//!                                                              │ leave
//!   resumer ◀─arrive── between ◀═switch═ between ◀─────────────┘
//! ```
//!
//! On its stack of calls some remain of each coroutine, from corosensei's first frame, which nobody returns from. So it
//! is replaced by a fresh one every now and then.
//!
//! A fiber is made when the coroutine first runs and goes with the header; the sanitizer has some 8,000 of them.

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
        pub(in crate::coroutine) fn leave() -> Self {
            Resumer
        }

        /// Control is back.
        #[inline(always)]
        pub(in crate::coroutine) fn arrive(self) {}
    }
}

#[cfg(cede_tsan)]
mod told {
    use std::cell::{Cell, OnceCell};
    use std::ffi::{c_uint, c_void};
    use std::mem::ManuallyDrop;

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
            // SAFETY: it is destroyed once, and is not the current one: nobody drops this in between, and a coroutine's header
            // goes when the coroutine does not run.
            unsafe { __tsan_destroy_fiber(self.0) }
        }
    }

    /// After so many departures a fresh one is between. Its stack of calls has room for 65,536.
    const DEPARTURES_MAX: u32 = 4096;

    thread_local! {
        /// The one between, and how often it has been.
        static BETWEEN: Cell<(Option<Owned>, u32)> = const { Cell::new((None, 0)) };
    }

    /// The one between.
    fn between() -> *mut c_void {
        // Once the thread's locals are being destroyed each is used once, and stays.
        let (fiber, departures) = BETWEEN.try_with(Cell::take).unwrap_or((None, 0));
        let fiber = fiber.filter(|_| departures < DEPARTURES_MAX);
        let departures = if fiber.is_some() { departures + 1 } else { 1 };
        let fiber = ManuallyDrop::new(fiber.unwrap_or_else(Owned::new));
        let address = fiber.0;
        let _ = BETWEEN.try_with(|between| between.set((Some(ManuallyDrop::into_inner(fiber)), departures)));
        address
    }

    /// Inlined, as are all that call it: the begin of a function and its end belong to one fiber.
    #[inline(always)]
    fn switch_to(fiber: *mut c_void) {
        // SAFETY: it is alive: that of a coroutine which runs or is about to, that of whoever has resumed it and waits, or
        // this thread's own.
        unsafe { __tsan_switch_to_fiber(fiber, 0) }
    }

    /// Of one coroutine; nothing before that runs.
    pub(in crate::coroutine) struct Fiber(OnceCell<Owned>);

    pub(in crate::coroutine) struct Resumer(*mut c_void);

    impl Fiber {
        pub(in crate::coroutine) fn new() -> Self {
            Fiber(OnceCell::new())
        }

        #[inline(always)]
        pub(in crate::coroutine) fn leave(&self) {
            switch_to(between());
        }

        #[inline(always)]
        pub(in crate::coroutine) fn arrive(&self) {
            switch_to(self.0.get_or_init(Owned::new).0);
        }
    }

    impl Resumer {
        #[inline(always)]
        pub(in crate::coroutine) fn leave() -> Self {
            let resumer = __tsan_get_current_fiber();
            switch_to(between());
            Resumer(resumer)
        }

        #[inline(always)]
        pub(in crate::coroutine) fn arrive(self) {
            switch_to(self.0);
        }
    }
}
