//! The open of a file, on a thread, that ends when its task has gone: also that of a named pipe, which waits for somebody at its other end.
//!
//! Nothing interrupts a thread that waits there but somebody at the other end. So whoever cancels opens the pipe for both directions, which
//! waits for nobody, and holds it until the job is over: the job's open finds its other end, whether it waits already or is about to.
//!
//! ```text
//!                job: no pipe                         job: open came back
//!   BEGUN ───────────────────────────────────────────────────────────────▶ OVER: what holds the pipe goes
//!     │  job: a pipe                                          ▲
//!     ├────────────▶ WAITS ───────────────────────────────────┤
//!     │                 │ the task goes: opens the other end  │
//!     │                 └───────────▶ WAITS, held ────────────┘
//!     └── the task goes ─▶ GONE ── job: a pipe ─▶ is not opened
//! ```
//!
//! The path may lead elsewhere by then, or nowhere. So the job takes hold of the pipe by a descriptor that is at no end of it (`O_PATH`), where
//! the system has such, and the other end is opened by that. Who may not read the pipe or not write to it can't open both ends: then the
//! job goes on alone.
//!
//! Others who wait in an open of the same pipe find that other end, too: a reader sees an end, a writer has nobody who reads. Only a
//! cancellation can do that to them.
//!
//! Rejected: to open without waiting, and to wait for readiness (a reader would wait for the first byte and not for a writer, and each would
//! wait for the other where the writer has a question first); to leave the thread (the end of the run would wait for somebody who may
//! never come).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::calls::on_path;

/// See the head of this file.
#[derive(Debug)]
enum Stage {
    Begun,
    Waits { pipe: Option<OwnedFd>, other_end: Option<OwnedFd> },
    Over,
    Gone,
}

struct Opening {
    path: PathBuf,
    stage: Mutex<Stage>,
}

/// The task that waits for it. Unless it is over, the task goes with this.
struct Opener(Arc<Opening>);

/// Opens a file by `f`, on a thread.
pub(super) fn open(
    path: &Path,
    f: impl FnOnce(&Path) -> io::Result<File> + Send + 'static,
) -> io::Result<File> {
    let opening = Arc::new(Opening { path: path.to_owned(), stage: Mutex::new(Stage::Begun) });
    let opener = Opener(Arc::clone(&opening));
    let opened = on_path("open", path, move |path| {
        opening.begin()?;
        let opened = f(path);
        // What holds the other end goes here.
        *opening.stage() = Stage::Over;
        opened
    });
    *opener.0.stage() = Stage::Over;
    opened
}

impl Opening {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job is about to open it.
    fn begin(&self) -> io::Result<()> {
        if !is_pipe(&self.path) {
            return Ok(());
        }
        let mut stage = self.stage();
        if let Stage::Gone = *stage {
            // Nobody hears of it.
            return Err(io::ErrorKind::Interrupted.into());
        }
        *stage = Stage::Waits { pipe: hold(&self.path), other_end: None };
        Ok(())
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let mut stage = self.0.stage();
        match &mut *stage {
            Stage::Over | Stage::Gone => {}
            Stage::Begun => *stage = Stage::Gone,
            // Where that may not be done the job goes on alone.
            Stage::Waits { pipe, other_end } => {
                let held = pipe.as_ref().map(|pipe| format!("/proc/self/fd/{}", pipe.as_raw_fd()));
                let by_hold = held.and_then(|held| open_both_ends(Path::new(&held)));
                *other_end = by_hold.or_else(|| open_both_ends(&self.0.path));
            }
        }
    }
}

fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// What stands for a pipe wherever its path leads later.
#[cfg(target_os = "linux")]
fn hold(path: &Path) -> Option<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn hold(_: &Path) -> Option<OwnedFd> {
    None
}

/// Waits for nobody. Nothing else than a pipe is opened so.
fn open_both_ends(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    if is_pipe(path) { rustix::fs::open(path, flags, Mode::empty()).ok() } else { None }
}
