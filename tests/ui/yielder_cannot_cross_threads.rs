//! A body suspends on its own thread: its yielder cannot be lent to another one.

use cede::{Generator, Yielder};

/// What a thread may be given. Refuses by the name of the value alone, whatever that is made of.
trait Crosses {}

#[diagnostic::do_not_recommend]
impl<T: Send> Crosses for T {}

fn give_to_a_thread(_: impl Crosses) {}

fn main() {
    let generator = Generator::new(|y: &Yielder<u32>| give_to_a_thread(y));
    generator.count();
}
