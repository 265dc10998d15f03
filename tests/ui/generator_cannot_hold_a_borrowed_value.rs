//! What an owned generator yields lies on its stack when it is leaked, so the values must live for ever as well.

use cede::{Generator, Yielder};

fn lengths<'a>(word: &'a str) -> Generator<&'a str> {
    Generator::new(move |y: &Yielder<&'a str>| y.yield_(word))
}

fn main() {
    lengths(&String::from("cede"));
}
