//! What is in a directory, fetched in batches.
//!
//! The kinds of the entries come with their names as a rule, and where they don't, they are asked for in the job that fetches the
//! names. So a loop that looks at both makes a hop for some hundreds of entries.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calls::{Quoted, on_path};
use super::functions::symlink_metadata;
use super::turns::Turns;
use crate::io::named;
use crate::runtime::blocking;

/// How many entries one job fetches at most.
const BATCH: usize = 512;

/// What is in a directory, one after the other; from [`read_dir()`].
pub struct ReadDir {
    path: Arc<Path>,
    /// With the jobs that fetch entries.
    turns: Arc<Turns<Listing>>,
    batch: VecDeque<io::Result<DirEntry>>,
}

/// A directory that is being read.
struct Listing {
    /// Gone when it has ended.
    entries: Option<std::fs::ReadDir>,
    /// What was fetched and not handed out.
    batch: VecDeque<io::Result<DirEntry>>,
}

/// Something in a directory, in the shape of [`std::fs::DirEntry`].
#[derive(Clone)]
pub struct DirEntry {
    directory: Arc<Path>,
    name: OsString,
    number: u64,
    /// None where it could not be found out.
    kind: Option<FileType>,
}

/// What is in a directory, in no order: [`std::fs::read_dir`], Python's `scandir`. The names alone are Python's `listdir`.
///
/// Entries are fetched some hundreds at a time, with their kinds, so that [`file_type`](DirEntry::file_type) is known already.
///
/// # Errors
///
/// When the directory can't be opened; outside of a task. Each entry may be an error too, which is the last then.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile; so does `next`, and no entry is lost.
///
/// # Examples
///
/// ```
/// use cede::fs::read_dir;
///
/// let directories = cede::run(|| {
///     let mut names = Vec::new();
///     for entry in read_dir("src")? {
///         let entry = entry?;
///         if entry.file_type()?.is_dir() {
///             names.push(entry.file_name());
///         }
///     }
///     Ok::<_, std::io::Error>(names)
/// })?;
/// assert!(directories.iter().any(|name| name == "fs"));
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path: Arc<Path> = path.as_ref().into();
    let directory = Arc::clone(&path);
    let mut listing = on_path("list", &path, move |path| {
        let mut listing = Listing { entries: Some(std::fs::read_dir(path)?), batch: VecDeque::new() };
        listing.fetch(&directory, BATCH);
        Ok(listing)
    })?;
    let batch = std::mem::take(&mut listing.batch);
    Ok(ReadDir { path, turns: Turns::new(listing), batch })
}

impl Listing {
    /// Fetches entries, up to a number. On a thread.
    fn fetch(&mut self, directory: &Arc<Path>, most: usize) {
        while let Some(entries) = &mut self.entries
            && self.batch.len() < most
        {
            let entry = match entries.next() {
                Some(Ok(entry)) => Ok(DirEntry::of(&entry, directory)),
                Some(Err(error)) => Err(named(error, "list", Quoted(directory))),
                None => {
                    self.entries = None;
                    return;
                }
            };
            if entry.is_err() {
                self.entries = None;
            }
            self.batch.push_back(entry);
        }
    }
}

impl ReadDir {
    /// What is in a directory, in the order of names: all of it is fetched. Errors come first.
    pub(super) fn sorted(path: &Path) -> io::Result<Self> {
        let path: Arc<Path> = path.into();
        let directory = Arc::clone(&path);
        let batch = on_path("list", &path, move |path| {
            let mut listing = Listing { entries: Some(std::fs::read_dir(path)?), batch: VecDeque::new() };
            listing.fetch(&directory, usize::MAX);
            listing
                .batch
                .make_contiguous()
                .sort_by_cached_key(|entry| entry.as_ref().ok().map(DirEntry::file_name));
            Ok(listing.batch)
        })?;
        Ok(ReadDir { batch, ..ReadDir::empty(path) })
    }

    /// With nothing in it.
    pub(super) fn empty(path: Arc<Path>) -> Self {
        let listing = Listing { entries: None, batch: VecDeque::new() };
        ReadDir { path, turns: Turns::new(listing), batch: VecDeque::new() }
    }

    /// Whether it holds a descriptor, since there may be more.
    pub(super) fn is_open(&self) -> bool {
        self.turns.if_idle(|listing| listing.entries.is_some()).unwrap_or(true)
    }

    /// What comes next, which stays here.
    ///
    /// # Errors
    ///
    /// When it can't be fetched; it may be asked for again.
    pub(super) fn front(&mut self) -> io::Result<Option<&io::Result<DirEntry>>> {
        if self.batch.is_empty() {
            self.batch = self.fetch(BATCH)?;
        }
        Ok(self.batch.front())
    }

    /// Takes out what came next.
    pub(super) fn pop_front(&mut self) -> Option<io::Result<DirEntry>> {
        self.batch.pop_front()
    }

    /// Fetches all that is left, so that no descriptor is held.
    pub(super) fn fetch_rest(&mut self) -> io::Result<()> {
        let mut rest = self.fetch(usize::MAX)?;
        self.batch.append(&mut rest);
        Ok(())
    }

    /// Fetches up to so many more. Where that is cancelled they come with the next call.
    fn fetch(&self, most: usize) -> io::Result<VecDeque<io::Result<DirEntry>>> {
        let mut turn = self.turns.take()?;
        if turn.batch.len() < most && turn.entries.is_some() {
            let directory = Arc::clone(&self.path);
            turn = blocking::call(move || {
                turn.fetch(&directory, most);
                Ok(turn)
            })
            .map_err(|error| named(error, "list", Quoted(&self.path)))?;
        }
        Ok(std::mem::take(&mut turn.batch))
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        match self.front() {
            Ok(_) => self.pop_front(),
            Err(error) => {
                // Where nobody may wait it would fail again and again.
                *self = ReadDir::empty(Arc::clone(&self.path));
                Some(Err(error))
            }
        }
    }
}

impl DirEntry {
    fn of(entry: &std::fs::DirEntry, directory: &Arc<Path>) -> Self {
        let (name, kind) = (entry.file_name(), entry.file_type().ok());
        DirEntry { directory: Arc::clone(directory), name, number: entry.ino(), kind }
    }

    /// The path: that of the directory, as it was given, and the name.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.name.clone()
    }

    /// What kind of thing it is; of a symbolic link that it is one. As a rule that is known already.
    ///
    /// # Errors
    ///
    /// When it is not known and can't be found out.
    pub fn file_type(&self) -> io::Result<FileType> {
        match self.kind {
            Some(kind) => Ok(kind),
            None => self.metadata().map(|metadata| metadata.file_type()),
        }
    }

    /// What is known about it; of a symbolic link about itself.
    ///
    /// # Errors
    ///
    /// Those of the system, as when it has gone meanwhile.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    pub fn metadata(&self) -> io::Result<Metadata> {
        symlink_metadata(self.path())
    }

    /// The number of what it names: std's [`DirEntryExt::ino`].
    pub fn ino(&self) -> u64 {
        self.number
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.path).finish()
    }
}
