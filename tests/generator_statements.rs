//! What Python's generators do, statement by statement, and random programs against a slow and simple model.
//!
//! The numbers are those of the list of statements that the manual's chapter on generators follows: 1 to 17 are about one generator,
//! 18 to 22 about delegation. Cases of CPython's own tests keep their names in a comment.

#[path = "generator_statements/by_levels.rs"]
mod by_levels;
#[path = "generator_statements/closing.rs"]
mod closing;
#[path = "generator_statements/delegating.rs"]
mod delegating;
#[path = "generator_statements/fault.rs"]
mod fault;
#[path = "generator_statements/model.rs"]
mod model;
#[path = "generator_statements/on_cede.rs"]
mod on_cede;
#[path = "generator_statements/program.rs"]
mod program;
#[path = "generator_statements/resuming.rs"]
mod resuming;
