//! An owned generator may be leaked with its stack, so what its body refers to must live for ever.

use cede::{Generator, Yielder};

fn main() {
    let words = vec![String::from("to"), String::from("cede")];
    let borrowed = &words;
    let generator = Generator::new(move |y: &Yielder<usize>| {
        for word in borrowed {
            y.yield_(word.len());
        }
    });
    assert_eq!(generator.sum::<usize>(), 6);
}
