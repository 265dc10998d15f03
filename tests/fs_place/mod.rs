//! A directory for a test, which goes with it, and what else tests of files have in common.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cede::JoinHandle;

/// A directory of its own.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cede-fs-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with these contents.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    /// A named pipe.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.at(name);
        cede::io::make_fifo(&path, 0o600).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a task gives that nothing will wake when its turn is forgotten.
pub(crate) fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(60), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

/// Cancels a task that waits, and sees that it was.
pub(crate) fn cancel<T>(task: &JoinHandle<T>) {
    task.cancel();
    let joined = cede::timeout(Duration::from_secs(60), || task.join()).expect("it ends");
    assert!(joined.is_err_and(|error| error.is_cancelled()));
}

/// Has a task begin, and waits until it waits for a job.
pub(crate) fn until_it_waits<T>(task: &JoinHandle<T>) {
    (0..3).for_each(|_| cede::yield_now());
    assert!(!task.is_finished(), "it waits");
}

/// That an error says what was done, with what and why.
#[track_caller]
pub(crate) fn says(error: &io::Error, beginning: &str, code: i32) {
    let text = error.to_string();
    assert!(text.starts_with(beginning), "{text}");
    assert_eq!(cede::io::raw_os_error(error), Some(code), "{text}");
    assert_eq!(error.kind(), io::Error::from_raw_os_error(code).kind());
}

/// A name with a NUL inside.
pub(crate) fn nul() -> &'static Path {
    Path::new(std::ffi::OsStr::from_bytes(b"a\0b"))
}

/// Runs one test of this binary in a process of its own, since it changes what belongs to the process. Gives whether this is that
/// process. A file that becomes too large is an error there, and no signal.
pub(crate) fn in_child(test: &str) -> bool {
    const CHILD: &str = "CEDE_TEST_FS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let me = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(me).args([test, "--exact", "--nocapture"]);
    let output = command.env(CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    false
}
