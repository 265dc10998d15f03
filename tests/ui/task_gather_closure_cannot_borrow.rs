//! A closure that is gathered becomes a task of its own, which may outlive the frame: it cannot borrow. A scope's can.

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let _ = cede::task::gather([|| word.len()]).join();
    });
}
