//! A scoped generator stays on its thread, like an owned one.

use cede::{Yielder, scoped};

/// What a thread may be given. Refuses by the name of the value alone, whatever that is made of.
trait Crosses {}

#[diagnostic::do_not_recommend]
impl<T: Send> Crosses for T {}

fn give_to_a_thread(_: impl Crosses) {}

fn main() {
    scoped(|y: &Yielder<u32>| y.yield_(1), |generator| give_to_a_thread(generator));
}
