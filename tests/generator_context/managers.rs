//! `closing`, `nullcontext` and `suppress`.

use super::*;

struct Door {
    closed: Cell<u32>,
    stuck: bool,
}

impl Close for Door {
    fn close(&self) -> Result<(), Boxed> {
        self.closed.set(self.closed.get() + 1);
        if self.stuck { Err(Box::new(Fault(8))) } else { Ok(()) }
    }
}

fn door(stuck: bool) -> Door {
    Door { closed: Cell::new(0), stuck }
}

#[test]
fn closing_closes_when_the_block_ends() {
    let door = door(false);
    let manager = closing(&door);
    assert_eq!(door.closed.get(), 0);
    with(manager, |inner| {
        assert!(std::ptr::eq(*inner, &raw const door));
        assert_eq!(inner.closed.get(), 0);
        Ok::<_, Fault>(())
    })
    .unwrap();
    assert_eq!(door.closed.get(), 1);
}

#[test]
fn closing_error() {
    let door = door(false);
    let error = with(closing(&door), |_| Err::<(), _>(Fault(1))).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Fault(1)));
    assert_eq!(door.closed.get(), 1);
}

#[test]
fn an_error_of_close_goes_on_and_the_block_s_is_reported() {
    let door = door(true);
    assert!(with(closing(&door), |_| Ok::<_, Fault>(())).unwrap_err().is::<Fault>());
    let (result, reports) = reported(|| with(closing(&door), |_| Err::<(), _>(Fault(1))));
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&Fault(8)));
    assert_eq!(reports, ["fault 1"]);
}

#[test]
fn closing_a_generator_ends_it_with_the_block_and_gives_its_error() {
    let (dropped, guard) = flag();
    let g = Generator::new(move |y| {
        let _guard = guard;
        (0..9).for_each(|i| y.yield_(i));
    });
    let mut kept = None;
    let first = with(closing(g), |g| {
        let first = (&*g).take(2).collect::<Vec<i32>>();
        kept = Some(Rc::clone(&g));
        Ok::<_, Fault>(first)
    });
    assert_eq!(first.unwrap(), Some(vec![0, 1]));
    assert!(dropped.get());
    assert_eq!(kept.unwrap().state(), GeneratorState::Closed);

    let g = Generator::try_new(|y: &Yielder<i32>| y.try_yield(1).map_err(|_| Fault(9)));
    let result = with(closing(&g), |g| Ok::<_, Fault>(g.advance().unwrap()));
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&Fault(9)));
}

#[test]
fn closing_a_scoped_generator_ends_it_with_the_block() {
    cede::scoped(
        |y: &Yielder<i32>| (0..9).for_each(|i| y.yield_(i)),
        |g| {
            assert_eq!(
                with(closing(g), |g| Ok::<_, Fault>(g.advance().unwrap())).unwrap(),
                Some(Step::Yielded(0))
            );
            assert_eq!(g.state(), GeneratorState::Closed);
        },
    );
}

#[test]
fn nullcontext_gives_its_value_once() {
    let mut context = nullcontext(String::from("value"));
    assert_eq!(with(&mut context, Ok::<_, Fault>).unwrap().unwrap(), "value");
    assert!(with(&mut context, Ok::<_, Fault>).unwrap_err().is::<AlreadyEntered>());
    assert!(with(nullcontext(1), |_| Err::<(), _>(Fault(1))).unwrap_err().is::<Fault>());
}

#[test]
fn suppress_ends_the_block_at_errors_of_its_type() {
    assert_eq!(with(suppress::<Fault>(), |()| Ok::<_, Fault>(32)).unwrap(), Some(32));
    assert_eq!(with(suppress::<Fault>(), |()| Err::<(), _>(Fault(1))).unwrap(), None);
}

#[test]
fn suppress_lets_other_errors_pass() {
    let error = with(suppress::<fmt::Error>(), |()| Err::<(), _>(Fault(1))).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Fault(1)));
}

#[test]
fn suppress_is_reentrant() {
    let mut ignore = suppress::<Fault>();
    with(&mut ignore, |()| Ok::<_, Fault>(())).unwrap();
    assert_eq!(with(&mut ignore, |()| Err::<(), _>(Fault(1))).unwrap(), None);
    let mut went_on = false;
    let outer = with(suppress::<Fault>(), |()| {
        assert_eq!(with(suppress::<Fault>(), |()| Err::<(), _>(Fault(1)))?, None);
        went_on = true;
        Err::<(), Boxed>(Fault(2).into())
    });
    assert_eq!(outer.unwrap(), None);
    assert!(went_on);
}

#[test]
fn suppress_does_not_stop_a_panic() {
    let text =
        panic_text(|| with(suppress::<BlockPanicked>(), |()| -> Result<(), Fault> { silent_panic("boom") }));
    assert_eq!(text, "boom");
}
