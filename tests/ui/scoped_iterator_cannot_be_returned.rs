//! An adapter keeps the handle that it was made from, so it cannot leave the scope either.

use cede::{Yielder, scoped};

fn main() {
    let word = String::from("cede");
    let escaped = scoped(
        |y: &Yielder<char>| {
            for letter in word.chars() {
                y.yield_(letter);
            }
        },
        |letters| letters.filter(|letter| letter.is_alphabetic()),
    );
    escaped.count();
}
