//! The standard streams, which other processes share, without blocking the scheduler.
//!
//! What keeps a read from blocking elsewhere is the mode of the descriptor. But that belongs to the open file behind it, which a shell
//! shares with all the programs that it starts: one that leaves its terminal in non-blocking mode breaks the next. So the mode is
//! never touched here. By what the stream is:
//!
//! | what it is | how it is read or written |
//! |---|---|
//! | a pipe or a terminal, on Linux | it is opened again by `/proc/self/fd`: an open file of our own, in a mode of our own |
//! | a socket | calls are told not to wait one by one |
//! | the same where it can't be opened again (another system, another user's terminal) | asked by `poll` before each call, which then takes what is there. Another process that takes it in between makes this thread wait |
//! | all else: files, `/dev/null` | on a thread for blocking work |
//!
//! It is found out once, when the stream is first used.
//!
//! A call on a thread is not given up when its task is cancelled: it is short, since files do not make anybody wait for long,
//! and giving it up would lose what it has read.
//!
//! Rejected: a thread that reads ahead (it takes what the next program of the shell should get, and a read that waits there can't be
//! cancelled); duplicating the descriptor (a duplicate shares the mode).

mod input;
mod output;
mod raw;

pub use input::{Stdin, StdinLines, StdinLock, stdin};
pub use output::{Stderr, StderrLock, Stdout, StdoutLock, stderr, stdout};
