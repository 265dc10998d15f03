//! Streams for tests: one that is fed by the test, one that takes as much as the test lets it, and a run under virtual time.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use cede::io::ShutDown;
use cede::sync::Event;
use cede::{JoinHandle, Runner};

/// Runs a main task under virtual time.
pub(crate) fn run<T>(main: impl FnOnce() -> T) -> T {
    let runner = Runner::builder().virtual_time(true).build();
    let value = runner.run(main).unwrap();
    runner.close().unwrap();
    value
}

/// Cancels a task that waits, and sees that it was.
pub(crate) fn cancel<T>(task: &JoinHandle<T>) {
    (0..3).for_each(|_| cede::yield_now());
    assert!(!task.is_finished(), "it waits");
    task.cancel();
    assert!(task.join().is_err_and(|error| error.is_cancelled()));
}

/// A stream whose reader waits until it is fed. A read gives all that is there, as far as there is room.
#[derive(Clone, Default)]
pub(crate) struct Feed(Rc<Feeding>);

#[derive(Default)]
struct Feeding {
    bytes: RefCell<VecDeque<u8>>,
    error: Cell<Option<io::Error>>,
    ended: Cell<bool>,
    /// At most so many bytes at a time, if not 0.
    piece: Cell<usize>,
    reads: Cell<usize>,
    news: Event,
}

impl Feed {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let feed = Feed::default();
        feed.data(bytes);
        feed
    }

    /// Gives only so many bytes in one read.
    pub(crate) fn in_pieces(self, piece: usize) -> Self {
        self.0.piece.set(piece);
        self
    }

    pub(crate) fn data(&self, bytes: &[u8]) {
        self.0.bytes.borrow_mut().extend(bytes);
        self.0.news.set();
    }

    pub(crate) fn eof(&self) {
        self.0.ended.set(true);
        self.0.news.set();
    }

    /// What the next read gives, once.
    pub(crate) fn error(&self, error: impl Into<io::Error>) {
        self.0.error.set(Some(error.into()));
        self.0.news.set();
    }

    pub(crate) fn reads(&self) -> usize {
        self.0.reads.get()
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let feed = &self.0;
        feed.reads.set(feed.reads.get() + 1);
        loop {
            if let Some(error) = feed.error.take() {
                return Err(error);
            }
            let mut bytes = feed.bytes.borrow_mut();
            if !bytes.is_empty() {
                let most = if feed.piece.get() == 0 { buffer.len() } else { feed.piece.get() };
                let length = most.min(buffer.len()).min(bytes.len());
                bytes.drain(..length).zip(buffer).for_each(|(byte, place)| *place = byte);
                return Ok(length);
            }
            drop(bytes);
            if feed.ended.get() {
                return Ok(0);
            }
            feed.news.clear();
            feed.news.wait();
        }
    }
}

/// A stream that takes as many bytes as the test allows, and lets its writer wait for more.
#[derive(Clone, Default)]
pub(crate) struct Sink(Rc<Sinking>);

#[derive(Default)]
struct Sinking {
    taken: RefCell<Vec<u8>>,
    room: Cell<usize>,
    error: Cell<Option<io::Error>>,
    shut: RefCell<Vec<Shutdown>>,
    writes: Cell<usize>,
    news: Event,
}

impl Sink {
    pub(crate) fn with_room(room: usize) -> Self {
        let sink = Sink::default();
        sink.allow(room);
        sink
    }

    /// So many bytes more.
    pub(crate) fn allow(&self, room: usize) {
        self.0.room.set(self.0.room.get().saturating_add(room));
        self.0.news.set();
    }

    pub(crate) fn error(&self, error: impl Into<io::Error>) {
        self.0.error.set(Some(error.into()));
        self.0.news.set();
    }

    pub(crate) fn taken(&self) -> Vec<u8> {
        self.0.taken.borrow().clone()
    }

    pub(crate) fn writes(&self) -> usize {
        self.0.writes.get()
    }

    pub(crate) fn shut(&self) -> Vec<Shutdown> {
        self.0.shut.borrow().clone()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sink = &self.0;
        while !bytes.is_empty() && sink.room.get() == 0 {
            if let Some(error) = sink.error.take() {
                return Err(error);
            }
            sink.news.clear();
            sink.news.wait();
        }
        if let Some(error) = sink.error.take() {
            return Err(error);
        }
        sink.writes.set(sink.writes.get() + 1);
        let length = bytes.len().min(sink.room.get());
        sink.room.set(sink.room.get() - length);
        sink.taken.borrow_mut().extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ShutDown for Sink {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.0.shut.borrow_mut().push(how);
        Ok(())
    }
}
