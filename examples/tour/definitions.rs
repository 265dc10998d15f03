//! A generator that consumes files and yields the definitions in them.
//!
//! It reads by blocks and keeps one line at a time, of which it keeps no more than the beginning. For
//! each file it delegates to a generator of that file's definitions, whose return value sums the file up.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cede::{Generator, Yielder};

use crate::survey::{Survey, add};

/// The words that a definition begins with, in the languages that a tree of files is likely to hold.
pub(crate) const KINDS: [&str; 16] = [
    "fn",
    "def",
    "func",
    "function",
    "class",
    "struct",
    "enum",
    "union",
    "trait",
    "interface",
    "type",
    "typedef",
    "mod",
    "namespace",
    "macro_rules",
    DEFINE,
];
/// The one of them that follows a `#`.
const DEFINE: &str = "define";

/// Words that may come before these.
const MODIFIERS: [&str; 19] = [
    "pub",
    "crate",
    "super",
    "async",
    "const",
    "unsafe",
    "extern",
    "C",
    "static",
    "inline",
    "export",
    "default",
    "public",
    "private",
    "protected",
    "abstract",
    "final",
    "sealed",
    "constexpr",
];

/// How much of a line is kept. A definition says what it is well before that.
const LINE_MAX: usize = 1_024;
const BLOCK: usize = 64 * 1_024;
/// How many lines pass between two looks at the clock.
const LINES_PER_LOOK: u64 = 4_096;

/// What the generator yields: the definitions of a file in order, and then the file.
pub(crate) enum Found {
    Definition(Definition),
    EndOfFile(Summary),
}

/// A line that looks like a definition.
pub(crate) struct Definition {
    /// An index into [`KINDS`].
    pub(crate) kind: usize,
    pub(crate) line: u64,
    pub(crate) name: String,
}

/// A file, after its last definition.
pub(crate) struct Summary {
    pub(crate) path: PathBuf,
    pub(crate) lines: u64,
}

/// The definitions in all of these files.
pub(crate) fn definitions(files: Rc<Generator<PathBuf>>, survey: &Rc<Survey>) -> Generator<Found> {
    let survey = Rc::clone(survey);
    Generator::new(move |y| {
        for path in &*files {
            let summary = y.yield_from(definitions_in(path, &survey));
            y.yield_(Found::EndOfFile(summary));
        }
    })
}

/// The definitions in one file. Where reading fails they end early, and the survey says why.
fn definitions_in(path: PathBuf, survey: &Rc<Survey>) -> Generator<Found, (), Summary> {
    let survey = Rc::clone(survey);
    Generator::new(move |y| {
        let mut lines = 0;
        if let Err(error) = search(&path, &mut lines, &survey, y) {
            survey.problem(&path, error);
        }
        add(&survey.files, 1);
        survey.show_progress();
        Summary { path, lines }
    })
}

fn search(path: &Path, lines: &mut u64, survey: &Survey, y: &Yielder<Found>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BLOCK, File::open(path)?);
    if reader.fill_buf()?.contains(&0) {
        add(&survey.binary_files, 1);
        return Ok(());
    }
    let mut line = Vec::with_capacity(LINE_MAX);
    while read_line(&mut reader, &mut line, survey)? {
        *lines += 1;
        if let Some((kind, name)) = definition(&line) {
            y.yield_(Found::Definition(Definition { kind, line: *lines, name }));
        }
        if lines.is_multiple_of(LINES_PER_LOOK) {
            survey.show_progress();
        }
    }
    Ok(())
}

/// Reads a line and keeps its beginning. False at the end of the file.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, survey: &Survey) -> io::Result<bool> {
    line.clear();
    let kept = reader.by_ref().take(LINE_MAX as u64).read_until(b'\n', line)?;
    if kept == 0 {
        return Ok(false);
    }
    let mut skipped = 0;
    if kept == LINE_MAX && !line.ends_with(b"\n") {
        // A lone line feed is nothing that was cut.
        skipped = reader.skip_until(b'\n')?;
        add(&survey.cut_lines, u64::from(skipped > 1));
    }
    add(&survey.bytes, (kept + skipped) as u64);
    add(&survey.lines, 1);
    Ok(true)
}

/// The kind of definition that a line begins, and the name that follows.
fn definition(line: &[u8]) -> Option<(usize, String)> {
    let line = line.trim_ascii_start();
    let (is_directive, line) = match line.strip_prefix(b"#") {
        Some(directive) => (true, directive.trim_ascii_start()),
        None => (false, line),
    };
    if !line.first().is_some_and(|&byte| is_word(byte)) {
        return None;
    }
    let mut words = line.split(|&byte| !is_word(byte)).filter(|word| !word.is_empty());
    let keyword = words.find(|word| !MODIFIERS.iter().any(|modifier| modifier.as_bytes() == *word))?;
    let kind = KINDS.iter().position(|kind| kind.as_bytes() == keyword)?;
    let name = words.next().filter(|name| !name[0].is_ascii_digit())?;
    let is_definition = is_directive == (KINDS[kind] == DEFINE);
    is_definition.then(|| (kind, String::from_utf8_lossy(name).into_owned()))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
