//! A generator that walks a tree by plain recursion.
//!
//! The body yields from whatever depth it is at: there is no chain of generators, and no list of
//! directories that are still to be visited. What is kept is one open directory for each level.

use std::fs::{self, DirEntry, FileType, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cede::{Generator, Yielder};

use crate::survey::{Survey, add};

/// The regular files below `root`, or `root` itself when it is one.
///
/// The files of a directory come before those of its subdirectories. What can't be read is noted in the
/// survey, and the walk goes on.
pub(crate) fn files(root: &Path, survey: &Rc<Survey>) -> Generator<PathBuf> {
    let (root, survey) = (root.to_path_buf(), Rc::clone(survey));
    Generator::new(move |y| match fs::metadata(&root) {
        Ok(metadata) if metadata.is_dir() => Walk { y, survey: &survey, device: metadata.dev() }.enter(&root),
        Ok(_) => y.yield_(root.clone()),
        Err(error) => survey.problem(&root, error),
    })
}

struct Walk<'a> {
    y: &'a Yielder<PathBuf>,
    survey: &'a Survey,
    device: u64,
}

impl Walk<'_> {
    /// Walks one directory: first its files, in a second pass its directories, so that neither are kept.
    fn enter(&self, directory: &Path) {
        let _open = OpenDirectory::count(self.survey);
        self.for_each(directory, true, |entry, kind| {
            if kind.is_file() {
                self.y.yield_(entry.path());
            }
        });
        self.for_each(directory, false, |entry, kind| {
            if kind.is_dir() && entry.file_name() != "target" {
                self.descend(&entry.path());
            }
        });
        self.survey.show_progress();
    }

    /// The second pass meets the problems of the first again: only one of them notes these.
    fn for_each(&self, directory: &Path, notes_problems: bool, mut visit: impl FnMut(&DirEntry, FileType)) {
        let note = |path: &Path, error| {
            if notes_problems {
                self.survey.problem(path, error);
            }
        };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return note(directory, error),
        };
        for entry in entries {
            match entry {
                Ok(entry) if is_hidden(&entry) => {}
                Ok(entry) => match entry.file_type() {
                    Ok(kind) => visit(&entry, kind),
                    Err(error) => note(&entry.path(), error),
                },
                Err(error) => note(directory, error),
            }
        }
    }

    /// `grow` goes on with a larger stack where little of this one is left: a tree may be any depth.
    fn descend(&self, directory: &Path) {
        match fs::symlink_metadata(directory) {
            Ok(metadata) if !self.is_mount_point(&metadata) => cede::grow(|| self.enter(directory)),
            Ok(_) => {}
            Err(error) => self.survey.problem(directory, error),
        }
    }

    fn is_mount_point(&self, metadata: &Metadata) -> bool {
        metadata.dev() != self.device
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Counts the directories that the walk is inside of. Its destructor also runs when the walk is closed.
struct OpenDirectory<'a>(&'a Survey);

impl<'a> OpenDirectory<'a> {
    fn count(survey: &'a Survey) -> Self {
        add(&survey.directories, 1);
        add(&survey.open_directories, 1);
        OpenDirectory(survey)
    }
}

impl Drop for OpenDirectory<'_> {
    fn drop(&mut self) {
        self.0.open_directories.set(self.0.open_directories.get() - 1);
    }
}
