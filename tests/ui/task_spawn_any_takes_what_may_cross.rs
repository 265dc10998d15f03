//! What any worker may begin crosses threads, and an `Rc` may not.

use std::rc::Rc;

fn main() {
    cede::run(|| {
        let shared = Rc::new(5);
        cede::spawn_any(move || *shared);
    });
}
