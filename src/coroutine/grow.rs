//! Growing a stack: deep recursion goes on on a larger segment.
//!
//! The segment is a slot of the pool like any other, owned by the frame that switched to it, so a generator may be
//! suspended while it runs on one. The coroutine that runs there is told its bounds meanwhile.

use std::cell::Cell;
use std::panic::{self, Location};
use std::ptr;

use super::{
    Coroutine, PREPARED, STACK_ALIGNMENT, Segment, innermost, prepare_thread, register_with_valgrind, run_on,
    stack_pointer,
};
use crate::stack::{self, Label, Slot, StackError};

thread_local! {
    /// Bounds of the segment that `grow` last found itself on: lowest usable address, end.
    static LAST_SEGMENT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Runs `f` on a larger segment of stack when little is left of the current one.
///
/// Wrap the body of a deep recursion in it: most calls only compare an address, and every now and then one
/// moves to a fresh segment of 1 MiB, which is given back when that call returns. Works in generators and
/// on a thread's own stack, and generators may yield from inside.
///
/// Less than 64 KiB counts as little; [`grow_with`] lets you choose.
///
/// # Panics
///
/// Panics when no memory can be had for a segment. Panics of `f` pass through.
///
/// # Examples
///
/// ```
/// fn depth(n: u64) -> u64 {
///     cede::grow(|| if n == 0 { 0 } else { 1 + depth(n - 1) })
/// }
/// let deep = cede::Generator::new(|y: &cede::Yielder<u64>| y.yield_(depth(100_000)));
/// assert_eq!(deep.collect::<Vec<_>>(), [100_000]);
/// ```
#[track_caller]
pub fn grow<R>(f: impl FnOnce() -> R) -> R {
    grow_with(64 << 10, 1 << 20, f)
}

/// Like [`grow`], with the number of bytes that count as little and the size of a new segment in bytes.
///
/// # Panics
///
/// Panics when no memory can be had for a segment, also for a size of 0 or one beyond the address space.
/// Panics of `f` pass through.
///
/// # Examples
///
/// ```
/// let sum = cede::grow_with(usize::MAX, 4 << 20, || {
///     let large = [1u8; 2 << 20];
///     large.iter().map(|&b| u64::from(b)).sum::<u64>()
/// });
/// assert_eq!(sum, 2 << 20);
/// ```
#[track_caller]
pub fn grow_with<R>(red_zone: usize, size: usize, f: impl FnOnce() -> R) -> R {
    if left_here() > red_zone {
        return f();
    }
    match segment(size) {
        Ok(slot) => on_segment(slot, Location::caller(), f),
        Err(error) => panic!("cede::grow found no memory for a segment of {size} bytes: {error}"),
    }
}

/// How much is left of the current segment, in bytes.
fn left_here() -> usize {
    let here = stack_pointer();
    let (mut low, end) = LAST_SEGMENT.get();
    if !(low..end).contains(&here) {
        low = find_segment(here);
    }
    here - low
}

/// Runs `f`, which drops something that may own more of its kind, on a larger segment when very little is left of the current one.
/// Where none can be had, as on a thread that ends, it runs where it is.
#[track_caller]
pub(crate) fn grow_to_drop(f: impl FnOnce()) {
    const RED_ZONE: usize = 16 << 10;
    if left_here() > RED_ZONE {
        return f();
    }
    match segment(1 << 20) {
        Ok(slot) => on_segment(slot, Location::caller(), f),
        Err(_) => f(),
    }
}

/// The lowest usable address of the segment that this thread is on, with its stack pointer at `here`.
#[cold]
fn find_segment(here: usize) -> usize {
    // SAFETY: the caller's frame is live.
    let segment = match unsafe { stack::running_at(here) } {
        Some(running) => running.floor..running.top,
        None => stack::current_thread_stack(),
    };
    if !segment.contains(&here) {
        // A stack that is neither ours nor the thread's: nothing is known of it.
        return 0;
    }
    LAST_SEGMENT.set((segment.start, segment.end));
    segment.start
}

#[cold]
fn segment(size: usize) -> Result<Slot, StackError> {
    if !PREPARED.get() {
        prepare_thread();
    }
    stack::acquire(size)
}

#[cold]
fn on_segment<R>(slot: Slot, made_at: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
    struct Restore<'a> {
        slot: Option<Slot>,
        outer: Option<&'a Coroutine>,
        bounds: (usize, usize),
    }
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            if let Some(outer) = self.outer {
                outer.low.set(self.bounds.0);
                outer.extent.set(self.bounds.1);
            }
            if let Some(slot) = self.slot.take() {
                // SAFETY: control is back on the segment before, so no frame is left on this one.
                unsafe { stack::release(slot) }
            }
        }
    }
    register_with_valgrind(&slot);
    // SAFETY: the innermost coroutine is running beneath this very call, so its header outlives it.
    let outer = innermost().map(|(outer, _)| unsafe { &*outer.as_ptr() });
    let label = Label {
        kind: "segment of cede::grow",
        name: outer.and_then(|outer| outer.label.name.clone()),
        made_at,
        owner: outer.map_or(ptr::null(), |outer| ptr::from_ref(outer).cast()),
    };
    // SAFETY: the label outlives the use of the slot, which `restore` gives back before `label` goes.
    unsafe { slot.set_label(&raw const label) };
    let base = slot.colored_top() & !(STACK_ALIGNMENT - 1);
    let segment = Segment { base, limit: slot.limit() };
    let bounds = match outer {
        Some(outer) => (outer.low.replace(slot.floor()), outer.extent.replace(base - slot.floor())),
        None => (0, 0),
    };
    let restore = Restore { slot: Some(slot), outer, bounds };
    let result = run_on(segment, f);
    drop(restore);
    result.unwrap_or_else(|payload| panic::resume_unwind(payload))
}
