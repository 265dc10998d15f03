//! The memory of stacks: where they come from, what guards them, and what is said when one overflows.
//!
//! A stack lives in a *slot*, a piece of address space whose size is a power of two and whose address is a
//! multiple of that size:
//!
//! ```text
//!   top        ─►┌──────────────────────────┐  high address, exclusive
//!                │ label pointer (top - 8)  │  who runs here, for the overflow report
//!                │ colour: 0 to 960 bytes   │  16 steps of 64 bytes, see below
//!   colored_top ►├──────────────────────────┤
//!                │ the user of the slot     │
//!                │          │               │
//!                │          ▼ grows down    │
//!   floor      ─►├──────────────────────────┤
//!                │ guard, never accessible  │  max(one page, size / 16)
//!   limit      ─►└──────────────────────────┘  low address
//! ```
//!
//! Slots are carved from *arenas*, which are large mappings that cost address space and nothing else until
//! they are touched. Every thread has a *pool* of free slots for each size, last used first, because the slot
//! that was used last is the one that the caches still hold.
//!
//! Invariants:
//! - A slot that was never released is never reused, unmapped or trimmed, also when its thread ends.
//!   Coroutines that were leaked may be lent to somebody, so their memory has to outlive everything.
//! - Slots never change threads: the thread that acquired a slot is the one that releases it.
//! - No lock is taken and no system call is made by an acquire that finds a free slot, nor by a release,
//!   except for the trimming which is spread over many of them (`retention.rs` says when it happens).
//!
//! Why stacks are *coloured*: all slots of a size start at the same offset from a power of two, so that
//! without the colour the hot ends of all stacks would compete for the same few sets of the processor's
//! caches. With a thousand coroutines in turn, sixteen different offsets make a switch twice as fast.
//!
//! Why the pool does not give pages back on every release: that system call costs thirty times what creating
//! and dropping a generator costs. Why it gives them back at all: a program that once had a million
//! coroutines should not keep their memory.

#[cfg(not(unix))]
compile_error!(
    "cede supports Unix only: its stacks are made with mmap and guarded with mprotect or madvise, and an \
     overflow is reported from a signal handler"
);

mod advice;
mod arena;
mod directory;
mod error;
mod guard;
mod overflow;
mod pool;
mod residency;
mod retention;
mod running;
mod signal_stack;
mod size;
mod slot;
mod thread;

#[cfg(test)]
mod child;

pub use error::StackError;
pub use pool::{Stats, set_kept, stats};
pub use size::{DEFAULT_SIZE, MIN_SIZE};

pub(crate) use overflow::prepare_thread;
pub(crate) use pool::{acquire, acquire_default, release};
pub(crate) use residency::touched;
pub(crate) use running::running_at;
pub(crate) use slot::{Label, Slot};
pub(crate) use thread::current_thread_stack;
