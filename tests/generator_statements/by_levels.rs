//! Runs a program as the statements say it, with no stacks: a resumption goes from level to level, each generator asking
//! the one that it delegates to. Slow, simple, and without any cache.

use cede::GeneratorState::{self, Closed, Created, Running, Suspended};

use crate::program::{Operation, Policy, Program, Raised, Statement};

/// What a resumed generator is given.
#[derive(Clone, Copy)]
enum Given {
    Value(i64),
    Thrown(Raised),
    /// As `Thrown(Exit)`, and what it delegates to is closed first: so is that for a thrown `Exit`.
    Close,
}

/// How a resumption came back.
#[derive(Clone, Copy)]
enum Out {
    Yielded(i64),
    Returned(i64),
    Raised(Raised),
}

struct Node {
    state: GeneratorState,
    /// The next statement; the current one while it is suspended.
    at: usize,
    delegate: Option<usize>,
    /// The program's own reference, and one for each statement that delegates to it.
    references: u32,
    in_slot: bool,
}

struct Levels {
    program: Program,
    nodes: Vec<Node>,
    log: Vec<String>,
}

/// Runs it; gives what happened.
pub(crate) fn run(program: Program) -> Vec<String> {
    let nodes = (0..program.bodies.len())
        .map(|_| Node { state: Created, at: 0, delegate: None, references: 1, in_slot: true })
        .collect();
    let mut levels = Levels { program, nodes, log: Vec::new() };
    for index in 0..levels.program.main.len() {
        let (number, operation) = levels.program.main[index];
        levels.operate("main", number, operation);
        levels.states();
    }
    for number in 0..levels.nodes.len() {
        while levels.nodes[number].in_slot && levels.nodes[number].state != Closed {
            levels.operate("end", number, Operation::Close);
        }
    }
    for number in 0..levels.nodes.len() {
        levels.operate("end", number, Operation::Drop);
    }
    levels.log
}

impl Levels {
    fn states(&mut self) {
        let states = self.nodes.iter().map(|node| match node.delegate {
            _ if !node.in_slot => "-".to_owned(),
            None => format!("{:?}", node.state),
            Some(delegate) => format!("{:?}{delegate}", node.state),
        });
        self.log.push(states.collect::<Vec<_>>().join(" "));
    }

    fn operate(&mut self, who: &str, number: usize, operation: Operation) {
        let node = &mut self.nodes[number];
        if !node.in_slot {
            return self.log.push(format!("{who} {number} gone"));
        }
        let answer = match operation {
            Operation::Drop if node.state == Running => "drop refused".to_owned(),
            Operation::Drop => {
                node.in_slot = false;
                self.release(number);
                String::new()
            }
            _ => {
                // Held for as long as it is operated on.
                node.references += 1;
                let answer = self.ask(number, operation);
                self.release(number);
                answer
            }
        };
        self.log.push(format!("{who} {number} {answer}"));
    }

    fn ask(&mut self, number: usize, operation: Operation) -> String {
        let state = self.nodes[number].state;
        let given = match (operation, state) {
            (Operation::Close, Closed) => return "closed None".to_owned(),
            (Operation::Throw(raised), Closed) => return format!("raised {raised:?}"),
            (_, Closed) => return "Finished".to_owned(),
            (_, Running) => return "AlreadyExecuting".to_owned(),
            (Operation::Send(_), Created) => return "JustStarted".to_owned(),
            (Operation::Close, Created) => {
                self.nodes[number].state = Closed;
                return "closed None".to_owned();
            }
            (Operation::Throw(raised), Created) => {
                self.nodes[number].state = Closed;
                return format!("raised {raised:?}");
            }
            (Operation::Advance, _) => Given::Value(0),
            (Operation::Send(value), _) => Given::Value(value),
            (Operation::Throw(raised), _) => Given::Thrown(raised),
            (Operation::Close, _) => Given::Close,
            (Operation::Drop, _) => unreachable!("dealt with"),
        };
        let closing = matches!(operation, Operation::Close);
        match self.resume(number, given) {
            Out::Yielded(_) if closing => "IgnoredExit".to_owned(),
            Out::Returned(value) if closing => format!("closed {:?}", Some(value)),
            Out::Raised(Raised::Exit) if closing => "closed None".to_owned(),
            Out::Yielded(value) => format!("yielded {value}"),
            Out::Returned(value) => format!("returned {value}"),
            Out::Raised(Raised::Panic(number)) => format!("panic {number}"),
            Out::Raised(raised) => format!("raised {raised:?}"),
        }
    }

    /// Resumes a generator that has not begun or is suspended, until it yields or ends.
    fn resume(&mut self, me: usize, given: Given) -> Out {
        let fresh = self.nodes[me].state == Created;
        self.nodes[me].state = Running;
        let out = if fresh { self.go_on(me) } else { self.wake(me, given) };
        self.nodes[me].state = if matches!(out, Out::Yielded(_)) { Suspended } else { Closed };
        out
    }

    /// The statement at which it is suspended goes on.
    fn wake(&mut self, me: usize, given: Given) -> Out {
        let Some(inner) = self.nodes[me].delegate else {
            return match given {
                Given::Value(value) => self.finish(me, Ok(value)),
                Given::Thrown(raised) => self.finish(me, Err(raised)),
                Given::Close => self.finish(me, Err(Raised::Exit)),
            };
        };
        let out = match (given, self.nodes[inner].state) {
            (Given::Thrown(Raised::Exit) | Given::Close, state) => Out::Raised(self.close(inner, state)),
            (_, Running) => Out::Raised(Raised::AlreadyExecuting),
            (Given::Thrown(raised), Closed) => Out::Raised(raised),
            (_, Closed) => Out::Raised(Raised::Stop),
            _ => self.resume(inner, given),
        };
        self.pass_on(me, inner, out)
    }

    /// Closes what is delegated to; gives what is then raised at the statement.
    fn close(&mut self, inner: usize, state: GeneratorState) -> Raised {
        match state {
            Running => Raised::AlreadyExecuting,
            Closed => Raised::Exit,
            _ => match self.resume(inner, Given::Close) {
                Out::Yielded(_) => Raised::IgnoredExit,
                Out::Returned(_) => Raised::Exit,
                Out::Raised(raised) => raised,
            },
        }
    }

    /// What became of the step that `me` asked `inner` for.
    fn pass_on(&mut self, me: usize, inner: usize, out: Out) -> Out {
        let result = match out {
            Out::Yielded(value) => return Out::Yielded(value),
            Out::Returned(value) => Ok(value),
            Out::Raised(raised) => Err(raised),
        };
        self.nodes[me].delegate = None;
        self.release(inner);
        self.finish(me, result)
    }

    /// The statement under way has this result.
    fn finish(&mut self, me: usize, result: Result<i64, Raised>) -> Out {
        let statement = self.program.bodies[me][self.nodes[me].at];
        let (Statement::Yield(_, policy) | Statement::From(_, policy)) = statement else { unreachable!() };
        match result {
            Ok(value) => self.log.push(format!("body {me} got {value}")),
            Err(Raised::Panic(number)) if policy != Policy::Leave => {
                self.log.push(format!("body {me} caught panic {number}"));
            }
            Err(Raised::Panic(_)) => {}
            Err(raised) => self.log.push(format!("body {me} caught {raised:?}")),
        }
        if let Err(raised) = result {
            match policy {
                Policy::Leave | Policy::Rethrow => return leave(raised),
                Policy::GoOn => {}
                Policy::Return(value) => return Out::Returned(value),
                Policy::Other(number) => return Out::Raised(Raised::Fault(number)),
            }
        }
        self.nodes[me].at += 1;
        self.go_on(me)
    }

    /// Runs from the next statement on.
    fn go_on(&mut self, me: usize) -> Out {
        while let Some(&statement) = self.program.bodies[me].get(self.nodes[me].at) {
            match statement {
                Statement::Yield(value, _) => return Out::Yielded(value),
                Statement::From(inner, _) if self.nodes[inner].in_slot => {
                    self.nodes[inner].references += 1;
                    let out = match self.nodes[inner].state {
                        Closed => Out::Raised(Raised::Stop),
                        Running => Out::Raised(Raised::AlreadyExecuting),
                        _ => {
                            self.nodes[me].delegate = Some(inner);
                            self.resume(inner, Given::Value(0))
                        }
                    };
                    return self.pass_on(me, inner, out);
                }
                Statement::From(..) => {}
                Statement::Operate(other, operation) => {
                    self.operate(&format!("body {me}"), other, operation);
                }
                Statement::Raise(raised) => return leave(raised),
                Statement::Return(value) => return Out::Returned(value),
            }
            self.nodes[me].at += 1;
        }
        Out::Returned(0)
    }

    /// A reference goes; with the last of them the generator ends.
    fn release(&mut self, number: usize) {
        self.nodes[number].references -= 1;
        if self.nodes[number].references > 0 || self.nodes[number].state != Suspended {
            return;
        }
        let report = match self.resume(number, Given::Close) {
            Out::Returned(_) | Out::Raised(Raised::Exit) => return,
            Out::Raised(Raised::Panic(panic)) => format!("panic {panic}"),
            Out::Raised(raised) => format!("{raised:?}"),
            Out::Yielded(_) => format!("{:?}", Raised::IgnoredExit),
        };
        self.log.push(format!("report {number} {report}"));
        // A body that yielded is unwound by force: only its reference to a delegate is left to go.
        self.nodes[number].state = Closed;
        if let Some(inner) = self.nodes[number].delegate.take() {
            self.release(inner);
        }
    }
}

/// What a raised thing is outside of the body that it leaves.
fn leave(raised: Raised) -> Out {
    Out::Raised(if raised == Raised::Stop { Raised::StopLeftBody } else { raised })
}
