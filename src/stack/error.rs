//! The error of a stack that cannot be had. Each variant says what to do about it.

use std::io;

/// Why there is no stack for a new coroutine.
///
/// Converts to [`std::io::Error`], for functions that return that.
///
/// ```
/// use cede::stack::StackError;
/// use std::io;
///
/// let error = io::Error::from(StackError::Zero);
/// assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// A stack of no bytes was asked for.
    #[error("a stack cannot have a size of zero bytes")]
    Zero,
    /// More bytes were asked for than any stack can have.
    #[error("a stack of {0} bytes is larger than any address space has room for")]
    TooLarge(usize),
    /// The kernel's limit on the number of mappings of a process was reached. This happens near 32,000 stacks
    /// where guard pages have to be made by `mprotect`: on Linux before 6.13, and where memory is locked by
    /// `mlockall`.
    #[error(
        "the limit on memory mappings is reached: each stack takes two of them where the kernel has no guard \
         pages inside a mapping; raise vm.max_map_count (`sysctl -w vm.max_map_count=1048576`), use Linux 6.13 \
         or later, or have fewer stacks at a time"
    )]
    MapLimit,
    /// The operating system has no address space or memory left for a stack of this size.
    #[error("the operating system gives no memory for a stack of {size} bytes: {source}")]
    OutOfMemory {
        /// The size of the stack in bytes, as it was rounded up.
        size: usize,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The thread is ending, and its stacks have been given back already. This is what the destructor of a
    /// thread-local value gets when it asks for a new stack.
    #[error("the thread is exiting, and its stacks have already been given back")]
    ThreadExiting,
}

impl From<StackError> for io::Error {
    fn from(error: StackError) -> Self {
        let kind = match error {
            StackError::Zero | StackError::TooLarge(_) => io::ErrorKind::InvalidInput,
            StackError::MapLimit | StackError::OutOfMemory { .. } => io::ErrorKind::OutOfMemory,
            StackError::ThreadExiting => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_limit_names_the_setting_to_change() {
        assert!(StackError::MapLimit.to_string().contains("vm.max_map_count"));
    }

    #[test]
    fn io_errors_keep_the_kind_and_the_source() {
        let refused = io::Error::from_raw_os_error(libc::ENOMEM);
        let error = io::Error::from(StackError::OutOfMemory { size: 65_536, source: refused });
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let inner = error.get_ref().and_then(|e| e.downcast_ref::<StackError>());
        assert!(matches!(inner, Some(StackError::OutOfMemory { size: 65_536, .. })));
    }
}
