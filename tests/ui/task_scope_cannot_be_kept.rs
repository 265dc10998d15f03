//! A scope takes children only while it is open: a reference to it cannot be kept outside.

fn main() {
    cede::run(|| {
        let mut kept = None;
        let _ = cede::scope(|s| kept = Some(s));
        drop(kept);
    });
}
