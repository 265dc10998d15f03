//! Sizes of slots: powers of two from [`MIN_SIZE`] up, each with its own class in the pool.
//!
//! Why powers of two: the slot of an address is found by a shift, which is what the overflow handler needs,
//! and a small number of classes means that a freed slot is likely to fit the next request. What is rounded
//! up is address space, not memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::StackError;

/// The size in bytes of a stack that nobody chose a size for, its guard included.
///
/// 256 KiB is ten times what formatting, sorting, resolving a name or a panic with its backtrace need.
/// Without optimisation frames are several times larger, so debug builds have four times as much.
pub const DEFAULT_SIZE: usize = if cfg!(debug_assertions) { 1 << 20 } else { 256 << 10 };

/// The size in bytes of the smallest stack, its guard included: smaller requests are rounded up to this.
///
/// A stack of this size is enough to compute and to yield, but not to panic.
pub const MIN_SIZE: usize = 16 << 10;

/// Binary logarithm of the smallest size: the class with index 0.
pub(super) const MIN_LOG2: u32 = MIN_SIZE.ilog2();

/// Binary logarithm of the largest size. Whether the system has that much address space is for it to say.
pub(super) const MAX_LOG2: u32 = if cfg!(target_pointer_width = "64") { 40 } else { 29 };

/// Number of classes.
pub(super) const CLASSES: usize = (MAX_LOG2 - MIN_LOG2 + 1) as usize;

/// Index of the class of [`DEFAULT_SIZE`].
pub(super) const DEFAULT_CLASS: usize = (DEFAULT_SIZE.ilog2() - MIN_LOG2) as usize;

/// A slot has at least this many pages.
const MIN_PAGES: usize = 4;

/// The class that serves a request of `size` bytes.
#[inline]
pub(super) fn class_of(size: usize) -> Result<usize, StackError> {
    if size == 0 {
        return Err(StackError::Zero);
    }
    if size > 1 << MAX_LOG2 {
        return Err(StackError::TooLarge(size));
    }
    // Where pages are large the smallest classes stay unused, so that something remains beside the guard.
    let size = size.max(MIN_SIZE).max(MIN_PAGES * page_size());
    let log2 = (size - 1).ilog2() + 1;
    Ok((log2 - MIN_LOG2) as usize)
}

/// The dimensions of all slots of one class, in one word: that is loaded and stored as a whole, which two
/// small fields are not, and the processor would wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Binary logarithm of the slot's size in the lowest byte, that of the guard's size in the next. The
    /// others are 0.
    bits: usize,
}

impl Shape {
    /// Of no slot.
    pub(super) const NONE: Self = Shape { bits: 0 };

    /// The shape of slots of these sizes, given as binary logarithms.
    pub(super) const fn new(log2: u32, guard_log2: u32) -> Self {
        Shape { bits: log2 as usize | (guard_log2 as usize) << 8 }
    }

    /// The shape that has these bits, which may have others above them.
    #[inline]
    pub(super) const fn from_bits(bits: usize) -> Self {
        Shape { bits: bits & 0xffff }
    }

    /// The shape as a number below 2 to the 16.
    #[inline]
    pub(super) const fn bits(self) -> usize {
        self.bits
    }

    /// The shape of the slots of a class.
    pub(super) fn of_class(class: usize) -> Self {
        let log2 = MIN_LOG2 + class as u32;
        // A sixteenth: wide enough that a function whose frame is large and which the compiler did not give
        // probes (C code) lands in it rather than in the neighbour.
        Shape::new(log2, (log2 - 4).max(page_size().ilog2()))
    }

    /// Binary logarithm of the slot's size.
    #[inline]
    pub(super) const fn log2(self) -> u32 {
        (self.bits & 0xff) as u32
    }

    /// The index of the class that has this shape.
    #[inline]
    pub(super) const fn class(self) -> usize {
        (self.log2() - MIN_LOG2) as usize
    }

    /// The slot's size in bytes, guard included.
    #[inline]
    pub(super) const fn size(self) -> usize {
        1 << self.log2()
    }

    /// The guard's size in bytes.
    #[inline]
    pub(super) const fn guard(self) -> usize {
        1 << (self.bits >> 8)
    }
}

/// The size of a page of memory.
#[inline]
pub(super) fn page_size() -> usize {
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    let known = PAGE.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: sysconf only reads.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = usize::try_from(page).expect("the system knows the size of its pages");
    assert!(page.is_power_of_two(), "pages have a size that is a power of two");
    PAGE.store(page, Ordering::Relaxed);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_served_by_the_next_power_of_two() {
        let size = |request| Shape::of_class(class_of(request).unwrap()).size();
        assert_eq!(size(1), MIN_SIZE.max(MIN_PAGES * page_size()));
        assert_eq!(size(1 << 20), 1 << 20);
        assert_eq!(size((1 << 20) + 1), 1 << 21);
        assert_eq!(class_of(DEFAULT_SIZE).unwrap(), DEFAULT_CLASS);
    }

    #[test]
    fn nothing_and_absurd_sizes_are_refused() {
        assert!(matches!(class_of(0), Err(StackError::Zero)));
        assert!(matches!(class_of(usize::MAX), Err(StackError::TooLarge(usize::MAX))));
        assert!(matches!(class_of((1 << MAX_LOG2) + 1), Err(StackError::TooLarge(_))));
        assert_eq!(class_of(1 << MAX_LOG2).unwrap(), CLASSES - 1);
    }

    #[test]
    fn the_guard_is_a_sixteenth_but_at_least_a_page() {
        let smallest = Shape::of_class(class_of(1).unwrap());
        assert_eq!(smallest.guard(), page_size());
        let large = Shape::of_class(class_of(1 << 24).unwrap());
        assert_eq!(large.guard(), 1 << 20);
    }
}
