//! Sets of signals, by their numbers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A set of signals: a bit for each number.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SignalSet(u128);

impl SignalSet {
    /// None.
    pub(crate) const EMPTY: SignalSet = SignalSet(0);

    /// Whether there can be a signal with this number. The kernel says which of them there are.
    pub(crate) const fn may_hold(signal: libc::c_int) -> bool {
        0 < signal && signal < 128
    }

    /// One signal.
    pub(crate) const fn of(signal: libc::c_int) -> Self {
        debug_assert!(SignalSet::may_hold(signal));
        SignalSet(1 << signal)
    }

    pub(crate) const fn has(self, signal: libc::c_int) -> bool {
        self.0 & SignalSet::of(signal).0 != 0
    }

    pub(crate) const fn with(self, other: SignalSet) -> Self {
        SignalSet(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: SignalSet) -> Self {
        SignalSet(self.0 & !other.0)
    }

    pub(crate) const fn both(self, other: SignalSet) -> Self {
        SignalSet(self.0 & other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers, from the lowest to the highest.
    pub(crate) fn iter(self) -> impl Iterator<Item = libc::c_int> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(next as libc::c_int)
        })
    }

    /// The first after a signal, in turn: after the highest comes the lowest.
    pub(crate) fn after(self, signal: libc::c_int) -> Option<libc::c_int> {
        self.iter().find(|&next| next > signal).or_else(|| self.iter().next())
    }
}

impl FromIterator<libc::c_int> for SignalSet {
    fn from_iter<I: IntoIterator<Item = libc::c_int>>(signals: I) -> Self {
        signals.into_iter().fold(SignalSet::EMPTY, |set, signal| set.with(SignalSet::of(signal)))
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The same for signal handlers, which may lock nothing.
pub(super) struct AtomicSignalSet([AtomicU64; 2]);

impl AtomicSignalSet {
    pub(super) const fn new() -> Self {
        AtomicSignalSet([const { AtomicU64::new(0) }; 2])
    }

    /// Puts a signal in. Gives whether it is new.
    pub(super) fn insert(&self, signal: libc::c_int) -> bool {
        let [word, bit] = [signal / 64, signal % 64];
        self.0[word as usize].fetch_or(1 << bit, Ordering::SeqCst) & 1 << bit == 0
    }

    /// Takes signals out. Gives those of them that were in it.
    pub(super) fn take(&self, signals: SignalSet) -> SignalSet {
        let words = [signals.0 as u64, (signals.0 >> 64) as u64];
        let [low, high] = [0, 1].map(|i| match words[i] {
            0 => 0,
            mask => u128::from(self.0[i].fetch_and(!mask, Ordering::SeqCst) & mask),
        });
        SignalSet(low | high << 64)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| word.load(Ordering::SeqCst) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_once_and_in_order() {
        let set = AtomicSignalSet::new();
        assert!(set.is_empty());
        for signal in [127, 1, 64, 63, 15] {
            assert!(set.insert(signal));
            assert!(!set.insert(signal));
        }
        let some: SignalSet = [1, 2, 64].into_iter().collect();
        assert!(set.take(some).iter().eq([1, 64]));
        assert!(!set.is_empty());
        let all: SignalSet = (1..128).collect();
        assert!(set.take(all).iter().eq([15, 63, 127]));
        assert!(set.is_empty() && set.take(all).is_empty());
    }

    #[test]
    fn one_follows_the_other_in_turn() {
        let set: SignalSet = [1, 15, 64].into_iter().collect();
        let turn = std::iter::successors(set.after(0), |&signal| set.after(signal));
        assert!(turn.take(5).eq([1, 15, 64, 1, 15]));
        assert_eq!(SignalSet::EMPTY.after(3), None);
        assert_eq!(SignalSet::of(3).after(3), Some(3));
    }
}
