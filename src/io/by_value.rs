//! What reads and writes by reference does so by value: the forwarding that each stream would write out otherwise.

/// Implements `Read` or `Write` for a type whose references have it.
macro_rules! by_value {
    ($type:ty: Read, Write) => {
        $crate::io::by_value!($type: Read);
        $crate::io::by_value!($type: Write);
    };
    ($type:ty: ReadSpare, Write) => {
        $crate::io::by_value!($type: Read, Write);

        impl $crate::io::ReadSpare for $type {
            fn read_spare(&mut self, bytes: &mut Vec<u8>) -> ::std::io::Result<usize> {
                $crate::io::ReadSpare::read_spare(&mut &*self, bytes)
            }
        }
    };
    ($type:ty: Read) => {
        impl ::std::io::Read for $type {
            #[inline]
            fn read(&mut self, buffer: &mut [u8]) -> ::std::io::Result<usize> {
                ::std::io::Read::read(&mut &*self, buffer)
            }

            #[inline]
            fn read_vectored(&mut self, buffers: &mut [::std::io::IoSliceMut<'_>]) -> ::std::io::Result<usize> {
                ::std::io::Read::read_vectored(&mut &*self, buffers)
            }
        }
    };
    ($type:ty: Write) => {
        impl ::std::io::Write for $type {
            #[inline]
            fn write(&mut self, buffer: &[u8]) -> ::std::io::Result<usize> {
                ::std::io::Write::write(&mut &*self, buffer)
            }

            #[inline]
            fn write_vectored(&mut self, buffers: &[::std::io::IoSlice<'_>]) -> ::std::io::Result<usize> {
                ::std::io::Write::write_vectored(&mut &*self, buffers)
            }

            #[inline]
            fn flush(&mut self) -> ::std::io::Result<()> {
                ::std::io::Write::flush(&mut &*self)
            }
        }
    };
}

pub(crate) use by_value;
