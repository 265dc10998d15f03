//! The members of a gather together: what can be iterated over, and tuples.

use std::panic::Location;

use super::join::JoinError;
use super::member::Member;
use crate::runtime::outcome::{Outcome, Part, Released};
use crate::runtime::task::Failure;

/// What [`gather`](super::gather()) takes: anything that gives members when it is iterated over, and tuples of up to eight members. `K` tells the two
/// apart, and never has to be named. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be gathered",
    label = "neither handles or closures that can be iterated over, nor a tuple of up to eight of them"
)]
pub trait Members<K> {
    /// The values of all.
    type Values: Gathered;

    #[doc(hidden)]
    fn into_children(self, made_at: &'static Location<'static>) -> <Self::Values as Gathered>::Children;
}

/// The values of several members: a `Vec` of one type, or a tuple. Sealed.
pub trait Gathered: Sized {
    /// The same, where each is a value or an error.
    type Results;

    /// Where the values come from.
    #[doc(hidden)]
    type Children;

    #[doc(hidden)]
    fn for_each<'a>(children: &'a Self::Children, f: &mut dyn FnMut(&'a dyn Outcome));

    /// Gives the children away, in their order.
    #[doc(hidden)]
    fn release(children: &mut Self::Children, parts: &mut Released);

    /// Takes the values of all, or of none. All have ended well.
    #[doc(hidden)]
    fn take(children: &Self::Children) -> Option<Self>;

    #[doc(hidden)]
    fn put(children: &Self::Children, values: Self);

    #[doc(hidden)]
    fn take_results(children: &Self::Children) -> Self::Results;

    #[doc(hidden)]
    fn put_results(children: &Self::Children, results: Self::Results);
}

/// Members that are iterated over.
#[derive(Debug)]
pub enum Iterated {}

/// Members in a tuple.
#[derive(Debug)]
pub enum InTuple {}

/// How a child ended, for whom an error is a value.
fn result<T>(taken: Option<Result<T, Failure>>) -> Result<T, JoinError> {
    match taken {
        Some(result) => result.map_err(JoinError::from_failure),
        None => Err(JoinError::taken()),
    }
}

impl<I: IntoIterator<Item: Member>> Members<Iterated> for I {
    type Values = Vec<<I::Item as Member>::Value>;

    fn into_children(self, made_at: &'static Location<'static>) -> <Self::Values as Gathered>::Children {
        // Code of users runs while members are made: all are there before the first is turned into what it stands for.
        let members: Vec<I::Item> = self.into_iter().collect();
        members.into_iter().map(|member| Part::of(member.into_outcome(made_at))).collect()
    }
}

impl<T> Gathered for Vec<T> {
    type Results = Vec<Result<T, JoinError>>;
    type Children = Vec<Part<T>>;

    fn for_each<'a>(children: &'a Self::Children, f: &mut dyn FnMut(&'a dyn Outcome)) {
        children.iter().for_each(|child| f(&**child));
    }

    fn release(children: &mut Self::Children, parts: &mut Released) {
        children.iter_mut().for_each(|child| child.release(parts));
    }

    fn take(children: &Self::Children) -> Option<Self> {
        let mut values = Vec::with_capacity(children.len());
        for child in children {
            match child.take() {
                Some(Ok(value)) => values.push(value),
                _ => {
                    Self::put(children, values);
                    return None;
                }
            }
        }
        Some(values)
    }

    fn put(children: &Self::Children, values: Self) {
        children.iter().zip(values).for_each(|(child, value)| child.put(value));
    }

    fn take_results(children: &Self::Children) -> Self::Results {
        children.iter().map(|child| result(child.take())).collect()
    }

    fn put_results(children: &Self::Children, results: Self::Results) {
        for (child, result) in children.iter().zip(results) {
            if let Ok(value) = result {
                child.put(value);
            }
        }
    }
}

macro_rules! tuples {
    ($(($($Member:ident $Value:ident $index:tt),+))+) => {$(
        impl<$($Member: Member),+> Members<InTuple> for ($($Member,)+) {
            type Values = ($($Member::Value,)+);

            fn into_children(
                self,
                made_at: &'static Location<'static>,
            ) -> <Self::Values as Gathered>::Children {
                ($(Part::of(self.$index.into_outcome(made_at)),)+)
            }
        }

        impl<$($Value),+> Gathered for ($($Value,)+) {
            type Results = ($(Result<$Value, JoinError>,)+);
            type Children = ($(Part<$Value>,)+);

            fn for_each<'a>(children: &'a Self::Children, f: &mut dyn FnMut(&'a dyn Outcome)) {
                $(f(&*children.$index);)+
            }

            fn release(children: &mut Self::Children, parts: &mut Released) {
                $(children.$index.release(parts);)+
            }

            #[allow(non_snake_case, reason = "named for their types")]
            fn take(children: &Self::Children) -> Option<Self> {
                match ($(children.$index.take(),)+) {
                    ($(Some(Ok($Value)),)+) => Some(($($Value,)+)),
                    taken => {
                        $(if let Some(Ok(value)) = taken.$index {
                            children.$index.put(value);
                        })+
                        None
                    }
                }
            }

            fn put(children: &Self::Children, values: Self) {
                $(children.$index.put(values.$index);)+
            }

            fn take_results(children: &Self::Children) -> Self::Results {
                ($(result(children.$index.take()),)+)
            }

            fn put_results(children: &Self::Children, results: Self::Results) {
                $(if let Ok(value) = results.$index {
                    children.$index.put(value);
                })+
            }
        }
    )+};
}

tuples! {
    (A V1 0)
    (A V1 0, B V2 1)
    (A V1 0, B V2 1, C V3 2)
    (A V1 0, B V2 1, C V3 2, D V4 3)
    (A V1 0, B V2 1, C V3 2, D V4 3, E V5 4)
    (A V1 0, B V2 1, C V3 2, D V4 3, E V5 4, F V6 5)
    (A V1 0, B V2 1, C V3 2, D V4 3, E V5 4, F V6 5, G V7 6)
    (A V1 0, B V2 1, C V3 2, D V4 3, E V5 4, F V6 5, G V7 6, H V8 7)
}
