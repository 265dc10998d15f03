//! The Python in the porting guide does what it says there, which the Rust beside it, a doctest, says too.
//!
//! It runs under a virtual clock, as the Rust does, by the Python that is installed: `python3`, or what the variable PYTHON names. Where
//! there is none that is new enough for the guide, a line on stderr says what was skipped; so it does for programs that need a package
//! which is not installed.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The version of the guide.
const NEEDED: (u32, u32) = (3, 13);

/// What programs of the guide need that does not come with Python.
const PACKAGES: &[&str] = &["aiofiles"];

/// A clock that jumps to the next deadline when nothing comes, as long as no thread is at work, and is the system's else.
const VIRTUAL_TIME: &str = "\
import asyncio, selectors, threading, time
now, select = 0.0, selectors.DefaultSelector.select
def select_or_jump(self, timeout=None):
    global now
    begin, alone = time.monotonic(), threading.active_count() == 1
    ready = select(self, 0 if timeout and alone else timeout)
    if timeout:
        now += timeout * (not ready) if alone else time.monotonic() - begin
    return ready
selectors.DefaultSelector.select = select_or_jump
asyncio.BaseEventLoop.time = lambda self: now
del select_or_jump
";

/// Runs one program, and says where it stands when it fails.
const CHECK: &str = "\
import sys, traceback
def check(place, program):
    try:
        exec(compile(program, place, 'exec'), {'__name__': '__main__'})
    except BaseException:
        print(place, 'fails:', traceback.format_exc(), file=sys.stderr)
";

/// One block of Python in a chapter.
struct Block {
    chapter: PathBuf,
    line: usize,
    program: String,
    /// The kind of the block that follows: empty for Rust that runs.
    beside: Option<String>,
}

fn python() -> OsString {
    env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// Runs a program, and gives what it says when it fails.
fn run(program: &str) -> Result<(), String> {
    let mut child = Command::new(python())
        .args(["-I", "-B", "-W", "error", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether the Python that is installed is new enough; says so if it is not.
fn is_new_enough() -> bool {
    let asked = format!("import sys; sys.exit(sys.version_info < {NEEDED:?})");
    let status = Command::new(python()).args(["-c", &asked]).status();
    let new_enough = status.is_ok_and(|status| status.success());
    if !new_enough {
        say(&format!("skipped: the Python of the guide needs {NEEDED:?}, and {:?} is not that", python()));
    }
    new_enough
}

/// Not by `eprintln`, which the harness keeps to itself when the test passes.
fn say(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Leaves out what needs a package that is not installed.
fn that_can_run(mut blocks: Vec<Block>) -> Vec<Block> {
    for package in PACKAGES {
        let needs = |block: &Block| block.program.contains(&format!("import {package}"));
        if blocks.iter().any(needs) && run(&format!("import {package}")).is_err() {
            say(&format!("skipped: {package} is not there for {:?}", python()));
            blocks.retain(|block| !needs(block));
        }
    }
    blocks
}

/// The blocks of Python in the text of a chapter.
fn blocks(chapter: &Path, text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let Some(line) = line.strip_prefix("//!") else { continue };
        let line = line.strip_prefix(' ').unwrap_or(line);
        match (line.strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(kind), None) => {
                open = Some(kind);
                if let Some(last) = found.last_mut() {
                    last.beside.get_or_insert(kind.into());
                }
                if kind == "python" {
                    let (chapter, program) = (chapter.into(), String::new());
                    found.push(Block { chapter, line: index + 1, program, beside: None });
                }
            }
            (None, Some("python")) => {
                let program = &mut found.last_mut().unwrap().program;
                program.push_str(line);
                program.push('\n');
            }
            _ => {}
        }
    }
    found
}

fn guide() -> Vec<Block> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/porting");
    let mut chapters: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    chapters.sort();
    chapters.iter().flat_map(|chapter| blocks(chapter, &fs::read_to_string(chapter).unwrap())).collect()
}

#[test]
fn the_python_of_the_guide_does_what_it_says() {
    let blocks = guide();
    assert!(blocks.len() >= 20, "only {} were found", blocks.len());
    if !is_new_enough() {
        return;
    }
    let blocks = that_can_run(blocks);
    // One interpreter for all, since it takes longer to start than to run any of them.
    let calls = blocks.iter().map(|Block { chapter, line, program, .. }| {
        let place = format!("{}:{line}", chapter.file_name().unwrap().display());
        format!("check({place:?}, {program:?})\n")
    });
    if let Err(errors) = run(&format!("{VIRTUAL_TIME}{CHECK}{}", String::from_iter(calls))) {
        panic!("{errors}");
    }
}

#[test]
fn every_piece_of_python_has_rust_beside_it_that_runs() {
    for Block { chapter, line, beside, program } in guide() {
        assert_eq!(beside.as_deref(), Some(""), "{}:{line}: what follows is no doctest", chapter.display());
        assert!(program.contains("assert"), "{}:{line} claims nothing", chapter.display());
    }
}

#[test]
fn a_program_that_is_wrong_or_warns_is_found() {
    if !is_new_enough() {
        return;
    }
    assert!(run("assert 1 == 1").is_ok());
    assert!(run("assert 1 == 2").unwrap_err().contains("AssertionError"));
    let unawaited = "async def f(): pass\nf()";
    assert!(run(unawaited).unwrap_err().contains("never awaited"));
}

#[test]
fn the_clock_jumps() {
    if !is_new_enough() {
        return;
    }
    let day = "import time\nbegin = time.monotonic()\nasyncio.run(asyncio.sleep(86400))\nassert time.monotonic() - begin < 60";
    run(&format!("{VIRTUAL_TIME}\n{day}")).unwrap();
}
