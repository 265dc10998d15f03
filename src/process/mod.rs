//! Child processes in the shape of [`std::process`], where every wait suspends the task and not the thread.
//!
//! [`Command`] starts a [`Child`]; [`shell`] is a command of the shell. The ends of the child's pipes that stay here are those of
//! [`io`](crate::io): they read and write as any stream does, are raced in `select!`, and have their own timeouts. The child's ends block,
//! as programs expect.
//!
//! # How the end of a child is noticed
//!
//! ```text
//!                 exits                      looked at (under the lock of `Life`)
//!   it runs ─────────────▶ its number is kept ──────────────────────▶ the status is here, the number is free
//!      │                                                                      ▲
//!      └─ SIGCHLD is ignored, or others have waited for it: the status is lost┘
//! ```
//!
//! Who waits for a child waits for its descriptor (`pidfd`), which is readable once it has ended: nothing is installed for SIGCHLD, so
//! a program may do with that signal what it likes, and any number of tasks may wait, on any threads. Where there is no such descriptor (no
//! Linux, an old one, a sandbox, none left) a small thread waits for this one child, and tells the tasks. The variable
//! `CEDE_PROCESS=threads` has it so everywhere.
//!
//! A child is I/O: a virtual clock does not wait for it, and goes on to its next deadline as long as no child has ended.
//!
//! A number is free for others only after somebody here has looked at the status, so signals are sent, and statuses looked at, under one lock:
//! no signal reaches a stranger.
//!
//! # No zombies
//!
//! A child that is dropped goes on, as std's does, unless [`kill_on_drop`](Command::kill_on_drop) was set. What std leaves behind then is
//! a zombie until the program ends. Here an orphan is looked after: where it has not ended yet, by one thread for all
//! orphans, which is there only as long as there is one. It needs no run.
//!
//! # What a child has started
//!
//! Signals go to the child alone. What it has started in turn hears of them where the child leads a process group
//! ([`Command::process_group`] of 0, as Python's `process_group=0`): [`Child::send_signal_to_group`] is Python's `os.killpg`,
//! [`Child::shut_down_group`] ends all of them in an orderly way, and [`Command::kill_group_on_drop`] has all of them end with
//! the [`Child`]. A shell in a group of its own is no job of the terminal any more: Ctrl-C does not reach it.
//!
//! # Examples
//!
//! ```
//! use cede::process::{Command, Stdio, shell};
//! use std::io::{self, Read, Write};
//!
//! cede::run(|| -> io::Result<()> {
//!     let output = Command::new("echo").arg("hello").output()?;
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"hello\n");
//!
//!     let mut child = shell("tr a-z A-Z").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     let output = child.communicate("in capitals")?;
//!     assert_eq!(output.stdout, b"IN CAPITALS");
//!
//!     // As a stream: one program's output is the other's input, and what comes out at the end is read here.
//!     let mut first = Command::new("printf").arg("b\na\n").stdout(Stdio::piped()).spawn()?;
//!     let pipe = first.stdout.take().unwrap();
//!     let mut second = Command::new("sort").stdin(pipe).stdout(Stdio::piped()).spawn()?;
//!     assert_eq!(io::read_to_string(second.stdout.take().unwrap())?, "a\nb\n");
//!     assert!(first.wait()?.success() && second.wait()?.success());
//!     Ok(())
//! })
//! # .unwrap();
//! ```

mod child;
mod command;
mod communication;
mod group;
mod life;
mod orphans;
mod waiting;

use crate::io::{PipeReader, PipeWriter};

pub use child::Child;
pub use command::{Command, shell};
pub use std::process::{CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

/// The standard input of a child, to be written: a pipe like any other. Its end comes when this is dropped.
pub type ChildStdin = PipeWriter;

/// The standard output of a child, to be read: a pipe like any other. As a [`Stdio`] it is the input of the next child.
pub type ChildStdout = PipeReader;

/// What a child says of errors, to be read: a pipe like any other.
pub type ChildStderr = PipeReader;
