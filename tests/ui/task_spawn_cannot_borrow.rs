//! A task that is not in a scope may outlive everything around it: it cannot borrow.

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let task = cede::spawn(|| word.len());
        task.join().unwrap();
    });
}
