//! A gather of children whose values refer to the scope itself cannot leave the scope.

use cede::task::gather;

fn main() {
    cede::run(|| {
        let mut kept = None;
        let _ = cede::scope(|s| {
            let child = s.spawn(move || s);
            kept = Some(gather([&child]));
        });
        drop(kept);
    });
}
