//! What a child on another worker borrows lives outside of the scope.

fn main() {
    cede::run(|| {
        cede::scope(|s| {
            let word = String::from("cede");
            s.spawn_any(|| word.len());
        })
        .unwrap();
    });
}
