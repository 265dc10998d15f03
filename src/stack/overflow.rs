//! The report of a stack overflow: a signal handler that names the coroutine whose stack was too small.
//!
//! The handler may run at any moment on any thread, on a small stack of its own. So it takes no lock,
//! allocates nothing, and reads only atomics, the label of the stack that overflowed, and the handler that
//! was there before. Faults that are not in the guard of a slot with a label go to that one: mostly the
//! standard library's, which does the same for the stacks of threads.
//!
//! It is installed once for the process, when the first thread is prepared.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::directory::{self, Place};
use super::slot::label_word;
use super::{Label, thread};

/// The signals that a fault raises: SIGSEGV on Linux, SIGBUS elsewhere, and for some kinds of memory.
const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What was installed before, for each signal. Written before our handler is installed, and never freed.
static PREVIOUS: [AtomicPtr<libc::sigaction>; 2] = [const { AtomicPtr::new(ptr::null_mut()) }; 2];

/// Prepares the calling thread for coroutines: installs the handler where this was not yet done, and gives
/// the thread a signal stack where it has none. May be called again at any time.
pub(crate) fn prepare_thread() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| (0..SIGNALS.len()).for_each(install));
    thread::ensure_signal_stack();
}

fn install(index: usize) {
    // SAFETY: a sigaction of zeros is valid, the pointers are valid, and the previous action is stored before
    // ours can be called.
    unsafe {
        let mut previous: libc::sigaction = MaybeUninit::zeroed().assume_init();
        if libc::sigaction(SIGNALS[index], ptr::null(), &mut previous) != 0 {
            return;
        }
        let mut ours = previous;
        ours.sa_sigaction = handle as *const () as usize;
        // The mask stays that of the previous handler, which may be called from ours.
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        PREVIOUS[index].store(Box::into_raw(Box::new(previous)), Ordering::Release);
        libc::sigaction(SIGNALS[index], &ours, ptr::null_mut());
    }
}

/// # Safety
///
/// Called by the kernel, with the arguments of a handler with SA_SIGINFO.
unsafe extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo, which has an address for these signals.
    let address = unsafe { (*info).si_addr() } as usize;
    if let Some(place) = directory::slot_at(address).filter(|place| place.guards(address)) {
        // SAFETY: the top of a slot is mapped, and its label lives as long as its stack is in use.
        if let Some(label) = unsafe { label_of(place) } {
            report(place, label);
            abort();
        }
    }
    // SAFETY: passed on.
    unsafe { pass_on(signal, info, context) };
}

/// # Safety
///
/// The place is that of a slot which exists.
unsafe fn label_of(place: Place) -> Option<&'static Label> {
    // SAFETY: the word belongs to the slot, and only atomics access it. A label is not freed while the stack
    // that it labels is running, and it is running: it has just overflowed.
    unsafe { AtomicPtr::from_ptr(label_word(place.top())).load(Ordering::Relaxed).as_ref() }
}

/// Writes the report to standard error, in one piece.
fn report(place: Place, label: &Label) {
    let (mut size_digits, mut line_digits) = ([0; DIGITS], [0; DIGITS]);
    let (size, unit) = match place.size {
        bytes if bytes.is_multiple_of(1 << 20) => (bytes >> 20, " MiB"),
        bytes => (bytes >> 10, " KiB"),
    };
    let [before, name, after] = match &label.name {
        Some(name) => [" \"", name, "\""],
        None => ["", "", ""],
    };
    write_all([
        if label.name.is_some() { "cede: " } else { "cede: a " },
        label.kind,
        before,
        name,
        after,
        " overflowed its stack of ",
        decimal(size, &mut size_digits),
        unit,
        " (made at ",
        label.made_at.file(),
        ":",
        decimal(label.made_at.line() as usize, &mut line_digits),
        ")\n  Give it more with Builder::stack_size, or wrap the recursion in cede::grow.\n",
    ]);
}

/// Digits of the largest number.
const DIGITS: usize = 20;

/// The number in decimal, without allocation.
fn decimal(mut number: usize, digits: &mut [u8; DIGITS]) -> &str {
    let mut start = DIGITS;
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return str::from_utf8(&digits[start..]).unwrap_or("?");
        }
    }
}

/// Writes all pieces to standard error with one system call, so that nothing comes between them.
fn write_all<const N: usize>(pieces: [&str; N]) {
    let vectors =
        pieces.map(|piece| libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() });
    // SAFETY: the vectors describe strings that live until the end. There is nothing to do about an error.
    unsafe { libc::writev(libc::STDERR_FILENO, vectors.as_ptr(), N as libc::c_int) };
}

/// Ends the process by SIGABRT, whatever handler there is for that.
fn abort() -> ! {
    // SAFETY: both functions may be called in a signal handler.
    unsafe {
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        libc::abort()
    }
}

/// Does what would have happened without us.
///
/// # Safety
///
/// The arguments are those that the kernel passed.
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let index = usize::from(signal != SIGNALS[0]);
    // SAFETY: the pointer is null or leads to memory that is never freed.
    let previous = unsafe { PREVIOUS[index].load(Ordering::Acquire).as_ref() };
    let action = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    // SAFETY: the kernel passes a valid siginfo.
    // Signals that somebody sent have codes up to 0, those that an instruction raised have positive ones.
    let was_sent = unsafe { (*info).si_code } <= 0;
    match action {
        libc::SIG_IGN if was_sent => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // The default action ends the process: when the instruction is repeated after this handler, or
            // when the signal is raised again. The kernel does not ignore faults, so neither do we. SAFETY:
            // both functions may be called in a signal handler.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if was_sent {
                    libc::raise(signal);
                }
            }
        }
        handler if previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0) => {
            type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: with SA_SIGINFO the action is a function of this type.
            unsafe { std::mem::transmute::<usize, Handler>(handler)(signal, info, context) }
        }
        handler => {
            // SAFETY: without SA_SIGINFO the action is a function of this type.
            unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(handler)(signal) }
        }
    }
}

#[cfg(test)]
mod tests;
