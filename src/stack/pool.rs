//! The slots of one thread: for each size a list of free ones, last used first.
//!
//! A slot is in exactly one of these states, for each class:
//!
//! ```text
//!                carve                     release
//!   in an arena ───────► in use (a Slot) ◄─────────► dirty ── trim ──► clean
//!                          ▲    │          acquire                       │
//!                          │    └ never released: leaked for ever        │
//!                          └─────────────────────────────────────────────┘
//! ```
//!
//! Invariants of a class:
//! - `floor <= len <= handed <= capacity`, the last being that of the list, and `mark <= capacity`. So a
//!   release below the mark may write without a further check.
//! - A slot is carved only when no free one is left, so that the number handed out so far is also the most
//!   that were ever in use at once.
//!
//! The fast paths read the thread's pool from a thread-local without a destructor, since one with a
//! destructor has a state to check. Before a thread has a pool, and after it lost it, that pointer leads to
//! [`EMPTY`], whose lists are empty and whose marks are zero: both fast paths then take their slow turn
//! without a check of their own.

use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;
use std::{io, ptr};

use super::advice::{self, Span};
use super::arena::Arena;
use super::guard::{self, Guard};
use super::retention::{EPOCH_MIN, Retention};
use super::size::{self, CLASSES, DEFAULT_CLASS, Shape};
use super::{Slot, StackError, thread};

/// Address space of the first arena of a class; each further one is twice as large.
const ARENA_BYTES_MIN: usize = if cfg!(target_pointer_width = "64") { 16 << 20 } else { 2 << 20 };

/// Address space of the largest arena that holds more than one slot.
const ARENA_BYTES_MAX: usize = if cfg!(target_pointer_width = "64") { 1 << 30 } else { 16 << 20 };

/// Room in a new list of free slots.
const CAPACITY_MIN: usize = 64;

thread_local! {
    static POOL: Cell<*const Pool> = const { Cell::new(&raw const EMPTY.0) };
}

/// The pool of threads that have none. Nothing is ever written to it.
static EMPTY: Empty = Empty(Pool::new());

struct Empty(Pool);

// SAFETY: several threads read these cells and none writes them. With `len`, `floor` and `mark` zero the fast
// paths stop before they write; `acquire_slowly` replaces this pool before it goes on; `release_at_mark` and
// `stats` stop at a list that is null, before they borrow the store (a borrow counts, and so writes).
unsafe impl Sync for Empty {}

struct Pool {
    classes: [Class; CLASSES],
}

/// The free slots of one size. Only the pool's thread touches it.
#[repr(align(64))]
struct Class {
    /// The tops of the dirty free slots, the last used at the end. Points into `Store::list`; null while there
    /// is no store, and so for ever in the empty pool.
    list: Cell<*mut NonZeroUsize>,
    /// How many dirty free slots there are.
    len: Cell<usize>,
    /// The slots below this index are being watched: were they used in this epoch? An acquire that gets here
    /// takes the slow path and ends the watch.
    floor: Cell<usize>,
    /// A release that finds this many dirty slots takes the slow path and may trim.
    mark: Cell<usize>,
    /// Releases until the end of the epoch. Never 0 between calls, save in the empty pool.
    ticks: Cell<usize>,
    shape: Cell<Shape>,
    /// What only the slow paths need; `None` until the first slot of this size is wanted.
    store: RefCell<Option<Box<Store>>>,
}

/// The rarely used part of a class.
struct Store {
    /// Memory for the list of dirty slots. Its own length stays 0: `Class::len` is what counts.
    list: Vec<NonZeroUsize>,
    /// The tops of the free slots whose pages were given back.
    clean: Vec<NonZeroUsize>,
    arenas: Vec<Arena>,
    /// Slots carved so far, which is the sum of what the arenas have handed out.
    handed: usize,
    /// How many guards to install next time.
    guard_batch: usize,
    /// How much address space to reserve next time.
    arena_bytes: usize,
    retention: Retention,
}

impl Pool {
    const fn new() -> Self {
        Pool { classes: [const { Class::new() }; CLASSES] }
    }
}

/// The thread's pool; the empty one where it has none.
#[inline(always)]
fn with_pool<T>(f: impl FnOnce(&Pool) -> T) -> T {
    // SAFETY: the pointer leads to the static pool or to one that lives until `close`. That is called when
    // the thread's locals are destroyed, and by nothing that a pool calls.
    f(unsafe { &*POOL.get() })
}

/// Takes a slot of at least `size` bytes, guard included.
///
/// # Errors
///
/// As [`StackError`] says.
#[inline]
pub(crate) fn acquire(size: usize) -> Result<Slot, StackError> {
    acquire_class(size::class_of(size)?)
}

/// Takes a slot of [`super::DEFAULT_SIZE`].
///
/// # Errors
///
/// As [`StackError`] says.
#[inline]
pub(crate) fn acquire_default() -> Result<Slot, StackError> {
    acquire_class(DEFAULT_CLASS)
}

#[inline(always)]
fn acquire_class(index: usize) -> Result<Slot, StackError> {
    let slot = with_pool(|pool| {
        let class = &pool.classes[index];
        if class.len.get() > class.floor.get() { class.pop() } else { None }
    });
    match slot {
        Some(slot) => Ok(slot),
        None => acquire_slowly(index),
    }
}

/// Gives a slot back to the thread's pool. When the thread has lost its pool the slot is leaked.
///
/// # Safety
///
/// The slot was acquired on this thread, and nobody uses its memory any more.
#[inline]
pub(crate) unsafe fn release(slot: Slot) {
    with_pool(|pool| {
        // SAFETY: slots are made by the pool's classes, so this is the index of one.
        let class = unsafe { pool.classes.get_unchecked(slot.shape().class()) };
        if class.len.get() >= class.mark.get() {
            return class.release_at_mark(slot);
        }
        class.push(slot);
        class.ticks.set(class.ticks.get() - 1);
        if class.ticks.get() == 0 {
            class.end_epoch();
        }
    });
}

#[cold]
#[inline(never)]
fn acquire_slowly(index: usize) -> Result<Slot, StackError> {
    ensure_pool()?;
    with_pool(|pool| pool.classes[index].acquire_slowly(index))
}

/// Makes the thread's pool, if it has none.
fn ensure_pool() -> Result<(), StackError> {
    if ptr::eq(POOL.get(), &raw const EMPTY.0) {
        thread::on_exit_close_pool()?;
        POOL.set(Box::into_raw(Box::new(Pool::new())));
    }
    Ok(())
}

/// Has the calling thread keep up to `count` free stacks of `size` bytes ready, with the memory that they have touched.
///
/// Without it the pool learns what a program needs: it keeps at first the memory of 1,024 free stacks (of 256 MiB where they are large), more
/// when a program turns out to use them again, up to 128 times as many, and gives back what lies idle. That suits most. A
/// program which knows that its next million tasks will come says so, and finds their stacks as they were; a stack of which two pages were
/// touched costs two pages as long as it is kept. A number that is lower than before takes effect as stacks are released.
///
/// `size` is rounded up as it is for tasks and generators ([`DEFAULT_SIZE`](super::DEFAULT_SIZE) is that of those which name none), and a `count` of 0
/// is 1. Each thread has its stacks for itself: `runtime::spawn_on_each` reaches all workers.
///
/// # Errors
///
/// A size that is larger than any stack can be, a thread that is exiting, no memory.
///
/// # Examples
///
/// ```
/// cede::stack::set_kept(64 << 10, 100_000)?;
/// # Ok::<_, cede::stack::StackError>(())
/// ```
pub fn set_kept(size: usize, count: usize) -> Result<(), StackError> {
    let index = size::class_of(size)?;
    ensure_pool()?;
    with_pool(|pool| {
        let class = &pool.classes[index];
        let mut store = class.store.borrow_mut();
        let store = class.ensure_store(&mut store, index);
        store.retention.keep_at_least(count);
        class.set_mark(store);
    });
    Ok(())
}

/// Ends the thread's pool: called when the thread exits. Arenas without a slot in use are unmapped, of the
/// others the pages of free slots are given back. Slots in use stay as they are, for ever.
pub(super) fn close() {
    let pool = POOL.replace(&raw const EMPTY.0);
    if ptr::eq(pool, &raw const EMPTY.0) {
        return;
    }
    // SAFETY: a pointer that is not the static one comes from `Box::into_raw`, and was just replaced.
    let pool = unsafe { Box::from_raw(pool.cast_mut()) };
    pool.classes.iter().for_each(Class::close);
}

impl Class {
    const fn new() -> Self {
        Class {
            list: Cell::new(ptr::null_mut()),
            len: Cell::new(0),
            floor: Cell::new(0),
            mark: Cell::new(0),
            ticks: Cell::new(0),
            shape: Cell::new(Shape::NONE),
            store: RefCell::new(None),
        }
    }

    /// Takes the slot that was used last.
    #[inline(always)]
    fn pop(&self) -> Option<Slot> {
        let len = self.len.get().checked_sub(1)?;
        self.len.set(len);
        // SAFETY: the index is below the length that the list had until now.
        let top = unsafe { *self.list.get().add(len) };
        Some(Slot::new(top, self.shape.get(), false))
    }

    /// Puts a slot on the list, whose length must be less than its capacity, as it is below the mark.
    #[inline(always)]
    fn push(&self, slot: Slot) {
        let len = self.len.get();
        // SAFETY: `len` is less than the capacity of the list.
        unsafe { self.list.get().add(len).write(slot.top_nonzero()) };
        self.len.set(len + 1);
    }

    fn acquire_slowly(&self, index: usize) -> Result<Slot, StackError> {
        // What was watched is in use after all.
        self.floor.set(0);
        if let Some(slot) = self.pop() {
            return Ok(slot);
        }
        let mut store = self.store.borrow_mut();
        let store = self.ensure_store(&mut store, index);
        if let Some(top) = store.clean.pop() {
            store.retention.missed();
            self.set_mark(store);
            return Ok(Slot::new(top, self.shape.get(), false));
        }
        self.ensure_capacity(store)?;
        let top = store.carve(self.shape.get())?;
        Ok(Slot::new(top, self.shape.get(), true))
    }

    fn ensure_store<'s>(&self, store: &'s mut Option<Box<Store>>, index: usize) -> &'s mut Store {
        store.get_or_insert_with(|| {
            self.shape.set(Shape::of_class(index));
            self.ticks.set(EPOCH_MIN);
            let mut store = Box::new(Store::new(self.shape.get()));
            // Empty so far, and not null.
            self.list.set(store.list.as_mut_ptr());
            store
        })
    }

    /// Makes room in the list for one slot more than were handed out so far.
    fn ensure_capacity(&self, store: &mut Store) -> Result<(), StackError> {
        if store.handed < store.list.capacity() {
            return Ok(());
        }
        let capacity = (store.list.capacity() * 2).max(CAPACITY_MIN);
        // SAFETY: `len` elements are initialised, and `len` is less than the capacity. Whether there is more room afterwards or not,
        // the list has its length of 0 again.
        let room = unsafe {
            store.list.set_len(self.len.get());
            let room = store.list.try_reserve_exact(capacity - self.len.get());
            store.list.set_len(0);
            room
        };
        self.list.set(store.list.as_mut_ptr());
        // The list of clean slots gets its room now too, so that none is needed to give memory back.
        let room = room.and_then(|()| store.clean.try_reserve_exact(capacity - store.clean.len()));
        room.map_err(|_| StackError::OutOfMemory {
            size: self.shape.get().size(),
            source: io::ErrorKind::OutOfMemory.into(),
        })?;
        self.set_mark(store);
        Ok(())
    }

    fn in_use(&self, store: &Store) -> usize {
        store.handed - self.len.get() - store.clean.len()
    }

    fn set_mark(&self, store: &Store) {
        self.mark.set(store.retention.mark(self.in_use(store)).min(store.list.capacity()));
    }

    /// A release that found the list as long as the mark: puts the slot there all the same, and trims where
    /// that is too long.
    #[cold]
    #[inline(never)]
    fn release_at_mark(&self, slot: Slot) {
        if self.list.get().is_null() {
            // The thread has lost its pool: the slot is leaked.
            return;
        }
        let mut store = self.store.borrow_mut();
        let store = store.as_deref_mut().expect("a class with a list has a store");
        if self.len.get() >= store.handed.min(store.list.capacity()) {
            debug_assert!(false, "more slots are released than were handed out");
            return;
        }
        self.push(slot);
        let excess = store.retention.excess(self.len.get(), self.in_use(store));
        self.trim(store, excess);
        self.set_mark(store);
    }

    /// The end of an epoch: gives back what was not used in it, and starts the next one.
    #[cold]
    #[inline(never)]
    fn end_epoch(&self) {
        let mut store = self.store.borrow_mut();
        let store = store.as_deref_mut().expect("a class in use has a store");
        let idle = store.retention.forget(self.len.get(), self.floor.get());
        self.trim(store, idle);
        self.set_mark(store);
        let (watched, ticks) = store.retention.epoch(self.len.get());
        self.floor.set(watched);
        self.ticks.set(ticks);
    }

    /// Gives the pages of the `n` coldest dirty slots back.
    fn trim(&self, store: &mut Store, n: usize) {
        if n == 0 {
            return;
        }
        let len = self.len.get();
        debug_assert!(n <= len, "only dirty slots can be trimmed");
        // SAFETY: the first `len` elements of the list are initialised, and nothing else looks at them
        // meanwhile.
        let list = unsafe { std::slice::from_raw_parts_mut(self.list.get(), len) };
        list[..n].sort_unstable();
        // SAFETY: the slots are free, so nobody needs what is in them.
        unsafe { advice::discard(&runs(&list[..n], self.shape.get())) };
        // From the end, so that the lowest is used first.
        store.clean.extend(list[..n].iter().rev());
        list.copy_within(n.., 0);
        self.len.set(len - n);
        self.floor.set(self.floor.get().saturating_sub(n));
    }

    /// See [`close`].
    fn close(&self) {
        let Some(mut store) = self.store.take() else { return };
        // SAFETY: the first `len` elements of the list are initialised.
        let dirty = unsafe { std::slice::from_raw_parts(self.list.get(), self.len.get()) };
        let mut free = std::mem::take(&mut store.clean);
        free.extend_from_slice(dirty);
        free.sort_unstable();
        for arena in store.arenas.drain(..) {
            let first = free.partition_point(|top| top.get() <= arena.start());
            let end = free.partition_point(|top| top.get() <= arena.end());
            // SAFETY: in the first case all slots that anybody ever had are free; in the second these are.
            unsafe {
                if end - first == arena.handed() {
                    arena.unmap();
                } else {
                    advice::discard(&runs(&free[first..end], self.shape.get()));
                }
            }
        }
    }
}

impl Store {
    fn new(shape: Shape) -> Self {
        Store {
            list: Vec::new(),
            clean: Vec::new(),
            arenas: Vec::new(),
            handed: 0,
            guard_batch: 1,
            arena_bytes: ARENA_BYTES_MIN,
            retention: Retention::new(shape.size()),
        }
    }

    /// A slot that was never used, from the newest arena or from one that is reserved for it.
    fn carve(&mut self, shape: Shape) -> Result<NonZeroUsize, StackError> {
        let mut top = None;
        if let Some(arena) = self.arenas.last_mut() {
            top = arena.carve(&mut self.guard_batch)?;
        }
        if top.is_none() {
            let mut arena = Arena::reserve(shape, self.arena_bytes)?;
            // Where guards are made by mprotect there are at most some 32,000 slots, and often the reason is
            // that all memory is locked, so that an arena costs memory at once: there they stay small.
            if guard::kind() == Guard::Install {
                self.arena_bytes = (self.arena_bytes * 2).min(ARENA_BYTES_MAX);
            }
            let carved = arena.carve(&mut self.guard_batch);
            // Kept also when its guards could not be made: the next call tries again.
            self.arenas.push(arena);
            top = carved?;
        }
        self.handed += 1;
        Ok(top.expect("a new arena has a slot"))
    }
}

/// The memory of slots with these tops, in ascending order, with neighbours in one span.
fn runs(tops: &[NonZeroUsize], shape: Shape) -> Vec<Span> {
    let same_run = |a: &NonZeroUsize, b: &NonZeroUsize| b.get() - a.get() == shape.size();
    let span =
        |run: &[NonZeroUsize]| Span { start: run[0].get() - shape.size(), len: run.len() << shape.log2() };
    tops.chunk_by(same_run).map(span).collect()
}

/// How many stacks the calling thread has, and what they cost. See [`stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Stacks that coroutines of this thread have now, those that were leaked included.
    pub in_use: usize,
    /// The most stacks that were in use at once. Each size is counted by itself, and the sum is given.
    pub high_water: usize,
    /// Free stacks that wait for the next coroutine. Those whose memory was given back are among them.
    pub pooled: usize,
    /// Free stacks whose memory was given back to the operating system.
    pub trimmed: usize,
    /// Address space in bytes that is reserved for stacks. It is not memory: that is taken a page at a time,
    /// where a stack is used.
    pub reserved_bytes: usize,
}

/// Counts the stacks of the calling thread.
///
/// Stacks are kept for the next coroutine when one ends, and those that lie free for long are given back to
/// the system. On a thread that has no coroutines, or whose pool of stacks is gone because it is exiting, all
/// counts are zero.
///
/// ```
/// let stats = cede::stack::stats();
/// assert!(stats.in_use <= stats.high_water);
/// ```
pub fn stats() -> Stats {
    with_pool(|pool| {
        let mut stats = Stats::default();
        for class in &pool.classes {
            // A class of the empty pool, which all threads share, must not be borrowed.
            if class.list.get().is_null() {
                continue;
            }
            if let Some(store) = class.store.borrow().as_deref() {
                stats.in_use += class.in_use(store);
                stats.high_water += store.handed;
                stats.pooled += class.len.get() + store.clean.len();
                stats.trimmed += store.clean.len();
                stats.reserved_bytes += store.arenas.iter().map(Arena::bytes).sum::<usize>();
            }
        }
        stats
    })
}

#[cfg(test)]
mod tests;
