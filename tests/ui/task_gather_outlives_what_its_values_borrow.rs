//! A gather of children keeps their values: it cannot outlive what these borrow, though it may outlive the scope.

use cede::task::gather;

fn main() {
    cede::run(|| {
        let kept;
        {
            let word = String::from("cede");
            kept = cede::scope(|s| gather([s.spawn(|| word.as_str())])).unwrap();
        }
        assert_eq!(kept.join().unwrap(), ["cede"]);
    });
}
