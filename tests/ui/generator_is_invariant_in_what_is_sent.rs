//! A generator that is sent `&'static str` is not one that is sent shorter references: it would be given dangling ones.

use cede::Generator;

fn shorten<'a, 'g>(generator: &'g Generator<(), &'static str>, _word: &'a str) -> &'g Generator<(), &'a str> {
    generator
}

fn main() {
    let generator = Generator::new(|y| {
        y.yield_(());
    });
    shorten(&generator, &String::new());
}
