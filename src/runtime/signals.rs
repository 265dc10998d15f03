//! What is out of the ordinary with a task, as bits of one byte: with none set, a suspension has nothing to consider.
//!
//! | bit | set | cleared |
//! |---|---|---|
//! | `MUST_CANCEL` | a cancellation is requested while the task does not wait, or one was swallowed | it is raised, or taken back by `uncancel` |
//! | `CANCEL_ORDERED` | a wait is ended by a cancellation | it is raised, as the task goes on |
//! | `UNWINDING` | a cancellation is raised | it is caught by name, or the task has ended |
//! | `MASKED` | the first `no_cancel` is opened | the last one is left |
//! | `NO_SWITCH` | the first `no_switch` is opened | the last one is left |
//!
//! Only the task's thread touches them.

use std::cell::Cell;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Signals(Cell<u8>);

impl Signals {
    pub(crate) const MUST_CANCEL: u8 = 1;
    pub(crate) const CANCEL_ORDERED: u8 = 2;
    pub(crate) const UNWINDING: u8 = 4;
    pub(crate) const MASKED: u8 = 8;
    pub(crate) const NO_SWITCH: u8 = 16;

    pub(crate) const fn new() -> Self {
        Signals(Cell::new(0))
    }

    /// Whether all is as usual.
    #[inline(always)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.get() == 0
    }

    #[inline]
    pub(crate) fn has(&self, bits: u8) -> bool {
        self.0.get() & bits != 0
    }

    #[inline]
    pub(crate) fn set(&self, bits: u8) {
        self.0.set(self.0.get() | bits);
    }

    #[inline]
    pub(crate) fn clear(&self, bits: u8) {
        self.0.set(self.0.get() & !bits);
    }

    /// Clears them, and gives whether any was set.
    #[inline]
    pub(crate) fn take(&self, bits: u8) -> bool {
        let had = self.has(bits);
        self.clear(bits);
        had
    }
}
