//! The errors of a group: Python's ExceptionGroup.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;
use std::rc::Rc;

use super::join::JoinError;
use crate::coroutine;
use crate::runtime::task::Failure;

/// The errors of a group's children, and of its body, in the order in which they came: Python's ExceptionGroup.
///
/// Groups nest: a child whose own scope failed has a group as its [`error`](JoinError::error). What is asked here by type or by a
/// condition is asked of what is in such groups too, as `except*` does.
///
/// Its text is that of the first error, with the number of the others. Written as `{:#}` it is all of them, one a line, with what
/// they came from; groups that are more than 30 deep in others are written as one line. Its [`source`](Error::source) is the first error itself, so that a search along the chain finds that and what it came from.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// cede::run(|| {
///     let error = cede::scope(|s| {
///         s.try_spawn(|| Err::<(), _>(io::Error::other("no disk")));
///         s.try_spawn(|| "x".parse::<u8>());
///     })
///     .unwrap_err();
///     assert_eq!(error.to_string(), "no disk (and 1 other error)");
///     let (io, others) = error.split_by(|error| error.error().is_some_and(|error| error.is::<io::Error>()));
///     assert_eq!(io.unwrap().of_type::<io::Error>().count(), 1);
///     assert_eq!(others.unwrap().to_string(), "invalid digit found in string");
/// });
/// ```
#[derive(Debug, Clone)]
pub struct GroupError {
    errors: Vec<JoinError>,
}

/// As many groups as have a line for each of their errors in the text of all.
const DEPTH_MAX: usize = 30;

impl GroupError {
    /// Of at least one error.
    pub(super) fn of(errors: Vec<JoinError>) -> Option<Self> {
        (!errors.is_empty()).then_some(GroupError { errors })
    }

    /// The errors. Those of a group in the group count as one.
    pub fn iter(&self) -> impl Iterator<Item = &JoinError> {
        self.errors.iter()
    }

    /// How many there are; at least one.
    #[allow(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// The errors of one type, also those in groups in the group: what `except* E` gets.
    pub fn of_type<E: Error + 'static>(&self) -> impl Iterator<Item = &E> {
        let mut found = Vec::new();
        self.find(&mut found);
        found.into_iter()
    }

    fn find<'a, E: Error + 'static>(&'a self, found: &mut Vec<&'a E>) {
        let mut left: Vec<_> = self.errors.iter().rev().collect();
        while let Some(error) = left.pop() {
            let Some(error) = error.error() else { continue };
            found.extend(error.downcast_ref::<E>());
            if let Some(group) = error.downcast_ref::<GroupError>() {
                left.extend(group.errors.iter().rev());
            }
        }
    }

    /// The groups of which each is the first error of the one before, beginning with this.
    fn first_groups(&self) -> impl Iterator<Item = &GroupError> {
        iter::successors(Some(self), |group| group.errors[0].error()?.downcast_ref())
    }

    /// The errors for which a condition holds, and the others, each as a group, where there are any: Python's `split`. Of a
    /// group in the group each error is asked, and its parts are groups in the parts.
    pub fn split_by(&self, mut holds: impl FnMut(&JoinError) -> bool) -> (Option<Self>, Option<Self>) {
        self.split(&mut holds)
    }

    fn split(&self, holds: &mut dyn FnMut(&JoinError) -> bool) -> (Option<Self>, Option<Self>) {
        coroutine::grow(|| self.split_here(holds))
    }

    fn split_here(&self, holds: &mut dyn FnMut(&JoinError) -> bool) -> (Option<Self>, Option<Self>) {
        let (mut these, mut others) = (Vec::new(), Vec::new());
        for error in &self.errors {
            match error.error().and_then(|error| error.downcast_ref::<GroupError>()) {
                Some(group) => {
                    let (this, other) = group.split(holds);
                    these.extend(this.map(GroupError::into_member));
                    others.extend(other.map(GroupError::into_member));
                }
                None if holds(error) => these.push(error.clone()),
                None => others.push(error.clone()),
            }
        }
        (GroupError::of(these), GroupError::of(others))
    }

    fn into_member(self) -> JoinError {
        JoinError::from_failure(Failure::Error(Rc::new(self)))
    }

    /// All errors, one a line, with their sources.
    fn write_all(&self, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            f.write_str("\n")?;
            for _ in 0..=depth {
                f.write_str("  ")?;
            }
            match error.error() {
                Some(error) if depth < DEPTH_MAX && error.is::<GroupError>() => {
                    error
                        .downcast_ref::<GroupError>()
                        .map_or(Ok(()), |group| group.write_tree(depth + 1, f))?;
                }
                _ => write!(f, "{error}")?,
            }
            let mut source = error.error().filter(|error| !error.is::<GroupError>()).and_then(Error::source);
            while let Some(cause) = source {
                write!(f, ", because: {cause}")?;
                source = cause.source();
            }
        }
        Ok(())
    }

    fn write_tree(&self, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.len() {
            1 => f.write_str("1 error:")?,
            errors => write!(f, "{errors} errors:")?,
        }
        self.write_all(depth, f)
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return self.write_tree(0, f);
        }
        let groups: Vec<_> = self.first_groups().collect();
        let innermost = groups.last().expect("this is one itself");
        innermost.errors[0].fmt(f)?;
        for group in groups.iter().rev() {
            match group.errors.len() - 1 {
                0 => {}
                1 => f.write_str(" (and 1 other error)")?,
                others => write!(f, " (and {others} other errors)")?,
            }
        }
        Ok(())
    }
}

/// One after the other, as far as nobody else has them, and not each beneath the one that it is in: there may be very many.
impl Drop for GroupError {
    fn drop(&mut self) {
        let mut left = std::mem::take(&mut self.errors);
        while let Some(error) = left.pop() {
            if let Failure::Error(mut error) = error.into_failure()
                && let Some(group) =
                    Rc::get_mut(&mut error).and_then(|error| error.downcast_mut::<GroupError>())
            {
                left.append(&mut group.errors);
            }
        }
    }
}

impl Error for GroupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // A panic is no error that could be named by its type.
        self.errors[0].error().or(Some(&self.errors[0]))
    }
}

impl From<GroupError> for io::Error {
    fn from(error: GroupError) -> Self {
        let kind = io::Error::from(error.errors[0].clone()).kind();
        io::Error::new(kind, error.to_string())
    }
}
