//! How sockets come from std's and from bare descriptors, and go back: the same for all kinds.

/// Implements the conversions for a type with a field `socket: Watched<$std>` and a function
/// `of_nonblocking($std, Timeouts)`.
macro_rules! conversions {
    ($type:ident, $std:ty) => {
        /// In whatever mode it was; its timeouts are kept.
        impl TryFrom<$std> for $type {
            type Error = ::std::io::Error;

            fn try_from(socket: $std) -> ::std::io::Result<Self> {
                socket.set_nonblocking(true)?;
                let timeouts = $crate::io::Timeouts::default();
                timeouts.set_read(socket.read_timeout()?)?;
                timeouts.set_write(socket.write_timeout()?)?;
                Ok($type::of_nonblocking(socket, timeouts))
            }
        }

        /// In blocking mode, as std's are; its timeouts are kept.
        impl TryFrom<$type> for $std {
            type Error = ::std::io::Error;

            fn try_from(socket: $type) -> ::std::io::Result<Self> {
                let (read, write) = (socket.timeouts.read(), socket.timeouts.write());
                let socket = socket.socket.into_inner();
                socket.set_nonblocking(false)?;
                socket.set_read_timeout(read)?;
                socket.set_write_timeout(write)?;
                Ok(socket)
            }
        }

        $crate::net::conversions::conversions!(descriptor of $type, $std);

        impl $type {
            /// How long a read or a receipt may wait; `None` for as long as it takes. One that takes longer gives
            /// [`TimedOut`](::std::io::ErrorKind::TimedOut), and nothing was read.
            ///
            /// # Errors
            ///
            /// [`InvalidInput`](::std::io::ErrorKind::InvalidInput) for a time of zero.
            pub fn set_read_timeout(&self, timeout: Option<::std::time::Duration>) -> ::std::io::Result<()> {
                self.timeouts.set_read(timeout)
            }

            /// How long a write may wait for room; `None` for as long as it takes. One that takes longer gives
            /// [`TimedOut`](::std::io::ErrorKind::TimedOut), and nothing was written.
            ///
            /// # Errors
            ///
            /// [`InvalidInput`](::std::io::ErrorKind::InvalidInput) for a time of zero.
            pub fn set_write_timeout(&self, timeout: Option<::std::time::Duration>) -> ::std::io::Result<()> {
                self.timeouts.set_write(timeout)
            }

            /// How long a read or a receipt may wait.
            ///
            /// # Errors
            ///
            /// None; a result as in std.
            pub fn read_timeout(&self) -> ::std::io::Result<Option<::std::time::Duration>> {
                Ok(self.timeouts.read())
            }

            /// How long a write may wait for room.
            ///
            /// # Errors
            ///
            /// None; a result as in std.
            pub fn write_timeout(&self) -> ::std::io::Result<Option<::std::time::Duration>> {
                Ok(self.timeouts.write())
            }
        }
    };
    (descriptor of $type:ident, $std:ty) => {
        impl TryFrom<::std::os::fd::OwnedFd> for $type {
            type Error = ::std::io::Error;

            fn try_from(descriptor: ::std::os::fd::OwnedFd) -> ::std::io::Result<Self> {
                <$std>::from(descriptor).try_into()
            }
        }

        /// In non-blocking mode.
        impl From<$type> for ::std::os::fd::OwnedFd {
            fn from(socket: $type) -> Self {
                socket.socket.into_inner().into()
            }
        }

        impl ::std::os::fd::AsFd for $type {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                ::std::os::fd::AsFd::as_fd(&self.socket)
            }
        }

        impl ::std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                ::std::os::fd::AsRawFd::as_raw_fd(&self.socket)
            }
        }

        /// In non-blocking mode.
        impl ::std::os::fd::IntoRawFd for $type {
            fn into_raw_fd(self) -> ::std::os::fd::RawFd {
                ::std::os::fd::IntoRawFd::into_raw_fd(::std::os::fd::OwnedFd::from(self))
            }
        }

        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(self.socket.get_ref(), f)
            }
        }
    };
}

pub(super) use conversions;
