//! Expressions, with names resolved to the places where their values are.

use std::cell::RefCell;

use super::value::{Value, is_true, number};

/// The globals of a running program, by number. One that was never set is null.
pub(crate) type Globals = RefCell<Vec<Value>>;

/// An expression. It has no effects and cannot fail.
pub(crate) enum Expression {
    Constant(Value),
    /// A local variable, by its number in the body.
    Local(usize),
    /// A global of the program, by its number.
    Global(usize),
    Not(Box<Expression>),
    Pair(Operator, Box<[Expression; 2]>),
}

/// An operator on two values.
#[derive(Clone, Copy)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Less,
    Same,
}

impl Expression {
    pub(crate) fn value(&self, locals: &[Value], globals: &Globals) -> Value {
        match self {
            Self::Constant(value) => *value,
            Self::Local(local) => locals[*local],
            Self::Global(global) => globals.borrow()[*global],
            Self::Not(operand) => Some(i64::from(!is_true(operand.value(locals, globals)))),
            Self::Pair(operator, operands) => {
                let [left, right] = &**operands;
                operator.apply(left.value(locals, globals), right.value(locals, globals))
            }
        }
    }
}

impl Operator {
    fn apply(self, left: Value, right: Value) -> Value {
        Some(match self {
            Self::Add => number(left).wrapping_add(number(right)),
            Self::Subtract => number(left).wrapping_sub(number(right)),
            Self::Less => i64::from(number(left) < number(right)),
            Self::Same => i64::from(left == right),
        })
    }
}
