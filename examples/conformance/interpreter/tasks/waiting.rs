//! Statements that wait for several things, or for one in a special way.

use std::rc::Rc;
use std::time::Duration;

use cede::JoinError;
use cede::task::{
    AsCompleted, Awaitable, End, Gather, GatherResults, ReturnWhen, as_completed, gather, gather_results,
    shield, wait, wait_for,
};
use serde_json::Value as Json;

use super::body::{Running, run};
use super::futures::{Content, Slot};
use super::statement::{Own, Tasks, slot, unknown};
use super::world::{duration, escape};
use crate::interpreter::control::{Flow, Frame, Outcome, run_block};
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::program::{Args, Malformed, Scope, list};
use crate::interpreter::statement::{Block, Creation, Target};
use crate::interpreter::value::{Value, show};

pub(super) enum WaitingStatement {
    Gather { members: Members, tag: String },
    StartGather { slot: usize, members: Members },
    Wait { slots: Vec<usize>, limit: Option<i64>, when: ReturnWhen, tag: String },
    AsCompleted { slots: Vec<usize>, limit: Option<i64>, target: Target, block: Block<Own> },
    WaitFor { member: Member, limit: Option<i64>, target: Target },
    Shield { member: Member, target: Target },
}

/// Something that a statement waits for: what is in a slot, or a coroutine that has not begun.
pub(super) enum Member {
    Slot(usize),
    New(Creation),
}

/// The members of a gather.
pub(super) struct Members {
    members: Vec<Member>,
    return_exceptions: bool,
}

/// A gather, and where the values of its members are.
pub(super) struct Gathering {
    gather: Gathered,
    members: Vec<Slot>,
}

enum Gathered {
    Values(Gather<Vec<()>>),
    Results(GatherResults<Vec<()>>),
}

impl WaitingStatement {
    pub(super) fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        Ok(match args.name() {
            "gather" => Self::Gather { members: Members::read(args, scope)?, tag: args.text()?.to_owned() },
            "gather_start" => {
                Self::StartGather { slot: slot(args, scope)?, members: Members::read(args, scope)? }
            }
            "wait" => Self::Wait {
                slots: slots(args, scope)?,
                limit: args.limit()?,
                when: return_when(args.text()?)?,
                tag: args.text()?.to_owned(),
            },
            "as_completed" => Self::AsCompleted {
                slots: slots(args, scope)?,
                limit: args.limit()?,
                target: args.target(scope)?,
                block: args.block(scope)?,
            },
            "wait_for" => Self::WaitFor {
                member: Member::read(args.json()?, scope)?,
                limit: args.limit()?,
                target: args.target(scope)?,
            },
            "shield" => {
                Self::Shield { member: Member::read(args.json()?, scope)?, target: args.target(scope)? }
            }
            _ => return Err(unknown(args)),
        })
    }
}

fn return_when(word: &str) -> Result<ReturnWhen, Malformed> {
    match word {
        "FIRST_COMPLETED" => Ok(ReturnWhen::FirstCompleted),
        "FIRST_EXCEPTION" => Ok(ReturnWhen::FirstException),
        "ALL_COMPLETED" => Ok(ReturnWhen::AllCompleted),
        other => Err(Malformed::new(format!("{other:?} is no word for when to return"))),
    }
}

/// The numbers of the slots in the list that comes next in the arguments.
fn slots(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Vec<usize>, Malformed> {
    args.texts()?.iter().map(|name| Ok(scope.tables.own.slots.number(name))).collect()
}

impl Member {
    fn read(json: &Json, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        if let Some(name) = json.as_str() {
            return Ok(Self::Slot(scope.tables.own.slots.number(name)));
        }
        let mut args = Args::new(json)?;
        match args.name() {
            "new" => args.creation(scope).map(Self::New),
            other => Err(Malformed::new(format!("there is no member {other:?}"))),
        }
    }
}

impl Members {
    fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        let members = list(args.json()?)?.iter().map(|member| Member::read(member, scope));
        Ok(Self { members: members.collect::<Result<_, _>>()?, return_exceptions: args.integer()? != 0 })
    }
}

impl Gathering {
    fn of(members: Vec<Slot>, return_exceptions: bool) -> Self {
        let ends = members.iter().map(Slot::end);
        let gather = match return_exceptions {
            false => Gathered::Values(gather(ends)),
            true => Gathered::Results(gather_results(ends)),
        };
        Self { gather, members }
    }

    pub(super) fn end(&self) -> End {
        match &self.gather {
            Gathered::Values(gather) => gather.end(),
            Gathered::Results(gather) => gather.end(),
        }
    }

    /// Waits for it, unless it has ended, and gives copies of the values and exceptions of the members.
    pub(super) fn join(&self) -> Result<Vec<Result<Content, Exception>>, Exception> {
        let errors: Vec<Option<JoinError>> = match &self.gather {
            Gathered::Values(gather) => gather.join_cloned()?.into_iter().map(|()| None).collect(),
            Gathered::Results(gather) => gather.join_cloned()?.into_iter().map(Result::err).collect(),
        };
        let of_member = |(member, error): (&Slot, Option<JoinError>)| match error {
            None => member.join(),
            Some(error) => Err(error.into()),
        };
        Ok(self.members.iter().zip(errors).map(of_member).collect())
    }
}

impl Running<'_> {
    pub(super) fn run_waiting(&self, statement: &WaitingStatement, frame: &mut Frame) -> Outcome {
        let world = &self.world;
        match statement {
            WaitingStatement::Gather { members, tag } => {
                let gathering = self.gather(members, frame)?;
                let list = Content::List(world.catching(|| gathering.join())?);
                world.log(&format!("gather {tag} {list}"));
            }
            WaitingStatement::StartGather { slot, members } => {
                world.slots.put(*slot, Slot::Gather(Rc::new(self.gather(members, frame)?)));
            }
            WaitingStatement::Wait { slots, limit, when, tag } => {
                let ends = self.ends(slots)?;
                world.catching(|| Ok(wait(&ends, *when, limit.map(duration))))?;
                let flags: String =
                    ends.iter().map(|end| if end.is_finished() { '1' } else { '0' }).collect();
                world.log(&format!("wait {tag} {flags}"));
            }
            WaitingStatement::AsCompleted { slots, limit, target, block } => {
                return self.run_as_completed(slots, *limit, *target, block, frame);
            }
            WaitingStatement::WaitFor { member, limit, target } => {
                frame.bind(*target, self.wait_for(member, *limit, frame)?);
            }
            WaitingStatement::Shield { member, target } => {
                let slot = self.wrapped(member, frame)?;
                let shielded = shield(slot.end());
                world.catching(|| Ok(shielded.join()?))?;
                frame.bind(*target, slot.join()?.value());
            }
        }
        Ok(Flow::Next)
    }

    fn slots(&self, slots: &[usize]) -> Result<Vec<Slot>, Exception> {
        slots.iter().map(|slot| self.world.slots.get(*slot)).collect()
    }

    fn ends(&self, slots: &[usize]) -> Result<Vec<End>, Exception> {
        Ok(self.slots(slots)?.iter().map(Slot::end).collect())
    }

    /// What a member is; a coroutine becomes a task.
    fn wrapped(&self, member: &Member, frame: &Frame) -> Result<Slot, Exception> {
        match member {
            Member::Slot(slot) => self.world.slots.get(*slot),
            Member::New(creation) => Ok(self.world.spawn(creation.body, frame.values(&creation.args))),
        }
    }

    fn gather(&self, members: &Members, frame: &Frame) -> Result<Gathering, Exception> {
        // All are looked up before a task is made of any.
        for member in &members.members {
            if let Member::Slot(slot) = member {
                self.world.slots.get(*slot)?;
            }
        }
        let slots = members.members.iter().map(|member| self.wrapped(member, frame));
        Ok(Gathering::of(slots.collect::<Result<_, _>>()?, members.return_exceptions))
    }

    fn run_as_completed(
        &self,
        slots: &[usize],
        limit: Option<i64>,
        target: Target,
        block: &Block<Own>,
        frame: &mut Frame,
    ) -> Outcome {
        let slots = self.slots(slots)?;
        let ends: Vec<Rc<End>> = slots.iter().map(|slot| Rc::new(slot.end())).collect();
        let mut completed = as_completed(ends.clone(), limit.map(duration));
        let outcome = self.run_completed(&mut completed, &slots, &ends, target, block, frame);
        // One that is left early is not taken back in Python: its timer still fires, and so time goes on to there.
        self.world.left_early.borrow_mut().push(completed);
        outcome
    }

    fn run_completed(
        &self,
        completed: &mut AsCompleted<Rc<End>>,
        slots: &[Slot],
        ends: &[Rc<End>],
        target: Target,
        block: &Block<Own>,
        frame: &mut Frame,
    ) -> Outcome {
        let world = &self.world;
        while let Some(item) = world.catching(|| Ok(completed.next()))? {
            let slot = item.map(|end| slots.iter().zip(ends).find(|(_, known)| Rc::ptr_eq(known, &end)));
            let content = match slot {
                Ok(Some((slot, _))) => slot.join(),
                Ok(None) => Err(Exception::fault("something else was completed")),
                Err(elapsed) => Err(elapsed.into()),
            };
            let value = match content {
                Ok(content) => content.value(),
                Err(exception) if exception.class().is_below(Class::Exception) => {
                    world.log(&format!("item raised {exception}"));
                    continue;
                }
                Err(exception) => return Err(exception),
            };
            frame.bind(target, value);
            world.log(&format!("item {}", show(value)));
            match run_block(self, block, frame)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                left @ Flow::Return(_) => return Ok(left),
            }
        }
        Ok(Flow::Next)
    }

    fn wait_for(&self, member: &Member, limit: Option<i64>, frame: &Frame) -> Result<Value, Exception> {
        let world = &self.world;
        let time = limit.map(duration);
        match member {
            // It runs in this task. Where there is no time for that, it becomes a task that is cancelled.
            Member::New(creation) if time != Some(Duration::ZERO) => {
                let args = frame.values(&creation.args);
                world.catching(|| wait_for(time, || escape(run(world, creation.body, args)))?)
            }
            member => {
                let slot = self.wrapped(member, frame)?;
                let end = slot.end();
                world.catching(|| Ok(wait_for(time, &end)??))?;
                Ok(slot.join()?.value())
            }
        }
    }
}
