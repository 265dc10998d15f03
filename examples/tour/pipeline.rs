//! First chapter: three generators in a row, each of which consumes the one before.
//!
//! Nothing is collected on the way: a file is found, searched and counted before the next one is looked
//! for, so that the memory that this takes doesn't depend on the size of the tree.

use std::collections::BinaryHeap;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use cede::{Generator, GeneratorError, Step};

use crate::definitions::{Definition, KINDS, definitions};
use crate::readable::{self, bytes, count, counted, duration, per_second};
use crate::survey::Survey;
use crate::tally::{Group, Totals, tally};
use crate::walk::files;

const ROWS_MAX: usize = 8;

/// What the pipeline took.
struct Cost {
    time: Duration,
    /// How many stacks were in use at once.
    stacks: usize,
    /// Bytes of stack that each of the three generators used.
    used: [usize; 3],
}

/// What stood out among the groups.
#[derive(Default)]
struct Records {
    definitions: u64,
    busiest: Option<(PathBuf, u64)>,
    longest: Option<(PathBuf, Definition)>,
}

/// Runs the pipeline and says what it found, and how fast.
pub(crate) fn chapter(root: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "\n1. Three generators in a row: walk the tree, find definitions, count them\n")?;
    let survey = Rc::new(Survey::new());
    // Each belongs to the next one; the handles here only measure them.
    let walk = Rc::new(files(root, &survey));
    let search = Rc::new(definitions(Rc::clone(&walk), &survey));
    let groups = tally(Rc::clone(&search));
    let (totals, records) = drive(&groups)?;
    let used = [walk.stack_high_water(), search.stack_high_water(), groups.stack_high_water()];
    let cost = Cost { time: survey.elapsed(), stacks: cede::stack::stats().high_water, used };
    survey.clear_progress();

    say_what_was_visited(&survey, out)?;
    say_what_was_found(root, &totals, &records, out)?;
    say_what_it_cost(&survey, &cost, out)?;
    Ok(())
}

/// Takes all groups from the last generator. Its return value comes with the last step.
fn drive(groups: &Generator<Group, (), Totals>) -> Result<(Totals, Records), GeneratorError> {
    let mut records = Records::default();
    loop {
        match groups.advance()? {
            Step::Yielded(group) => records.look_at(group),
            Step::Returned(totals) => return Ok((totals, records)),
        }
    }
}

impl Records {
    fn look_at(&mut self, group: Group) {
        self.definitions += group.definitions;
        if let Some(found) = group.longest {
            let old = self.longest.take();
            let length = old.as_ref().map_or(0, |(_, definition)| definition.name.len());
            self.longest = if found.name.len() > length { Some((group.path.clone(), found)) } else { old };
        }
        if group.definitions > self.busiest.as_ref().map_or(0, |(_, definitions)| *definitions) {
            self.busiest = Some((group.path, group.definitions));
        }
    }
}

fn say_what_was_visited(survey: &Survey, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "   visited {} in {}: {}, {}",
        counted(survey.files.get(), "file", "files"),
        counted(survey.directories.get(), "directory", "directories"),
        bytes(survey.bytes.get()),
        counted(survey.lines.get(), "line", "lines"),
    )?;
    for (number, what) in [
        (survey.binary_files.get(), "binary and not searched"),
        (survey.cut_lines.get(), "very long lines, of which only the beginning was searched"),
        (survey.problems.get(), "not readable, among them:"),
    ] {
        if number > 0 {
            writeln!(out, "     {:>12}  {what}", count(number))?;
        }
    }
    for problem in survey.named_problems() {
        writeln!(out, "     {problem}")?;
    }
    Ok(())
}

fn say_what_was_found(
    root: &Path,
    totals: &Totals,
    records: &Records,
    out: &mut impl Write,
) -> io::Result<()> {
    let lines = ("line that looks like a definition", "lines that look like definitions");
    writeln!(out, "   found {}", counted(records.definitions, lines.0, lines.1))?;
    let kinds = totals.kinds.iter().zip(KINDS).filter(|(number, _)| **number > 0);
    largest_first(kinds.map(|(number, kind)| (*number, kind)), |number, kind| {
        writeln!(out, "     {:>12}  {kind}", count(number))
    })?;
    if !totals.extensions.is_empty() {
        writeln!(out, "     {:>12}  {:>8}  {:>11}  of files named", "lines", "files", "definitions")?;
    }
    let extensions = totals.extensions.iter().map(|(extension, row)| (row.lines, &**extension));
    largest_first(extensions, |lines, extension| {
        let row = &totals.extensions[extension];
        let (files, definitions) = (count(row.files), count(row.definitions));
        writeln!(out, "     {:>12}  {files:>8}  {definitions:>11}  {extension}", count(lines))
    })?;
    if let Some((path, number)) = &records.busiest {
        writeln!(out, "   most in one file: {} in {}", count(*number), readable::path(below(root, path)))?;
    }
    if let Some((path, Definition { kind, line, name })) = &records.longest {
        let path = readable::path(below(root, path));
        writeln!(out, "   longest name: {} {name}\n     at {path}:{line}", KINDS[*kind])?;
    }
    Ok(())
}

/// Shows the largest rows of a table, which the generator borrows.
///
/// A heap can be emptied in order at the consumer's pace: what isn't asked for is never sorted.
fn largest_first<'t>(
    rows: impl Iterator<Item = (u64, &'t str)>,
    mut show: impl FnMut(u64, &'t str) -> io::Result<()>,
) -> io::Result<()> {
    cede::scoped(
        |y| {
            let mut heap = BinaryHeap::from_iter(rows);
            while let Some(row) = heap.pop() {
                y.yield_(row);
            }
        },
        |ranked| ranked.take(ROWS_MAX).try_for_each(|(number, name)| show(number, name)),
    )
}

/// There is a generator for each file beside the three in a row; they use the same few stacks in turn.
fn say_what_it_cost(survey: &Survey, cost: &Cost, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "   in {}: {} files/s, {}/s, {} lines/s",
        duration(cost.time),
        count(per_second(survey.files.get(), cost.time)),
        bytes(per_second(survey.bytes.get(), cost.time)),
        count(per_second(survey.lines.get(), cost.time)),
    )?;
    let [walk, search, tally] = cost.used.map(|used| bytes(used as u64));
    writeln!(
        out,
        "   {} on {}; the three in a row used {walk}, {search} and {tally} of theirs",
        counted(survey.files.get() + 3, "generator", "generators"),
        counted(cost.stacks as u64, "stack", "stacks"),
    )
}

fn below<'p>(root: &Path, path: &'p Path) -> &'p Path {
    match path.strip_prefix(root) {
        Ok(relative) if relative != Path::new("") => relative,
        _ => path,
    }
}
