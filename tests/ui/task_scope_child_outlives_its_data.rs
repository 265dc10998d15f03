//! What a child of a scope borrows lives around the scope: a local of the scope's body does not.

fn main() {
    cede::run(|| {
        let _ = cede::scope(|s| {
            let word = String::from("cede");
            s.spawn(|| word.len());
        });
    });
}
