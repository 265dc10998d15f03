//! The handle of a child that borrows is not the handle of a task that does not: it cannot be moved out of its wrapper.

fn keep(_: cede::JoinHandle<usize>) {}

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let _ = cede::scope(|s| {
            let child = s.spawn(|| word.len());
            keep(*child);
        });
    });
}
