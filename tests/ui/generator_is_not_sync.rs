//! A generator cannot be shared with another thread either, which could resume it there.

use cede::Generator;

fn main() {
    let generator: Generator<u32> = Generator::new(|y| y.yield_(1));
    std::thread::scope(|threads| {
        threads.spawn(|| generator.state());
    });
}
