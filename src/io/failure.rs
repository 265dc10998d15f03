//! Errors that say what was done, and with what.
//!
//! The system says "connection refused" and not by whom, which is what its reader wants to know first. So the errors of sockets, pipes
//! and paths are wrapped here: the kind stays, the system's error becomes the source, and the text names the operation and
//! the address or path. That costs something only when there is an error.
//!
//! [`io::Error::raw_os_error`] does not look into what is wrapped, and there is no way to make it; [`raw_os_error`] does.
//!
//! Rejected: an error type in place of [`io::Error`], which code that is generic over `Read` and `Write` could not take; to
//! write the text into the error and lose the number.

use std::error::Error;
use std::fmt;
use std::io;

/// What an [`io::Error`] of cede's sockets, pipes and files holds: the operation, what it was done with, and the error of the
/// system.
///
/// # Examples
///
/// ```
/// use cede::io::{OperationError, raw_os_error};
/// use cede::net::TcpStream;
/// use std::io::ErrorKind;
///
/// // Port 1 of this machine: nobody is there.
/// let error = cede::run(|| TcpStream::connect("127.0.0.1:1")).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
/// assert!(error.to_string().starts_with("can't connect to 127.0.0.1:1: "));
/// assert!(raw_os_error(&error).is_some());
///
/// let inner = error.get_ref().unwrap().downcast_ref::<OperationError>().unwrap();
/// assert_eq!((inner.operation(), inner.object()), ("connect to", "127.0.0.1:1"));
/// ```
#[derive(Debug)]
pub struct OperationError {
    operation: String,
    object: String,
    source: io::Error,
}

impl OperationError {
    /// What was done: "connect to", "read from".
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// With what: an address, a path.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// What the system said.
    pub fn error(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} {}: {}", self.operation, self.object, self.source)
    }
}

impl Error for OperationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// The number of the system's error, also where that was wrapped in an [`OperationError`].
pub fn raw_os_error(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        error.get_ref()?.downcast_ref::<OperationError>().and_then(|inner| inner.source.raw_os_error())
    })
}

/// An error that says the same: an [`io::Error`] can't be cloned.
pub(super) fn said_again(error: &io::Error) -> io::Error {
    if let Some(code) = error.raw_os_error() {
        return io::Error::from_raw_os_error(code);
    }
    let Some(inner) = error.get_ref() else { return error.kind().into() };
    let Some(inner) = inner.downcast_ref::<OperationError>() else {
        return io::Error::new(error.kind(), inner.to_string());
    };
    let (operation, object) = (inner.operation.clone(), inner.object.clone());
    io::Error::new(error.kind(), OperationError { operation, object, source: said_again(&inner.source) })
}

/// An error of the system or of the time, with what was done and with what. Others have text of their own already.
///
/// The verb is that of reports: "reads from".
#[cold]
pub(crate) fn named(error: io::Error, verb: &str, object: impl fmt::Display) -> io::Error {
    let is_bare = error.raw_os_error().is_some() || error.get_ref().is_none();
    if !is_bare {
        return error;
    }
    let (word, rest) = verb.split_once(' ').unwrap_or((verb, ""));
    let word = word.strip_suffix('s').unwrap_or(word);
    let operation = if rest.is_empty() { word.to_owned() } else { format!("{word} {rest}") };
    let inner = OperationError { operation, object: object.to_string(), source: error };
    io::Error::new(inner.source.kind(), inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_get_a_name_once_and_others_keep_their_text() {
        let error = named(io::Error::from_raw_os_error(libc::ECONNRESET), "reads from", "[::1]:80");
        assert!(error.to_string().starts_with("can't read from [::1]:80: "), "{error}");
        assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::ConnectionReset, None));
        let again = named(error, "copies to", "elsewhere");
        assert!(again.to_string().starts_with("can't read from"), "{again}");
        assert_eq!(raw_os_error(&again), Some(libc::ECONNRESET));
        assert_eq!(named(io::Error::other("only a task"), "binds", "x").to_string(), "only a task");
        let late = named(io::ErrorKind::TimedOut.into(), "binds", "x");
        assert_eq!(
            (late.to_string().as_str(), late.kind()),
            ("can't bind x: timed out", io::ErrorKind::TimedOut)
        );
    }
}
