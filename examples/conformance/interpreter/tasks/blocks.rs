//! Blocks that cede watches over: timeouts and groups of tasks.

use std::rc::Rc;

use cede::TaskGroup;
use cede::time::timeout_with;

use super::body::Running;
use super::statement::{Own, Tasks, slot, unknown};
use super::world::escape;
use crate::interpreter::control::{Flow, Frame, Outcome, run_block};
use crate::interpreter::program::{Args, Malformed, Scope};
use crate::interpreter::statement::{Block, Creation, Target};

pub(super) enum BlockStatement {
    Timeout { limit: Limit, timeout: usize, block: Block<Own> },
    Reschedule { timeout: usize, limit: Limit },
    Expired { timeout: usize, target: Target },
    Group { group: usize, block: Block<Own> },
    Spawn { group: usize, slot: usize, creation: Creation },
}

/// When the time is up.
pub(super) enum Limit {
    Never,
    /// So many milliseconds from now, or ago.
    After(i64),
    /// At this virtual time.
    At(i64),
}

impl BlockStatement {
    pub(super) fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        Ok(match args.name() {
            "timeout" => Self::Timeout {
                limit: Limit::after(args.limit()?),
                timeout: timeout(args, scope)?,
                block: args.block(scope)?,
            },
            "timeout_at" => Self::Timeout {
                limit: args.limit()?.map_or(Limit::Never, Limit::At),
                timeout: timeout(args, scope)?,
                block: args.block(scope)?,
            },
            "reschedule" => {
                Self::Reschedule { timeout: timeout(args, scope)?, limit: Limit::after(args.limit()?) }
            }
            "expired" => Self::Expired { timeout: timeout(args, scope)?, target: args.target(scope)? },
            "taskgroup" => Self::Group { group: group(args, scope)?, block: args.block(scope)? },
            "tg_spawn" => Self::Spawn {
                group: group(args, scope)?,
                slot: slot(args, scope)?,
                creation: args.creation(scope)?,
            },
            _ => return Err(unknown(args)),
        })
    }
}

fn timeout(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<usize, Malformed> {
    Ok(scope.tables.own.timeouts.number(args.text()?))
}

fn group(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<usize, Malformed> {
    Ok(scope.tables.own.groups.number(args.text()?))
}

impl Limit {
    fn after(ms: Option<i64>) -> Self {
        ms.map_or(Self::Never, Self::After)
    }
}

impl Running<'_> {
    pub(super) fn run_watched(&self, statement: &BlockStatement, frame: &mut Frame) -> Outcome {
        let world = &self.world;
        match statement {
            BlockStatement::Timeout { limit, timeout, block } => {
                return world.catching(|| {
                    timeout_with(self.moment(limit), |handle| {
                        world.timeouts.put(*timeout, handle.clone());
                        escape(run_block(self, block, frame))
                    })?
                });
            }
            BlockStatement::Reschedule { timeout, limit } => {
                world.timeouts.get(*timeout)?.reschedule(self.moment(limit))?;
            }
            BlockStatement::Expired { timeout, target } => {
                let expired = world.timeouts.get(*timeout)?.expired();
                frame.bind(*target, Some(i64::from(expired)));
            }
            BlockStatement::Group { group, block } => {
                return world.catching(|| {
                    Ok(TaskGroup::run(|handle| {
                        world.groups.put(*group, Rc::clone(handle));
                        escape(run_block(self, block, frame))
                    })?)
                });
            }
            BlockStatement::Spawn { group, slot, creation } => {
                let group = world.groups.get(*group)?;
                let task = world.spawn_in(&group, creation.body, frame.values(&creation.args))?;
                world.slots.put(*slot, task);
            }
        }
        Ok(Flow::Next)
    }

    fn moment(&self, limit: &Limit) -> Option<std::time::Instant> {
        match limit {
            Limit::Never => None,
            Limit::After(ms) => Some(self.world.deadline(*ms)),
            Limit::At(time) => Some(self.world.instant(*time)),
        }
    }
}
