//! A body suspends on its own thread: its yielder cannot be lent to another one.

use cede::{Generator, Yielder};

fn main() {
    let generator = Generator::new(|y: &Yielder<u32>| {
        std::thread::scope(|threads| {
            threads.spawn(|| y.yield_(1));
        });
    });
    generator.count();
}
