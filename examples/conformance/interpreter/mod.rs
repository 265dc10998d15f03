//! The interpreter of the conformance language.
//!
//! A program is read into a tree whose names are already resolved ([`program`], [`expression`], [`statement`]) and then run.
//! What all kinds of programs share is in this directory: values, exceptions, expressions, control flow, the
//! trace. Each kind has a module of its own for the statements that only it has ([`generators`], [`tasks`]); it plugs them
//! in through [`program::Dialect`] (reading) and [`control::Host`] (running).
//!
//! The interpreter keeps no books on generators, tasks and what these share. Each operation of a program is one call of
//! cede's public API, so that the trace shows what cede does.

mod control;
mod exception;
mod expression;
mod generators;
mod program;
mod statement;
mod tasks;
mod trace;
mod value;

use std::fmt;

use serde_json::Value as Json;

use program::Malformed;

/// A program that was read and is ready to run.
pub(crate) enum Item {
    /// Kind "generator".
    Generators(generators::Program),
    /// Kind "tasks".
    Tasks(tasks::Program),
}

impl Item {
    /// Runs the program to its end and returns its trace.
    pub(crate) fn run(self) -> Vec<String> {
        match self {
            Self::Generators(program) => program.run(),
            Self::Tasks(program) => program.run(),
        }
    }
}

/// Why a line cannot be run.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not JSON.
    Syntax(serde_json::Error),
    /// It is JSON, but no program of the language.
    Malformed(Malformed),
    /// A kind of program that this interpreter does not run.
    UnknownKind(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "this is not JSON: {error}"),
            Self::Malformed(error) => write!(f, "this is no program: {error}"),
            Self::UnknownKind(kind) => {
                write!(f, "programs of kind {kind:?} cannot be run: \"generator\" and \"tasks\" are known")
            }
        }
    }
}

/// Reads one line: an object with the members `kind` and `program`.
pub(crate) fn read(line: &str) -> Result<Item, Refusal> {
    let item: Json = serde_json::from_str(line).map_err(Refusal::Syntax)?;
    match item["kind"].as_str() {
        Some("generator") => {
            generators::Program::read(&item["program"]).map(Item::Generators).map_err(Refusal::Malformed)
        }
        Some("tasks") => tasks::Program::read(&item["program"]).map(Item::Tasks).map_err(Refusal::Malformed),
        Some(kind) => Err(Refusal::UnknownKind(kind.to_owned())),
        None => Err(Refusal::Malformed(Malformed::new("it has no `kind`"))),
    }
}
