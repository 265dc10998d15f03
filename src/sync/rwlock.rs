//! A lock for many readers or one writer.
//!
//! All who wait stand in one list, and are served in the order in which they came: a writer that waits holds later readers back,
//! and those who wait behind it go in together when it is done. Who is woken has the lock already, so nobody slips in before.
//!
//! ```text
//!   inside: R R      waiting: W  R R  W         the readers leave
//!   inside: W        waiting: R R  W            it leaves
//!   inside: R R      waiting: W
//! ```
//!
//! Invariant: the first that waits could not go in. So whoever finds somebody waiting waits too.
//!
//! A guard that is dropped by an unwind releases the lock as any other does; there is no poisoning. A task that may be
//! cancelled while it writes, and waits in between, has to leave the value whole at each wait.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;

use pin_project_lite::pin_project;

use crate::runtime::guarded::Guarded;
use crate::runtime::holder::Holder;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// What a waiter asks for: to go in beside others, or alone.
const READ: u32 = 0;
const WRITE: u32 = 1;

/// A lock for many readers or one writer, in the shape of [`std::sync::RwLock`], that suspends the task and not the thread. Fair,
/// and never poisoned. asyncio has none.
///
/// Guards may be held across waits. It may be used by several threads.
///
/// # Examples
///
/// ```
/// use cede::sync::RwLock;
///
/// let lock = RwLock::new(vec![1, 2]);
/// cede::run(|| {
///     cede::scope(|s| {
///         s.spawn(|| lock.write().push(3));
///         s.spawn(|| assert_eq!(lock.read().len(), 3));
///     })
/// })?;
/// assert_eq!(lock.into_inner(), [1, 2, 3]);
/// # Ok::<_, cede::GroupError>(())
/// ```
pub struct RwLock<T: ?Sized> {
    state: Guarded<State>,
    made_at: &'static Location<'static>,
    value: UnsafeCell<T>,
}

// SAFETY: `state` lets in many guards that read or one that writes; so the value is shared between threads by readers, which
// `T: Sync` allows, and handed from one to the other by writers, which `T: Send` allows.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// Who is inside, and who waits.
struct State {
    readers: usize,
    writing: bool,
    /// The task that writes, or since which there have been readers. For reports.
    holder: Holder,
    waiting: List,
}

impl State {
    /// Lets one in that asks for this, for the one that waits with this node, or for somebody who does not wait.
    #[inline]
    fn enter(&mut self, asks_for: u32, node: Option<&Node>) -> bool {
        if let Some(node) = node
            && self.waiting.state(node) == Wait::Completed
        {
            // It is inside already.
            self.waiting.use_up(node);
        } else if !self.admits(asks_for) || self.waiting.has_waiting() {
            return false;
        } else {
            self.admit(asks_for);
        }
        if self.holder == Holder::NOBODY {
            self.holder = Holder::current();
        }
        true
    }

    fn admits(&self, asks_for: u32) -> bool {
        !self.writing && (asks_for == READ || self.readers == 0)
    }

    fn admit(&mut self, asks_for: u32) {
        if self.readers == 0 {
            // Whoever it is will say.
            self.holder = Holder::NOBODY;
        }
        match asks_for {
            READ => self.readers += 1,
            _ => self.writing = true,
        }
    }

    /// One that was let in leaves.
    #[inline]
    fn leave(&mut self, asked_for: u32) {
        match asked_for {
            READ => self.readers -= 1,
            _ => self.writing = false,
        }
        self.let_in();
    }

    /// Lets those in, and wakes them, who wait and may go in.
    fn let_in(&mut self) {
        while let Some(asks_for) = self.waiting.first_asks_for()
            && self.admits(asks_for)
        {
            self.admit(asks_for);
            self.waiting.pop_first();
        }
    }

    /// One that waits is being cancelled.
    fn cancel(&mut self, node: &Node) -> CancelWait {
        let answer = self.waiting.cancel_wait(node);
        self.let_in();
        answer
    }

    /// Who writes goes on reading.
    fn downgrade(&mut self) {
        self.readers = 1;
        self.leave(WRITE);
    }

    /// One that waits, or was let in, goes away.
    fn withdraw(&mut self, asked_for: u32, node: &Node) {
        match self.waiting.remove(node) {
            Wait::Completed => self.leave(asked_for),
            // Those behind it may go in now.
            _ => self.let_in(),
        }
    }
}

impl<T> RwLock<T> {
    /// A lock with nobody inside.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let state = State { readers: 0, writing: false, holder: Holder::NOBODY, waiting: List::new() };
        RwLock { state: Guarded::new(state), made_at: Location::caller(), value: UnsafeCell::new(value) }
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks it to read, beside others who do, and waits until that may be: for those who came before.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the lock is then not held.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.reading().wait()
    }

    /// The operation of [`read`](RwLock::read), for `select!`.
    #[inline]
    pub fn reading(&self) -> ReadingRwLock<'_, T> {
        ReadingRwLock { lock: self, node: Node::asking_for(READ) }
    }

    /// Locks it to read, if nobody writes, and none who came before waits to.
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.state.lock().enter(READ, None).then(|| RwLockReadGuard::of(self))
    }

    /// Locks it to write, alone, and waits until that may be: for those who came before.
    ///
    /// # Cancellation, panics
    ///
    /// As [`read`](RwLock::read).
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.writing().wait()
    }

    /// The operation of [`write`](RwLock::write), for `select!`.
    #[inline]
    pub fn writing(&self) -> WritingRwLock<'_, T> {
        WritingRwLock { lock: self, node: Node::asking_for(WRITE) }
    }

    /// Locks it to write, if nobody is inside.
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.state.lock().enter(WRITE, None).then(|| RwLockWriteGuard::of(self))
    }

    /// The value, which nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn attempt(&self, asks_for: u32, node: &Node) -> Option<()> {
        self.state.lock().enter(asks_for, Some(node)).then_some(())
    }

    fn register(&self, asks_for: u32, node: Pin<&Node>, waiter: Waiter) {
        let state = self.state.lock();
        if state.admits(asks_for) && !state.waiting.has_waiting() {
            waiter.wake_later();
        } else {
            state.waiting.link(node, waiter);
        }
    }

    fn withdraw(&self, asked_for: u32, node: &Node) {
        self.state.lock().withdraw(asked_for, node);
    }

    fn cancel(&self, node: &Node) -> CancelWait {
        self.state.lock().cancel(node)
    }

    fn describe(&self, verb: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (readers, writing, holder) = (state.readers, state.writing, state.holder);
        drop(state);
        write!(f, "{verb} RwLock")?;
        match (readers, writing) {
            (0, false) => {}
            (0, true) => write!(f, " held by {holder}, which writes,")?,
            // Which of them are left is not known.
            (readers, _) => write!(f, " held by {readers} since {holder} came to read,")?,
        }
        write!(f, " made at {}", self.made_at)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => debug.field("value", &&*guard),
            None => debug.field("value", &format_args!("<locked>")),
        };
        debug.finish()
    }
}

/// Reads as long as it lives; from [`RwLock::read`].
#[must_use = "the lock is released at once where the guard is not kept"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Like std's guards it stays on its thread.
    _local: PhantomData<std::sync::MutexGuard<'a, ()>>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Of one who was let in.
    #[inline]
    fn of(lock: &'a RwLock<T>) -> Self {
        RwLockReadGuard { lock, _local: PhantomData }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as long as this guard lives nobody writes.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.state.lock().leave(READ);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Writes as long as it lives; from [`RwLock::write`].
#[must_use = "the lock is released at once where the guard is not kept"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Like std's guards it stays on its thread.
    _local: PhantomData<std::sync::MutexGuard<'a, ()>>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Of one who was let in.
    #[inline]
    fn of(lock: &'a RwLock<T>) -> Self {
        RwLockWriteGuard { lock, _local: PhantomData }
    }

    /// Goes on reading, without anybody having written in between. Readers who wait in front go in too.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.try_write().unwrap();
    /// *guard += 1;
    /// let guard = RwLockWriteGuard::downgrade(guard);
    /// assert_eq!((*guard, *lock.try_read().unwrap()), (2, 2));
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(this).lock;
        lock.state.lock().downgrade();
        RwLockReadGuard::of(lock)
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as long as this guard lives nobody else is inside.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this borrows the guard mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.state.lock().leave(WRITE);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The two operations, which differ in what they ask for and give.
macro_rules! entering {
    ($(#[$doc:meta])* $Entering:ident, $ASK:ident, $Guard:ident, $verb:literal) => {
        pin_project! {
            $(#[$doc])*
            #[must_use = "it does nothing unless it is waited for"]
            pub struct $Entering<'a, T: ?Sized> {
                lock: &'a RwLock<T>,
                #[pin]
                node: Node,
            }
        }

        impl<T: ?Sized> fmt::Debug for $Entering<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Entering)).finish_non_exhaustive()
            }
        }

        impl<T: ?Sized> sealed::Sealed for $Entering<'_, T> {}

        impl<'a, T: ?Sized> Operation for $Entering<'a, T> {
            type Output = $Guard<'a, T>;

            #[inline]
            fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
                self.lock.attempt($ASK, &self.node).map(|()| $Guard::of(self.lock))
            }

            fn register(self: Pin<&mut Self>, waiter: Waiter) {
                let this = self.project();
                this.lock.register($ASK, this.node.as_ref(), waiter);
            }

            fn withdraw(self: Pin<&mut Self>) {
                self.lock.withdraw($ASK, &self.node);
            }

            fn cancel(&self) -> CancelWait {
                self.lock.cancel(&self.node)
            }

            fn is_local(&self) -> bool {
                false
            }

            fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.lock.describe($verb, f)
            }
        }
    };
}

entering!(
    /// The operation of [`RwLock::read`].
    ReadingRwLock, READ, RwLockReadGuard, "reads"
);
entering!(
    /// The operation of [`RwLock::write`].
    WritingRwLock, WRITE, RwLockWriteGuard, "writes"
);
