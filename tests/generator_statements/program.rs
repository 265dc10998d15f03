//! Random programs of generators that share, resume, end and drop each other.
//!
//! A program is a list of bodies and what the main program does with them. Bodies have no loops, so every program
//! ends. What happens is written down as a list of lines, by whoever runs the program.

/// What is raised, in a form that both runners have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raised {
    Exit,
    Fault(u32),
    Stop,
    Panic(u32),
    AlreadyExecuting,
    IgnoredExit,
    StopLeftBody,
}

/// What a body does when a statement raises something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// It returns the error, or lets it unwind.
    Leave,
    /// It raises the same again by an unwind of its own.
    Rethrow,
    /// It goes on with the next statement.
    GoOn,
    /// It returns this value.
    Return(i64),
    /// It raises something else.
    Other(u32),
}

/// What is done to a generator from outside, by the main program or by another body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Advance,
    Send(i64),
    Throw(Raised),
    Close,
    /// The program's own reference goes. Nothing happens where it is running.
    Drop,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Statement {
    Yield(i64, Policy),
    From(usize, Policy),
    Operate(usize, Operation),
    Raise(Raised),
    Return(i64),
}

#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) bodies: Vec<Vec<Statement>>,
    pub(crate) main: Vec<(usize, Operation)>,
}

/// A small generator of random numbers: xorshift, seeded through a multiplication.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }

    fn number(&mut self) -> i64 {
        self.below(90) as i64 + 10
    }

    fn policy(&mut self) -> Policy {
        match self.below(10) {
            0..=3 => Policy::Leave,
            4 => Policy::Rethrow,
            5..=7 => Policy::GoOn,
            8 => Policy::Return(self.number()),
            _ => Policy::Other(self.below(100) as u32),
        }
    }

    fn thrown(&mut self) -> Raised {
        match self.below(6) {
            0 => Raised::Exit,
            1 => Raised::Stop,
            _ => Raised::Fault(self.below(100) as u32),
        }
    }

    fn operation(&mut self) -> Operation {
        match self.below(20) {
            0..=10 => Operation::Advance,
            11..=13 => Operation::Send(self.number()),
            14..=16 => Operation::Throw(self.thrown()),
            17 | 18 => Operation::Close,
            _ => Operation::Drop,
        }
    }

    fn statement(&mut self, generators: u64) -> Statement {
        match self.below(20) {
            0..=7 => Statement::Yield(self.number(), self.policy()),
            8..=14 => Statement::From(self.below(generators) as usize, self.policy()),
            15..=17 => Statement::Operate(self.below(generators) as usize, self.operation()),
            18 => Statement::Return(self.number()),
            _ => Statement::Raise(match self.below(8) {
                0 | 1 => Raised::Panic(self.below(100) as u32),
                _ => self.thrown(),
            }),
        }
    }
}

impl Program {
    /// The program of this number: always the same.
    pub(crate) fn random(number: u64) -> Program {
        let mut random = Random((number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            random.below(2);
        }
        let generators = 2 + random.below(6);
        let bodies = (0..generators)
            .map(|_| (0..1 + random.below(7)).map(|_| random.statement(generators)).collect())
            .collect();
        let main = (0..5 + random.below(25))
            .map(|_| (random.below(generators) as usize, random.operation()))
            .collect();
        Program { bodies, main }
    }
}
