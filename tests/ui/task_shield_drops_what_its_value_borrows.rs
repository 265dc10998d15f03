//! A value that was never taken is dropped with the last handle of its group, and its destructor may look at what it borrows.

use cede::task::shield;

struct Looks<'a>(&'a String);

impl Drop for Looks<'_> {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

fn main() {
    cede::run(|| {
        let mut kept = None;
        let word = String::from("cede");
        cede::scope(|s| {
            let child = s.spawn(|| Looks(&word));
            kept = Some(shield(&child));
        })
        .unwrap();
    });
}
