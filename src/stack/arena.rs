//! An arena: one large mapping, carved into slots of one size from its low end.
//!
//! ```text
//!   start                                                              start + slots * size
//!   │ slot 0 │ slot 1 │ slot 2 │ slot 3 │ slot 4 │ slot 5 │  ...  │ slot n-1 │
//!   ├──── handed ─────┼──── guarded ────┼───────── untouched address space ──┤
//! ```
//!
//! Slots are handed out from left to right, each once; later they come from the pool. Their guards are
//! installed a batch ahead, in batches that grow, so that a thread with one generator pays for one and a
//! thread with a million pays one system call for each 64.

use std::num::NonZeroUsize;
use std::{io, ptr};

use super::advice::Span;
use super::directory::{self, Entry};
use super::size::{self, Shape};
use super::{StackError, guard};

/// The most guards that are installed at a time.
const BATCH_MAX: usize = 64;

/// A mapping and how much of it is in use. Dropping it leaves the memory mapped: see [`Arena::unmap`].
#[derive(Debug)]
pub(super) struct Arena {
    start: usize,
    shape: Shape,
    slots: usize,
    /// Slots below this index have been handed out at least once.
    handed: usize,
    /// Slots below this index have a guard. Never less than `handed`.
    guarded: usize,
    entry: &'static Entry,
}

impl Arena {
    /// Reserves `bytes` of address space, or less where the system refuses that much, but at least one slot.
    pub(super) fn reserve(shape: Shape, bytes: usize) -> Result<Self, StackError> {
        let mut slots = (bytes >> shape.log2()).max(1);
        loop {
            match map_aligned(slots << shape.log2(), shape.size()) {
                Ok(start) => {
                    let entry = directory::publish(start, start + (slots << shape.log2()), shape);
                    return Ok(Arena { start, shape, slots, handed: 0, guarded: 0, entry });
                }
                Err(source) if slots == 1 => {
                    return Err(StackError::OutOfMemory { size: shape.size(), source });
                }
                Err(_) => slots /= 2,
            }
        }
    }

    /// Hands out the next slot that was never used and returns its top; `None` when there is none left.
    ///
    /// `batch` is the number of guards to install when there is none ready, and doubles each time.
    pub(super) fn carve(&mut self, batch: &mut usize) -> Result<Option<NonZeroUsize>, StackError> {
        if self.handed == self.slots {
            return Ok(None);
        }
        if self.handed == self.guarded {
            self.install_guards(*batch)?;
            *batch = (*batch * 2).min(BATCH_MAX);
        }
        self.handed += 1;
        let top = self.start + (self.handed << self.shape.log2());
        Ok(NonZeroUsize::new(top))
    }

    fn install_guards(&mut self, batch: usize) -> Result<(), StackError> {
        let mut spans = [Span { start: 0, len: self.shape.guard() }; BATCH_MAX];
        let spans = &mut spans[..batch.min(self.slots - self.guarded)];
        for (i, span) in spans.iter_mut().enumerate() {
            span.start = self.start + ((self.guarded + i) << self.shape.log2());
        }
        // SAFETY: these slots were never handed out, so the arena alone knows their memory.
        self.guarded += unsafe { guard::install(spans) }?;
        Ok(())
    }

    /// Address space in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.slots << self.shape.log2()
    }

    /// Slots that have been handed out at least once.
    pub(super) fn handed(&self) -> usize {
        self.handed
    }

    /// The low end of the arena.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The high end of the arena, exclusive.
    pub(super) fn end(&self) -> usize {
        self.start + self.bytes()
    }

    /// Gives the address space back.
    ///
    /// # Safety
    ///
    /// Nobody has a slot of this arena, and nobody will use one again.
    pub(super) unsafe fn unmap(self) {
        self.entry.withdraw();
        // SAFETY: the mapping is ours, and the caller says that nobody uses it.
        let result = unsafe { libc::munmap(self.start as *mut libc::c_void, self.bytes()) };
        debug_assert_eq!(result, 0, "an arena can be unmapped");
    }
}

/// Flags of the mapping. MAP_STACK has no effect on Linux but is required on OpenBSD; on FreeBSD it would
/// make a mapping that grows. Without NORESERVE the kernel may refuse address space that will never be
/// touched.
const FLAGS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANON | EXTRA_FLAGS;
#[cfg(any(target_os = "linux", target_os = "android"))]
const EXTRA_FLAGS: libc::c_int = libc::MAP_NORESERVE | libc::MAP_STACK;
#[cfg(any(target_os = "openbsd", target_os = "netbsd"))]
const EXTRA_FLAGS: libc::c_int = libc::MAP_STACK;
#[cfg(target_vendor = "apple")]
const EXTRA_FLAGS: libc::c_int = libc::MAP_NORESERVE;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "openbsd",
    target_os = "netbsd",
    target_vendor = "apple"
)))]
const EXTRA_FLAGS: libc::c_int = 0;

/// Address space that stacks leave for all else where it is limited: a program that is told that there is no stack for a task needs
/// some to go on, and one that gets none is aborted by its allocator.
pub(super) const HEADROOM: usize = if cfg!(target_pointer_width = "64") { 16 << 20 } else { 2 << 20 };

/// Maps `len` bytes at a multiple of `align`: maps more, then returns what sticks out at both ends, which is the
/// [`HEADROOM`] at least.
fn map_aligned(len: usize, align: usize) -> io::Result<usize> {
    let page = size::page_size();
    let total = len.checked_add(align - page + HEADROOM).ok_or(io::ErrorKind::OutOfMemory)?;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, at an address that the kernel chooses.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), total, access, FLAGS, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let mapped = mapped as usize;
    let start = mapped.next_multiple_of(align);
    // SAFETY: both ends lie in the new mapping, outside of what is kept, and nobody has seen them.
    unsafe {
        if start > mapped {
            libc::munmap(mapped as *mut libc::c_void, start - mapped);
        }
        if mapped + total > start + len {
            libc::munmap((start + len) as *mut libc::c_void, mapped + total - (start + len));
        }
        // A huge page would make 2 MiB resident for the first byte. A kernel without them refuses the advice.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        libc::madvise(start as *mut libc::c_void, len, libc::MADV_NOHUGEPAGE);
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(18, 14);

    #[test]
    fn slots_are_handed_out_once_each_and_then_no_more() {
        let mut arena = Arena::reserve(SHAPE, 5 << 18).unwrap();
        let mut batch = 1;
        let tops: Vec<_> = std::iter::from_fn(|| arena.carve(&mut batch).unwrap()).collect();
        let expected = (1..=5).map(|i| arena.start + (i << 18));
        assert!(tops.iter().map(|top| top.get()).eq(expected));
        assert_eq!(arena.start % SHAPE.size(), 0);
        // SAFETY: the slots were never used.
        unsafe { arena.unmap() };
    }

    #[test]
    fn guards_are_installed_in_batches_that_grow() {
        let mut arena = Arena::reserve(SHAPE, 256 << 18).unwrap();
        let mut batch = 1;
        let guarded: Vec<_> = (0..256)
            .map(|_| {
                arena.carve(&mut batch).unwrap();
                arena.guarded
            })
            .collect();
        assert_eq!(guarded[..8], [1, 3, 3, 7, 7, 7, 7, 15]);
        assert_eq!(guarded[127], 191);
        assert_eq!((guarded[255], batch), (256, BATCH_MAX));
        // SAFETY: the slots were never used.
        unsafe { arena.unmap() };
    }

    #[test]
    fn a_slot_that_is_larger_than_the_arena_gets_one_for_itself() {
        let shape = Shape::new(30, 26);
        let mut arena = Arena::reserve(shape, 16 << 20).unwrap();
        assert_eq!(arena.bytes(), 1 << 30);
        assert_eq!(arena.carve(&mut 1).unwrap().map(NonZeroUsize::get), Some(arena.end()));
        assert_eq!(arena.carve(&mut 1).unwrap(), None);
        // SAFETY: the slot was never used.
        unsafe { arena.unmap() };
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn where_the_system_refuses_much_it_is_asked_for_less() {
        let arena = Arena::reserve(SHAPE, 1 << 62).unwrap();
        assert!(arena.bytes() >= SHAPE.size() && arena.bytes() < 1 << 48);
        // SAFETY: the slots were never used.
        unsafe { arena.unmap() };
    }
}
