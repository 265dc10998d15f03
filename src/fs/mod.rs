//! Files and directories, in std's shapes: what takes time is done on a thread, and suspends the task.
//!
//! No system tells when a disk is ready, so each call here is a job for the threads of [`unblock`](crate::unblock), as in aiofiles. What costs is
//! the way there and back. So a call does as much as it can at once: [`read`] opens, reads and closes a file in one job, [`read_dir()`] fetches
//! hundreds of entries, and a [`File`] has a buffer, so that small reads and writes and its [`lines`](File::lines) go to a thread
//! once for each block.
//!
//! ```
//! use cede::fs::{self, File};
//! use std::io::{self, Write};
//!
//! cede::run(|| -> io::Result<()> {
//!     let path = std::env::temp_dir().join(format!("cede-fs-{}", std::process::id()));
//!     let mut file = File::create(&path)?;
//!     for n in 1..=3 {
//!         writeln!(file, "line {n}")?;
//!     }
//!     file.close()?;
//!     let lines: Vec<String> = File::open(&path)?.lines().collect::<io::Result<_>>()?;
//!     assert_eq!(lines, ["line 1", "line 2", "line 3"]);
//!     fs::remove_file(&path)
//! })
//! # .unwrap();
//! ```
//!
//! # Cancellation
//!
//! A job that has begun can't be taken back. A task that is cancelled meanwhile unwinds at once, the job goes on alone, and the end of the
//! run waits for it: a directory whose removal was cancelled may be gone all the same. Two that could take for ever end early: a [`copy`](copy())
//! after a piece, and the open of a named pipe at once. Jobs own what they use, and what becomes of it is said at
//! each call; for a [`File`] nothing is lost. A job that had not begun has no effect.
//!
//! # Where no task may wait
//!
//! Outside of tasks all of this gives an error, as sockets do. In a destructor while a task unwinds, and in
//! [`no_switch`](crate::no_switch), calls are done at once, and block their thread: there clean-up is possible.
//!
//! # Errors
//!
//! Those of the system, with what was done and the path: see [`OperationError`](crate::io::OperationError). A path with a NUL inside is
//! [`InvalidInput`](std::io::ErrorKind::InvalidInput). So are all "errors" that are not said otherwise.
//!
//! # Made of
//!
//! `calls` brings a call to a thread. `turns` is how a thing is lent to a job that may outlive its task, and comes back to whoever is next;
//! [`File`] and [`ReadDir`] lie in one. `file/buffers` is what a file knows between its jobs.

mod calls;
mod copying;
mod dir_builder;
mod file;
mod functions;
mod open_options;
mod opening;
mod read_dir;
#[cfg(feature = "tempfile")]
pub mod temp;
mod turns;
mod walk;
mod whole;

pub use copying::copy;
pub use dir_builder::DirBuilder;
pub use file::{File, FileLines, TryLockError};
pub use functions::{
    canonicalize, chown, create_dir, create_dir_all, exists, hard_link, is_dir, is_file, is_symlink, lchown,
    metadata, read, read_link, read_to_string, remove_dir, remove_dir_all, remove_file, rename,
    set_permissions, symlink, symlink_metadata, write,
};
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};
pub use walk::{Walk, WalkEntry, walk};
