//! A group that is no block may be dropped before its tasks have ended: they cannot borrow.

fn main() {
    cede::run(|| {
        let word = String::from("cede");
        let group = cede::TaskGroup::new();
        group.spawn(|| word.len());
        group.join().unwrap();
    });
}
