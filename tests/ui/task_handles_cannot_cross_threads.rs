//! Tasks stay on their thread, and so do their handles, their groups and their queues.

fn sent(_: impl Send) {}

fn main() {
    cede::run(|| {
        sent(cede::spawn(|| 1));
        sent(cede::current().unwrap());
        sent(cede::TaskGroup::new());
        sent(cede::sync::Queue::<u8>::unbounded());
    });
}
