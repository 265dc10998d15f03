//! Numbers and names as people read them.

use std::path::Path;
use std::time::Duration;

/// How many characters of a path are shown.
const PATH_MAX: usize = 90;

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 files`, `1 file`, `2 directories`: the count and the noun that goes with it.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `812 bytes`, `1.4 kB`, `3.0 MB`: decimal units.
pub(crate) fn bytes(number: u64) -> String {
    match number {
        0..1_000 => counted(number, "byte", "bytes"),
        1_000..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number as f64 / 1e6),
        _ => format!("{:.2} GB", number as f64 / 1e9),
    }
}

/// `12 µs`, `1.2 ms`, `3.4 s`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

/// How many of them pass in a second, as a whole number.
pub(crate) fn per_second(number: u64, time: Duration) -> u64 {
    (number as f64 / time.as_secs_f64().max(1e-9)) as u64
}

/// A path on one line: nothing in it acts on the terminal, and of a very long one the ends are shown.
pub(crate) fn path(path: &Path) -> String {
    let clean = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    let characters: Vec<char> = path.to_string_lossy().chars().map(clean).collect();
    if characters.len() <= PATH_MAX {
        return characters.into_iter().collect();
    }
    let (head, tail) = (&characters[..PATH_MAX / 3], &characters[characters.len() - 2 * PATH_MAX / 3..]);
    head.iter().chain(&['…']).chain(tail).collect()
}
