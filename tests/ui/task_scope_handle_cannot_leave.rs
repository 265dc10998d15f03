//! The children of a scope have ended when it returns: their handles cannot be returned from it.

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let escaped = cede::scope(|s| s.spawn(|| word.len()));
        drop(escaped);
    });
}
