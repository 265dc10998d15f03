//! An open file by itself: the descriptor, and what it is called.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;

use crate::fs::calls::Quoted;

#[derive(Debug)]
pub(in crate::fs) struct Opened {
    pub(super) file: std::fs::File,
    /// That it was opened by, if it was by a path; for errors.
    path: Mutex<Option<Box<Path>>>,
    /// What is written does not stay here.
    pub(super) unbuffered: bool,
    can_write: OnceLock<bool>,
}

impl Opened {
    pub(super) fn new(file: std::fs::File, path: Option<&Path>, unbuffered: bool) -> Self {
        Opened { file, path: Mutex::new(path.map(Box::from)), unbuffered, can_write: OnceLock::new() }
    }

    #[cfg(feature = "tempfile")]
    pub(super) fn was_renamed(&self, path: &Path) {
        *self.path() = Some(path.into());
    }

    fn path(&self) -> MutexGuard<'_, Option<Box<Path>>> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_file(self) -> std::fs::File {
        self.file
    }

    /// Whether it is open for writing: asked before bytes are taken over, which would come to nothing much later.
    pub(super) fn check_can_write(&self) -> io::Result<()> {
        let ask = || fcntl_getfl(&self.file).is_ok_and(|flags| flags & OFlags::ACCMODE != OFlags::RDONLY);
        if *self.can_write.get_or_init(ask) { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

/// As errors have it.
impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path() {
            Some(path) => Quoted(path).fmt(f),
            None => write!(f, "descriptor {}", self.file.as_raw_fd()),
        }
    }
}
