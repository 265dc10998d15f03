//! Which stack an address lies on, and who runs there.
//!
//! This is how a coroutine finds itself: the stack pointer says which slot it is in, the slot's label who has it.
//! Nothing needs to be kept up to date when control switches, which a thread-local word would need, and
//! which costs more than the switch itself (the word is saved and restored through memory each time).

use std::sync::atomic::{AtomicPtr, Ordering};

use super::directory;
use super::slot::{Label, label_word};

/// The part of a slot that code runs on.
#[derive(Debug)]
pub(crate) struct Running {
    /// The first address above the guard.
    pub(crate) floor: usize,
    /// The slot's end, exclusive.
    pub(crate) top: usize,
    /// Who runs there.
    pub(crate) label: &'static Label,
}

/// The slot that the address lies in, with a label.
///
/// # Safety
///
/// The address is that of a live frame of this thread; the label is not used for longer than that frame lives.
pub(crate) unsafe fn running_at(address: usize) -> Option<Running> {
    let place = directory::slot_at(address)?;
    // SAFETY: somebody runs on that stack, so its slot is mapped and its label alive.
    let label = unsafe { AtomicPtr::from_ptr(label_word(place.top())).load(Ordering::Relaxed).as_ref() }?;
    Some(Running { floor: place.limit + place.guard, top: place.top(), label })
}
