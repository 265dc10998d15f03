//! A child on another worker may not add local children: it has the part of the scope that is for any worker.

fn main() {
    cede::run(|| {
        cede::scope(|s| {
            s.spawn_any(|| {
                s.spawn(|| ());
            });
        })
        .unwrap();
    });
}
