//! Tasks: spawning, joining, cancelling, and scopes in which they borrow.

mod awaitable;
mod cancel;
mod group;
mod join;
mod joining;
mod promise;
mod scope;
mod select;
mod spawn;

pub use awaitable::{Awaitable, DoneCallback};
pub use cancel::{Cancelled, catch_cancelled, finally, no_cancel, no_switch};
pub use group::{GroupError, SpawnError, TaskGroup};
pub use join::{JoinError, JoinHandle};
pub use joining::Joining;
pub use promise::{InvalidState, Promise};
pub use scope::{Scope, ScopedJoinHandle, scope, try_scope};
pub use select::{First, Race, race};
pub use spawn::{TaskHandle, call_soon, current, spawn, spawn_named, try_spawn};
