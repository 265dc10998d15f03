//! Programs of kind "tasks": bodies that are tasks, and what they share.
//!
//! [`statement`] has the statements and how they are read; the groups of them are in [`futures`], [`waiting`],
//! [`blocks`], [`callbacks`], [`streams`] and [`objects`], each with what runs them. [`body`] runs the body of a task,
//! [`world`] has what the bodies share, [`records`] the tasks, [`ending`] brings a program to its end.
//!
//! # Cancellation
//!
//! Python's CancelledError is an exception as others are, which a program catches, keeps and raises again; in cede a
//! cancellation unwinds. Both are one here. Whatever may wait is called through [`World::catching`](world::World::catching),
//! which turns the unwind into an exception that keeps cede's token, and where an exception leaves a closure that cede has
//! called ([`world::escape`]) the token is resumed, or a cancellation raised where there is none. So cede sees
//! each task, timeout and group left as it would be by a ported program that catches nothing.

mod blocks;
mod body;
mod callbacks;
mod ending;
mod errors;
mod futures;
mod objects;
mod records;
mod statement;
mod streams;
mod waiting;
mod world;

use serde_json::Value as Json;

use super::program::{Malformed, Tables, read_bodies};
use super::statement::Body;
use objects::Kind;
use statement::{Own, TaskNames, Tasks};
use world::{Names, Sizes, World};

/// A program that was read.
pub(crate) struct Program {
    bodies: Vec<Body<Own>>,
    /// The body of the main task.
    main: usize,
    names: Names,
    sizes: Sizes,
    kinds: Vec<Kind>,
}

impl Program {
    pub(crate) fn read(program: &Json) -> Result<Self, Malformed> {
        let mut tables = Tables::new(&program["bodies"], TaskNames::default())?;
        objects::read(&program["objects"], &mut tables.own)?;
        let bodies = read_bodies::<Tasks>(&program["bodies"], &mut tables)?;
        let main = tables.bodies.find("main").ok_or_else(|| Malformed::new("it has no body \"main\""))?;
        let own = tables.own;
        let sizes = Sizes {
            globals: tables.globals.len(),
            handles: own.handles.len(),
            timeouts: own.timeouts.len(),
            groups: own.groups.len(),
        };
        let names = Names {
            bodies: tables.bodies.into_vec(),
            slots: own.slots.into_vec(),
            objects: own.objects.into_vec(),
        };
        Ok(Self { bodies, main, names, sizes, kinds: own.kinds })
    }

    pub(crate) fn run(self) -> Vec<String> {
        let objects = objects::make(&self.kinds);
        ending::run(World::new(self.bodies, self.main, self.names, &self.sizes, objects))
    }
}
