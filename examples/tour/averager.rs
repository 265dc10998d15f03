//! Second chapter: send, throw and close, on the files of the tree.
//!
//! A coroutine keeps a running mean of what it is sent, starts again when `Reset` is thrown in, and
//! returns how much it was sent in all when it is closed. The walk that feeds it is closed too, usually
//! before its end: its destructors leave the directories that it is inside of.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cede::{Generator, GeneratorState, Thrown, Yielder};

use crate::readable::{self, bytes, counted};
use crate::survey::Survey;
use crate::walk::files;

/// How many files are looked at before the walk is closed.
const FILES_MAX: usize = 500;
const DIRECTORIES_MAX: usize = 3;

/// Thrown into the averager: forget what was sent until now.
#[derive(Debug, thiserror::Error)]
#[error("start again")]
struct Reset;

/// Yields the mean of what it was sent since the last [`Reset`]; returns how much it was sent in all.
fn averager() -> Generator<f64, f64, u64> {
    Generator::new(|y: &Yielder<f64, f64>| {
        let (mut sum, mut number, mut all) = (0.0, 0.0, 0);
        let mut mean = 0.0;
        loop {
            match y.try_yield(mean) {
                Ok(value) => (sum, number, all) = (sum + value, number + 1.0, all + 1),
                Err(Thrown::Exit) => return all,
                Err(thrown) => match thrown.downcast::<Reset>() {
                    Ok(Reset) => (sum, number) = (0.0, 0.0),
                    Err(other) => other.rethrow(),
                },
            }
            mean = if number > 0.0 { sum / number } else { 0.0 };
        }
    })
}

/// Feeds the averager with the sizes of files, directory by directory.
pub(crate) fn chapter(root: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "\n2. send, throw and close: the mean size of the files in each directory\n")?;
    let survey = Rc::new(Survey::new());
    let walk = files(root, &survey);
    let averager = averager();
    averager.start()?;

    let mut means = Means::default();
    for path in (&walk).take(FILES_MAX) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let directory = path.parent().unwrap_or(root);
        if means.is_new(directory) {
            averager.throw(Reset)?;
        }
        let step = averager.send(metadata.len() as f64)?;
        means.set(directory, step.yielded().expect("the averager returns only when it is closed"));
    }
    let sent = averager.close()?.expect("the averager returns how much it was sent");
    survey.clear_progress();

    writeln!(out, "   {} sent, one Reset thrown for each directory", counted(sent, "size", "sizes"))?;
    means.show(out)?;
    close_early(&walk, &survey, out)
}

/// Shows that closing the walk runs the destructors of all that it has open.
fn close_early(
    walk: &Generator<PathBuf>,
    survey: &Survey,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    if walk.state() == GeneratorState::Closed {
        writeln!(out, "   the walk came to its end")?;
        return Ok(());
    }
    let open = survey.open_directories.get();
    walk.close()?;
    let (open, left) = (counted(open, "directory", "directories"), survey.open_directories.get());
    writeln!(out, "   the walk was closed while it had {open} open; now it has {left}")?;
    Ok(())
}

/// The directories with the largest means, and the one that is being looked at.
#[derive(Default)]
struct Means {
    current: Option<(PathBuf, f64)>,
    largest: Vec<(PathBuf, f64)>,
}

impl Means {
    fn is_new(&self, directory: &Path) -> bool {
        self.current.as_ref().is_none_or(|(current, _)| current != directory)
    }

    fn set(&mut self, directory: &Path, mean: f64) {
        match &mut self.current {
            Some((current, old)) if current == directory => *old = mean,
            _ => {
                self.rank_current();
                self.current = Some((directory.to_path_buf(), mean));
            }
        }
    }

    fn rank_current(&mut self) {
        self.largest.extend(self.current.take());
        self.largest.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        self.largest.truncate(DIRECTORIES_MAX);
    }

    fn show(mut self, out: &mut impl Write) -> io::Result<()> {
        self.rank_current();
        for (directory, mean) in &self.largest {
            writeln!(out, "     {:>12} on average in {}", bytes(*mean as u64), readable::path(directory))?;
        }
        Ok(())
    }
}
