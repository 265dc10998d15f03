//! The hook for errors that nobody can be given: those of a generator's clean-up while it is dropped.
//!
//! Python prints them as "Exception ignored in" and offers `sys.unraisablehook`. The hook is
//! process-wide, as std's panic hook is, and no lock is held while it runs.

use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::{Arc, PoisonError, RwLock};

/// An error that came out of a generator's body while it was dropped, and whose it was.
pub struct Unraisable {
    error: Box<dyn Error>,
    name: Option<Box<str>>,
    made_at: &'static Location<'static>,
}

impl Unraisable {
    /// The error.
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.error
    }

    /// The name of the generator, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the generator was made.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }
}

impl fmt::Debug for Unraisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unraisable")
            .field("error", &self.error)
            .field("name", &self.name)
            .field("made_at", &format_args!("{}", self.made_at))
            .finish()
    }
}

impl fmt::Display for Unraisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "error ignored in generator {name:?} ")?,
            None => write!(f, "error ignored in a generator ")?,
        }
        write!(f, "(made at {}): {}", self.made_at, self.error)
    }
}

type Hook = Arc<dyn Fn(&Unraisable) + Send + Sync>;

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

/// Sets what is called with errors that nobody can be given. The default prints them to stderr.
///
/// The hook runs on the thread that dropped the generator. A panic in it is caught and goes no further.
///
/// # Examples
///
/// ```
/// use cede::{Generator, Yielder};
/// use std::sync::{Arc, Mutex};
///
/// let seen = Arc::new(Mutex::new(String::new()));
/// let sink = Arc::clone(&seen);
/// cede::set_unraisable_hook(move |unraisable| *sink.lock().unwrap() = unraisable.error().to_string());
///
/// let g = Generator::try_new(|y: &Yielder<i32>| match y.try_yield(1) {
///     Err(_) => Err("the disk is full"),
///     Ok(()) => Ok(()),
/// });
/// g.advance().unwrap();
/// drop(g);
/// assert_eq!(*seen.lock().unwrap(), "the disk is full");
/// # cede::take_unraisable_hook();
/// ```
pub fn set_unraisable_hook(hook: impl Fn(&Unraisable) + Send + Sync + 'static) {
    replace(Some(Arc::new(hook)));
}

/// Puts the default hook back, and gives the one that was set, or one that does what the default does.
pub fn take_unraisable_hook() -> Box<dyn Fn(&Unraisable) + Send + Sync> {
    match replace(None) {
        Some(hook) => Box::new(move |unraisable| hook(unraisable)),
        None => Box::new(print),
    }
}

/// Exchanges the hook; the old one is dropped by the caller, when no lock is held.
fn replace(hook: Option<Hook>) -> Option<Hook> {
    std::mem::replace(&mut *HOOK.write().unwrap_or_else(PoisonError::into_inner), hook)
}

fn print(unraisable: &Unraisable) {
    eprintln!("cede: {unraisable}");
}

/// Reports an error that nobody can be given.
pub(crate) fn report(error: Box<dyn Error>, name: Option<&str>, made_at: &'static Location<'static>) {
    let unraisable = Unraisable { error, name: name.map(Box::from), made_at };
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    let called = panic::catch_unwind(AssertUnwindSafe(move || match hook {
        Some(hook) => hook(&unraisable),
        None => print(&unraisable),
    }));
    if let Err(payload) = called {
        // Its destructor may panic in turn, and there is nobody left to tell.
        std::mem::forget(payload);
    }
}
