//! A yielded value may be kept after the body has gone on, so it cannot refer to the body's locals.

use cede::{Generator, Yielder};

fn main() {
    let generator = Generator::new(|y: &Yielder<&'static str>| {
        let word = String::from("cede");
        y.yield_(word.as_str());
    });
    generator.count();
}
