//! Runs programs of the conformance kit: one JSON program a line on stdin, one JSON trace a line on stdout.
//!
//! The same programs have been run by CPython, so that a trace which differs shows where cede's generators and tasks
//! behave differently from Python's. `tests/data/README.md` describes the languages.

mod interpreter;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use interpreter::Refusal;

fn main() -> ExitCode {
    match run_all(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused { line, refusal }) => {
            eprintln!("conformance: line {line}: {refusal}");
            ExitCode::from(2)
        }
        Err(Failure::Io(error)) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    /// The line, counted from 1, that could not be run.
    Refused {
        line: usize,
        refusal: Refusal,
    },
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn run_all(input: impl BufRead, output: impl Write) -> Result<(), Failure> {
    let mut output = io::BufWriter::new(output);
    for (index, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let item =
            interpreter::read(&line).map_err(|refusal| Failure::Refused { line: index + 1, refusal })?;
        serde_json::to_writer(&mut output, &item.run()).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
    }
    Ok(output.flush()?)
}
