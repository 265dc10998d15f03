//! Every overflow of a stack of cede is reported with the name and the place of what overflowed, and nothing else is.
//!
//! Each test runs in a child process, which the overflow ends.

#[path = "attack/child.rs"]
mod child;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::process::Output;
use std::thread;

use cede::{Generator, Yielder};

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

/// Runs out of stack, in small steps.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + frame[7] }
}

/// What the report ends with.
const ADVICE: &str = "\n  Give it more with Builder::stack_size, or wrap the recursion in cede::grow.\n";

#[track_caller]
fn assert_reported(run: &Output, who: &str, size: &str) {
    let text = child::text(run);
    let report = format!("cede: {who} overflowed its stack of {size} (made at {}:", file!());
    let place = text.find(&report).unwrap_or_else(|| panic!("no {report:?} in {text:?}"));
    let line = &text[place + report.len()..];
    let (line, rest) = line.split_once(')').unwrap();
    assert!(rest.starts_with(ADVICE), "{text}");
    let line: u32 = line.parse().unwrap();
    assert!(line > 0 && line < Location::caller().line(), "made at line {line}?");
    assert!(!text.contains("has overflowed its stack"), "reported twice: {text}");
    assert_eq!(run.status.signal(), Some(SIGABRT), "{text}");
}

#[test]
fn a_recursion_in_a_generator_without_a_name() {
    let run = child::run("a_recursion_in_a_generator_without_a_name", &[], || {
        Generator::new(|y: &Yielder<u64>| y.yield_(recurse(0))).next();
    });
    assert_reported(&run, "a generator", if cfg!(debug_assertions) { "1 MiB" } else { "256 KiB" });
}

#[test]
fn a_recursion_in_a_generator_with_a_name() {
    let run = child::run("a_recursion_in_a_generator_with_a_name", &[], || {
        let made = Generator::builder().name("parser").stack_size(128 << 10);
        made.build(|y: &Yielder<u64>| y.yield_(recurse(0))).unwrap().next();
    });
    assert_reported(&run, "generator \"parser\"", "128 KiB");
}

#[test]
fn a_recursion_after_a_yield_in_a_delegate() {
    let run = child::run("a_recursion_after_a_yield_in_a_delegate", &[], || {
        let made = Generator::builder().name("inner").stack_size(64 << 10);
        let inner = made.build(|y: &Yielder<u64>| {
            y.yield_(1);
            y.yield_(recurse(0));
        });
        let inner = inner.unwrap();
        Generator::new(move |y: &Yielder<u64>| y.yield_from(inner)).for_each(drop);
    });
    assert_reported(&run, "generator \"inner\"", "64 KiB");
}

#[test]
fn guards_that_were_made_by_mprotect() {
    let run = child::run("guards_that_were_made_by_mprotect", &[("CEDE_STACK_GUARD", "mprotect")], || {
        let made = Generator::builder().name("protected").stack_size(64 << 10);
        made.build(|y: &Yielder<u64>| y.yield_(recurse(0))).unwrap().next();
    });
    assert_reported(&run, "generator \"protected\"", "64 KiB");
}

/// A frame of 200 KiB, which is touched at its far end first.
#[inline(never)]
fn large_frame() -> u8 {
    let mut large = [0u8; 200 << 10];
    black_box(&mut large)[0] = 1;
    black_box(&large)[17]
}

#[test]
fn one_frame_that_is_larger_than_the_stack_and_its_guard() {
    let run = child::run("one_frame_that_is_larger_than_the_stack_and_its_guard", &[], || {
        let made = Generator::builder().name("one frame").stack_size(64 << 10);
        made.build(|y: &Yielder<u8>| y.yield_(large_frame())).unwrap().next();
    });
    assert_reported(&run, "generator \"one frame\"", "64 KiB");
}

unsafe extern "C" {
    fn qsort(
        base: *mut c_void,
        count: usize,
        size: usize,
        compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
    );
}

/// Compares by sorting two others.
extern "C" fn compare_deeper(_: *const c_void, _: *const c_void) -> c_int {
    sort_deeper();
    0
}

fn sort_deeper() {
    let mut two = black_box([1u64, 2]);
    // SAFETY: describes the array, and the comparison touches nothing.
    unsafe { qsort(two.as_mut_ptr().cast(), 2, 8, compare_deeper) };
    black_box(two);
}

#[test]
fn a_recursion_through_the_c_library() {
    let run = child::run("a_recursion_through_the_c_library", &[], || {
        let made = Generator::builder().name("sorter").stack_size(64 << 10);
        made.build(|y: &Yielder<()>| {
            sort_deeper();
            y.yield_(())
        })
        .unwrap()
        .next();
    });
    assert_reported(&run, "generator \"sorter\"", "64 KiB");
}

#[test]
fn a_recursion_in_a_segment_of_grow_inside_a_generator() {
    let run = child::run("a_recursion_in_a_segment_of_grow_inside_a_generator", &[], || {
        let made = Generator::builder().name("deep");
        let g =
            made.build(|y: &Yielder<u64>| y.yield_(cede::grow_with(usize::MAX, 256 << 10, || recurse(0))));
        g.unwrap().next();
    });
    assert_reported(&run, "segment of cede::grow \"deep\"", "256 KiB");
}

#[test]
fn a_recursion_in_a_segment_of_grow_on_a_thread() {
    let run = child::run("a_recursion_in_a_segment_of_grow_on_a_thread", &[], || {
        thread::spawn(|| cede::grow_with(usize::MAX, 64 << 10, || recurse(0))).join().unwrap();
    });
    assert_reported(&run, "a segment of cede::grow", "64 KiB");
}

#[test]
fn a_recursion_in_a_generator_on_another_thread() {
    let run = child::run("a_recursion_in_a_generator_on_another_thread", &[], || {
        let _first = Generator::new(|y: &Yielder<u8>| y.yield_(1)).next();
        let run = || {
            let made = Generator::builder().name("elsewhere").stack_size(64 << 10);
            made.build(|y: &Yielder<u64>| y.yield_(recurse(0))).unwrap().next();
        };
        thread::spawn(run).join().unwrap();
    });
    assert_reported(&run, "generator \"elsewhere\"", "64 KiB");
}

/// Overflows in its destructor.
struct DeepEnd;

impl Drop for DeepEnd {
    fn drop(&mut self) {
        black_box(recurse(0));
    }
}

#[test]
fn a_recursion_in_a_destructor_while_the_generator_is_dropped() {
    let run = child::run("a_recursion_in_a_destructor_while_the_generator_is_dropped", &[], || {
        let made = Generator::builder().name("ending").stack_size(64 << 10);
        let g = made.build(|y: &Yielder<u8>| {
            let _deep = DeepEnd;
            y.yield_(1);
        });
        let g = g.unwrap();
        (&g).next();
        drop(g);
    });
    assert_reported(&run, "generator \"ending\"", "64 KiB");
}

#[test]
fn a_thread_s_own_stack_is_reported_by_the_standard_library_as_ever() {
    let run = child::run("a_thread_s_own_stack_is_reported_by_the_standard_library_as_ever", &[], || {
        let suspended = Generator::new(|y: &Yielder<u8>| y.yield_(1));
        (&suspended).next();
        let small = thread::Builder::new().name("small".into()).stack_size(128 << 10);
        small.spawn(|| recurse(0)).unwrap().join().unwrap();
    });
    let text = child::text(&run);
    assert!(text.contains("thread 'small'") && text.contains("has overflowed its stack"), "{text}");
    assert!(!text.contains("cede:"), "{text}");
    assert_eq!(run.status.signal(), Some(SIGABRT));
}

thread_local! {
    static WILD: Cell<usize> = const { Cell::new(8) };
}

#[test]
fn a_wild_pointer_in_a_body_is_a_plain_fault() {
    let run = child::run("a_wild_pointer_in_a_body_is_a_plain_fault", &[], || {
        let write = |y: &Yielder<u8>| {
            // SAFETY: none; the process is to be ended by this.
            unsafe { (black_box(WILD.get()) as *mut u8).write_volatile(1) };
            y.yield_(1);
        };
        Generator::new(write).next();
    });
    let text = child::text(&run);
    assert!(!text.contains("overflowed"), "{text}");
    assert_eq!(run.status.signal(), Some(SIGSEGV), "{text}");
}
