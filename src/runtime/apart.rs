//! Cache lines of its own, for what one thread writes and another reads, or what nobody writes beside what changes all the time.
//!
//! Two lines, since processors fetch them in pairs. A line that another processor has written last costs a hundred times one that is
//! at hand (`cargo bench --bench workers`, row `cache_line`).

use std::ops::Deref;

/// See the head of this file.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}
