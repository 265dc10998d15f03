//! A scoped generator borrows from the frames around it and ends with its scope: its handle cannot be returned from it.

use cede::{Yielder, scoped};

fn main() {
    let word = String::from("cede");
    let escaped = scoped(
        |y: &Yielder<char>| {
            for letter in word.chars() {
                y.yield_(letter);
            }
        },
        |letters| letters,
    );
    escaped.count();
}
