//! The body may keep what it is sent, so a generator that is sent `&'static str` takes nothing that lives shorter.

use cede::{Generator, Yielder};

fn main() {
    let generator = Generator::new(|y: &Yielder<(), &'static str>| {
        let kept = y.yield_(());
        y.yield_(());
        assert_eq!(kept, "cede");
    });
    generator.start().unwrap();
    {
        let word = String::from("cede");
        generator.send(word.as_str()).unwrap();
    }
    generator.send("").unwrap();
}
