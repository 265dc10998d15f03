//! Fourth chapter: a program of asyncio, its port, and whether both print the same.
//!
//! `program.py` and `program.rs` lie beside this file. The port runs under a virtual clock, so that its pauses take no time;
//! CPython's lines were recorded, and anyone who has it can record them again with `python3 program.py`.

mod program;

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;

use cede::{Runner, time};

use crate::readable::{counted, duration};

const PYTHON: &str = include_str!("program.py");
const RUST: &str = include_str!("program.rs");
/// What CPython 3.13 prints for `program.py`.
const PRINTED: &str = include_str!("printed.txt");

/// The width of the left column.
const WIDTH: usize = 53;

/// Shows the program in both languages, runs the port and compares.
pub(crate) fn chapter(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "\n4. A program of asyncio, and its port: plain functions, tasks that borrow\n")?;
    for name in ["producer", "consumer", "program"] {
        let (left, right) = (function(PYTHON, "async def ", name), function(RUST, "fn ", name));
        side_by_side(&left, &right, out)?;
    }

    let started = Instant::now();
    let runner = Runner::builder().virtual_time(true).build();
    let passed = runner.run(|| {
        let begin = time::now();
        program::program().map(|()| time::now() - begin)
    })??;
    let took = started.elapsed();

    let lines = program::said();
    let (number, expected) = (lines.len(), PRINTED.lines().collect::<Vec<_>>());
    writeln!(out, "   the port says {}:", counted(number as u64, "line", "lines"))?;
    for some in lines.chunks(4) {
        writeln!(out, "     {}", some.join(", "))?;
    }
    if lines != expected {
        return Err("the port says other lines than CPython".into());
    }
    writeln!(out, "   they are the lines that were recorded from CPython 3.13, in the same order")?;
    let (passed, took) = (duration(passed), duration(took));
    writeln!(out, "   the run lasted {passed} by its virtual clock, and {took} by the clock on the wall")?;
    Ok(())
}

/// The lines of a function: from the one that begins it to the next empty line.
fn function<'a>(text: &'a str, keyword: &str, name: &str) -> Vec<&'a str> {
    let begin = format!("{keyword}{name}(");
    let lines = text.lines().skip_while(|line| !line.contains(&begin)).take_while(|line| !line.is_empty());
    lines.map(|line| line.strip_prefix("pub(super) ").unwrap_or(line)).collect()
}

fn side_by_side(left: &[&str], right: &[&str], out: &mut impl Write) -> io::Result<()> {
    for row in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(row).unwrap_or(&""), right.get(row).unwrap_or(&""));
        writeln!(out, "   {}", format!("{left:WIDTH$}| {right}").trim_end())?;
    }
    writeln!(out)
}
