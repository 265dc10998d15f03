//! The ports of `examples/ports` print what the programs print that lie beside them, run by the Python that is installed.
//!
//! It is `python3`, or what the variable PYTHON names. The first line of a program says which version it needs; where
//! there is none, or an older one, a line on stderr says what was skipped. The ports run in children of this binary, which
//! has the example in it: `cargo test --test ports` would not build the example, or find an old one.

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/ports/main.rs"]
mod ports;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// Names the port that a child of this binary prints.
const CHILD: &str = "CEDE_TEST_PORT";
/// What a port prints stands between these, since the test harness prints as well.
const BEGIN: &str = "<<<<\n";
const END: &str = ">>>>\n";
/// Both programs sleep in real time, which a machine that is busy enough can reorder. A port that is wrong is wrong each time.
const TRIES: usize = 3;

/// Major and minor.
type Version = (u32, u32);

fn version(text: &str) -> Option<Version> {
    let digits = text.trim().trim_end_matches('.');
    let (major, minor) = digits.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn python() -> OsString {
    env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// The version of the Python that is installed.
fn installed() -> Option<Version> {
    static INSTALLED: OnceLock<Option<Version>> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        let asked = "import sys; print('%d.%d' % sys.version_info[:2])";
        let output = Command::new(python()).args(["-c", asked]).output().ok()?;
        version(&String::from_utf8_lossy(&output.stdout))
    })
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ports").join(name).with_extension("py")
}

/// The version of Python that a program says it needs.
fn needed(name: &str) -> Version {
    let source = fs::read_to_string(program(name)).unwrap();
    let first = source.strip_prefix("# Python ").and_then(|rest| version(rest.split_whitespace().next()?));
    first.unwrap_or_else(|| panic!("{name}.py does not begin with the version of Python that it needs"))
}

/// What a command prints, which has to succeed.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} fails:\n{out}{errors}");
    out
}

fn python_prints(name: &str) -> String {
    printed(Command::new(python()).args(["-I", "-B"]).arg(program(name)))
}

fn port_prints(name: &str) -> String {
    let test = format!("prints_what_python_prints::{name}");
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([&test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, name);
    let all = printed(&mut child);
    let begin =
        all.find(BEGIN).unwrap_or_else(|| panic!("the child did not run {name}:\n{all}")) + BEGIN.len();
    let end = all.rfind(END).unwrap();
    all[begin..end].to_owned()
}

/// The first line in which two texts differ, in both forms.
fn first_difference(expected: &str, got: &str) -> Option<String> {
    let (expected, got) = (Vec::from_iter(expected.lines()), Vec::from_iter(got.lines()));
    (0..expected.len().max(got.len())).find_map(|line| {
        let (expected, got) = (expected.get(line), got.get(line));
        (expected != got).then(|| format!("line {}: Python has {expected:?}, the port {got:?}", line + 1))
    })
}

fn compare(name: &str) {
    if env::var(CHILD).is_ok_and(|child| child == name) {
        let main = ports::PROGRAMS.iter().find(|(program, _)| *program == name).unwrap().1;
        print!("{BEGIN}");
        cede::run(main).unwrap();
        print!("{END}");
        return;
    }
    let (needed, installed) = (needed(name), installed());
    if installed.is_none_or(|installed| installed < needed) {
        // Not `eprintln`, which the harness keeps to itself when the test passes.
        let (major, minor) = needed;
        let line = format!("skipped: {name}.py needs Python {major}.{minor}, and {:?} is ", python());
        let is = installed.map_or("not there".into(), |(major, minor)| format!("{major}.{minor}"));
        io::stderr().write_all(format!("{line}{is}\n").as_bytes()).unwrap();
        return;
    }
    let mut difference = None;
    for _ in 0..TRIES {
        difference = first_difference(&python_prints(name), &port_prints(name));
        if difference.is_none() {
            return;
        }
    }
    panic!("{name}: {}", difference.unwrap());
}

macro_rules! compared {
    ($($name:ident)+) => {
        const COMPARED: &[&str] = &[$(stringify!($name)),+];

        mod prints_what_python_prints {
            $(
                #[test]
                fn $name() {
                    super::compare(stringify!($name));
                }
            )+
        }
    };
}

compared! {
    callbacks
    cancelling
    chain
    chat
    context
    counting
    crawler
    executors
    groups
    locks
    makers
    meeting
    philosophers
    pipeline
    queues
    threads
    timeouts
    waits
    workers
}

#[test]
fn every_port_is_compared() {
    assert!(ports::PROGRAMS.iter().map(|(name, _)| name).eq(COMPARED));
}

#[test]
fn a_difference_is_found_where_a_text_is_too_short() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert!(first_difference("a\nb\n", "a\n").unwrap().starts_with("line 2"));
    assert!(first_difference("a\n", "b\n").unwrap().starts_with("line 1"));
}

#[test]
fn versions_are_compared_by_number() {
    assert_eq!(version("3.13.\n"), Some((3, 13)));
    assert!(version("3.9") < version("3.11"));
    assert_eq!(version("no Python"), None);
}
