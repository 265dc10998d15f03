//! Runs a program with cede's generators.

use std::cell::RefCell;
use std::error::Error;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use cede::{
    Generator, GeneratorError, GeneratorExit, GeneratorState, SendError, Step, StopIteration, Thrown, Yielder,
};

use crate::fault::Fault;
use crate::program::{Operation, Policy, Program, Raised, Statement};

type Boxed = Box<dyn Error>;
type Shared = Rc<Generator<i64, i64, i64>>;

/// The payload of a panic in a body. As text, so that reports to the hook have it.
fn panic_with(number: u32) -> ! {
    panic::resume_unwind(Box::new(format!("panic {number}")))
}

struct World {
    program: Program,
    slots: RefCell<Vec<Option<Shared>>>,
    log: RefCell<Vec<String>>,
}

thread_local!(static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// Runs it; gives what happened.
pub(crate) fn run(program: Program) -> Vec<String> {
    cede::set_unraisable_hook(|unraisable| {
        let text = match unraisable.error().downcast_ref::<GeneratorError>() {
            Some(GeneratorError::Panicked(text)) => text.clone(),
            _ => text_of(unraisable.error()),
        };
        let line = format!("report {} {text}", unraisable.name().unwrap());
        REPORTED.with_borrow_mut(|lines| lines.push(line));
    });
    let count = program.bodies.len();
    let world = Rc::new(World { program, slots: RefCell::default(), log: RefCell::default() });
    for number in 0..count {
        let inside = Rc::clone(&world);
        let made = Generator::builder()
            .name(number.to_string())
            .try_build(move |y: &Yielder<i64, i64>| inside.body(number, y))
            .unwrap();
        world.slots.borrow_mut().push(Some(Rc::new(made)));
    }
    for index in 0..world.program.main.len() {
        let (number, operation) = world.program.main[index];
        world.operate("main", number, operation);
        world.states();
    }
    // Bodies are finite, so each of them gives in at last. One that does not, by a fault, shows as a difference.
    for number in 0..count {
        for _ in 0..100 {
            if world.slot(number).is_some_and(|g| g.state() != GeneratorState::Closed) {
                world.operate("end", number, Operation::Close);
            }
        }
    }
    for number in 0..count {
        world.operate("end", number, Operation::Drop);
    }
    world.log.take()
}

impl World {
    fn note(&self, line: String) {
        let mut log = self.log.borrow_mut();
        log.append(&mut REPORTED.take());
        log.push(line);
    }

    fn slot(&self, number: usize) -> Option<Shared> {
        self.slots.borrow()[number].clone()
    }

    fn states(&self) {
        let states = (0..self.program.bodies.len()).map(|number| match self.slot(number) {
            None => "-".to_owned(),
            Some(g) => {
                let delegate = g.delegate().and_then(|info| info.name).unwrap_or_default();
                format!("{:?}{delegate}", g.state())
            }
        });
        self.note(states.collect::<Vec<_>>().join(" "));
    }

    fn operate(&self, who: &str, number: usize, operation: Operation) {
        let Some(g) = self.slot(number) else { return self.note(format!("{who} {number} gone")) };
        let answer = panic::catch_unwind(AssertUnwindSafe(|| match operation {
            Operation::Advance => step(g.advance().map_err(misuse)),
            Operation::Send(value) => step(g.send(value).map_err(|e| misuse(e.into()))),
            Operation::Throw(raised) => step(g.throw(boxed(raised)).map_err(thrown_back)),
            Operation::Close => match g.close() {
                Ok(value) => format!("closed {value:?}"),
                Err(error) => misuse(error),
            },
            Operation::Drop if g.state() == GeneratorState::Running => "drop refused".to_owned(),
            Operation::Drop => {
                let slot = self.slots.borrow_mut()[number].take();
                drop(slot);
                String::new()
            }
        }));
        let answer = answer.unwrap_or_else(|payload| *payload.downcast::<String>().unwrap());
        // Where this is the last reference, the generator ends here.
        drop(g);
        self.note(format!("{who} {number} {answer}"));
    }

    fn body(&self, me: usize, y: &Yielder<i64, i64>) -> Result<i64, Boxed> {
        for &statement in &self.program.bodies[me] {
            let (outcome, policy) = match statement {
                Statement::Yield(value, policy) => (y.try_yield(value), policy),
                Statement::From(number, policy) => {
                    let Some(inner) = self.slot(number) else { continue };
                    let inside = AssertUnwindSafe(|| y.try_yield_from(inner));
                    match panic::catch_unwind(inside) {
                        Ok(outcome) => (outcome, policy),
                        Err(payload) if policy == Policy::Leave => panic::resume_unwind(payload),
                        Err(payload) => match payload.downcast::<String>() {
                            Ok(text) => {
                                self.note(format!("body {me} caught {text}"));
                                match self.after(policy, || panic::resume_unwind(text)) {
                                    Some(result) => return result,
                                    None => continue,
                                }
                            }
                            // A silent unwind of cede's own: not ours to stop.
                            Err(payload) => panic::resume_unwind(payload),
                        },
                    }
                }
                Statement::Operate(number, operation) => {
                    self.operate(&format!("body {me}"), number, operation);
                    continue;
                }
                Statement::Raise(Raised::Panic(number)) => panic_with(number),
                Statement::Raise(raised) => return Err(boxed(raised)),
                Statement::Return(value) => return Ok(value),
            };
            match outcome {
                Ok(value) => self.note(format!("body {me} got {value}")),
                Err(thrown) => {
                    let error = Boxed::from(thrown);
                    self.note(format!("body {me} caught {}", text_of(&*error)));
                    if policy == Policy::Leave {
                        return Err(error);
                    }
                    if let Some(result) = self.after(policy, || Thrown::from(error).rethrow()) {
                        return result;
                    }
                }
            }
        }
        Ok(0)
    }

    /// What a body does with something that was raised: it goes on where this is `None`.
    fn after(&self, policy: Policy, again: impl FnOnce()) -> Option<Result<i64, Boxed>> {
        match policy {
            Policy::Leave | Policy::Rethrow => {
                again();
                unreachable!("it was raised again");
            }
            Policy::GoOn => None,
            Policy::Return(value) => Some(Ok(value)),
            Policy::Other(number) => Some(Err(Fault(number).into())),
        }
    }
}

fn boxed(raised: Raised) -> Boxed {
    match raised {
        Raised::Exit => GeneratorExit.into(),
        Raised::Stop => StopIteration::new().into(),
        Raised::Fault(number) => Fault(number).into(),
        other => unreachable!("{other:?} is not thrown by programs"),
    }
}

fn step(result: Result<Step<i64, i64>, String>) -> String {
    match result {
        Ok(Step::Yielded(value)) => format!("yielded {value}"),
        Ok(Step::Returned(value)) => format!("returned {value}"),
        Err(text) => text,
    }
}

fn thrown_back(error: SendError<Thrown>) -> String {
    match error {
        SendError::Raised(error) => format!("raised {}", text_of(&*error)),
        SendError::AlreadyExecuting(_) => "AlreadyExecuting".to_owned(),
        other => format!("unexpected {other:?}"),
    }
}

fn misuse(error: GeneratorError) -> String {
    match error {
        GeneratorError::Raised(error) => format!("raised {}", text_of(&*error)),
        other => format!("{other:?}"),
    }
}

fn text_of(error: &(dyn Error + 'static)) -> String {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        format!("{:?}", Raised::Fault(fault.0))
    } else if error.is::<GeneratorExit>() {
        format!("{:?}", Raised::Exit)
    } else if error.is::<StopIteration>() {
        format!("{:?}", Raised::Stop)
    } else {
        match error.downcast_ref::<GeneratorError>() {
            Some(GeneratorError::AlreadyExecuting) => format!("{:?}", Raised::AlreadyExecuting),
            Some(GeneratorError::IgnoredExit) => format!("{:?}", Raised::IgnoredExit),
            Some(GeneratorError::RaisedStopIteration(_)) => format!("{:?}", Raised::StopLeftBody),
            _ => format!("unexpected {error:?}"),
        }
    }
}
