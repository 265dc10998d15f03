//! A whole file copied, in pieces: between two of them it is seen whether anybody still waits for it.
//!
//! How a piece is copied is std's affair, which asks the system first (`copy_file_range`, `sendfile`). A piece is large enough that the
//! calls for each don't count, and small enough that it takes milliseconds.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::calls::on_paths;

const PIECE: u64 = 8 << 20;

/// The task that waits for a copy. When it is dropped, nobody does.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Copies a file with its permissions, and gives how many bytes: [`std::fs::copy`], which has the system copy where it can.
///
/// # Errors
///
/// Those of the system, with both paths; outside of a task. What was copied before stays.
/// [`InvalidInput`](io::ErrorKind::InvalidInput) where `from` is no regular file; and, other than in std, where both paths lead to the same file,
/// which is left as it is, and where `to` is a named pipe, as in Python's `copyfile`.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile. The copy ends after the piece of 8 MiB that is under way, and what was copied by then stays
/// in the file at `to`; where it had not begun there is none.
///
/// # Examples
///
/// ```
/// use cede::fs;
///
/// cede::run(|| -> std::io::Result<()> {
///     let copy = std::env::temp_dir().join(format!("cede-copy-{}", std::process::id()));
///     let length = fs::copy("Cargo.toml", &copy)?;
///     assert_eq!(length, fs::metadata("Cargo.toml")?.len());
///     fs::remove_file(&copy)
/// })
/// # .unwrap();
/// ```
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let gone = Arc::new(AtomicBool::new(false));
    let _waits = Waits(Arc::clone(&gone));
    on_paths("copy", from.as_ref(), to.as_ref(), move |from, to| copy_while(from, to, &gone))
}

/// Copies until there is nothing more, or nobody waits. Blocks.
fn copy_while(from: &Path, to: &Path, gone: &AtomicBool) -> io::Result<u64> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    // Before they are opened: a named pipe would wait for somebody at its other end.
    if !std::fs::metadata(from)?.is_file() {
        return refused("only a regular file can be copied");
    }
    if std::fs::metadata(to).is_ok_and(|target| target.file_type().is_fifo()) {
        return refused("the target is a pipe: open it, and use `io::copy`");
    }
    let mut reader = File::open(from)?;
    let metadata = reader.metadata()?;
    let permissions = metadata.permissions();
    let mut options = OpenOptions::new();
    // It is emptied when it is known to be another file.
    let mut writer = options.write(true).create(true).truncate(false).mode(permissions.mode()).open(to)?;
    let target = writer.metadata()?;
    if (target.dev(), target.ino()) == (metadata.dev(), metadata.ino()) {
        return refused("both are the same file");
    }
    // One that was there has its own permissions, and the process's mask takes some from a new one. A device keeps its own in any case.
    if target.is_file() {
        writer.set_len(0)?;
        writer.set_permissions(permissions)?;
    }
    let mut copied = 0;
    while !gone.load(Ordering::Relaxed) {
        match io::copy(&mut (&mut reader).take(PIECE), &mut writer)? {
            0 => break,
            piece => copied += piece,
        }
    }
    Ok(copied)
}
