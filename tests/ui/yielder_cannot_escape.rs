//! A yielder is lent to the body for as long as it runs and cannot be kept for later.

use std::cell::Cell;
use std::rc::Rc;

use cede::{Generator, Yielder};

fn main() {
    let kept: Rc<Cell<Option<&Yielder<u32>>>> = Rc::default();
    let slot = Rc::clone(&kept);
    let generator = Generator::new(move |y: &Yielder<u32>| slot.set(Some(y)));
    generator.count();
    kept.get().unwrap().yield_(1);
}
