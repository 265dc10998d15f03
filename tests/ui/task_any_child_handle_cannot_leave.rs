//! The handle of a child on another worker may hold a value that borrows, and so does not outlive the scope.

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let handle = cede::scope(|s| s.spawn_any(|| word.as_str())).unwrap();
        handle.join().unwrap();
    });
}
