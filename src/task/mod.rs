//! Tasks: spawning, joining, cancelling, and scopes in which they borrow.

mod alarm;
mod as_completed;
mod awaitable;
mod cancel;
mod gather;
mod group;
mod join;
mod joining;
mod latch;
mod member;
mod members;
mod promise;
mod scope;
mod select;
mod shield;
mod spawn;
pub(crate) mod timeout;
mod wait;
mod wait_for;

pub use as_completed::{AsCompleted, as_completed};
pub use awaitable::{Awaitable, DoneCallback};
pub use cancel::{Cancelled, catch_cancelled, finally, no_cancel, no_switch};
pub use gather::{Gather, GatherResults, gather, gather_results};
pub use group::{GroupError, SpawnError, TaskGroup};
pub use join::{JoinError, JoinHandle};
pub use joining::Joining;
pub use member::{End, Member};
pub use members::{Gathered, Members};
pub use promise::{InvalidState, Promise};
pub use scope::{Scope, ScopedJoinHandle, scope, try_scope};
pub use select::{First, Race, race};
pub use shield::{Shield, shield};
pub use spawn::{TaskHandle, call_soon, current, spawn, spawn_named, try_spawn};
pub use wait::{ReturnWhen, Waited, wait};
pub use wait_for::{WaitFor, wait_for};
