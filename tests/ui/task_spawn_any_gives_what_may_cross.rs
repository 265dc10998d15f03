//! The value comes back from another thread, and an `Rc` may not.

use std::rc::Rc;

fn main() {
    cede::run(|| {
        cede::spawn_any(|| Rc::new(5));
    });
}
