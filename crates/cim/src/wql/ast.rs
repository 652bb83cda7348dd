//! The tree of a query.

use crate::{ObjectPath, names_equal};
use std::ops::Range;
use std::sync::Arc;

/// Where in the text of the query something stands. Two spans are always equal: trees are compared by what they say.
#[derive(Debug, Clone, Copy, Default, Eq)]
pub struct Span {
    /// First octet.
    pub start: u32,
    /// The octet after the last.
    pub end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}

impl From<Range<usize>> for Span {
    fn from(r: Range<usize>) -> Self {
        // A query is at most 16384 characters, 65536 octets.
        Span { start: r.start as u32, end: r.end as u32 }
    }
}

impl From<Span> for Range<usize> {
    fn from(s: Span) -> Self {
        s.start as usize..s.end as usize
    }
}

/// A class, a property or a qualifier, as the query spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its text, in the case of the query.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Name {
    /// A name that stands nowhere.
    pub fn new(text: impl Into<String>) -> Self {
        Name { text: text.into(), span: Span::default() }
    }

    /// Whether it is this name, without case.
    pub fn is(&self, name: &str) -> bool {
        names_equal(&self.text, name)
    }
}

/// A property, or a property of the object in a property: `TargetInstance.Name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyPath {
    /// The property of the object itself.
    pub first: Name,
    /// Properties within embedded objects, outermost first.
    pub rest: Vec<Name>,
}

impl PropertyPath {
    /// From the first name to the last.
    pub fn span(&self) -> Span {
        Span { start: self.first.span.start, end: self.rest.last().unwrap_or(&self.first).span.end }
    }

    /// The only name, where there is one.
    pub fn single(&self) -> Option<&Name> {
        if self.rest.is_empty() { Some(&self.first) } else { None }
    }
}

/// A query of any kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Query {
    /// Instances of a class. An event query without WITHIN and GROUP looks the same: see [`super::parse_event`].
    Select(Select),
    /// Classes: `SELECT * FROM meta_class`.
    Schema(Schema),
    /// What is associated with an object.
    Associators(Associators),
    /// The associations that an object takes part in.
    References(Traversal),
    /// Events, told by WITHIN or GROUP.
    Event(Event),
}

/// `SELECT columns FROM class [WHERE condition]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// What to show.
    pub columns: Columns,
    /// The class after FROM.
    pub class: Name,
    /// What an instance has to be.
    pub condition: Option<Condition>,
    /// The query, for messages about it.
    pub(super) text: Source,
}

impl Select {
    /// Everything of a class.
    pub fn all(class: impl Into<String>) -> Self {
        Select { columns: Columns::All, class: Name::new(class), condition: None, text: Source::default() }
    }

    /// The text that it was parsed from; empty where it was built.
    pub fn text(&self) -> &str {
        &self.text.0
    }
}

/// The text of a query: carried along, never compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Source(pub(super) Arc<str>);

impl PartialEq for Source {
    fn eq(&self, _: &Source) -> bool {
        true
    }
}

/// The list after SELECT.
#[derive(Debug, Clone, PartialEq)]
pub enum Columns {
    /// `*`.
    All,
    /// Properties and system properties, as listed; a property may be listed twice.
    List(Vec<PropertyPath>),
}

/// `SELECT * FROM meta_class [WHERE condition]`: the condition speaks of `__this`, `__Class`, `__Superclass` and `__Dynasty`.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// What a class has to be.
    pub condition: Option<Condition>,
}

/// `SELECT columns FROM class [WITHIN s] [WHERE condition] [GROUP WITHIN s [BY ..] [HAVING ..]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Columns, class of the event and condition.
    pub select: Select,
    /// Seconds between two looks at the data, where no provider tells of changes.
    pub within: Option<f64>,
    /// How events are put together.
    pub group: Option<Group>,
}

/// `GROUP WITHIN seconds [BY properties] [HAVING NumberOfEvents operator count]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Seconds from the first event of a group to its delivery.
    pub within: u32,
    /// Events that differ in one of these are in different groups.
    pub by: Vec<PropertyPath>,
    /// Which groups are delivered, by their number of events.
    pub having: Option<(Operator, u32)>,
}

/// What ASSOCIATORS OF and REFERENCES OF have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Traversal {
    /// The object that the search starts from.
    pub path: ObjectPath,
    /// Where the path stands, without its braces.
    pub path_span: Span,
    /// Results are of this class or derive from it.
    pub result_class: Option<Name>,
    /// The source is this property of the association.
    pub role: Option<Name>,
    /// Results (REFERENCES: the association class) carry this qualifier.
    pub required_qualifier: Option<Name>,
    /// Class definitions instead of instances.
    pub class_defs_only: bool,
    /// Only keys are filled.
    pub keys_only: bool,
    /// The source is a class, and so are the results.
    pub schema_only: bool,
}

/// `ASSOCIATORS OF {path} [WHERE options]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Associators {
    /// The options that REFERENCES OF has too.
    pub traversal: Traversal,
    /// The association is of this class or derives from it.
    pub assoc_class: Option<Name>,
    /// Results are this property of the association.
    pub result_role: Option<Name>,
    /// The association class carries this qualifier.
    pub required_assoc_qualifier: Option<Name>,
}

/// A condition. AND and OR hold two or more conditions, none of them of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of them.
    And(Vec<Condition>),
    /// At least one of them.
    Or(Vec<Condition>),
    /// Its contrary.
    Not(Box<Condition>),
    /// One test.
    Test(Test),
}

/// One test of one property.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What is looked at; `__this` is the object itself.
    pub path: PropertyPath,
    /// What it has to be.
    pub predicate: Predicate,
    /// From the first operand to the last.
    pub span: Span,
}

/// What a property has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// `= <> < <= > >=` a constant. `4 < A` is held as `A > 4`. NULL occurs with `=` and `<>` only.
    Compare(Operator, Constant),
    /// `LIKE` a pattern.
    Like(Constant),
    /// `IS NULL`.
    IsNull,
    /// `IS NOT NULL`.
    IsNotNull,
    /// `ISA` a class.
    IsA(Name),
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`.
    Equal,
    /// `<>`, also written `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

impl Operator {
    /// The operator between the same operands the other way round.
    #[must_use]
    pub const fn swapped(self) -> Operator {
        match self {
            Operator::Less => Operator::Greater,
            Operator::LessOrEqual => Operator::GreaterOrEqual,
            Operator::Greater => Operator::Less,
            Operator::GreaterOrEqual => Operator::LessOrEqual,
            same => same,
        }
    }

    /// Whether it asks for an order rather than for equality.
    pub const fn orders(self) -> bool {
        !matches!(self, Operator::Equal | Operator::NotEqual)
    }

    /// How it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "<>",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
        }
    }

    /// Whether values in this order fulfil it; `None` are values without an order, which are unequal.
    pub fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self {
            Operator::Equal => order == Some(Equal),
            Operator::NotEqual => order != Some(Equal),
            Operator::Less => order == Some(Less),
            Operator::LessOrEqual => matches!(order, Some(Less | Equal)),
            Operator::Greater => order == Some(Greater),
            Operator::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
        }
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// What it is.
    pub literal: Literal,
    /// Where it stands.
    pub span: Span,
}

/// A constant, before the property's type says what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// Text in quotes, without them and without their escapes.
    String(String),
    /// A number as it is written.
    Number(String),
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// `NULL`.
    Null,
}

impl Condition {
    /// All of the conditions; those that are AND themselves are taken apart.
    pub fn and(parts: Vec<Condition>) -> Condition {
        Self::join(parts, |c| if let Condition::And(inner) = c { Ok(inner) } else { Err(c) }, Condition::And)
    }

    /// Any of the conditions; those that are OR themselves are taken apart.
    pub fn or(parts: Vec<Condition>) -> Condition {
        Self::join(parts, |c| if let Condition::Or(inner) = c { Ok(inner) } else { Err(c) }, Condition::Or)
    }

    fn join(
        parts: Vec<Condition>,
        open: impl Fn(Condition) -> Result<Vec<Condition>, Condition>,
        wrap: impl Fn(Vec<Condition>) -> Condition,
    ) -> Condition {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.swap_remove(0) } else { wrap(flat) }
    }

    /// Every test in it, from left to right.
    pub fn tests(&self) -> Vec<&Test> {
        let mut out = Vec::new();
        self.visit(&mut |t| out.push(t));
        out
    }

    fn visit<'a>(&'a self, f: &mut impl FnMut(&'a Test)) {
        match self {
            Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|p| p.visit(f)),
            Condition::Not(inner) => inner.visit(f),
            Condition::Test(t) => f(t),
        }
    }
}
