//! All arenas of the process, for the signal handler: a list that it can read at any moment.
//!
//! The handler interrupts any thread anywhere, so it may neither wait for a lock nor meet memory that is
//! freed. Entries are therefore never freed, only emptied and used again, and each carries a sequence number:
//! odd while it is being written, changed when it was. A reader that sees a number which is odd or which
//! changes skips the entry. It loses nothing: the arena of the stack that overflows is in use, so that its
//! entry is not being written.
//!
//! The first chunk of entries is static; further ones are allocated, linked behind it and leaked.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};

use super::size::Shape;

const ENTRIES: usize = 32;

static FIRST: Chunk = Chunk::new();

struct Chunk {
    entries: [Entry; ENTRIES],
    /// Set once, from null.
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        Chunk { entries: [const { Entry::new() }; ENTRIES], next: AtomicPtr::new(ptr::null_mut()) }
    }
}

/// What the handler knows of one arena.
#[derive(Debug)]
pub(super) struct Entry {
    /// Whether an arena has this entry. Who sets it may write the rest.
    taken: AtomicBool,
    sequence: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    /// The bits of a [`Shape`].
    shape: AtomicUsize,
}

impl Entry {
    const fn new() -> Self {
        Entry {
            taken: AtomicBool::new(false),
            sequence: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            shape: AtomicUsize::new(0),
        }
    }

    /// Writes all fields. Only who has taken the entry may do this.
    fn write(&self, start: usize, end: usize, shape: Shape) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        debug_assert!(sequence.is_multiple_of(2), "an entry has one writer");
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.start.store(start, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.shape.store(shape.bits(), Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// The slot that holds the address, where this entry's arena has it and is not being changed.
    fn slot_at(&self, address: usize) -> Option<Place> {
        let before = self.sequence.load(Ordering::Acquire);
        let (start, end) = (self.start.load(Ordering::Relaxed), self.end.load(Ordering::Relaxed));
        // Most entries end here, and need no second look: a wrong no comes only from one that is being
        // written.
        if !(start..end).contains(&address) {
            return None;
        }
        let shape = Shape::from_bits(self.shape.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        if before != self.sequence.load(Ordering::Relaxed) || !before.is_multiple_of(2) {
            return None;
        }
        let limit = start + ((address - start) & !(shape.size() - 1));
        Some(Place { limit, size: shape.size(), guard: shape.guard() })
    }

    /// Empties the entry and leaves it to the next arena. Must come before the memory is unmapped.
    pub(super) fn withdraw(&self) {
        self.write(0, 0, Shape::NONE);
        self.taken.store(false, Ordering::Release);
    }
}

/// A slot, as found by an address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) limit: usize,
    pub(super) size: usize,
    pub(super) guard: usize,
}

impl Place {
    /// The slot's end, exclusive.
    pub(super) fn top(self) -> usize {
        self.limit + self.size
    }

    /// Whether the address lies in the slot's guard.
    pub(super) fn guards(self, address: usize) -> bool {
        (self.limit..self.limit + self.guard).contains(&address)
    }
}

/// Enters an arena, so that the handler finds it.
pub(super) fn publish(start: usize, end: usize, shape: Shape) -> &'static Entry {
    let mut chunk = &FIRST;
    loop {
        for entry in &chunk.entries {
            if !entry.taken.load(Ordering::Relaxed) && !entry.taken.swap(true, Ordering::Acquire) {
                entry.write(start, end, shape);
                return entry;
            }
        }
        chunk = following(chunk);
    }
}

/// The chunk behind this one, made where there is none.
fn following(chunk: &'static Chunk) -> &'static Chunk {
    let mut next = chunk.next.load(Ordering::Acquire);
    if next.is_null() {
        let made = Box::into_raw(Box::new(Chunk::new()));
        match chunk.next.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => next = made,
            Err(theirs) => {
                // SAFETY: another thread linked its chunk first, so nobody has seen ours.
                drop(unsafe { Box::from_raw(made) });
                next = theirs;
            }
        }
    }
    // SAFETY: chunks that are linked are never freed.
    unsafe { &*next }
}

/// The slot that holds the address, if any. Safe in a signal handler: reads atomics, nothing else.
pub(super) fn slot_at(address: usize) -> Option<Place> {
    let mut chunk = &FIRST;
    loop {
        if let Some(place) = chunk.entries.iter().find_map(|entry| entry.slot_at(address)) {
            return Some(place);
        }
        // SAFETY: chunks that are linked are never freed.
        chunk = unsafe { chunk.next.load(Ordering::Acquire).as_ref() }?;
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(16, 12);
    /// Above all that a process can map on the machines which have 64-bit addresses.
    const FAR: usize = usize::MAX - (1 << 40) + 1;

    #[test]
    fn an_address_leads_to_its_slot_until_the_arena_is_withdrawn() {
        let entry = publish(FAR, FAR + (1 << 20), SHAPE);
        let place = slot_at(FAR + (3 << 16) + 5).unwrap();
        assert_eq!(place, Place { limit: FAR + (3 << 16), size: 1 << 16, guard: 1 << 12 });
        assert!(place.guards(place.limit) && place.guards(place.limit + 4_095));
        assert!(!place.guards(place.limit + 4_096) && !place.guards(place.top()));
        assert_eq!(slot_at(FAR + (1 << 20)), None);
        entry.withdraw();
        assert_eq!(slot_at(FAR + (3 << 16) + 5), None);
    }

    #[test]
    fn more_arenas_than_one_chunk_holds_are_all_found() {
        let start = |i: usize| FAR + (1 << 30) + (i << 20);
        let entries: Vec<_> = (0..3 * ENTRIES).map(|i| publish(start(i), start(i + 1), SHAPE)).collect();
        for i in 0..3 * ENTRIES {
            assert_eq!(slot_at(start(i)).unwrap().limit, start(i));
        }
        entries.into_iter().for_each(Entry::withdraw);
    }

    #[test]
    fn an_entry_that_is_being_written_is_skipped() {
        let entry = Entry::new();
        entry.write(FAR, FAR + (1 << 20), SHAPE);
        assert!(entry.slot_at(FAR).is_some());
        entry.sequence.store(3, Ordering::Relaxed);
        assert_eq!(entry.slot_at(FAR), None);
    }
}
