//! Reading programs: JSON becomes a tree in which every name is a number.
//!
//! What all kinds share is read here. A kind implements [`Dialect`] to read its own statements; the tables of names
//! that only it has are its [`Dialect::Tables`].

use std::fmt;

use serde_json::Value as Json;

use super::exception::Class;
use super::expression::{Expression, Operator};
use super::statement::{Block, Body, Creation, Handler, NewException, Statement, Target, Try};

/// Says what is wrong with a program.
#[derive(Debug)]
pub(crate) struct Malformed(String);

impl Malformed {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names in the order in which they were first met; a name's number is its place.
#[derive(Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    /// The number of a name, which is new or was met before.
    pub(crate) fn number(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    /// The number of a name that must have been met before.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known == name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// What one kind of programs adds to the language.
pub(crate) trait Dialect: Sized {
    /// The statements that only this kind has.
    type Own;
    /// The tables of names that only this kind has.
    type Tables;

    /// Reads a statement that is not one of those that all kinds have.
    fn read(args: Args<'_>, scope: &mut Scope<'_, Self>) -> Result<Self::Own, Malformed>;
}

/// The names of a whole program.
pub(crate) struct Tables<T> {
    pub(crate) globals: Names,
    pub(crate) bodies: Names,
    pub(crate) own: T,
}

/// The names that a body, or a driver, can use.
pub(crate) struct Scope<'t, D: Dialect> {
    locals: Names,
    pub(crate) tables: &'t mut Tables<D::Tables>,
}

impl<T> Tables<T> {
    /// The tables for a program with these bodies.
    pub(crate) fn new(bodies: &Json, own: T) -> Result<Self, Malformed> {
        let bodies = bodies.as_object().ok_or_else(|| Malformed::new("its `bodies` are not an object"))?;
        let bodies = Names(bodies.keys().cloned().collect());
        Ok(Self { globals: Names::default(), bodies, own })
    }
}

/// Reads all bodies. A body's number is its name's number in `tables.bodies`.
pub(crate) fn read_bodies<D: Dialect>(
    bodies: &Json,
    tables: &mut Tables<D::Tables>,
) -> Result<Vec<Body<D::Own>>, Malformed> {
    let names = tables.bodies.0.clone();
    names.iter().map(|name| read_body::<D>(&bodies[name], tables)).collect()
}

fn read_body<D: Dialect>(json: &Json, tables: &mut Tables<D::Tables>) -> Result<Body<D::Own>, Malformed> {
    let mut scope = Scope::<D>::new(tables);
    for param in json["params"].as_array().into_iter().flatten() {
        scope.locals.number(text(param)?);
    }
    let code = scope.block(&json["code"])?;
    Ok(Body { locals: scope.locals(), code })
}

impl<'t, D: Dialect> Scope<'t, D> {
    pub(crate) fn new(tables: &'t mut Tables<D::Tables>) -> Self {
        Self { locals: Names::default(), tables }
    }

    /// How many local variables were met.
    pub(crate) fn locals(&self) -> usize {
        self.locals.len()
    }

    pub(crate) fn block(&mut self, json: &Json) -> Result<Block<D::Own>, Malformed> {
        list(json)?.iter().map(|statement| self.statement(statement)).collect()
    }

    fn optional_block(&mut self, json: &Json) -> Result<Option<Block<D::Own>>, Malformed> {
        if json.is_null() { Ok(None) } else { self.block(json).map(Some) }
    }

    fn statement(&mut self, json: &Json) -> Result<Statement<D::Own>, Malformed> {
        let mut args = Args::new(json)?;
        Ok(match args.name() {
            "log" => Statement::Log { tag: args.text()?.to_owned(), values: args.rest(self)? },
            "exc" => Statement::LogHandled { tag: args.text()?.to_owned() },
            "set" => Statement::Set { target: args.target(self)?, value: args.expression(self)? },
            "gset" => Statement::SetGlobal {
                global: self.tables.globals.number(args.text()?),
                value: args.expression(self)?,
            },
            "if" => Statement::If {
                condition: args.expression(self)?,
                then: args.block(self)?,
                otherwise: args.block(self)?,
            },
            "loop" => Statement::Loop { rounds: args.integer()?, block: args.block(self)? },
            "while" => Statement::While {
                condition: args.expression(self)?,
                rounds_max: args.integer()?,
                block: args.block(self)?,
            },
            "break" => Statement::Break,
            "continue" => Statement::Continue,
            "return" => Statement::Return(args.expression(self)?),
            "raise" => Statement::Raise(args.exception(self)?),
            "raisegroup" => Statement::RaiseGroup(self.members(args.json()?)?),
            "reraise" => Statement::Reraise,
            "try" => Statement::Try(Box::new(self.try_statement(args)?)),
            _ => Statement::Own(D::read(args, self)?),
        })
    }

    fn members(&mut self, json: &Json) -> Result<Vec<NewException>, Malformed> {
        list(json)?
            .iter()
            .map(|member| Args { items: list(member)?.iter(), name: "member" }.exception(self))
            .collect()
    }

    fn try_statement(&mut self, mut args: Args<'_>) -> Result<Try<D::Own>, Malformed> {
        let block = args.block(self)?;
        let handlers =
            list(args.json()?)?.iter().map(|handler| self.handler(handler)).collect::<Result<_, _>>()?;
        let otherwise = self.optional_block(args.json()?)?;
        let finally = self.optional_block(args.json()?)?;
        Ok(Try { block, handlers, otherwise, finally })
    }

    fn handler(&mut self, json: &Json) -> Result<Handler<D::Own>, Malformed> {
        let mut args = Args { items: list(json)?.iter(), name: "except" };
        let classes = list(args.json()?)?.iter().map(class).collect::<Result<_, _>>()?;
        Ok(Handler { classes, target: args.target(self)?, block: args.block(self)? })
    }

    pub(crate) fn expression(&mut self, json: &Json) -> Result<Expression, Malformed> {
        match json {
            Json::Null => Ok(Expression::Constant(None)),
            Json::Number(_) => integer(json).map(|number| Expression::Constant(Some(number))),
            Json::String(name) => Ok(Expression::Local(self.locals.number(name))),
            _ => {
                let mut args = Args::new(json)?;
                let operator = match args.name() {
                    "g" => return Ok(Expression::Global(self.tables.globals.number(args.text()?))),
                    "not" => return Ok(Expression::Not(Box::new(args.expression(self)?))),
                    "+" => Operator::Add,
                    "-" => Operator::Subtract,
                    "<" => Operator::Less,
                    "==" => Operator::Same,
                    other => return Err(Malformed::new(format!("there is no operator {other:?}"))),
                };
                Ok(Expression::Pair(operator, Box::new([args.expression(self)?, args.expression(self)?])))
            }
        }
    }
}

/// The arguments of a statement, taken one after the other.
pub(crate) struct Args<'j> {
    name: &'j str,
    items: std::slice::Iter<'j, Json>,
}

impl<'j> Args<'j> {
    /// The arguments of `["name", args...]`.
    pub(crate) fn new(json: &'j Json) -> Result<Self, Malformed> {
        let mut items = list(json)?.iter();
        let name = items.next().and_then(Json::as_str);
        let name = name.ok_or_else(|| Malformed::new(format!("{json} does not begin with a name")))?;
        Ok(Self { name, items })
    }

    /// What the statement is called.
    pub(crate) fn name(&self) -> &'j str {
        self.name
    }

    pub(crate) fn json(&mut self) -> Result<&'j Json, Malformed> {
        self.items.next().ok_or_else(|| Malformed::new(format!("an argument of {:?} is missing", self.name)))
    }

    pub(crate) fn text(&mut self) -> Result<&'j str, Malformed> {
        text(self.json()?)
    }

    pub(crate) fn integer(&mut self) -> Result<i64, Malformed> {
        integer(self.json()?)
    }

    /// Whether all were taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.len() == 0
    }

    /// A list of names, given as one argument.
    pub(crate) fn texts(&mut self) -> Result<Vec<&'j str>, Malformed> {
        list(self.json()?)?.iter().map(text).collect()
    }

    /// An integer, or null for no limit.
    pub(crate) fn limit(&mut self) -> Result<Option<i64>, Malformed> {
        let json = self.json()?;
        if json.is_null() { Ok(None) } else { integer(json).map(Some) }
    }

    pub(crate) fn expression<D: Dialect>(
        &mut self,
        scope: &mut Scope<'_, D>,
    ) -> Result<Expression, Malformed> {
        scope.expression(self.json()?)
    }

    /// A list of expressions, given as one argument.
    pub(crate) fn expressions<D: Dialect>(
        &mut self,
        scope: &mut Scope<'_, D>,
    ) -> Result<Vec<Expression>, Malformed> {
        list(self.json()?)?.iter().map(|json| scope.expression(json)).collect()
    }

    /// All the arguments that are left, as expressions.
    pub(crate) fn rest<D: Dialect>(
        &mut self,
        scope: &mut Scope<'_, D>,
    ) -> Result<Vec<Expression>, Malformed> {
        self.items.by_ref().map(|json| scope.expression(json)).collect()
    }

    pub(crate) fn block<D: Dialect>(&mut self, scope: &mut Scope<'_, D>) -> Result<Block<D::Own>, Malformed> {
        scope.block(self.json()?)
    }

    /// The local variable to bind, or null.
    pub(crate) fn target<D: Dialect>(&mut self, scope: &mut Scope<'_, D>) -> Result<Target, Malformed> {
        let json = self.json()?;
        if json.is_null() { Ok(None) } else { Ok(Some(scope.locals.number(text(json)?))) }
    }

    /// Two arguments: a class and a payload.
    pub(crate) fn exception<D: Dialect>(
        &mut self,
        scope: &mut Scope<'_, D>,
    ) -> Result<NewException, Malformed> {
        Ok(NewException { class: class(self.json()?)?, payload: self.expression(scope)? })
    }

    /// Two arguments: a body and a list of arguments for it.
    pub(crate) fn creation<D: Dialect>(&mut self, scope: &mut Scope<'_, D>) -> Result<Creation, Malformed> {
        Ok(Creation { body: self.body(scope)?, args: self.expressions(scope)? })
    }

    /// The number of a body that the program has.
    fn body<D: Dialect>(&mut self, scope: &Scope<'_, D>) -> Result<usize, Malformed> {
        let name = self.text()?;
        scope.tables.bodies.find(name).ok_or_else(|| Malformed::new(format!("there is no body {name:?}")))
    }
}

/// The items of a JSON list.
pub(crate) fn list(json: &Json) -> Result<&[Json], Malformed> {
    json.as_array().map(Vec::as_slice).ok_or_else(|| Malformed::new(format!("{json} is not a list")))
}

fn text(json: &Json) -> Result<&str, Malformed> {
    json.as_str().ok_or_else(|| Malformed::new(format!("{json} is not a name")))
}

fn integer(json: &Json) -> Result<i64, Malformed> {
    json.as_i64().ok_or_else(|| Malformed::new(format!("{json} is not a 64-bit integer")))
}

fn class(json: &Json) -> Result<Class, Malformed> {
    let name = text(json)?;
    Class::named(name).ok_or_else(|| Malformed::new(format!("there is no exception class {name:?}")))
}
