//! A child's value may borrow from around the scope, but not from the child itself.

fn main() {
    cede::run(|| {
        let _ = cede::scope(|s| {
            s.spawn(|| {
                let word = String::from("cede");
                word.as_str()
            });
        });
    });
}
