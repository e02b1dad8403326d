//! Program: what a template's text becomes. Made once by the parser, walked for every rendering.
//!
//! Variables are numbers ([`Symbol`]) into one table per rendering, method names are [`Method`]s, and
//! JSONPaths and regular expressions that are literals are compiled, so that a rendering compares no
//! names but those of JSON members. Places are byte offsets; only an error makes a line of one.

use std::sync::Arc;

use super::json_path::JsonPath;
use super::method::Method;
use super::pattern::Pattern;

/// A variable's or macro's number in [`Names`].
pub(super) type Symbol = u32;

/// Where something stands in the text, in bytes.
pub(super) type Offset = u32;

pub(super) type Block = Vec<Node>;

/// The names that a program speaks of. The first ones are the same in each.
#[derive(Debug, Clone)]
pub(super) struct Names(Vec<Box<str>>);

impl Names {
    pub(super) const FOREACH: Symbol = 0;
    pub(super) const COUNT: Symbol = 1;
    pub(super) const HAS_NEXT: Symbol = 2;
    pub(super) const INPUT: Symbol = 3;
    pub(super) const UTIL: Symbol = 4;
    pub(super) const CONTEXT: Symbol = 5;
    pub(super) const STAGE_VARIABLES: Symbol = 6;
    pub(super) const BODY_CONTENT: Symbol = 7;

    pub(super) fn new() -> Self {
        let first = [
            "foreach",
            "velocityCount",
            "velocityHasNext",
            "input",
            "util",
            "context",
            "stageVariables",
            "bodyContent",
        ];
        Self(first.into_iter().map(Into::into).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The name of a number.
    pub(super) fn text(&self, symbol: Symbol) -> &str {
        self.0.get(symbol as usize).map_or("", |name| name)
    }

    /// The number of `name`. A template has some tens of names, so they are looked through; one with
    /// thousands is slow to deploy, not to run.
    pub(super) fn symbol(&mut self, name: &str) -> Symbol {
        let index = self.0.iter().position(|it| **it == *name).unwrap_or_else(|| {
            self.0.push(name.into());
            self.0.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

/// What the parser makes.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) body: Block,
    pub(super) names: Names,
    /// In the order of the text; of two with one name the later counts.
    pub(super) macros: Vec<Arc<Macro>>,
}

#[derive(Debug)]
pub(super) struct Macro {
    pub(super) name: Symbol,
    pub(super) parameters: Vec<Symbol>,
    pub(super) body: Block,
}

#[derive(Debug)]
pub(super) enum Node {
    Text(Box<str>),
    Reference(Reference),
    Set {
        target: Reference,
        value: Expression,
    },
    /// The first arm whose condition holds.
    If(Vec<Arm>),
    Foreach {
        item: Symbol,
        list: Expression,
        body: Block,
        at: Offset,
    },
    Break,
    Stop,
    Define {
        name: Symbol,
        body: Arc<Block>,
    },
    Evaluate {
        text: Expression,
        at: Offset,
    },
    Invoke(Box<Invoke>),
    /// `#parse` and `#include`: there are no other files.
    Refused {
        directive: &'static str,
        at: Offset,
    },
}

/// `#if`, `#elseif` or `#else` with what it stands in front of.
#[derive(Debug)]
pub(super) struct Arm {
    /// `#else` has none; it is the last.
    pub(super) condition: Option<Expression>,
    pub(super) body: Block,
    pub(super) at: Offset,
}

/// `#name(...)`, with a body for `#@name(...)`. Prints its own text where no macro has the name, which
/// is known only when it runs: a macro may be defined further down.
#[derive(Debug)]
pub(super) struct Invoke {
    pub(super) name: Symbol,
    pub(super) arguments: Vec<Expression>,
    pub(super) body: Option<Arc<Block>>,
    /// The text up to the body; the newline after `)` is in it, which a real call swallows.
    pub(super) source: Box<str>,
    /// `#end` as written, after a body.
    pub(super) end: Box<str>,
    pub(super) at: Offset,
}

#[derive(Debug)]
pub(super) struct Reference {
    pub(super) symbol: Symbol,
    pub(super) parts: Vec<Part>,
    /// As written, without backslashes: what an escaped one prints.
    pub(super) source: Box<str>,
    /// Backslashes before it. Each two print one; an odd one escapes.
    pub(super) backslashes: u16,
    pub(super) at: Offset,
}

#[derive(Debug)]
pub(super) enum Part {
    Property(Box<str>),
    Index(Expression),
    Call(Box<Call>),
}

#[derive(Debug)]
pub(super) struct Call {
    /// None: no value has a method of that name.
    pub(super) method: Option<Method>,
    pub(super) arguments: Vec<Expression>,
    pub(super) compiled: Compiled,
}

/// The first argument where it is a literal that means something to the method.
#[derive(Debug)]
pub(super) enum Compiled {
    Nothing,
    Path(Arc<JsonPath>),
    Pattern(Arc<Pattern>),
}

#[derive(Debug)]
pub(super) enum Expression {
    Boolean(bool),
    Integer(i64),
    /// More digits than 64 bits hold.
    Big(Box<str>),
    Double(f64),
    Text(Box<str>),
    /// A text in double quotes with something in it.
    Interpolated(Block),
    Reference(Box<Reference>),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Range(Box<(Expression, Expression)>),
    Not(Box<Expression>),
    Binary {
        operator: Operator,
        sides: Box<(Expression, Expression)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}
