//! The lifetime of a scope can be neither shortened nor stretched, so that handles of different scopes stay apart.

use cede::Scoped;

fn shorten<'short, 'long: 'short>(
    long: Scoped<'long, u32, (), ()>,
    short: &'short (),
) -> Scoped<'short, u32, (), ()> {
    let _ = short;
    long
}

fn main() {
    let _ = shorten;
}
