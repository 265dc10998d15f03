//! Tests of the overflow report. Each runs in a child process, which it ends.

use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::process::Output;

use super::*;
use crate::stack::{Slot, acquire, child};

/// Runs the test again in a child and returns how that ended.
fn in_child(test: &str, body: impl FnOnce()) -> (Output, String) {
    let run = child::run(&format!("stack::overflow::tests::{test}"), &[], || {
        // Nobody wants the memory of a process that is meant to fail.
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
        body();
    });
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    (run, text)
}

fn write_to(address: usize) {
    // SAFETY: none; the process is to be ended by this.
    unsafe { (address as *mut u8).write_volatile(1) };
}

fn labelled(size: usize, kind: &'static str, name: Option<&str>) -> (Slot, u32) {
    let slot = acquire(size).unwrap();
    let label = Box::leak(Box::new(Label {
        kind,
        name: name.map(Into::into),
        made_at: Location::caller(),
        owner: std::ptr::null(),
    }));
    // SAFETY: the label is never freed.
    unsafe { slot.set_label(label) };
    (slot, label.made_at.line())
}

#[test]
fn an_overflow_names_the_generator_its_size_and_what_to_change() {
    let (run, text) = in_child("an_overflow_names_the_generator_its_size_and_what_to_change", || {
        prepare_thread();
        let (slot, line) = labelled(256 << 10, "generator", Some("parser"));
        eprintln!("{line}");
        write_to(slot.floor() - 1);
    });
    let (line, report) = text.split_once('\n').unwrap();
    let expected = format!(
        "cede: generator \"parser\" overflowed its stack of 256 KiB (made at {}:{line})\n  Give it more with \
         Builder::stack_size, or wrap the recursion in cede::grow.\n",
        file!(),
    );
    assert_eq!(report, expected);
    assert_eq!(run.status.signal(), Some(libc::SIGABRT));
}

#[test]
fn an_overflow_is_reported_at_both_ends_of_the_guard_and_without_a_name() {
    let (run, text) =
        in_child("an_overflow_is_reported_at_both_ends_of_the_guard_and_without_a_name", || {
            prepare_thread();
            let (slot, _) = labelled(4 << 20, "generator", None);
            write_to(slot.limit());
        });
    assert!(text.starts_with("cede: a generator overflowed its stack of 4 MiB (made at "), "{text}");
    assert_eq!(run.status.signal(), Some(libc::SIGABRT));
}

extern "C" fn never(_: libc::c_int) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(3) };
}

#[test]
fn the_abort_is_not_caught() {
    let (run, text) = in_child("the_abort_is_not_caught", || {
        // SAFETY: the handler is a function of the right type.
        unsafe { libc::signal(libc::SIGABRT, never as *const () as usize) };
        prepare_thread();
        write_to(labelled(256 << 10, "generator", None).0.limit());
    });
    assert!(text.starts_with("cede: "), "{text}");
    assert_eq!(run.status.signal(), Some(libc::SIGABRT));
}

#[test]
fn a_fault_elsewhere_ends_the_process_as_before() {
    let (run, text) = in_child("a_fault_elsewhere_ends_the_process_as_before", || {
        prepare_thread();
        write_to(16);
    });
    assert_eq!((run.status.signal(), &*text), (Some(libc::SIGSEGV), ""));
}

#[test]
fn a_fault_in_the_guard_of_a_slot_without_a_label_is_not_reported() {
    let (run, text) = in_child("a_fault_in_the_guard_of_a_slot_without_a_label_is_not_reported", || {
        prepare_thread();
        let (slot, _) = labelled(256 << 10, "generator", None);
        // SAFETY: null is always a valid label.
        unsafe { slot.set_label(ptr::null()) };
        write_to(slot.limit());
    });
    assert_eq!((run.status.signal(), &*text), (Some(libc::SIGSEGV), ""));
}

#[test]
fn a_thread_that_overflows_its_own_stack_is_reported_by_std() {
    #[expect(unconditional_recursion)]
    fn recurse(n: u64) -> u64 {
        std::hint::black_box(recurse(std::hint::black_box(n) + 1) + 1)
    }
    let (run, text) = in_child("a_thread_that_overflows_its_own_stack_is_reported_by_std", || {
        let thread = std::thread::spawn(|| {
            prepare_thread();
            recurse(0)
        });
        let _ = thread.join();
    });
    assert!(text.contains("has overflowed its stack") && !text.contains("cede: "), "{text}");
    assert_eq!(run.status.signal(), Some(libc::SIGABRT));
}

extern "C" fn exits_with_the_address(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the arguments are the kernel's.
    unsafe { libc::_exit(if context.is_null() { 1 } else { (*info).si_addr() as libc::c_int }) };
}

extern "C" fn exits_with_the_signal(signal: libc::c_int) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(100 + signal) };
}

#[test]
fn the_handler_that_was_there_gets_the_arguments_of_the_kernel() {
    let (run, _) = in_child("the_handler_that_was_there_gets_the_arguments_of_the_kernel", || {
        // SAFETY: a sigaction of zeros is valid, and the handler has the right type.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = exits_with_the_address as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut());
        }
        prepare_thread();
        write_to(77);
    });
    assert_eq!(run.status.code(), Some(77));
}

#[test]
fn an_old_handler_that_wants_no_more_than_the_number_is_called_too() {
    let (run, _) = in_child("an_old_handler_that_wants_no_more_than_the_number_is_called_too", || {
        // SAFETY: the handler has the right type.
        unsafe { libc::signal(libc::SIGBUS, exits_with_the_signal as *const () as usize) };
        prepare_thread();
        // SAFETY: a signal to this thread.
        unsafe { libc::raise(libc::SIGBUS) };
    });
    assert_eq!(run.status.code(), Some(100 + libc::SIGBUS));
}

#[test]
fn signals_that_somebody_sends_end_the_process_or_are_ignored_as_before() {
    for (action, expected) in [(libc::SIG_DFL, Some(libc::SIGBUS)), (libc::SIG_IGN, None)] {
        let test = "signals_that_somebody_sends_end_the_process_or_are_ignored_as_before";
        let environment = [("CEDE_TEST_ACTION", &*action.to_string())];
        let run = child::run(&format!("stack::overflow::tests::{test}"), &environment, || {
            let action = std::env::var("CEDE_TEST_ACTION").unwrap().parse().unwrap();
            // SAFETY: the action is one of the two that are no functions; the signal goes to this thread.
            unsafe {
                libc::signal(libc::SIGBUS, action);
                prepare_thread();
                libc::raise(libc::SIGBUS);
            }
        });
        assert_eq!((run.status.signal(), run.status.code()), (expected, expected.is_none().then_some(0)));
    }
}

#[test]
fn a_fault_is_not_ignored_though_the_signal_was() {
    let (run, _) = in_child("a_fault_is_not_ignored_though_the_signal_was", || {
        // SAFETY: ignores a signal.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_IGN) };
        prepare_thread();
        write_to(16);
    });
    assert_eq!(run.status.signal(), Some(libc::SIGSEGV));
}

#[test]
fn numbers_are_written_in_decimal() {
    let mut digits = [0; DIGITS];
    assert_eq!(decimal(0, &mut digits), "0");
    assert_eq!(decimal(1_024, &mut digits), "1024");
    assert_eq!(decimal(usize::MAX, &mut digits), usize::MAX.to_string());
}
