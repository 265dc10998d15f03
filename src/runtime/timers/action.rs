//! What a timer does, in one word.
//!
//! A million timers are a million of these. Both kinds are pointers to what is aligned to eight bytes at least, so the lowest bit says which of them
//! it is.

use std::fmt;
use std::mem::{ManuallyDrop, align_of};
use std::ptr::NonNull;
use std::rc::Rc;

use crate::runtime::callback::Callback;
use crate::runtime::task::TaskCore;
use crate::runtime::waiter::Waiter;

/// Added to a pointer to a callback.
const CALLBACK: usize = 1;

const _: () = assert!(align_of::<TaskCore>() > CALLBACK && align_of::<Callback>() > CALLBACK);

/// See the head of this file.
pub(crate) struct Action(NonNull<()>);

/// What it is, taken apart.
pub(crate) enum What {
    /// Wake a task that waits for it, and takes it back when it no longer does.
    Wake(NonNull<TaskCore>),
    /// Call a function, unless it was taken back.
    Call(Rc<Callback>),
}

impl Action {
    /// Wakes a task that waits.
    #[inline]
    pub(crate) fn wake(waiter: Waiter) -> Self {
        Action(waiter.task().cast())
    }

    /// Calls a function.
    pub(crate) fn call(callback: Rc<Callback>) -> Self {
        let pointer = NonNull::new(Rc::into_raw(callback).cast_mut()).expect("an `Rc` is not null");
        // SAFETY: a callback is larger than a byte, so this stays inside of it.
        Action(unsafe { pointer.byte_add(CALLBACK) }.cast())
    }

    #[inline]
    fn is_call(&self) -> bool {
        self.0.addr().get() & CALLBACK != 0
    }

    /// Takes it apart.
    #[inline]
    pub(crate) fn what(self) -> What {
        let action = ManuallyDrop::new(self);
        if action.is_call() {
            // SAFETY: a word with this bit was made by `call`, and its count is taken over here, once.
            What::Call(unsafe { Rc::from_raw(action.0.as_ptr().byte_sub(CALLBACK).cast()) })
        } else {
            What::Wake(action.0.cast())
        }
    }
}

impl Drop for Action {
    #[inline]
    fn drop(&mut self) {
        if self.is_call() {
            // SAFETY: as in `what`; this is the end of the word.
            drop(unsafe { Rc::from_raw(self.0.as_ptr().byte_sub(CALLBACK).cast::<Callback>()) });
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_call() { "Call(..)" } else { "Wake(..)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::scheduler::Scheduler;
    use std::cell::Cell;

    #[test]
    fn an_action_is_one_word_and_so_is_none() {
        assert_eq!(size_of::<Option<Action>>(), 8);
    }

    #[test]
    fn a_callback_comes_out_as_it_went_in_and_goes_once() {
        let scheduler = Scheduler::for_test();
        let alive = Rc::new(Cell::new(0));
        let kept = Rc::clone(&alive);
        let callback = Callback::new(&scheduler, Box::new(move || kept.set(kept.get() + 1)));
        drop(Action::call(Rc::clone(&callback)));
        assert_eq!(Rc::strong_count(&callback), 1);
        let What::Call(same) = Action::call(Rc::clone(&callback)).what() else { panic!("it is a call") };
        assert!(Rc::ptr_eq(&same, &callback));
        drop((same, callback));
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
