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
//! Others who wait in an open of the same pipe find that other end, too: a reader sees an end, a writer has nobody who reads. Only a
//! cancellation can do that to them.
//!
//! Rejected: to open without waiting, and to wait for readiness (a reader would wait for the first byte and not for a writer, and each would
//! wait for the other where the writer has a question first); to leave the thread (the end of the run would wait for somebody who may
//! never come).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::calls::on_path;

/// See the head of this file.
#[derive(Debug)]
enum Stage {
    Begun,
    Waits { other_end: Option<OwnedFd> },
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
        if !std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.file_type().is_fifo()) {
            return Ok(());
        }
        let mut stage = self.stage();
        if let Stage::Gone = *stage {
            // Nobody hears of it.
            return Err(io::ErrorKind::Interrupted.into());
        }
        *stage = Stage::Waits { other_end: None };
        Ok(())
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let mut stage = self.0.stage();
        match &mut *stage {
            Stage::Over | Stage::Gone => {}
            Stage::Begun => *stage = Stage::Gone,
            Stage::Waits { other_end } => {
                let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
                // Where that may not be done the job goes on alone.
                *other_end = rustix::fs::open(&self.0.path, flags, Mode::empty()).ok();
            }
        }
    }
}
