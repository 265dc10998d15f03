//! While a scoped generator exists, its body holds what it borrows, also between two resumes.

use cede::{Yielder, scoped};

fn main() {
    let mut words = vec![String::from("to"), String::from("cede")];
    scoped(
        |y: &Yielder<usize>| {
            for word in &words {
                y.yield_(word.len());
            }
        },
        |mut lengths| {
            lengths.next();
            words.clear();
            lengths.next();
        },
    );
}
