//! Programs of tasks whose traces CPython's asyncio recorded, run on cede: the traces must be equal, line for line.
//!
//! `tests/data/README.md` describes the programs.

#[path = "../examples/conformance/interpreter/mod.rs"]
mod interpreter;
#[path = "conformance_shared/mod.rs"]
mod shared;

use interpreter::Refusal;
use serde_json::{Value as Json, json};
use shared::{assert_all_agree, assert_threads_keep_apart, trace_of};

const PROGRAMS: &str = include_str!("data/tasks.jsonl");

#[test]
fn tasks_behave_as_asyncios_do() {
    assert_all_agree(PROGRAMS, 400);
}

#[test]
fn programs_on_several_threads_keep_their_traces_apart() {
    assert_threads_keep_apart(PROGRAMS);
}

fn refusal_of(program: Json) -> Refusal {
    let Err(refusal) = interpreter::read(&json!({"kind": "tasks", "program": program}).to_string()) else {
        panic!("it was not refused");
    };
    refusal
}

#[test]
fn what_is_no_program_is_refused() {
    let main = |statement: Json| json!({"objects": [], "bodies": {"main": {"code": [statement]}}});
    for (program, reason) in [
        (json!({"objects": [], "bodies": {"other": {"code": []}}}), "no body \"main\""),
        (json!({"objects": [["o", "sofa"]], "bodies": {"main": {"code": []}}}), "\"sofa\""),
        (json!({"objects": [["o", "lock"], ["o", "lock"]], "bodies": {"main": {"code": []}}}), "two objects"),
        (json!({"objects": [["o", "condition", "l"]], "bodies": {"main": {"code": []}}}), "no lock \"l\""),
        (main(json!(["jump", 3])), "\"jump\""),
        (main(json!(["acquire", "o"])), "no object \"o\""),
        (main(json!(["spawn", "t", "nobody", []])), "no body \"nobody\""),
        (main(json!(["gather", [["old", "b", []]], 0, "a"])), "\"old\""),
        (main(json!(["wait", [], null, "NEVER", "a"])), "\"NEVER\""),
    ] {
        let refusal = refusal_of(program).to_string();
        assert!(refusal.contains(reason), "{refusal}");
    }
}

/// asyncio lets go of tasks that begin while a program is shut down; cede ends them, and what they do is not in the trace.
#[test]
fn a_trace_is_over_when_asyncio_would_have_closed_the_loop() {
    let late = json!([["log", "late"], ["sleep", 1], ["log", "later"]]);
    let program = json!({"objects": [], "bodies": {
        "main": {"code": [["spawn", "w", "worker", []], ["sleep", 0]]},
        "worker": {"code": [["try", [["sleep", 5]], [], null, [["spawn", "l", "late", []]]]]},
        "late": {"code": late},
    }});
    let trace = trace_of(&json!({"kind": "tasks", "program": program}).to_string());
    assert_eq!(
        trace,
        [
            "0 - main result null",
            "0 - shutdown 1",
            "0 T2 log late",
            "final T0 main result null",
            "final T1 worker cancelled cancelling=1",
            "final T2 late pending",
            "end",
        ]
    );
}
