//! One direction of a stream in memory.
//!
//! Who reads or writes wakes one of those who wait for the other thing, and one of its own kind where something is left for it. A
//! waiter that was woken and goes without having tried (it was cancelled, or lost a race) hands the wake-up on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::pin::Pin;

use pin_project_lite::pin_project;

use crate::runtime::Waiter;
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node, State as Wait};

/// What is wanted of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

struct State {
    data: VecDeque<u8>,
    /// Nothing more will be written.
    ended: bool,
    /// Nothing will be read any more.
    refused: bool,
    readers: List,
    writers: List,
}

/// A bounded ring of bytes.
pub(super) struct Pipe {
    state: Guarded<State>,
    capacity: usize,
}

impl State {
    fn waiters(&self, wanted: Use) -> &List {
        match wanted {
            Use::Read => &self.readers,
            Use::Write => &self.writers,
        }
    }
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        let (readers, writers) = (List::new(), List::new());
        let state = State { data: VecDeque::new(), ended: false, refused: false, readers, writers };
        Pipe { state: Guarded::new(state), capacity }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().data.len()
    }

    /// Whether a read or a write would not have to wait.
    fn is_ready(&self, state: &State, wanted: Use) -> bool {
        let has_room = match wanted {
            Use::Read => !state.data.is_empty(),
            Use::Write => state.data.len() < self.capacity,
        };
        has_room || state.ended || state.refused
    }

    /// Reads what is there; `None` when nothing is, and something may come.
    pub(super) fn read(&self, buffers: &mut [IoSliceMut<'_>], takes: bool) -> Option<io::Result<usize>> {
        let mut state = self.state.lock();
        if !self.is_ready(&state, Use::Read) {
            return None;
        }
        let length = fill(buffers, state.data.as_slices());
        if takes && length > 0 {
            state.data.drain(..length);
            state.writers.pop_first();
        }
        if self.is_ready(&state, Use::Read) {
            state.readers.pop_first();
        }
        Some(Ok(length))
    }

    /// Writes as much as there is room for; `None` when there is none.
    pub(super) fn write(&self, buffers: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        let mut state = self.state.lock();
        if state.ended || state.refused {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = self.capacity - state.data.len();
        if room == 0 {
            return None;
        }
        let before = room;
        for buffer in buffers {
            let part = &buffer[..buffer.len().min(room)];
            state.data.write_all(part).expect("memory can be written");
            room -= part.len();
        }
        state.readers.pop_first();
        if room > 0 {
            state.writers.pop_first();
        }
        Some(Ok(before - room))
    }

    /// Nothing more is written: readers get what is left and an end.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.readers.pop_all();
        state.writers.pop_all();
    }

    /// Nothing is read any more: what is there goes, and writers get an error.
    pub(super) fn refuse(&self) {
        let mut state = self.state.lock();
        state.refused = true;
        let data = std::mem::take(&mut state.data);
        state.readers.pop_all();
        state.writers.pop_all();
        drop(state);
        drop(data);
    }

    /// The operation of waiting until it can be used. Who waits uses it, or else hands the wake-up on.
    pub(super) fn room_to(&self, wanted: Use) -> Room<'_> {
        Room { pipe: self, wanted, is_used: true, told: Cell::new(false), node: Node::default() }
    }
}

/// Fills buffers from two pieces of data, and says how far.
fn fill(buffers: &mut [IoSliceMut<'_>], pieces: (&[u8], &[u8])) -> usize {
    let mut data = pieces.0.chain(pieces.1);
    let mut length = 0;
    for buffer in buffers {
        let mut free = &mut buffer[..];
        while !free.is_empty() {
            let read = data.read(free).expect("memory can be read");
            if read == 0 {
                return length;
            }
            length += read;
            free = &mut free[read..];
        }
    }
    length
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("length", &self.len()).field("capacity", &self.capacity).finish()
    }
}

pin_project! {
    /// The operation of waiting until a [`Duplex`](super::Duplex) can be read or written without waiting.
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Room<'a> {
        pipe: &'a Pipe,
        wanted: Use,
        // Whoever hears of it reads or writes next, which wakes the next waiter.
        is_used: bool,
        told: Cell<bool>,
        #[pin]
        node: Node,
    }
}

impl Room<'_> {
    /// The same for somebody who may leave it unused.
    pub(super) fn told_of(mut self) -> Self {
        self.is_used = false;
        self
    }
}

impl sealed::Sealed for Room<'_> {}

impl Operation for Room<'_> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let is_ready = self.pipe.is_ready(&self.pipe.state.lock(), self.wanted);
        self.told.set(is_ready && self.is_used);
        is_ready.then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.pipe.state.lock();
        if this.pipe.is_ready(&state, *this.wanted) {
            waiter.wake_later();
        } else {
            state.waiters(*this.wanted).link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let state = self.pipe.state.lock();
        let waiters = state.waiters(self.wanted);
        let woken = waiters.remove(&self.node) == Wait::Completed;
        if woken && !self.told.get() && self.pipe.is_ready(&state, self.wanted) {
            waiters.pop_first();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.pipe.state.lock().waiters(self.wanted).cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.wanted {
            Use::Read => "reads from a stream in memory",
            Use::Write => "writes to a stream in memory",
        })
    }
}

pin_project! {
    /// A read that takes part in races.
    pub(super) struct Reading<'a, 'b> {
        buffer: &'b mut [u8],
        #[pin]
        room: Room<'a>,
    }
}

impl<'a, 'b> Reading<'a, 'b> {
    pub(super) fn of(pipe: &'a Pipe, buffer: &'b mut [u8]) -> Self {
        Reading { buffer, room: pipe.room_to(Use::Read).told_of() }
    }
}

impl sealed::Sealed for Reading<'_, '_> {}

impl Operation for Reading<'_, '_> {
    type Output = io::Result<usize>;

    fn attempt(self: Pin<&mut Self>) -> Option<io::Result<usize>> {
        let this = self.project();
        if this.buffer.is_empty() {
            return Some(Ok(0));
        }
        this.room.pipe.read(&mut [IoSliceMut::new(this.buffer)], true)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        self.project().room.register(waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.project().room.withdraw();
    }

    fn cancel(&self) -> CancelWait {
        self.room.cancel()
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.room.describe(f)
    }
}

impl fmt::Debug for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("pipe", &self.pipe).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}
