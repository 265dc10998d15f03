//! All that is in a directory and in those below it.
//!
//! A directory is listed by some hundreds of entries at a time, with their kinds, each of which is one job. One that has no more is closed by
//! the first, so that most are; a large one stays open while what is below it is walked, so that its names need not be held. A deep tree of
//! large ones would need as many descriptors as it has levels: where there are too many, the rest of the outermost is fetched, and it
//! is closed. So what a walk holds is a batch of names for each level, all names of few, and few descriptors. One that sorts holds all names of a
//! directory on its way.
//!
//! Where a task is cancelled while a batch is fetched, it comes with the next call; where a directory is being opened, that is done again.
//!
//! Rejected: listing ahead in the background (what is pruned would be listed).

use std::ffi::OsStr;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::calls::{Quoted, on_path};
use super::read_dir::{DirEntry, ReadDir, read_dir};
use crate::io::named;

/// How many directories stay open at most.
const OPEN_MAX: usize = 8;

/// What is in a directory and in those below it; from [`walk()`].
pub struct Walk {
    options: Options,
    /// Where it begins, until it does.
    root: Option<PathBuf>,
    /// From the top down.
    levels: Vec<Level>,
    /// The directory that comes next, if its time has come: it was found, and perhaps handed out.
    next: Option<Directory>,
}

/// Says whether a directory is entered.
type Enter = Box<dyn FnMut(&WalkEntry) -> bool>;

struct Options {
    depth_min: usize,
    depth_max: usize,
    follow_links: bool,
    contents_first: bool,
    sorted: bool,
    enter: Option<Enter>,
}

/// A directory that is to be listed.
struct Directory {
    entry: WalkEntry,
    identity: Option<(u64, u64)>,
}

/// A directory that is listed.
struct Level {
    rest: ReadDir,
    /// The directory itself, where it comes after what is in it.
    last: Option<WalkEntry>,
    /// Which directory it is. Known where links are followed.
    identity: Option<(u64, u64)>,
}

/// Something that a [`Walk`] has found.
#[derive(Clone)]
pub struct WalkEntry {
    path: PathBuf,
    kind: FileType,
    depth: usize,
    /// The path is a symbolic link, and the kind that of what it leads to.
    followed: bool,
}

/// What is at a path and, where that is a directory, in it and in all below it: an iterator, depth first, in no order if it is not
/// [`sorted`](Walk::sorted). Python's `os.walk`, and `rglob`.
///
/// It begins with the path itself. If that is a symbolic link it is followed; others are not unless
/// [`follow_links`](Walk::follow_links) says so. What can't be looked at is an error in its place, and the walk goes on.
///
/// Large directories are listed in pieces, so that their names are never all in memory unless they are sorted. What is made or
/// removed in one meanwhile may come or not.
///
/// # Errors
///
/// Each entry: those of the system; a link that leads to a directory above it; outside of a task.
///
/// # Cancellation
///
/// `next` unwinds when the task is cancelled meanwhile, and nothing is lost.
///
/// # Examples
///
/// ```
/// let mut sources = cede::run(|| {
///     cede::fs::walk("src")
///         .enter(|directory| directory.file_name() != "manual")
///         .filter(|entry| entry.as_ref().map_or(true, |entry| entry.file_type().is_file()))
///         .map(|entry| entry.map(|entry| entry.into_path()))
///         .collect::<std::io::Result<Vec<_>>>()
/// })?;
/// sources.sort();
/// assert!(sources.contains(&"src/fs/walk.rs".into()));
/// assert!(!sources.contains(&"src/manual/mod.rs".into()));
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn walk(path: impl AsRef<Path>) -> Walk {
    let options = Options {
        depth_min: 0,
        depth_max: usize::MAX,
        follow_links: false,
        contents_first: false,
        sorted: false,
        enter: None,
    };
    Walk { options, root: Some(path.as_ref().to_owned()), levels: Vec::new(), next: None }
}

impl Walk {
    /// Leaves out what is less deep. The path itself has depth 0, what is in it 1.
    #[must_use]
    pub fn min_depth(mut self, depth: usize) -> Self {
        self.options.depth_min = depth;
        self
    }

    /// Leaves out what is deeper, and does not look at it.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.options.depth_max = depth;
        self
    }

    /// Whether symbolic links are followed: then their kinds are those of what they lead to, and directories are entered. One that leads to a
    /// directory above itself is an error, `ELOOP`.
    #[must_use]
    pub fn follow_links(mut self, follow: bool) -> Self {
        self.options.follow_links = follow;
        self
    }

    /// Whether a directory comes after what is in it, as who removes a tree wants it: `topdown=False`.
    #[must_use]
    pub fn contents_first(mut self, contents_first: bool) -> Self {
        self.options.contents_first = contents_first;
        self
    }

    /// Whether what is in a directory comes in the order of its names, byte by byte. All names of the directories on the way are in memory
    /// then.
    #[must_use]
    pub fn sorted(mut self, sorted: bool) -> Self {
        self.options.sorted = sorted;
        self
    }

    /// Says which directories are entered. One that is not is an entry all the same. It is not asked about the path itself.
    #[must_use]
    pub fn enter(mut self, enter: impl FnMut(&WalkEntry) -> bool + 'static) -> Self {
        self.options.enter = Some(Box::new(enter));
        self
    }

    /// Does not enter the directory that came last. Nothing happens when that was none, or has been entered, as it has where
    /// [contents come first](Self::contents_first).
    ///
    /// # Examples
    ///
    /// ```
    /// cede::run(|| {
    ///     let mut walk = cede::fs::walk("src").sorted(true);
    ///     while let Some(entry) = walk.next() {
    ///         let entry = entry?;
    ///         if entry.file_name() == "manual" {
    ///             walk.prune();
    ///         }
    ///         assert!(!entry.path().starts_with("src/manual/porting"));
    ///     }
    ///     Ok::<_, std::io::Error>(())
    /// })?;
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn prune(&mut self) {
        self.next = None;
    }

    /// Takes up what was found: what it is, and whether it is entered.
    fn visit(&mut self, entry: WalkEntry, identity: Option<(u64, u64)>) -> Option<io::Result<WalkEntry>> {
        let is_shown = entry.depth >= self.options.depth_min;
        let mut is_entered = entry.kind.is_dir() && entry.depth < self.options.depth_max;
        if is_entered && entry.depth > 0 {
            is_entered = self.options.enter.as_mut().is_none_or(|enter| enter(&entry));
        }
        if is_entered {
            let loops = identity.is_some() && self.levels.iter().any(|level| level.identity == identity);
            if loops {
                return Some(Err(named(Errno::LOOP.into(), "enter", Quoted(&entry.path))));
            }
            self.next = Some(Directory { entry: entry.clone(), identity });
            if self.options.contents_first {
                return None;
            }
        }
        is_shown.then_some(Ok(entry))
    }

    /// Begins to list the directory that is next. It stays next until its first entries are here.
    fn enter_next(&mut self) -> io::Result<()> {
        let Some(Directory { entry, identity }) = &self.next else { return Ok(()) };
        let identity = *identity;
        let listed = close_outermost(&mut self.levels).and_then(|()| match self.options.sorted {
            true => ReadDir::sorted(&entry.path),
            false => read_dir(&entry.path),
        });
        let Some(Directory { entry, .. }) = self.next.take() else { return Ok(()) };
        // With nothing in it, where it can't be listed: it comes itself, if it comes last.
        let (rest, error) = match listed {
            Ok(rest) => (rest, None),
            Err(error) => (ReadDir::empty(entry.path.as_path().into()), Some(error)),
        };
        let last = Some(entry).filter(|_| self.options.contents_first);
        self.levels.push(Level { rest, last, identity });
        error.map_or(Ok(()), Err)
    }

    fn begin(&mut self, root: PathBuf) -> Option<io::Result<WalkEntry>> {
        let found = on_path("get the metadata of", &root, |path| {
            let itself = std::fs::symlink_metadata(path)?;
            let followed = if itself.is_symlink() { std::fs::metadata(path).ok() } else { None };
            Ok((followed.is_some(), followed.unwrap_or(itself)))
        });
        match found {
            Ok((followed, metadata)) => {
                let entry = WalkEntry { path: root, kind: metadata.file_type(), depth: 0, followed };
                self.visit(entry, self.identity(&metadata))
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn identity(&self, metadata: &Metadata) -> Option<(u64, u64)> {
        self.options.follow_links.then(|| (metadata.dev(), metadata.ino()))
    }

    fn found(&mut self, entry: &DirEntry) -> Option<io::Result<WalkEntry>> {
        let (path, depth) = (entry.path(), self.levels.len());
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return Some(Err(error)),
        };
        let followed = self.options.follow_links && kind.is_symlink();
        // To find out what a link leads to, and which directory it is, takes a hop.
        let is_looked_at = followed || (self.options.follow_links && kind.is_dir());
        if !is_looked_at {
            return self.visit(WalkEntry { path, kind, depth, followed }, None);
        }
        // A link that leads nowhere is what it is.
        let metadata = on_path("get the metadata of", &path, |path| match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::symlink_metadata(path),
            found => found,
        });
        match metadata {
            Ok(metadata) => {
                let kind = metadata.file_type();
                let identity = self.identity(&metadata);
                self.visit(
                    WalkEntry { path, kind, depth, followed: followed && !kind.is_symlink() },
                    identity,
                )
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// One step; `Some(None)` at the end.
    fn step(&mut self) -> Option<Option<io::Result<WalkEntry>>> {
        if let Some(root) = self.root.clone() {
            let found = self.begin(root);
            self.root = None;
            return found.map(Some);
        }
        if self.next.is_some() {
            return self.enter_next().err().map(|error| Some(Err(error)));
        }
        let Some(level) = self.levels.last_mut() else { return Some(None) };
        match level.rest.front() {
            Ok(Some(Ok(entry))) => {
                let entry = entry.clone();
                let found = self.found(&entry);
                // Not before: a task that is cancelled meanwhile finds it again.
                let depth = self.levels.len() - 1;
                self.levels[depth].rest.pop_front();
                found.map(Some)
            }
            Ok(Some(Err(_))) => level.rest.pop_front().and_then(Result::err).map(|error| Some(Err(error))),
            Ok(None) => {
                let last = self.levels.pop().and_then(|level| level.last);
                last.filter(|entry| entry.depth >= self.options.depth_min).map(|entry| Some(Ok(entry)))
            }
            Err(error) => {
                // It would fail again and again.
                level.rest = ReadDir::empty(Path::new("").into());
                Some(Some(Err(error)))
            }
        }
    }
}

/// Sees to it that one more directory may stay open: reads the rest of the outermost where there are too many.
fn close_outermost(levels: &mut [Level]) -> io::Result<()> {
    let mut open = levels.iter_mut().filter(|level| level.rest.is_open());
    match open.next() {
        Some(outermost) if open.count() + 1 >= OPEN_MAX => outermost.rest.fetch_rest(),
        _ => Ok(()),
    }
}

impl Iterator for Walk {
    type Item = io::Result<WalkEntry>;

    fn next(&mut self) -> Option<io::Result<WalkEntry>> {
        loop {
            if let Some(step) = self.step() {
                return step;
            }
        }
    }
}

impl WalkEntry {
    /// The path: the one that the walk began with, and the names from there on.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path.
    pub fn into_path(self) -> PathBuf {
        self.path
    }

    /// The last part of the path; all of it where that is `/` or ends with `..`.
    pub fn file_name(&self) -> &OsStr {
        self.path.file_name().unwrap_or(self.path.as_os_str())
    }

    /// What kind of thing it is; of a symbolic link that it is one, unless links are followed.
    pub fn file_type(&self) -> FileType {
        self.kind
    }

    /// How deep it lies: 0 for the path that the walk began with.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the path is a symbolic link that was followed.
    pub fn is_followed(&self) -> bool {
        self.followed
    }

    /// What is known about it; of a symbolic link that is not followed about itself.
    ///
    /// # Errors
    ///
    /// Those of the system, as when it has gone meanwhile.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    pub fn metadata(&self) -> io::Result<Metadata> {
        if self.kind.is_symlink() { super::symlink_metadata(&self.path) } else { super::metadata(&self.path) }
    }
}

impl fmt::Debug for WalkEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WalkEntry").field(&self.path).finish()
    }
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("depth", &self.levels.len()).finish_non_exhaustive()
    }
}
