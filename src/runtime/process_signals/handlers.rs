//! The functions that a run calls when signals come: what `add_signal_handler` has.
//!
//! A handler is a listener. When it hears of a signal, on whatever thread, it sends its run a call through the inbox, at most one at a
//! time; the call is a callback of the next tick, and looks the function up, which never leaves its thread. One that was taken away or
//! replaced meanwhile is not found.
//!
//! As long as it is there, the run is not at a deadlock: the signal may come, and do anything. When the run is being ended that is no reason to
//! wait any more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libc::c_int;

use super::{Listener, Listening, SignalSet, listen};
use crate::runtime::context::{self, Values};
use crate::runtime::inbox::{Inbox, Sender};
use crate::runtime::report;
use crate::runtime::scheduler::{Scheduler, with_scheduler};

/// The handlers of a run.
#[derive(Default)]
pub(crate) struct Handlers {
    by_signal: RefCell<BTreeMap<c_int, Rc<Handler>>>,
}

struct Handler {
    function: RefCell<Box<dyn FnMut()>>,
    /// The context in which it is called each time.
    values: Option<Arc<Values>>,
    caller: Arc<Caller>,
    _listening: Listening,
    awake: Cell<Option<Sender>>,
}

/// The part that other threads know.
struct Caller {
    signal: c_int,
    /// Tells it from those that had the signal before.
    number: u64,
    inbox: Arc<Inbox>,
    /// A call is under way.
    called: AtomicBool,
}

impl Listener for Caller {
    fn hear(&self, _signal: c_int) {
        if self.called.swap(true, Ordering::SeqCst) {
            return;
        }
        let (signal, number) = (self.signal, self.number);
        // A run that is over has no use for it.
        let _ = self.inbox.call(Box::new(move || call(signal, number)));
    }
}

/// Calls the function, on the thread of its run, if it is still there.
fn call(signal: c_int, number: u64) {
    let handler = with_scheduler(|scheduler| {
        let handlers = scheduler.signal_handlers.by_signal.borrow();
        handlers.get(&signal).filter(|handler| handler.caller.number == number).cloned()
    });
    let Some(handler) = handler.flatten() else { return };
    // Before it looks at anything: what comes from now on calls it again.
    handler.caller.called.store(false, Ordering::SeqCst);
    context::within(handler.values.clone(), || {
        report::calling("signal handler", || (handler.function.borrow_mut())());
    });
    // Where it has taken itself away, this was the last owner.
    report::dropping("the destructor of a signal handler", handler);
}

impl Handlers {
    /// Has a function called for a signal, in place of the one that was.
    ///
    /// # Errors
    ///
    /// When the signal can't be had. Then all is as it was.
    pub(crate) fn add(
        &self,
        scheduler: &Scheduler,
        signal: c_int,
        function: Box<dyn FnMut()>,
    ) -> Result<(), (c_int, io::Error)> {
        static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
        let caller = Arc::new(Caller {
            signal,
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            inbox: Arc::clone(&scheduler.outside.inbox),
            called: AtomicBool::new(false),
        });
        let awake = scheduler.outside.await_signals();
        let listening = listen(SignalSet::of(signal), Arc::clone(&caller) as Arc<dyn Listener>, None)?;
        let handler = Handler {
            function: RefCell::new(function),
            values: context::copied(),
            caller,
            _listening: listening,
            awake: Cell::new(Some(awake)),
        };
        let old = self.by_signal.borrow_mut().insert(signal, Rc::new(handler));
        drop(old);
        Ok(())
    }

    /// Takes the function for a signal away. Gives whether there was one.
    pub(crate) fn remove(&self, signal: c_int) -> bool {
        let old = self.by_signal.borrow_mut().remove(&signal);
        old.is_some()
    }

    /// From now on they don't keep their run from being at a standstill.
    pub(in crate::runtime) fn keep_no_run_awake(&self) {
        let awake: Vec<_> = self.by_signal.borrow().values().map(|handler| handler.awake.take()).collect();
        drop(awake);
    }

    /// Takes all away.
    pub(in crate::runtime) fn clear(&self) {
        for (_, handler) in self.by_signal.take() {
            report::dropping("the destructor of a signal handler", handler);
        }
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_signal.borrow().keys()).finish()
    }
}
