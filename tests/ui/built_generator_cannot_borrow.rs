//! The builder makes owned generators too: what their bodies refer to must live for ever.

use cede::{Generator, Yielder};

fn main() {
    let word = String::from("cede");
    let borrowed = &word;
    let generator = Generator::builder().build(move |y: &Yielder<usize>| y.yield_(borrowed.len())).unwrap();
    assert_eq!(generator.sum::<usize>(), 4);
}
