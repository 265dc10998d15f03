//! A generator stays on the thread that made it: its stack may hold anything that is not `Send`.

use cede::Generator;

/// What a thread may be given. Refuses by the name of the value alone, whatever that is made of.
trait Crosses {}

#[diagnostic::do_not_recommend]
impl<T: Send> Crosses for T {}

fn give_to_a_thread(_: impl Crosses) {}

fn main() {
    let generator: Generator<u32> = Generator::new(|y| y.yield_(1));
    give_to_a_thread(generator);
}
