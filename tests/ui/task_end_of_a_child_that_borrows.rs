//! The end of a child knows nothing of its value's type, and so is not to be had of one whose value borrows.

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let _ = cede::scope(|s| {
            let child = s.spawn(|| word.as_str());
            let _ = child.end();
        });
    });
}
