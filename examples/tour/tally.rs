//! A generator that groups what the one before it found.
//!
//! It yields one group for each file and returns the totals. Neither grow with the tree: the groups are
//! arrays, and the table of extensions has a last row for all that do not fit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cede::Generator;

use crate::definitions::{Definition, Found, KINDS};

/// How many extensions have a row of their own.
const EXTENSIONS_MAX: usize = 200;

/// The definitions of one file.
pub(crate) struct Group {
    pub(crate) path: PathBuf,
    pub(crate) definitions: u64,
    pub(crate) longest: Option<Definition>,
}

/// Sums over all files.
#[derive(Default)]
pub(crate) struct Totals {
    /// How many definitions there are of each of [`KINDS`].
    pub(crate) kinds: [u64; KINDS.len()],
    pub(crate) extensions: BTreeMap<String, Row>,
}

/// Sums over the files with one extension.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) files: u64,
    pub(crate) lines: u64,
    pub(crate) definitions: u64,
}

/// Groups by file what was found, and sums it up by kind and by extension.
pub(crate) fn tally(found: Rc<Generator<Found>>) -> Generator<Group, (), Totals> {
    Generator::new(move |y| {
        let mut totals = Totals::default();
        let (mut definitions, mut longest) = (0, None);
        for item in &*found {
            match item {
                Found::Definition(definition) => {
                    totals.kinds[definition.kind] += 1;
                    definitions += 1;
                    longest = longer(longest, definition);
                }
                Found::EndOfFile(file) => {
                    let row = totals.row(&file.path);
                    row.files += 1;
                    row.lines += file.lines;
                    row.definitions += definitions;
                    y.yield_(Group { path: file.path, definitions, longest: longest.take() });
                    definitions = 0;
                }
            }
        }
        totals
    })
}

/// The definition with the longer name, the earlier one when they are equal.
fn longer(one: Option<Definition>, other: Definition) -> Option<Definition> {
    Some(match one {
        Some(one) if one.name.len() >= other.name.len() => one,
        _ => other,
    })
}

impl Totals {
    fn row(&mut self, path: &Path) -> &mut Row {
        let extension = path.extension().map_or("(none)".into(), |extension| extension.to_string_lossy());
        let has_row = self.extensions.len() < EXTENSIONS_MAX || self.extensions.contains_key(&*extension);
        let key = if has_row { &*extension } else { "(others)" };
        if !self.extensions.contains_key(key) {
            self.extensions.insert(key.to_owned(), Row::default());
        }
        self.extensions.get_mut(key).expect("the row was just made")
    }
}
