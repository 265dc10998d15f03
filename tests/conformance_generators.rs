//! Generator programs whose traces CPython recorded, run on cede: the traces must be equal, line for line.
//!
//! `tests/data/README.md` describes the programs.

#[path = "../examples/conformance/interpreter/mod.rs"]
mod interpreter;
#[path = "conformance_shared/mod.rs"]
mod shared;

use interpreter::Refusal;
use serde_json::json;
use shared::{assert_all_agree, assert_threads_keep_apart, first_difference};

const PROGRAMS: &str = include_str!("data/generators.jsonl");

#[test]
fn generators_behave_as_cpythons_do() {
    assert_all_agree(PROGRAMS, 300);
}

#[test]
fn programs_on_several_threads_keep_their_traces_apart() {
    assert_threads_keep_apart(PROGRAMS);
}

#[test]
fn a_difference_is_found_where_a_trace_is_too_short() {
    let (short, long) = (["a".to_owned()], ["a".to_owned(), "b".to_owned()]);
    assert_eq!(first_difference(&long, &long), None);
    assert!(first_difference(&short, &long).unwrap().starts_with("line 1"));
    assert!(first_difference(&long, &short).unwrap().starts_with("line 1"));
}

#[test]
fn programs_of_another_kind_are_refused() {
    let item = json!({"kind": "threads", "program": {"bodies": {"main": {"code": []}}}});
    assert!(
        matches!(interpreter::read(&item.to_string()), Err(Refusal::UnknownKind(kind)) if kind == "threads")
    );
}

#[test]
fn a_statement_that_does_not_exist_is_refused() {
    let item =
        json!({"kind": "generator", "program": {"bodies": {"a": {"code": [["jump", 3]]}}, "main": []}});
    assert!(matches!(interpreter::read(&item.to_string()), Err(Refusal::Malformed(_))));
}
