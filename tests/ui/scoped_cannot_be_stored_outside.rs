//! The handle of a scoped generator cannot be put where it would outlive the scope.

use std::cell::Cell;

use cede::{Scoped, Yielder, scoped};

fn main() {
    let kept: Cell<Option<Scoped<'_, u32, (), ()>>> = Cell::new(None);
    scoped(|y: &Yielder<u32>| y.yield_(1), |generator| kept.set(Some(generator)));
    kept.get().unwrap().count();
}
