//! A slot in the hands of its user, and the label that says who that is.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::size::Shape;

/// Distance between two neighbouring colours: a cache line.
const COLOUR_STEP: usize = 64;

/// Number of colours.
const COLOURS: usize = 16;

/// Bytes at the top that belong to the slot itself: the label pointer, and eight that keep the alignment.
const RESERVED: usize = 16;

/// Marks a slot that is handed out for the first time; above all bits of a shape.
const FRESH: usize = 1 << 16;

/// Who runs on a stack. The overflow handler reads it, through the pointer at the slot's top.
#[derive(Debug)]
pub(crate) struct Label {
    /// What it is, as a noun with the article "a": "generator", "task".
    pub(crate) kind: &'static str,
    /// The name that the user gave it.
    pub(crate) name: Option<Box<str>>,
    /// Where it was made.
    pub(crate) made_at: &'static Location<'static>,
    /// The coroutine that runs there, for the layer above; null for none.
    pub(crate) owner: *const (),
}

/// A piece of memory for one stack, taken from the thread's pool by `acquire`.
///
/// It has no destructor on purpose: a slot that is dropped without `release` stays where it is for
/// ever. It is not `Send`, since it belongs to the pool of its thread.
#[derive(Debug)]
pub(crate) struct Slot {
    top: NonZeroUsize,
    /// The bits of the shape, and [`FRESH`] above them. One word, so that a slot travels in two registers.
    word: usize,
    /// Not `Send`, not `Sync`.
    _thread: PhantomData<*mut ()>,
}

impl Slot {
    /// Wraps memory that is guarded and belongs to nobody else.
    #[inline]
    pub(super) fn new(top: NonZeroUsize, shape: Shape, fresh: bool) -> Self {
        let word = if fresh { shape.bits() | FRESH } else { shape.bits() };
        Slot { top, word, _thread: PhantomData }
    }

    /// The end of the slot, exclusive.
    #[inline]
    pub(crate) fn top(&self) -> usize {
        self.top.get()
    }

    /// The same as [`Slot::top`], for lists of slots.
    #[inline]
    pub(super) fn top_nonzero(&self) -> NonZeroUsize {
        self.top
    }

    /// Where the user of the slot may start building downwards; a multiple of 16.
    #[inline]
    pub(crate) fn colored_top(&self) -> usize {
        let colour = (self.top() >> self.shape().log2()) % COLOURS;
        self.top() - RESERVED - colour * COLOUR_STEP
    }

    /// The first address above the guard.
    #[inline]
    pub(crate) fn floor(&self) -> usize {
        self.limit() + self.shape().guard()
    }

    /// The lowest address of the slot, which is the guard's.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        self.top() - self.shape().size()
    }

    /// The size of the slot in bytes, guard included.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.shape().size()
    }

    /// The slot's dimensions.
    #[inline]
    pub(super) fn shape(&self) -> Shape {
        Shape::from_bits(self.word)
    }

    /// Whether this slot is handed out for the first time.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.word & FRESH != 0
    }

    /// Says who runs on this stack from now on; null means nobody.
    ///
    /// # Safety
    ///
    /// The label must be alive until it is replaced, or until the slot's user no longer runs on it. Whoever
    /// releases a slot whose label may be gone sets it to null first, or leaves it to the next user, who sets
    /// his own before he runs: a label is read only while somebody overflows the slot.
    #[inline]
    pub(crate) unsafe fn set_label(&self, label: *const Label) {
        // SAFETY: the word at top - 8 belongs to the slot, is mapped, aligned, and used for nothing else. It
        // is an atomic because a signal handler reads it.
        let word = unsafe { AtomicPtr::from_ptr(label_word(self.top())) };
        word.store(label.cast_mut(), Ordering::Relaxed);
    }
}

/// Where the label pointer of the slot that ends at `top` is kept.
#[inline]
pub(super) fn label_word(top: usize) -> *mut *mut Label {
    (top - size_of::<u64>()) as *mut *mut Label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{acquire, release};

    #[test]
    fn a_slot_is_small() {
        assert!(size_of::<Slot>() <= 16);
        assert_eq!(size_of::<Option<Slot>>(), size_of::<Slot>());
    }

    #[test]
    fn sixteen_neighbours_have_sixteen_colours() {
        let slots: Vec<_> = (0..16).map(|_| acquire(1 << 16).unwrap()).collect();
        let mut offsets: Vec<_> = slots.iter().map(|s| s.top() - s.colored_top()).collect();
        offsets.sort_unstable();
        assert_eq!(offsets, (0..16).map(|colour| 16 + colour * 64).collect::<Vec<_>>());
        for slot in slots {
            assert_eq!(slot.colored_top() % 16, 0);
            // SAFETY: nobody uses the slot.
            unsafe { release(slot) };
        }
    }

    #[test]
    fn the_parts_of_a_slot_lie_in_order() {
        let slot = acquire(1 << 16).unwrap();
        assert_eq!(slot.size(), 1 << 16);
        assert_eq!(slot.limit() % slot.size(), 0);
        assert_eq!(slot.top() - slot.limit(), slot.size());
        assert!(slot.limit() < slot.floor() && slot.floor() < slot.colored_top());
        // SAFETY: nobody uses the slot.
        unsafe { release(slot) };
    }
}
