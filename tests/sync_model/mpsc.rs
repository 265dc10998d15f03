//! Random programs with a channel, beside a model of it: what each operation gives, and when it is over.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use cede::sync::mpsc::{
    self, Receiver, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
};
use cede::{JoinHandle, sleep, spawn, yield_now};

use super::random::Random;
use super::trace::run;

/// How an operation of some task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Sent,
    Refused(u32),
    NotSentInTime(u32),
    Received(u32),
    Ended,
    NotReceivedInTime,
}

/// Time passes in steps of this.
const STEP: Duration = Duration::from_millis(1);

/// Until nothing is ready any more. Steps are far longer.
fn settle() {
    sleep(Duration::from_nanos(1));
}

#[derive(Debug, Clone, Copy)]
enum Wish {
    Send { handle: usize, item: u32 },
    Receive,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    operation: usize,
    wish: Wish,
    /// In how many steps of time it gives up.
    patience: Option<u32>,
}

/// What a channel is, without concurrency.
#[derive(Debug)]
struct Model {
    items: VecDeque<u32>,
    capacity: usize,
    /// In the order in which they came.
    senders: VecDeque<Pending>,
    receivers: VecDeque<Pending>,
    /// Whether the program still has the handles of senders, by number.
    handles: Vec<bool>,
    has_receiver: bool,
    closed: bool,
    outcomes: Vec<Option<Outcome>>,
}

impl Model {
    fn is_closed(&self) -> bool {
        self.closed || (!self.has_receiver && self.receivers.is_empty())
    }

    fn is_ended(&self) -> bool {
        let used = |number| {
            self.senders
                .iter()
                .any(|pending| matches!(pending.wish, Wish::Send { handle, .. } if handle == number))
        };
        self.is_closed() || (0..self.handles.len()).all(|number| !self.handles[number] && !used(number))
    }

    /// Lets everything happen that can.
    fn settle(&mut self) {
        loop {
            if self.is_closed() {
                for Pending { operation, wish, .. } in self.senders.drain(..) {
                    let Wish::Send { item, .. } = wish else { unreachable!() };
                    self.outcomes[operation] = Some(Outcome::Refused(item));
                }
            }
            if !self.has_receiver && self.receivers.is_empty() {
                self.items.clear();
            }
            if let (Some(receiver), Some(&item)) = (self.receivers.front(), self.items.front()) {
                self.outcomes[receiver.operation] = Some(Outcome::Received(item));
                self.receivers.pop_front();
                self.items.pop_front();
            } else if self.items.len() < self.capacity
                && let Some(sender) = self.senders.pop_front()
            {
                let Wish::Send { item, .. } = sender.wish else { unreachable!() };
                self.items.push_back(item);
                self.outcomes[sender.operation] = Some(Outcome::Sent);
            } else if self.is_ended()
                && let Some(receiver) = self.receivers.pop_front()
            {
                self.outcomes[receiver.operation] = Some(Outcome::Ended);
            } else {
                return;
            }
        }
    }

    fn step_of_time(&mut self) {
        let over = |pending: &mut Pending| {
            pending.patience = pending.patience.map(|steps| steps - 1);
            pending.patience == Some(0)
        };
        let (mut late, mut rest) = (Vec::new(), VecDeque::new());
        for mut pending in self.senders.drain(..).collect::<Vec<_>>() {
            if over(&mut pending) { late.push(pending) } else { rest.push_back(pending) }
        }
        self.senders = rest;
        let mut rest = VecDeque::new();
        for mut pending in self.receivers.drain(..).collect::<Vec<_>>() {
            if over(&mut pending) { late.push(pending) } else { rest.push_back(pending) }
        }
        self.receivers = rest;
        for Pending { operation, wish, .. } in late {
            self.outcomes[operation] = Some(match wish {
                Wish::Send { item, .. } => Outcome::NotSentInTime(item),
                Wish::Receive => Outcome::NotReceivedInTime,
            });
        }
    }
}

/// The real thing, driven alongside.
struct Program {
    random: Random,
    model: Model,
    handles: Vec<Option<Rc<Sender<u32>>>>,
    receiver: Option<Rc<Receiver<u32>>>,
    tasks: Vec<Option<JoinHandle<Outcome>>>,
    next_item: u32,
}

impl Program {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let bound = 1 + random.below(3);
        let bounded = random.below(4) > 0;
        let (tx, rx) = if bounded { mpsc::bounded(bound) } else { mpsc::unbounded() };
        let model = Model {
            items: VecDeque::new(),
            capacity: if bounded { bound } else { usize::MAX },
            senders: VecDeque::new(),
            receivers: VecDeque::new(),
            handles: vec![true],
            has_receiver: true,
            closed: false,
            outcomes: Vec::new(),
        };
        let (handles, receiver) = (vec![Some(Rc::new(tx))], Some(Rc::new(rx)));
        Program { random, model, handles, receiver, tasks: Vec::new(), next_item: 0 }
    }

    fn some_handle(&mut self) -> Option<usize> {
        let live: Vec<_> = (0..self.handles.len()).filter(|&number| self.handles[number].is_some()).collect();
        self.random.choose(&live).copied()
    }

    fn patience(&mut self) -> Option<u32> {
        Some(self.random.below(6) as u32).filter(|&steps| steps > 0)
    }

    fn item(&mut self) -> u32 {
        self.next_item += 1;
        self.next_item
    }

    fn begin(&mut self, wish: Wish, patience: Option<u32>, task: JoinHandle<Outcome>) {
        let pending = Pending { operation: self.tasks.len(), wish, patience };
        match wish {
            Wish::Send { .. } => self.model.senders.push_back(pending),
            Wish::Receive => self.model.receivers.push_back(pending),
        }
        self.model.outcomes.push(None);
        self.tasks.push(Some(task));
    }

    fn send(&mut self) {
        let Some(handle) = self.some_handle() else { return };
        let (item, patience) = (self.item(), self.patience());
        let tx = Rc::clone(self.handles[handle].as_ref().unwrap());
        let task = spawn(move || match patience {
            None => match tx.send(item) {
                Ok(()) => Outcome::Sent,
                Err(SendError(item)) => Outcome::Refused(item),
            },
            Some(steps) => match tx.send_timeout(item, STEP * steps) {
                Ok(()) => Outcome::Sent,
                Err(SendTimeoutError::Closed(item)) => Outcome::Refused(item),
                Err(SendTimeoutError::Timeout(item)) => Outcome::NotSentInTime(item),
            },
        });
        self.begin(Wish::Send { handle, item }, patience, task);
    }

    fn receive(&mut self) {
        let Some(rx) = self.receiver.clone() else { return };
        let patience = self.patience();
        let task = spawn(move || match patience {
            None => rx.recv().map_or(Outcome::Ended, Outcome::Received),
            Some(steps) => match rx.recv_timeout(STEP * steps) {
                Ok(item) => Outcome::Received(item),
                Err(RecvTimeoutError::Closed) => Outcome::Ended,
                Err(RecvTimeoutError::Timeout) => Outcome::NotReceivedInTime,
            },
        });
        self.begin(Wish::Receive, patience, task);
    }

    fn try_send(&mut self) {
        let Some(handle) = self.some_handle() else { return };
        let item = self.item();
        let expected = if self.model.is_closed() {
            Err(TrySendError::Closed(item))
        } else if self.model.items.len() == self.model.capacity {
            Err(TrySendError::Full(item))
        } else {
            self.model.items.push_back(item);
            Ok(())
        };
        assert_eq!(self.handles[handle].as_ref().unwrap().try_send(item), expected);
    }

    fn try_receive(&mut self) {
        let Some(rx) = &self.receiver else { return };
        let ended = self.model.is_ended();
        let nothing = if ended { TryRecvError::Closed } else { TryRecvError::Empty };
        assert_eq!(rx.try_recv(), self.model.items.pop_front().ok_or(nothing));
    }

    fn cancel(&mut self) {
        let pending: Vec<_> = (0..self.tasks.len())
            .filter(|&n| self.model.outcomes[n].is_none() && self.tasks[n].is_some())
            .collect();
        let Some(&operation) = self.random.choose(&pending) else { return };
        let task = self.tasks[operation].take().unwrap();
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        self.model.senders.retain(|pending| pending.operation != operation);
        self.model.receivers.retain(|pending| pending.operation != operation);
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=4 => self.send(),
            5..=9 => self.receive(),
            10 | 11 => self.try_send(),
            12 | 13 => self.try_receive(),
            14 | 15 => self.cancel(),
            16 => {
                if let Some(from) = self.some_handle() {
                    let clone = Rc::new(Sender::clone(self.handles[from].as_ref().unwrap()));
                    self.handles.push(Some(clone));
                    self.model.handles.push(true);
                }
            }
            17 => {
                sleep(STEP - Duration::from_nanos(1));
                self.model.step_of_time();
            }
            _ => match self.random.below(30) {
                0..=14 => {
                    if let Some(handle) = self.some_handle() {
                        self.handles[handle] = None;
                        self.model.handles[handle] = false;
                    }
                }
                15..=17 => {
                    self.receiver = None;
                    self.model.has_receiver = false;
                }
                18..=20 => {
                    if let Some(rx) = &self.receiver {
                        rx.close();
                        self.model.closed = true;
                    }
                }
                _ => {}
            },
        }
    }

    fn check(&mut self) {
        for (operation, task) in self.tasks.iter_mut().enumerate() {
            let expected = self.model.outcomes[operation];
            let Some(ended) = task.take_if(|task| task.is_finished() || expected.is_some()) else { continue };
            assert!(ended.is_finished(), "{operation} goes on, expected {expected:?}: {:?}", self.model);
            assert_eq!(Some(ended.join().unwrap()), expected, "{operation}: {:?}", self.model);
        }
        if let Some(rx) = &self.receiver {
            assert_eq!((rx.len(), rx.is_closed()), (self.model.items.len(), self.model.is_ended()));
        }
    }
}

#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 0..3000 {
        run(|| {
            let mut program = Program::new(seed);
            for _ in 0..40 {
                program.step();
                settle();
                program.model.settle();
                program.check();
            }
        });
    }
}

/// Without letting things settle in between, so that many are woken and not there yet. Each item comes to one end.
#[test]
fn in_random_programs_that_never_settle_each_item_comes_to_one_end() {
    for seed in 0..3000 {
        let alive = Rc::new(());
        run(|| {
            let mut random = Random::new(seed);
            let (tx, rx) = mpsc::bounded(1 + random.below(3));
            let rx = Rc::new(rx);
            let mut tx = Some(Rc::new(tx));
            let mut tasks = Vec::new();
            let mut sent = 0;
            let mut ends = Vec::new();
            for _ in 0..60 {
                match random.below(10) {
                    0..=2 => {
                        let Some(tx) = tx.clone() else { continue };
                        let item = (sent, Rc::clone(&alive));
                        let task = spawn(move || tx.send(item).err().map(|SendError(item)| item.0));
                        tasks.push((Some(sent), task));
                        sent += 1;
                    }
                    3..=5 => {
                        let rx = Rc::clone(&rx);
                        tasks.push((None, spawn(move || rx.recv().ok().map(|item| item.0))));
                    }
                    6 => ends.extend(rx.try_recv().map(|item| item.0)),
                    7 => drop(random.choose(&tasks).map(|(_, task)| task.cancel())),
                    8 if random.below(20) == 0 => {
                        tx = None;
                        if random.below(2) == 0 {
                            rx.close();
                        }
                    }
                    _ => yield_now(),
                }
            }
            drop(tx);
            settle();
            ends.extend(rx.try_iter().map(|item| item.0));
            rx.close();
            for (item, task) in tasks {
                match task.join() {
                    // Received, or given back.
                    Ok(item) => ends.extend(item),
                    // Never sent.
                    Err(_) => ends.extend(item),
                }
            }
            ends.sort_unstable();
            assert!(ends.iter().copied().eq(0..sent), "seed {seed}: {ends:?}");
        });
        assert_eq!(Rc::strong_count(&alive), 1, "seed {seed}");
    }
}
