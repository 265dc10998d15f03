//! Tests of the checks themselves: each is shown one text that it accepts and the texts that it must refuse.

use super::*;

fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

/// The names that the layer check finds fault with in a file of `src`, given what `lib.rs` re-exports.
fn upward(path: &str, text: &str) -> usize {
    let lib =
        source("src/lib.rs", "pub use crate::task::{JoinHandle, spawn as begin}; pub use stack::stats;");
    check_layers(&source(path, text), &exports(&lib)).len()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = r####"a /* b /* c */ d */ "e \" f" 'g' '\'' r#"h " i"# 'static r#type // j"####;
    let found: Vec<_> = source("src/x.rs", text).tokens.into_iter().map(|token| token.text).collect();
    assert_eq!(found, ["a", "'", "static", "r", "#", "type"]);
    assert!(source("src/x.rs", text).comments.contains("// j"));
    assert!(!source("src/x.rs", "\"// no comment\"").comments.contains("no"));
}

#[test]
fn a_path_to_a_later_layer_is_found() {
    assert_eq!(upward("src/generator/core.rs", "use crate::stack; fn f() { crate::coroutine::g() }"), 0);
    assert_eq!(upward("src/task/mod.rs", "use crate::{generator, runtime::{park, self}};"), 0);
    assert_eq!(upward("src/generator/core.rs", "use crate::runtime::park;"), 1);
    assert_eq!(upward("src/generator/core.rs", "use crate::{stack, runtime::park, io::{a, b}};"), 2);
    assert_eq!(upward("src/generator/core.rs", "fn f() { crate :: task :: g() }"), 1);
    assert_eq!(upward("src/generator/core.rs", "macro_rules! m { () => { $crate::task::g() } }"), 1);
    assert_eq!(upward("src/elsewhere.rs", ""), 1);
    assert_eq!(upward("src/manual/mod.rs", "use crate::ws;"), 0);
}

#[test]
fn a_path_upward_by_super_is_found() {
    assert_eq!(upward("src/generator/core.rs", "use super::runtime; use super::super::stack;"), 0);
    assert_eq!(upward("src/generator/core.rs", "use super::super::runtime;"), 1);
    assert_eq!(upward("src/generator/core.rs", "use self::super::super::runtime;"), 1);
    assert_eq!(upward("src/generator/core.rs", "use super::{super::{runtime, stack}, frame};"), 1);
    assert_eq!(upward("src/generator/mod.rs", "use super::runtime;"), 1);
    assert_eq!(upward("src/coroutine.rs", "use super::runtime;"), 1);
    assert_eq!(upward("src/coroutine.rs", "mod tests { use super::task; }"), 0);
    assert_eq!(upward("src/coroutine.rs", "mod tests { use super::super::task; }"), 1);
}

#[test]
fn a_way_around_the_layers_is_found() {
    assert_eq!(upward("src/generator/core.rs", "use crate::stats; use super::*;"), 0);
    assert_eq!(upward("src/generator/core.rs", "use crate::JoinHandle;"), 1, "a re-export");
    assert_eq!(upward("src/generator/core.rs", "use crate::begin;"), 1, "a renamed re-export");
    assert_eq!(upward("src/generator/core.rs", "use crate::*;"), 1);
    assert_eq!(upward("src/generator/core.rs", "use crate as root;"), 1);
    assert_eq!(upward("src/generator/core.rs", "use crate::{self as root};"), 1);
    assert_eq!(upward("src/coroutine.rs", "use super::*;"), 1);
    assert_eq!(upward("src/generator/core.rs", "//! See [`crate::stack`].\n"), 0);
    assert_eq!(upward("src/generator/core.rs", "//! See [`crate::task`].\n"), 1);
}

#[test]
fn a_confined_crate_elsewhere_is_found() {
    let text = "use corosensei::Coroutine;";
    assert!(check_confined_crates(&source("src/coroutine.rs", text)).is_empty());
    assert!(check_confined_crates(&source("benches/generator.rs", text)).is_empty());
    assert!(check_confined_crates(&source("src/stack/mod.rs", "// as corosensei does\n")).is_empty());
    assert_eq!(check_confined_crates(&source("src/stack/mod.rs", text)).len(), 1);
    assert!(check_confined_crates(&source("src/runtime/reactor/epoll.rs", "polling::Poller")).is_empty());
    assert_eq!(check_confined_crates(&source("src/runtime/queue.rs", "polling::Poller")).len(), 1);
}

#[test]
fn a_file_without_an_opening_is_found() {
    assert!(check_opening(&source("src/x.rs", "//! What it is.\n")).is_empty());
    for text in ["", "use std::io;\n", "// What it is.\n", "//!\n", "\n//! Late.\n"] {
        assert_eq!(check_opening(&source("src/x.rs", text)).len(), 1, "{text:?}");
    }
}

#[test]
fn a_long_file_is_found() {
    assert!(check_lengths(&source("src/x.rs", &"\n".repeat(FILE_LINES_MAX))).is_empty());
    assert_eq!(check_lengths(&source("src/x.rs", &"\n".repeat(FILE_LINES_MAX + 1))).len(), 1);
}

#[test]
fn a_long_function_is_found() {
    let function = |head: &str, lines: usize| format!("{head} {{{}}}\n", "\n".repeat(lines - 1));
    let found = |text: &str| check_lengths(&source("src/x.rs", text)).len();
    for head in ["fn f()", "pub(crate) unsafe fn f<T>(a: [u8; 4]) -> [u8; 2]", "fn f(g: impl Fn(u8) -> u8)"] {
        assert_eq!(found(&function(head, FUNCTION_LINES_MAX)), 0, "{head}");
        assert_eq!(found(&function(head, FUNCTION_LINES_MAX + 1)), 1, "{head}");
    }
    let long = "\n".repeat(FUNCTION_LINES_MAX);
    assert_eq!(found(&format!("trait T {{ fn f(); {long} }}")), 0, "a declaration has no body");
    assert_eq!(found(&format!("struct S {{ f: fn(u8) -> u8, {long} }}")), 0, "a pointer type has no body");
    assert_eq!(found(&format!("fn f() {{ fn g() {{ {long} }} }}")), 2, "one in another counts for both");
}

#[test]
fn an_empty_name_is_found() {
    assert!(check_names(&source("src/stack/pool.rs", "mod tests {}")).is_empty());
    for (path, text) in [
        ("src/utils.rs", ""),
        ("tests/helpers/mod.rs", ""),
        ("src/stack/misc.rs", ""),
        ("src/x.rs", "mod util {}"),
        ("src/x.rs", "pub mod helper;"),
    ] {
        assert_eq!(check_names(&source(path, text)).len(), 1, "{path} {text}");
    }
}

#[test]
fn unsafe_code_in_the_wrong_place_is_found() {
    let (code, none) = ("fn f() { unsafe { g() } }", "//! Nothing unsafe, \"unsafe\".\n");
    assert!(check_unsafe(&source("src/a.rs", code), &["src/a.rs"]).is_empty());
    assert!(check_unsafe(&source("src/b.rs", none), &["src/a.rs"]).is_empty());
    assert_eq!(check_unsafe(&source("src/b.rs", code), &["src/a.rs"]).len(), 1);
    assert_eq!(check_unsafe(&source("src/a.rs", none), &["src/a.rs"]).len(), 1);
}

#[test]
fn code_in_the_manual_is_found() {
    assert!(check_manual(&source("src/manual/mod.rs", "//! fn text() {}\npub mod generators;\n")).is_empty());
    assert!(check_manual(&source("src/stack/mod.rs", "fn f() {}")).is_empty());
    assert_eq!(check_manual(&source("src/manual/mod.rs", "fn f() {}")).len(), 1);
}

#[test]
fn a_long_example_is_found() {
    let lines = |count| "\n".repeat(count);
    assert!(check_examples(&source("examples/a.rs", &lines(EXAMPLE_LINES_MAX)), &[]).is_empty());
    assert_eq!(check_examples(&source("examples/a.rs", &lines(EXAMPLE_LINES_MAX + 1)), &[]).len(), 1);
    assert!(check_examples(&source("examples/a.rs", &lines(WHOLE_JOB_LINES_MAX)), &["a.rs"]).is_empty());
    assert_eq!(check_examples(&source("examples/a.rs", &lines(WHOLE_JOB_LINES_MAX + 1)), &["a.rs"]).len(), 1);
    assert!(check_examples(&source("examples/tour/main.rs", &lines(500)), &[]).is_empty());
}

#[test]
fn unfinished_work_is_found() {
    assert!(check_finished(&source("src/x.rs", "//! Mastodons.\nlet todo = \"TODO\";")).is_empty());
    let marks = [
        concat!("// TO", "DO: more"),
        concat!("/* FIX", "ME */"),
        "fn f() { todo!() }",
        "unimplemented!(\"x\")",
    ];
    for text in marks {
        assert_eq!(check_finished(&source("src/x.rs", text)).len(), 1, "{text}");
    }
}
