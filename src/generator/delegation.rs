//! Delegation: `yield from`, with the innermost generator resumed directly.
//!
//! A generator in `yield_from` is `DELEGATING` and points to its delegate, so generators form chains. Each
//! has one delegate but may have several that delegate to it, so chains may join; they never fork.
//!
//! ```text
//!   root ──▶ a ──▶ b ──▶ leaf          resume(root) switches to leaf, and leaf's yield comes straight
//!                  ▲                   back: a value costs the same at any depth
//!         other ───┘
//! ```
//!
//! The generator that was resumed keeps the chain below it in `path`. That cache must never be wrong,
//! though `b` or `leaf` may be advanced through `other` or by hand. What saves the day: every generator above
//! shares the end, and **a chain changes only where its end runs, or where a generator in it is told that its delegate
//! is busy**. So the end knows the one generator whose `path` ends in it (`cached_by`), and whoever starts a
//! delegation from it, sees it end, or tells one above that it is busy, clears that path. A path is therefore either empty or right, its nodes alive: each node is held by a frame of the
//! one above, which is suspended as long as the path is right. An empty path is found again by walking.
//!
//! Events of a resumed chain are handled here, on the resumer's stack: a node that begins to delegate is
//! extended (`descend`), one that ended is taken off and the one above resumed (`ascend`). Frames of the
//! body see only their own suspension end, with or without a parcel.
//!
//! Rejected: one level of resumption for each level of delegation, as CPython does it (a cost per value
//! that grows with depth); a per-thread count of changes to validate paths (two recursive generators that
//! are zipped would walk their chains for each value); reference counts on nodes (not needed, see above).

use std::ptr::{self, NonNull};

use super::DelegateInfo;
use super::core::{Core, Parcel, State};
use super::error::{GeneratorError, StopIteration, Thrown};
use super::record::GeneratorState;
use crate::coroutine::{Command, Event};

/// How a resumption came back.
pub(super) enum Turn {
    /// This generator, the end of the chain, has yielded; its value waits in its header.
    Yielded(NonNull<Core>),
    /// The generator that was resumed has ended; `parcel` and the returned value say how.
    Ended,
}

/// What stands at the end of a chain that is not running.
pub(super) enum End {
    /// A generator that can be resumed. The path leads to it.
    Leaf(NonNull<Core>),
    /// The end was closed by others. The path leads to the one that delegates to it.
    Closed(NonNull<Core>),
    /// The end was resumed by others and is running. The path leads to the one that delegates to it.
    Busy(NonNull<Core>),
}

/// The generator is executing: it, or the chain from it, was resumed and has not come back.
pub(super) struct Executing;

/// # Safety
///
/// The node is alive: it is on a path that is right, or a running or suspended frame holds it.
unsafe fn at<'a>(node: NonNull<Core>) -> &'a Core {
    // SAFETY: the caller's promise.
    unsafe { node.as_ref() }
}

impl Core {
    /// What this generator, which is `DELEGATING`, delegates to.
    fn child(&self) -> &Core {
        let child = self.delegate.get().expect("a delegating generator has a delegate");
        // SAFETY: the frame of `yield_from` that set `delegate` holds it, and is suspended.
        unsafe { at(child) }
    }

    /// Whether this generator counts as running: it runs, or it lies on the path that was resumed.
    pub(super) fn is_executing(&self) -> bool {
        let state = self.state.get();
        if state != State::DELEGATING {
            return state.is_running();
        }
        let end = self.end_of_chain();
        if !end.state.get().is_running_via() {
            return false;
        }
        // SAFETY: while a node runs as the end of a chain, `cached_by` is the generator that was resumed.
        let mut node = unsafe { at(end.cached_by.get().expect("the chain was resumed from somewhere")) };
        while !ptr::eq(node, end) {
            if ptr::eq(node, self) {
                return true;
            }
            node = node.child();
        }
        false
    }

    /// The state that users see.
    pub(super) fn public_state(&self) -> GeneratorState {
        match self.state.get() {
            State::CREATED => GeneratorState::Created,
            State::CLOSED => GeneratorState::Closed,
            _ if self.is_executing() => GeneratorState::Running,
            _ => GeneratorState::Suspended,
        }
    }

    /// What is told of the generator that this one delegates to.
    pub(super) fn delegate_info(&self) -> Option<DelegateInfo> {
        if self.state.get() != State::DELEGATING {
            return None;
        }
        let child = self.child();
        let label = child.coroutine.label();
        let name = label.name.as_deref().map(str::to_owned);
        Some(DelegateInfo { name, made_at: label.made_at, state: child.public_state() })
    }

    /// The first generator of this one's chain that does not delegate.
    pub(super) fn end_of_chain(&self) -> &Core {
        let mut node = self;
        while node.state.get() == State::DELEGATING {
            node = node.child();
        }
        node
    }

    /// Resumes `node`, the end of this generator's chain, which has been prepared for the command, until the
    /// chain yields or this generator ends.
    pub(super) fn drive(&self, node: &Core, command: Command) -> Turn {
        // SAFETY: a prepared node was resumable or has a parcel to take, and was not running; callers have
        // seen to it that the thread is not exiting.
        let event = unsafe { node.coroutine.resume(command) };
        self.follow_first(node, event)
    }

    /// The end of this generator's chain where that is known and can be resumed.
    #[inline]
    pub(super) fn known_leaf(&self) -> Option<NonNull<Core>> {
        if self.state.get() != State::DELEGATING {
            return None;
        }
        let leaf = *self.path.borrow().last()?;
        // SAFETY: the path is right.
        (unsafe { at(leaf) }.state.get() == State::SUSPENDED).then_some(leaf)
    }

    /// Deals with what `node`, which was just resumed as the end of this generator's chain, came back with.
    #[inline(always)]
    pub(super) fn follow_first(&self, node: &Core, event: Event) -> Turn {
        if event == Event::Suspended {
            node.state.set(State::SUSPENDED);
            return Turn::Yielded(NonNull::from(node));
        }
        self.follow(node, event)
    }

    fn follow(&self, node: &Core, event: Event) -> Turn {
        let (mut node, mut event) = (node, event);
        loop {
            let command;
            (node, command) = match event {
                Event::Suspended => {
                    node.state.set(State::SUSPENDED);
                    return Turn::Yielded(NonNull::from(node));
                }
                Event::Delegating => self.descend(node),
                Event::Ended => {
                    node.leave_cache(self);
                    if ptr::eq(node, self) {
                        return Turn::Ended;
                    }
                    self.ascend()
                }
            };
            // SAFETY: as in `drive`.
            event = unsafe { node.coroutine.resume(command) };
        }
    }

    /// `node` has begun to delegate: extends the path, and gives the next one to resume, prepared.
    ///
    /// `node` counts as running until its link is in place. A chain from its delegate that comes back to it
    /// therefore ends in a busy node, and no circle can form.
    fn descend(&self, node: &Core) -> (&Core, Command) {
        if ptr::eq(node, self) {
            node.leave_cache(self);
        } else {
            node.join_cache(self);
        }
        node.count_as_running(self);
        let (next, parcel) = match self.extend(node) {
            End::Leaf(leaf) => (leaf, None),
            End::Closed(parent) => (parent, Some(Parcel::Thrown(closed_delegate()))),
            End::Busy(parent) => (parent, Some(Parcel::error(GeneratorError::AlreadyExecuting))),
        };
        node.state.set(State::DELEGATING);
        if !ptr::eq(next.as_ptr(), node) {
            node.cached_by.set(None);
        }
        // SAFETY: it is `node`, or on the path that has just been found.
        let next = unsafe { at(next) };
        (next, next.prepare(self, parcel))
    }

    /// The end of the path has ended: takes it off, and gives the one above, prepared.
    fn ascend(&self) -> (&Core, Command) {
        let mut path = self.path.borrow_mut();
        path.pop();
        let parent = match path.last() {
            // SAFETY: the path is right.
            Some(&parent) => unsafe { at(parent) },
            None => self,
        };
        drop(path);
        parent.join_cache(self);
        (parent, parent.prepare(self, None))
    }

    /// Puts what lies below `node` on the path, down to the end, or to the first that is executing.
    fn extend(&self, node: &Core) -> End {
        let busy = node.child().end_of_chain().state.get().is_running();
        let mut parent = node;
        loop {
            let child = parent.child();
            let state = child.state.get();
            let end = if busy && child.is_executing() {
                child.end_of_chain().lose_idle_cache();
                End::Busy
            } else if state == State::CLOSED {
                End::Closed
            } else {
                self.path.borrow_mut().push(NonNull::from(child));
                parent = child;
                if state == State::DELEGATING {
                    continue;
                }
                End::Leaf
            };
            parent.join_cache(self);
            return end(NonNull::from(parent));
        }
    }

    /// The end of this generator's chain. It is `DELEGATING`.
    pub(super) fn locate(&self) -> Result<End, Executing> {
        if let Some(leaf) = self.known_leaf() {
            return Ok(End::Leaf(leaf));
        }
        if self.is_executing() {
            return Err(Executing);
        }
        self.forget_path();
        Ok(self.extend(self))
    }

    /// Drops the cached path; it is found again when it is needed.
    pub(super) fn forget_path(&self) {
        if let Some(leaf) = self.path.borrow_mut().pop() {
            // SAFETY: the path was right.
            unsafe { at(leaf) }.cached_by.set(None);
        }
        self.path.borrow_mut().clear();
    }

    /// This node is now the end of `root`'s path, and of no other.
    fn join_cache(&self, root: &Core) {
        if ptr::eq(self, root) {
            return;
        }
        if let Some(old) = self.cached_by.replace(Some(NonNull::from(root)))
            && !ptr::eq(old.as_ptr(), root)
        {
            // SAFETY: a generator leaves the caches that name it before it goes (`forget_path`).
            unsafe { at(old) }.path.borrow_mut().clear();
        }
    }

    /// This node is no longer an end: a path that ends in it, other than `root`'s, is no longer right.
    fn leave_cache(&self, root: &Core) {
        if let Some(old) = self.cached_by.take()
            && !ptr::eq(old.as_ptr(), root)
        {
            // SAFETY: as in `join_cache`.
            unsafe { at(old) }.path.borrow_mut().clear();
        }
    }

    /// This node, the end of a chain, is executing, and a generator above it is told so and leaves the chain. The
    /// path that ends here may lead through that one. Where this node was resumed through that path, all on it are
    /// executing and none of them can leave.
    fn lose_idle_cache(&self) {
        if !self.state.get().is_running_via()
            && let Some(old) = self.cached_by.take()
        {
            // SAFETY: as in `join_cache`.
            unsafe { at(old) }.path.borrow_mut().clear();
        }
    }

    /// Goes on with the chain from its end. A value for a leaf has been put in place.
    pub(super) fn resume_end(&self, end: End) -> Turn {
        match end {
            End::Leaf(leaf) => self.drive_at(leaf, None),
            End::Closed(parent) => self.drive_at(parent, Some(Parcel::Thrown(closed_delegate()))),
            End::Busy(parent) => self.drive_at(parent, Some(Parcel::error(GeneratorError::AlreadyExecuting))),
        }
    }

    /// Throws into this generator, which is `SUSPENDED` or `DELEGATING`.
    pub(super) fn throw(&self, thrown: Thrown) -> Result<Turn, (Executing, Thrown)> {
        if self.state.get() == State::SUSPENDED {
            return Ok(self.drive_at(NonNull::from(self), Some(Parcel::Thrown(thrown))));
        }
        if matches!(thrown, Thrown::Exit) {
            return self.close().map_err(|executing| (executing, Thrown::Exit));
        }
        match self.locate() {
            Err(executing) => Err((executing, thrown)),
            Ok(End::Leaf(node) | End::Closed(node)) => Ok(self.drive_at(node, Some(Parcel::Thrown(thrown)))),
            Ok(End::Busy(node)) => {
                Ok(self.drive_at(node, Some(Parcel::error(GeneratorError::AlreadyExecuting))))
            }
        }
    }

    fn drive_at(&self, node: NonNull<Core>, parcel: Option<Parcel>) -> Turn {
        // SAFETY: callers pass this generator itself or a node of a path that is right.
        let node = unsafe { at(node) };
        let command = node.prepare(self, parcel);
        self.drive(node, command)
    }

    /// Raises `Exit` in this generator, which is `SUSPENDED` or `DELEGATING`, its delegates first.
    pub(super) fn close(&self) -> Result<Turn, Executing> {
        let parcel = match self.state.get() {
            State::DELEGATING => self.close_delegates()?,
            _ => Parcel::Thrown(Thrown::Exit),
        };
        Ok(self.drive_at(NonNull::from(self), Some(parcel)))
    }

    /// Closes what this generator delegates to, the end of the chain first, each as its own `close()` would,
    /// and gives what is then raised at this one's statement.
    fn close_delegates(&self) -> Result<Parcel, Executing> {
        let mut parcel = match self.locate()? {
            End::Leaf(_) | End::Closed(_) => Parcel::Thrown(Thrown::Exit),
            End::Busy(_) => Parcel::error(GeneratorError::AlreadyExecuting),
        };
        let mut nodes = self.path.take();
        if let Some(&last) = nodes.last() {
            // SAFETY: the path was right until it was taken.
            unsafe { at(last) }.cached_by.set(None);
        }
        // All of them count as running until their turn has come, so nobody resumes or ends them meanwhile,
        // and each is held by the frame of the one above, which moves only in its own turn.
        self.count_as_running(self);
        for &node in &nodes {
            // SAFETY: as said.
            let node = unsafe { at(node) };
            node.count_as_running(node);
        }
        while let Some(node) = nodes.pop() {
            // SAFETY: as said.
            let node = unsafe { at(node) };
            let command = node.prepare(node, Some(parcel));
            let turn = node.drive(node, command);
            parcel = node.after_exit(turn);
        }
        Ok(parcel)
    }

    /// What the generator that delegates to this one is told after this one was closed.
    fn after_exit(&self, turn: Turn) -> Parcel {
        let (node, drop) = match turn {
            // SAFETY: the leaf of a chain that has just yielded.
            Turn::Yielded(leaf) => (unsafe { at(leaf) }, self.vtable.drop_yielded),
            Turn::Ended => (self, self.vtable.drop_returned),
        };
        let dropped = node.discard(drop);
        match (dropped, turn) {
            (Err(payload), _) => Parcel::Panic(payload),
            (Ok(()), Turn::Yielded(_)) => Parcel::error(GeneratorError::IgnoredExit),
            (Ok(()), Turn::Ended) => self.parcel.take().unwrap_or(Parcel::Thrown(Thrown::Exit)),
        }
    }
}

/// What a statement gets whose delegate has already finished: an end that carries no value.
pub(super) fn closed_delegate() -> Thrown {
    Thrown::Error(Box::new(StopIteration::new()))
}
