//! How much of a stack has been used, as far as the kernel can tell.

use super::Slot;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
use super::size;

/// Bytes of the slot from its top down to the deepest page that is resident: no stack that lived in it
/// since its pages were last given back was deeper. Pages that were swapped out are not counted.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
pub(crate) fn touched(slot: &Slot) -> usize {
    /// Pages that one call asks about.
    const PAGES: usize = 256;
    let page = size::page_size();
    let mut resident = [0u8; PAGES];
    let mut start = slot.floor();
    while start < slot.top() {
        let len = (slot.top() - start).min(PAGES * page);
        // SAFETY: the span is mapped as long as the slot exists, and the array has a byte for each of its
        // pages.
        let result = unsafe { libc::mincore(start as *mut _, len, resident.as_mut_ptr().cast()) };
        let pages = &resident[..len / page];
        if let (0, Some(deepest)) = (result, pages.iter().position(|page| page & 1 == 1)) {
            return slot.top() - (start + deepest * page);
        }
        start += len;
    }
    0
}

/// Here the kernel does not tell, so all that may have been used counts.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd")))]
pub(crate) fn touched(slot: &Slot) -> usize {
    slot.top() - slot.floor()
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;
    use crate::stack::{acquire, release};

    #[test]
    fn the_deepest_page_that_was_written_counts() {
        // A size of its own, so that the slot is fresh: the pool is the thread's, and so is this test.
        let slot = acquire(8 << 20).unwrap();
        assert_eq!(touched(&slot), 0);
        for depth in [1, 3 * size::page_size(), 2 << 20] {
            // SAFETY: the byte lies between floor and top.
            unsafe { ((slot.top() - depth) as *mut u8).write_volatile(1) };
            assert_eq!(touched(&slot), depth.next_multiple_of(size::page_size()));
        }
        // SAFETY: nobody uses the slot.
        unsafe { release(slot) };
    }
}
