//! Programs of kind "generator": bodies that are generators, and a driver that operates on them.
//!
//! [`statement`] has the statements and how they are read, [`world`] the slots and the operations, [`body`] runs
//! statements inside a generator, [`driver`] runs the operations of `main` and reports their outcomes.

mod body;
mod driver;
mod statement;
mod world;

use std::rc::Rc;

use serde_json::Value as Json;

use super::program::{Malformed, Names, Tables, read_bodies};
use super::statement::Body;
use super::trace;
use driver::Operation;
use statement::{Generators, Own};
use world::World;

/// A program that was read.
pub(crate) struct Program {
    bodies: Vec<Body<Own>>,
    main: Vec<Operation>,
    /// How many local variables the driver has.
    locals: usize,
    slots: Vec<String>,
    globals: usize,
}

impl Program {
    pub(crate) fn read(program: &Json) -> Result<Self, Malformed> {
        let mut tables = Tables::new(&program["bodies"], Names::default())?;
        let bodies = read_bodies::<Generators>(&program["bodies"], &mut tables)?;
        let (main, locals) = driver::read(&program["main"], &mut tables)?;
        Ok(Self { bodies, main, locals, globals: tables.globals.len(), slots: tables.own.into_vec() })
    }

    pub(crate) fn run(self) -> Vec<String> {
        trace::record(true);
        let world = Rc::new(World::new(self.bodies, self.slots, self.globals));
        driver::run(&world, &self.main, self.locals);
        let trace = trace::finish();
        world.clear();
        trace
    }
}
