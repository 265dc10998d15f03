//! A scoped generator stays on its thread, like an owned one.

use cede::{Yielder, scoped};

fn main() {
    scoped(
        |y: &Yielder<u32>| y.yield_(1),
        |generator| {
            std::thread::scope(|threads| {
                threads.spawn(move || generator.count());
            });
        },
    );
}
