//! The switch: the only file that knows corosensei.
//!
//! A [`Coroutine`] is a header that lives at the top of a stack slot, above the stack that it describes:
//!
//! ```text
//! slot.top()          +--------------------------+
//!                     | label word, colour gap   |   read by the overflow report
//! slot.colored_top()  +--------------------------+
//!                     | header `H`               |   starts with a `Coroutine`
//! base                +--------------------------+
//!                     | corosensei's frame       |
//!                     | the body's frames     |  |
//!                     |                       v  |
//! slot.floor()        +--------------------------+
//!                     | guard                    |
//! slot.limit()        +--------------------------+
//! ```
//!
//! so a coroutine costs no allocation besides its slot, and the page that its first frame touches anyway
//! holds its state too.
//!
//! Invariants:
//! - A coroutine is created, resumed, suspended and disposed of on one thread; the types that hold one
//!   are `!Send`.
//! - The innermost coroutine that runs is the one on whose stack the processor is: the stack pointer says so, and
//!   nothing has to be kept up to date at a switch. `low` and `extent` are the bounds of the segment
//!   that a coroutine runs on, which `grow` moves.
//! - Neither panics nor corosensei's own forced unwinding cross a switch: `entry` functions catch all,
//!   and corosensei's destructor, which would unwind a suspended stack, is never run.
//! - Once the thread's locals are being destroyed nothing is resumed any more, since a suspended frame
//!   may hold a reference into a local that is gone.
//!
//! Rejected: a thread-local word for the innermost coroutine (saved and restored through memory at each resume, a
//! chain of loads and stores longer than the switch itself); corosensei's input and yield values for commands and payloads (an enum input costs more than
//! a word in the header, and values over 8 bytes are copied through memory twice); closures stored by
//! corosensei on the stack (limited to 1 KiB, and their destructors must not panic).

mod exit_notice;
mod fibers;
mod grow;

use std::cell::{Cell, UnsafeCell};
use std::mem::{ManuallyDrop, align_of, size_of};
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::thread;

use corosensei::CoroutineResult;
use corosensei::stack::valgrind::ValgrindStackRegistration;
use corosensei::stack::{STACK_ALIGNMENT, Stack, StackPointer};

pub(crate) use grow::grow_to_drop;
pub use grow::{grow, grow_with};

use crate::stack::{self, Label, Slot, StackError};
use fibers::{Fiber, Resumer};

/// An [`Event`] crosses as a plain number: of the values that an enum has not, corosensei's result would take one for its own end, and so
/// what comes back would be put together in three comparisons in place of one.
type Switch = corosensei::Coroutine<Command, usize, (), Segment>;
type Suspender = corosensei::Yielder<Command, usize>;

/// What a coroutine is told as it is resumed. Travels in a register.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Command {
    /// Go on.
    Go,
    /// Something was left to be raised where you are.
    Raise,
}

/// Why control came back from a coroutine. Travels in a register.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Event {
    /// It has suspended itself, and can be resumed.
    Suspended,
    /// It has suspended itself until another has ended that it names.
    Delegating,
    /// Its entry function has returned, and it is never resumed again.
    Ended,
}

const SUSPENDED: usize = Event::Suspended as usize;

impl Event {
    /// Out of line, so that what usually happens is known by one branch, and not looked up in a value that was put together.
    #[cold]
    #[inline(never)]
    fn unusual(result: CoroutineResult<usize, ()>) -> Event {
        match result {
            CoroutineResult::Yield(SUSPENDED) => Event::Suspended,
            CoroutineResult::Yield(_) => Event::Delegating,
            CoroutineResult::Return(()) => Event::Ended,
        }
    }
}

/// The part of a slot that corosensei uses: it ends below the header. Owns nothing.
struct Segment {
    base: usize,
    limit: usize,
}

// SAFETY: a slot has a guard at its low end and at least `MIN_STACK_SIZE` bytes between that and `base`,
// since headers that are not small get a larger slot (`acquire`); `base` is 16-aligned; the memory stays
// mapped as long as the slot is not given back, which `Coroutine::dispose` and `grow_with` see to.
unsafe impl Stack for Segment {
    #[inline]
    fn base(&self) -> StackPointer {
        // SAFETY: the address of mapped memory is never zero.
        unsafe { StackPointer::new_unchecked(self.base) }
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        // SAFETY: as above.
        unsafe { StackPointer::new_unchecked(self.limit) }
    }
}

/// What runs on the stack below.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A generator: its header is a `generator::core::Core`.
    Generator,
    /// A task: its header is a `runtime::task::TaskFrame`.
    Task,
}

/// The untyped part of every header: one stack and the switch to it. Always the header's first field. What a switch touches comes first,
/// so that it shares its cache line with the way back that corosensei keeps right below (see [`place_of`]).
#[repr(C)]
pub(crate) struct Coroutine {
    /// Borrowed mutably by the resumer for the length of a switch; nothing else touches it meanwhile.
    switch: UnsafeCell<ManuallyDrop<Switch>>,
    /// Where `suspend` finds its way back. Set when the coroutine first runs.
    suspender: Cell<*const Suspender>,
    /// The size of the slot; 0 while an extent is open in which the coroutine must not suspend itself.
    reach: Cell<usize>,
    slot_size: usize,
    /// The thread was unwinding when the coroutine was last resumed, and it has not suspended itself since.
    resumed_in_unwind: Cell<bool>,
    /// Suspending itself inside such extents is what it is for.
    extents_are_fine: Cell<bool>,
    kind: Kind,
    /// How many such extents are open.
    extents: Cell<u32>,
    /// The memory of all this. Read out by `dispose`.
    slot: Slot,
    /// Lowest usable address of the segment that the body runs on: the slot's, or that of `grow`.
    low: Cell<usize>,
    /// Length of that segment in bytes.
    extent: Cell<usize>,
    fiber: Fiber,
    label: Label,
}

thread_local! {
    /// Whether this thread's locals are being destroyed.
    static EXITING: Cell<bool> = const { Cell::new(false) };
    /// Whether `prepare_thread` has run here.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread's locals are being destroyed, after which no coroutine may run on it.
#[inline(always)]
pub(crate) fn thread_is_exiting() -> bool {
    EXITING.get()
}

/// The stack pointer, or an address close to it.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    #[allow(unused_assignments, reason = "the fallback for other processors")]
    let mut pointer = 0usize;
    // SAFETY: reads a register and touches nothing else.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        pointer = (&raw const pointer).addr();
    }
    pointer
}

/// The innermost coroutine that runs on this thread, and what it is.
#[cold]
pub(crate) fn innermost() -> Option<(NonNull<Coroutine>, Kind)> {
    // SAFETY: this very frame is live, and the owner of the stack that it is on is running.
    unsafe {
        let running = stack::running_at(stack_pointer())?;
        let owner = NonNull::new(running.label.owner.cast_mut())?.cast::<Coroutine>();
        Some((owner, owner.as_ref().kind))
    }
}

/// Puts a header and a coroutine into a fresh slot. `header` is given the coroutine and makes the header
/// from it; `entry` is called with the header's address when the coroutine is first resumed. It is a type of its
/// own and inlined, as is the way to it: a call between the root of the stack and a switch makes the
/// processor mispredict three returns in the life of a coroutine.
///
/// # Safety
///
/// `H` is `repr(C)` and begins with the `Coroutine` (directly or through its first fields). `entry` must
/// not unwind, needs no drop, and what it uses besides the header must outlive the coroutine.
pub(crate) unsafe fn build<H>(
    size: Option<usize>,
    label: Label,
    kind: Kind,
    header: impl FnOnce(Coroutine) -> H,
    entry: impl FnOnce(NonNull<H>),
) -> Result<NonNull<H>, StackError> {
    if !PREPARED.get() {
        prepare_thread();
    }
    let slot = acquire::<H>(size)?;
    register_with_valgrind(&slot);
    let base = place_of::<H>(slot.colored_top());
    let place = ptr::with_exposed_provenance_mut::<H>(base);
    let segment = Segment { base, limit: slot.limit() };
    // SAFETY: the closure borrows nothing, and a coroutine of this module is disposed of only when it has
    // finished or has never begun.
    let switch = unsafe {
        Switch::with_stack_unchecked(segment, move |suspender: &Suspender, _command| {
            let header = NonNull::new_unchecked(place);
            let coroutine = header.cast::<Coroutine>().as_ref();
            coroutine.fiber.arrive();
            coroutine.suspender.set(suspender);
            entry(header);
            coroutine.fiber.leave();
        })
    };
    let coroutine = Coroutine {
        switch: UnsafeCell::new(ManuallyDrop::new(switch)),
        low: Cell::new(slot.floor()),
        extent: Cell::new(base - slot.floor()),
        reach: Cell::new(slot.size()),
        slot_size: slot.size(),
        extents: Cell::new(0),
        extents_are_fine: Cell::new(false),
        slot,
        suspender: Cell::new(ptr::null()),
        resumed_in_unwind: Cell::new(false),
        fiber: Fiber::new(),
        kind,
        label: Label { owner: place.cast(), ..label },
    };
    // SAFETY: `place` is aligned, lies inside the slot above everything that corosensei uses, and is ours.
    unsafe {
        place.write(header(coroutine));
        let header = NonNull::new_unchecked(place);
        let coroutine = header.cast::<Coroutine>().as_ref();
        coroutine.slot.set_label(&raw const coroutine.label);
        Ok(header)
    }
}

/// Where below `top` a header lies: so that corosensei's two words below it, with the way back to the resumer, and the words of
/// [`Coroutine`] that a switch touches are one cache line.
#[inline]
fn place_of<H>(top: usize) -> usize {
    const LINE: usize = 64;
    const BELOW: usize = 2 * size_of::<usize>();
    let align = align_of::<H>().max(STACK_ALIGNMENT);
    if align > BELOW {
        return (top - size_of::<H>()) & !(align - 1);
    }
    ((top - size_of::<H>() - BELOW) & !(LINE - 1)) + BELOW
}

/// A slot that holds an `H` besides the stack that was asked for.
#[inline]
fn acquire<H>(size: Option<usize>) -> Result<Slot, StackError> {
    /// Headers up to this size have room in the smallest slot, and are not worth a larger one.
    const SMALL: usize = 2048;
    let header = size_of::<H>() + align_of::<H>().max(64);
    match size {
        Some(0) => Err(StackError::Zero),
        None if header <= SMALL => stack::acquire_default(),
        Some(size) if header <= SMALL => stack::acquire(size),
        size => acquire_with_room(size.unwrap_or(stack::DEFAULT_SIZE), header),
    }
}

/// A slot with room for a large header, and at least half of `size` below that.
#[cold]
fn acquire_with_room(size: usize, header: usize) -> Result<Slot, StackError> {
    let size = size.max(stack::MIN_SIZE);
    let mut slot_size = size.saturating_add(header);
    loop {
        let slot = stack::acquire(slot_size)?;
        if slot.colored_top() - slot.floor() >= header + size / 2 {
            return Ok(slot);
        }
        slot_size = slot.size().saturating_mul(2);
        // SAFETY: nobody has used it.
        unsafe { stack::release(slot) }
    }
}

impl Coroutine {
    /// What the overflow report says of this coroutine.
    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// How many bytes of the slot have been touched, an upper bound on how deep the stack was used.
    pub(crate) fn touched(&self) -> usize {
        stack::touched(&self.slot)
    }

    /// Runs the coroutine until it suspends itself or its entry function returns.
    ///
    /// # Safety
    ///
    /// It was built on this thread, is neither running nor finished, and `thread_is_exiting()` is false.
    #[inline(always)]
    pub(crate) unsafe fn resume(&self, command: Command) -> Event {
        if thread::panicking() {
            self.note_unwind();
        }
        // SAFETY: the coroutine is not running, so nobody else has this borrow.
        let switch = unsafe { &mut **self.switch.get() };
        let resumer = Resumer::leave(&self.fiber);
        let result = switch.resume(command);
        resumer.arrive();
        match result {
            CoroutineResult::Yield(SUSPENDED) => Event::Suspended,
            unusual => Event::unusual(unusual),
        }
    }

    /// Whether this is the innermost coroutine on the thread, with no extent open that forbids a suspension. The
    /// innermost one is that in whose slot the stack pointer is, or in the segment that `grow` has put it on.
    #[inline(always)]
    pub(crate) fn is_free_to_suspend(&self) -> bool {
        // The header is in the slot, and a slot's size is a power of two, its address a multiple of it.
        let here = stack_pointer();
        here ^ ptr::from_ref(self).addr() < self.reach.get() || self.is_free_on_segment(here)
    }

    #[cold]
    fn is_free_on_segment(&self, here: usize) -> bool {
        self.extents.get() == 0 && here.wrapping_sub(self.low.get()) < self.extent.get()
    }

    /// Whether this is the innermost coroutine on the thread.
    #[cold]
    pub(crate) fn is_innermost(&self) -> bool {
        stack_pointer().wrapping_sub(self.low.get()) < self.extent.get()
    }

    /// Whether what runs now runs on this coroutine's stack, or on generators that were resumed from it: then it may be
    /// suspended from here, with these on top. Anything else that has switched stacks meanwhile would be torn.
    #[inline(always)]
    pub(crate) fn carries_this_code(&self) -> bool {
        let here = stack_pointer();
        here ^ ptr::from_ref(self).addr() < self.slot_size || self.carries(here)
    }

    /// The stack pointer of whoever resumed this coroutine, which is running.
    ///
    /// corosensei's `Yielder` is that word and nothing else. Were it ever something else, `carries` would find no
    /// coroutine there and answer no.
    fn resumer(&self) -> usize {
        const { assert!(size_of::<Suspender>() == size_of::<usize>()) };
        // SAFETY: it has begun, so this was set, and lies on its live stack; a word of that size was written there.
        unsafe { self.suspender.get().cast::<usize>().read() }
    }

    #[cold]
    fn carries(&self, mut here: usize) -> bool {
        loop {
            // SAFETY: this frame is live, and so are those that resumed the coroutines on the way.
            let owner = match unsafe { stack::running_at(here) } {
                Some(running) => running.label.owner.cast::<Coroutine>(),
                None => return false,
            };
            if ptr::eq(owner, self) {
                return true;
            }
            // SAFETY: null, or a coroutine that is running, with this one perhaps beneath it.
            match unsafe { owner.as_ref() } {
                Some(generator) if generator.kind == Kind::Generator => here = generator.resumer(),
                _ => return false,
            }
        }
    }

    /// Suspending itself inside extents that forbid it to others is what this coroutine is for.
    pub(crate) fn allow_in_extents(&self) {
        self.extents_are_fine.set(true);
    }

    #[cold]
    fn note_unwind(&self) {
        self.resumed_in_unwind.set(true);
    }

    /// To be asked right before a suspension: whether it would take a half-unwound stack, and a wrong
    /// `thread::panicking()`, to the resumer. That is so where the thread is unwinding, and was not yet when this
    /// coroutine was resumed.
    #[inline(always)]
    pub(crate) fn is_unwinding(&self) -> bool {
        thread::panicking() && self.has_begun_to_unwind()
    }

    /// The note is used up here: an unwind that was under way at the resume is still under way at the suspension that
    /// follows, so each note is seen and none is taken for one of a later resume.
    #[cold]
    fn has_begun_to_unwind(&self) -> bool {
        !self.resumed_in_unwind.replace(false)
    }

    /// An unwind begins in this coroutine. From now to the next resume none of its destructors may suspend it, also
    /// where an outer unwind was under way at the resume, which std cannot tell from this one.
    pub(crate) fn note_own_unwind(&self) {
        self.resumed_in_unwind.set(false);
    }

    /// Gives control back to the resumer, until the next `resume`, whose command it gives.
    ///
    /// Inlined up to the user's code: one frame between that and the switch would cost several times the
    /// switch itself, since the processor mispredicts returns after a change of stacks.
    ///
    /// # Safety
    ///
    /// This is the innermost coroutine, it runs on this thread, and nothing is unwinding in it.
    #[inline(always)]
    pub(crate) unsafe fn suspend(&self, event: Event) -> Command {
        self.fiber.leave();
        // SAFETY: `suspender` was set when the coroutine began, and lies on its live stack.
        let command = unsafe { (*self.suspender.get()).suspend(event as usize) };
        self.fiber.arrive();
        command
    }

    /// Drops a header whose coroutine has finished or has never begun, and gives its slot back.
    ///
    /// # Safety
    ///
    /// As said, and nobody uses the header afterwards.
    #[inline]
    pub(crate) unsafe fn dispose<H>(header: NonNull<H>) {
        struct GiveBack(Option<Slot>);
        impl Drop for GiveBack {
            #[inline]
            fn drop(&mut self) {
                if let Some(slot) = self.0.take() {
                    // SAFETY: the header in it has been dropped, and no frame is left on it.
                    unsafe { stack::release(slot) }
                }
            }
        }
        // SAFETY: the caller owns the header. `force_reset` skips no destructor: the closure that
        // corosensei holds before the first resume has none, and after the end there is nothing.
        let _slot = unsafe {
            let coroutine = header.cast::<Coroutine>().as_ref();
            let mut switch = ManuallyDrop::into_inner(ptr::read(coroutine.switch.get()));
            switch.force_reset();
            switch.into_stack();
            GiveBack(Some(ptr::read(&coroutine.slot)))
        };
        // SAFETY: the header is dropped in place once; the slot is given back after it, also when a
        // destructor panics.
        unsafe { ptr::drop_in_place(header.as_ptr()) }
    }
}

/// A stretch of code that knows which task it belongs to, opened inside a generator: a timeout, a scope, `no_cancel`.
///
/// The generator must not yield from inside it: the code that goes on meanwhile would be cancelled, or kept from it, in its
/// stead (PEP 789). So while one is open the generator in which it was opened does not suspend itself.
pub(crate) struct Extent {
    opened_in: Option<NonNull<Coroutine>>,
}

impl Extent {
    pub(crate) fn open() -> Self {
        let opened_in = innermost().and_then(|(coroutine, kind)| {
            // SAFETY: the innermost coroutine is running, and so alive.
            let counts = kind == Kind::Generator && !unsafe { coroutine.as_ref() }.extents_are_fine.get();
            counts.then_some(coroutine)
        });
        if let Some(coroutine) = opened_in {
            // SAFETY: as above.
            let coroutine = unsafe { coroutine.as_ref() };
            coroutine.extents.set(coroutine.extents.get() + 1);
            coroutine.reach.set(0);
        }
        Extent { opened_in }
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        let Some(coroutine) = self.opened_in else { return };
        // SAFETY: this guard lies on that coroutine's stack, which is therefore alive.
        let coroutine = unsafe { coroutine.as_ref() };
        coroutine.extents.set(coroutine.extents.get() - 1);
        if coroutine.extents.get() == 0 {
            coroutine.reach.set(coroutine.slot_size);
        }
    }
}

/// Runs `f` on another stack. Nothing unwinds across the change of stacks.
fn run_on<R>(segment: Segment, f: impl FnOnce() -> R) -> thread::Result<R> {
    corosensei::on_stack(segment, || panic::catch_unwind(AssertUnwindSafe(f)))
}

/// Tells valgrind, where it is watching, that a slot is a stack. Once for each slot.
#[inline]
fn register_with_valgrind(slot: &Slot) {
    if slot.is_fresh() {
        // Never given back: the slot stays a stack for as long as it is mapped.
        let size = slot.top() - slot.limit();
        std::mem::forget(ValgrindStackRegistration::new(slot.limit() as *mut u8, size));
    }
}

/// Gets a thread ready for its first coroutine: the overflow report, and the notice of the thread's end.
#[cold]
fn prepare_thread() {
    PREPARED.set(true);
    stack::prepare_thread();
    exit_notice::register();
}
