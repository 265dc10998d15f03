//! What a stream can be read up to: one separator or several, and the search for the first of them.
//!
//! The match that ends first wins, whatever the separator; of two that end at the same place, the shorter. That is the shortest
//! text that has a separator at its end, as CPython 3.13 has it.

use std::io::BufRead;

/// One separator or several, for [`StreamReader::readuntil`](super::StreamReader::readuntil). Sealed.
///
/// Bytes or strings: `b"\r\n"`, `"\n"`, `&bytes[..]`, arrays and slices of them such as `["\n", "\r\n"]`, and a single byte.
pub trait Separators: sealed::Sealed {
    /// Calls `f` with the separators.
    #[doc(hidden)]
    fn with<R>(&self, f: impl FnOnce(&[&[u8]]) -> R) -> R;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! separators {
    ($(for [$($generics:tt)*] $type:ty: |$this:ident| $list:expr;)*) => {$(
        impl<$($generics)*> sealed::Sealed for $type {}

        impl<$($generics)*> Separators for $type {
            fn with<R>(&self, f: impl FnOnce(&[&[u8]]) -> R) -> R {
                let $this = self;
                f(&$list)
            }
        }
    )*};
}

separators! {
    for [] u8: |this| [std::slice::from_ref(this)];
    for [] [u8]: |this| [this];
    for [] Vec<u8>: |this| [this.as_slice()];
    for [const N: usize] [u8; N]: |this| [this.as_slice()];
    for [] str: |this| [this.as_bytes()];
    for [] String: |this| [this.as_bytes()];
    for [const N: usize] [&str; N]: |this| this.map(str::as_bytes);
    for [const N: usize] [&[u8]; N]: |this| *this;
    for [const N: usize, const M: usize] [&[u8; M]; N]: |this| this.map(<[u8; M]>::as_slice);
    for [] [&str]: |this| Vec::from_iter(this.iter().map(|separator| separator.as_bytes()));
    for [] [&[u8]]: |this| *this;
}

impl<T: Separators + ?Sized> sealed::Sealed for &T {}

impl<T: Separators + ?Sized> Separators for &T {
    fn with<R>(&self, f: impl FnOnce(&[&[u8]]) -> R) -> R {
        (**self).with(f)
    }
}

/// Where the first match from `from` on begins and ends.
pub(super) fn first_match(bytes: &[u8], from: usize, separators: &[&[u8]]) -> Option<(usize, usize)> {
    let mut first: Option<(usize, usize)> = None;
    for separator in separators {
        // What ends later does not count, so that it is not looked for in the whole buffer.
        let bound = first.map_or(bytes.len(), |(_, end)| end);
        if let Some(at) = find(&bytes[from..bound], separator) {
            let (start, end) = (from + at, from + at + separator.len());
            if first.is_none_or(|(first_start, first_end)| end < first_end || start > first_start) {
                first = Some((start, end));
            }
        }
    }
    first
}

/// Where a separator, which is not empty, first is.
fn find(bytes: &[u8], separator: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(separator.len())?;
    let mut at = 0;
    while at <= last {
        at += find_byte(&bytes[at..=last], separator[0])?;
        if bytes[at..].starts_with(separator) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// By the search that std has for its own readers, which is many times faster than a loop.
pub(crate) fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut rest = bytes;
    let passed = rest.skip_until(byte).ok()?;
    passed.checked_sub(1).filter(|&at| bytes[at] == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, separators: &[&str]) -> Option<(usize, usize)> {
        separators.with(|separators| first_match(text.as_bytes(), 0, separators))
    }

    #[test]
    fn a_separator_is_found_at_the_ends_and_in_the_middle() {
        assert_eq!(found("\nab", &["\n"]), Some((0, 1)));
        assert_eq!(found("ab\n", &["\n"]), Some((2, 3)));
        assert_eq!(found("a\nb\n", &["\n"]), Some((1, 2)));
        assert_eq!(found("ab", &["\n"]), None);
        assert_eq!(found("", &["\n"]), None);
        assert_eq!(found("aab", &["ab"]), Some((1, 3)));
        assert_eq!(found("aaa", &["aab"]), None);
        assert_eq!(found("a", &["aab"]), None);
    }

    #[test]
    fn what_ends_first_wins_and_then_what_is_shortest() {
        assert_eq!(found("ABCDEFG", &["DEF", "BCDE"]), Some((1, 5)));
        assert_eq!(found("ABCDEFG", &["BCDE", "DEF"]), Some((1, 5)));
        assert_eq!(found("xAB", &["AB", "B"]), Some((2, 3)));
        assert_eq!(found("xAB", &["B", "AB"]), Some((2, 3)));
    }
}
