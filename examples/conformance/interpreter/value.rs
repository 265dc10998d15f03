//! Values of the language: a 64-bit integer or null, and the arithmetic on them.
//!
//! A value is an `Option<i64>`, so that `Value::default()` is null: what `Generator::advance` sends is then what
//! Python's `next` sends.

/// An integer or null.
pub(crate) type Value = Option<i64>;

/// What stands for a value where a number is needed: null counts as 0.
pub(crate) fn number(value: Value) -> i64 {
    value.unwrap_or(0)
}

/// A condition is true unless it is 0 or null.
pub(crate) fn is_true(value: Value) -> bool {
    number(value) != 0
}

/// The value as it stands in a trace.
pub(crate) fn show(value: Value) -> String {
    value.map_or_else(|| "null".to_owned(), |number| number.to_string())
}
