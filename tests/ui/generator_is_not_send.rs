//! A generator stays on the thread that made it: its stack may hold anything that is not `Send`.

use cede::Generator;

fn main() {
    let generator: Generator<u32> = Generator::new(|y| y.yield_(1));
    std::thread::spawn(move || generator.count());
}
