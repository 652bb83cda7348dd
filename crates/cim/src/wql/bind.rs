//! A data query tied to one class: properties by place, constants by type; then asked of each object.

use super::ast::{Columns, Condition, Constant, Literal, Name, Operator, Predicate, PropertyPath, Schema, Select, Test};
use super::constant::Comparand;
use super::date::Locale;
use super::lex::near;
use super::like::{Pattern, has_metacharacters};
use super::{QueryError, Span};
use crate::{CimType, Class, Diag, Entity, Object, ObjectError, SystemProperty, Type, Value, WbemStatus, name_cmp, names_equal};
use std::sync::Arc;

impl Select {
    /// Ties the query to a class: the class of FROM first, then each class derived from it.
    ///
    /// Errors, all `WBEM_E_INVALID_QUERY`: a property that the class does not have, a constant that its property cannot
    /// hold, an operator that its type does not take, an array in WHERE. Dates that leave something open are read as in
    /// en-US and UTC: [`Select::bind_in`] takes another locale.
    pub fn bind(&self, class: &Class) -> Result<BoundSelect, QueryError> {
        self.bind_in(class, &Locale::default())
    }

    /// As [`Select::bind`], with the locale of the computer that answers.
    pub fn bind_in(&self, class: &Class, locale: &Locale) -> Result<BoundSelect, QueryError> {
        self.bind_strictly(class, locale).map_err(QueryError::of_data)
    }

    /// As [`Select::bind_in`], with the codes of their own that event queries have for operators and for dots.
    pub(super) fn bind_strictly(&self, class: &Class, locale: &Locale) -> Result<BoundSelect, QueryError> {
        let binder = Binder { select: self, class, locale };
        self.check_columns(class)?;
        let program = match &self.condition {
            None => Node::Fixed(true),
            Some(c) => binder.condition(c)?,
        };
        Ok(BoundSelect { program: Arc::new(program) })
    }

    pub(super) fn check_columns(&self, class: &Class) -> Result<(), QueryError> {
        let Columns::List(paths) = &self.columns else { return Ok(()) };
        for path in paths {
            if path.rest.is_empty() && SystemProperty::from_name(&path.first.text).is_some() {
                continue;
            }
            let Some(property) = class.property(&path.first.text) else { return Err(self.unknown(&path.first, class)) };
            if !path.rest.is_empty() && property.ty != CimType::Object.scalar() {
                return Err(self.no_object(path, &property.name, property.ty));
            }
        }
        Ok(())
    }

    /// The properties that have to be looked at: those selected, those in WHERE, and keys; in the case of the class.
    /// `None` is all of them.
    pub fn wanted(&self, class: &Class) -> Option<Vec<String>> {
        let Columns::List(paths) = &self.columns else { return None };
        let tests = self.condition.iter().flat_map(Condition::tests).map(|t| &t.path);
        let named: Vec<&str> = paths.iter().chain(tests).map(|p| p.first.text.as_str()).collect();
        let wanted = class.properties.iter().filter(|p| p.is_key() || named.iter().any(|n| names_equal(n, &p.name)));
        Some(wanted.map(|p| p.name.clone()).collect())
    }

    /// Properties that have to equal a constant, as the query has them: comparisons with `=` that are joined by AND alone.
    /// [`BoundSelect::equalities`] has them in the types of the class.
    pub fn equalities(&self) -> Vec<(String, Value)> {
        let parts = match &self.condition {
            Some(Condition::And(parts)) => &parts[..],
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        parts
            .iter()
            .filter_map(|part| {
                let Condition::Test(Test { path, predicate: Predicate::Compare(Operator::Equal, constant), .. }) = part else {
                    return None;
                };
                let ty = match &constant.literal {
                    Literal::String(_) => CimType::String,
                    Literal::Boolean(_) => CimType::Boolean,
                    Literal::Number(n) if n.starts_with('-') => CimType::Sint64,
                    Literal::Number(_) => CimType::Uint64,
                    Literal::Null => return None,
                };
                let value = Comparand::new(&constant.literal, ty, &Locale::default()).ok()?.to_value(ty)?;
                Some((path.single()?.text.clone(), value))
            })
            .collect()
    }

    pub(super) fn error(&self, diag: Diag) -> QueryError {
        QueryError::new(WbemStatus::INVALID_QUERY, diag, self.text.0.clone())
    }

    pub(super) fn unknown(&self, name: &Name, class: &Class) -> QueryError {
        let diag = Diag::new(name.span.into(), format!("{} has no property {}", class.name, name.text));
        let system = SystemProperty::ALL.iter().map(|p| p.name());
        let close = class.properties.iter().map(|p| p.name.as_str()).chain(system).find(|p| near(&name.text, p));
        self.error(match close {
            Some(p) => diag.help(format!("did you mean {p}?")),
            None => diag,
        })
    }

    pub(super) fn no_object(&self, path: &PropertyPath, name: &str, ty: Type) -> QueryError {
        let diag = Diag::new(path.span().into(), format!("{name} is {ty}, not an embedded object: it has no properties"));
        QueryError { status: WbemStatus::PROPERTY_NOT_AN_OBJECT, ..self.error(diag) }
    }
}

impl QueryError {
    /// Data queries have one code for operators and dots that do not apply.
    pub(super) fn of_data(self) -> QueryError {
        match self.status {
            WbemStatus::PROPERTY_NOT_AN_OBJECT | WbemStatus::INVALID_OPERATOR => QueryError { status: WbemStatus::INVALID_QUERY, ..self },
            _ => self,
        }
    }
}

/// A data query tied to a class. Cheap to clone, shared between threads.
#[derive(Debug, Clone)]
pub struct BoundSelect {
    program: Arc<Node>,
}

impl BoundSelect {
    /// Whether an object of the class fulfils the condition. The error is that of a value that could not be decoded.
    pub fn matches(&self, object: &Object) -> Result<bool, ObjectError> {
        self.program.holds(object)
    }

    /// Whether no object of the class can fulfil the condition, as under `__CLASS = "Other"`: nobody need be asked.
    pub fn never_matches(&self) -> bool {
        matches!(*self.program, Node::Fixed(false))
    }

    /// Properties that have to equal a constant, for a look-up in place of a scan: names in the case of the class, values
    /// in the types of its properties. Strings are equal without case, datetimes in any offset, paths in any form.
    pub fn equalities(&self) -> Vec<(String, Value)> {
        let parts = match &*self.program {
            Node::All(parts) => &parts[..],
            one => std::slice::from_ref(one),
        };
        parts
            .iter()
            .filter_map(|part| match part {
                Node::Probe(Probe { subject: Subject::Property { name, ty, .. }, check: Check::Compare(Operator::Equal, c) }) => {
                    Some((name.clone(), c.to_value(*ty)?))
                }
                _ => None,
            })
            .collect()
    }
}

/// A condition as it runs.
#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// Known from the class.
    Fixed(bool),
    Probe(Probe),
}

#[derive(Debug)]
struct Probe {
    subject: Subject,
    check: Check,
}

#[derive(Debug)]
enum Subject {
    Property {
        index: usize,
        name: String,
        ty: CimType,
    },
    System(SystemProperty),
    /// A property within embedded objects.
    Embedded {
        index: usize,
        name: String,
        rest: Vec<String>,
    },
}

#[derive(Debug)]
enum Check {
    Null {
        wanted: bool,
    },
    Compare(Operator, Comparand),
    Like(Pattern),
    IsA(String),
    /// What an embedded object holds shows its type only when it is there: the constant in every type that can hold it,
    /// in the order of [`CimType::ALL`].
    ByType {
        op: Operator,
        pattern: Option<Pattern>,
        comparands: Vec<Option<Comparand>>,
    },
}

struct Binder<'a> {
    select: &'a Select,
    class: &'a Class,
    locale: &'a Locale,
}

impl Binder<'_> {
    // Depth is that of the parser, at most DEPTH_MAX times two.
    fn condition(&self, condition: &Condition) -> Result<Node, QueryError> {
        let parts = |parts: &[Condition]| parts.iter().map(|p| self.condition(p)).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::And(p) => Node::all(parts(p)?),
            Condition::Or(p) => Node::any(parts(p)?),
            Condition::Not(inner) => match self.condition(inner)? {
                Node::Fixed(b) => Node::Fixed(!b),
                other => Node::Not(Box::new(other)),
            },
            Condition::Test(t) => self.test(t)?,
        })
    }

    fn test(&self, test: &Test) -> Result<Node, QueryError> {
        let path = &test.path;
        if path.first.is("__this") {
            return match (&test.predicate, path.single()) {
                (Predicate::IsA(name), Some(_)) => Ok(Node::Fixed(self.class.is_a(&name.text))),
                _ => Err(self.no_operator(path.span(), "__this takes ISA only", "write __this ISA and a class")),
            };
        }
        if let (Some(system), None) = (SystemProperty::from_name(&path.first.text), self.class.property(&path.first.text)) {
            return self.system(test, system);
        }
        let Some(index) = self.class.property_index(&path.first.text) else { return Err(self.select.unknown(&path.first, self.class)) };
        let property = &self.class.properties[index];
        let name = property.name.clone();
        if property.ty.array {
            let help = "select the property and look at its elements in the rows that come back";
            return Err(self.refuse(path.span(), format!("{name} is {}: arrays cannot stand in a condition", property.ty), help));
        }
        if path.rest.is_empty() {
            let ty = property.ty.cim;
            let check = self.check(test, &name, ty, ty == CimType::String)?;
            return Ok(Node::Probe(Probe { subject: Subject::Property { index, name, ty }, check }));
        }
        if property.ty.cim != CimType::Object {
            return Err(self.select.no_object(path, &name, property.ty));
        }
        let rest = path.rest.iter().map(|n| n.text.clone()).collect();
        Ok(Node::Probe(Probe { subject: Subject::Embedded { index, name, rest }, check: self.check_later(test) }))
    }

    fn system(&self, test: &Test, system: SystemProperty) -> Result<Node, QueryError> {
        let path = &test.path;
        if !path.rest.is_empty() {
            return Err(self.select.no_object(path, system.name(), system.ty()));
        }
        if system.ty().array {
            return Err(self.refuse(
                path.span(),
                format!("{} is an array: arrays cannot stand in a condition", system.name()),
                "write __this ISA and a class",
            ));
        }
        if let (SystemProperty::Class, Predicate::Compare(op, _)) = (system, &test.predicate)
            && op.orders()
        {
            return Err(self.no_operator(
                test.span,
                "__CLASS takes =, <>, LIKE and IS only",
                "write __this ISA for a class and those derived from it",
            ));
        }
        // Two paths can name one object, whatever their letters: they are compared as references.
        let is_path = matches!(system, SystemProperty::Path | SystemProperty::Relpath);
        let equality = matches!(&test.predicate, Predicate::Compare(op, _) if !op.orders());
        let ty = if is_path && equality { CimType::Reference } else { system.ty().cim };
        let check = self.check(test, system.name(), ty, ty == CimType::String)?;
        Ok(match system {
            SystemProperty::Genus => Node::Fixed(check.holds(&Value::Sint32(2))),
            SystemProperty::Class | SystemProperty::Superclass | SystemProperty::Dynasty | SystemProperty::PropertyCount => {
                Node::Fixed(check.holds(&system.of_class(self.class)))
            }
            _ => Node::Probe(Probe { subject: Subject::System(system), check }),
        })
    }

    fn check(&self, test: &Test, name: &str, ty: CimType, patterns: bool) -> Result<Check, QueryError> {
        Ok(match &test.predicate {
            Predicate::IsNull => Check::Null { wanted: true },
            Predicate::IsNotNull => Check::Null { wanted: false },
            Predicate::Compare(op, Constant { literal: Literal::Null, .. }) => Check::Null { wanted: *op == Operator::Equal },
            Predicate::Compare(op, constant) => {
                if op.orders() && matches!(ty, CimType::Boolean | CimType::Reference) {
                    let message = format!("{name} is {}, which has no order: {} does not apply", ty.name(), op.symbol());
                    return Err(self.no_operator(test.span, message, "write = or <>"));
                }
                Check::Compare(*op, self.comparand(constant, name, ty)?)
            }
            Predicate::Like(constant) => match &constant.literal {
                Literal::String(pattern) if patterns => Check::Like(Pattern::new(pattern)),
                Literal::String(s) if has_metacharacters(s) && (ty != CimType::Reference || s.contains(['%', '['])) => {
                    let message = format!("{name} is {}: a pattern applies to strings only", ty.name());
                    return Err(self.no_operator(constant.span, message, "write a value without %, _ and ["));
                }
                _ => Check::Compare(Operator::Equal, self.comparand(constant, name, ty)?),
            },
            Predicate::IsA(class) if ty == CimType::Object => Check::IsA(class.text.clone()),
            Predicate::IsA(_) => {
                return Err(self.no_operator(
                    test.span,
                    format!("{name} is {}: ISA applies to embedded objects only", ty.name()),
                    "write __this ISA for the object itself",
                ));
            }
        })
    }

    fn comparand(&self, constant: &Constant, name: &str, ty: CimType) -> Result<Comparand, QueryError> {
        Comparand::new(&constant.literal, ty, self.locale)
            .map_err(|help| self.refuse(constant.span, format!("{constant} does not go with {name}, which is {}", ty.name()), help))
    }

    fn check_later(&self, test: &Test) -> Check {
        let by_type = |op, constant: &Constant, pattern| {
            let comparand = |ty: &CimType| {
                if op_applies(op, *ty) { Comparand::new(&constant.literal, *ty, self.locale).ok() } else { None }
            };
            Check::ByType { op, pattern, comparands: CimType::ALL.iter().map(comparand).collect() }
        };
        match &test.predicate {
            Predicate::IsNull => Check::Null { wanted: true },
            Predicate::IsNotNull => Check::Null { wanted: false },
            Predicate::IsA(class) => Check::IsA(class.text.clone()),
            Predicate::Compare(op, Constant { literal: Literal::Null, .. }) => Check::Null { wanted: *op == Operator::Equal },
            Predicate::Compare(op, constant) => by_type(*op, constant, None),
            Predicate::Like(constant) => {
                let pattern = if let Literal::String(s) = &constant.literal { Some(Pattern::new(s)) } else { None };
                by_type(Operator::Equal, constant, pattern)
            }
        }
    }

    fn refuse(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> QueryError {
        self.select.error(Diag::new(span.into(), message).help(help))
    }

    fn no_operator(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> QueryError {
        QueryError { status: WbemStatus::INVALID_OPERATOR, ..self.refuse(span, message, help) }
    }
}

fn op_applies(op: Operator, ty: CimType) -> bool {
    !op.orders() || !matches!(ty, CimType::Boolean | CimType::Reference)
}

impl Node {
    fn all(parts: Vec<Node>) -> Node {
        Node::join(parts, false, Node::All)
    }

    fn any(parts: Vec<Node>) -> Node {
        Node::join(parts, true, Node::Any)
    }

    /// `decided` is the value of one part that decides the whole.
    fn join(mut parts: Vec<Node>, decided: bool, wrap: impl Fn(Vec<Node>) -> Node) -> Node {
        if parts.iter().any(|p| matches!(p, Node::Fixed(b) if *b == decided)) {
            return Node::Fixed(decided);
        }
        parts.retain(|p| !matches!(p, Node::Fixed(_)));
        match parts.len() {
            0 => Node::Fixed(!decided),
            1 => parts.swap_remove(0),
            _ => wrap(parts),
        }
    }

    fn holds(&self, object: &Object) -> Result<bool, ObjectError> {
        match self {
            Node::All(parts) => {
                for part in parts {
                    if !part.holds(object)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Any(parts) => {
                for part in parts {
                    if part.holds(object)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(inner) => inner.holds(object).map(|b| !b),
            Node::Fixed(b) => Ok(*b),
            Node::Probe(p) => Ok(p.subject.value(object)?.is_some_and(|v| p.check.holds(&v))),
        }
    }
}

impl Subject {
    /// The value; `None` where an embedded object has no such property, and then no test of it holds.
    fn value(&self, object: &Object) -> Result<Option<Value>, ObjectError> {
        match self {
            Subject::Property { index, name, .. } => property(object, *index, name),
            Subject::System(system) => Ok(Some(system.of_object(object))),
            Subject::Embedded { index, name, rest } => {
                let mut value = property(object, *index, name)?;
                for name in rest {
                    value = match value {
                        Some(Value::Object(entity)) => within(&entity, name)?,
                        // A property of no object is as good as NULL.
                        Some(Value::Null) => Some(Value::Null),
                        _ => None,
                    };
                }
                Ok(value)
            }
        }
    }
}

/// The property of an object, which is of the class that the query was bound to. Where its layout is another after all,
/// as that of a trimmed class, the name decides.
fn property(object: &Object, index: usize, name: &str) -> Result<Option<Value>, ObjectError> {
    let class = object.class();
    let index = match class.properties.get(index) {
        Some(p) if p.name == name => Some(index),
        _ => class.property_index(name),
    };
    index.map(|i| object.value_at(i)).transpose()
}

pub(super) fn within(entity: &Entity, name: &str) -> Result<Option<Value>, ObjectError> {
    let class = entity.class();
    let Some(index) = class.property_index(name) else {
        return Ok(SystemProperty::from_name(name).map(|p| p.of(entity)));
    };
    match entity {
        Entity::Class(c) => Ok(Some(c.properties[index].default.clone())),
        Entity::Instance(o) => o.value_at(index).map(Some),
    }
}

impl Check {
    /// NULL fulfils IS NULL and nothing else, `<>` neither; NOT makes that true.
    fn holds(&self, value: &Value) -> bool {
        match self {
            Check::Null { wanted } => value.is_null() == *wanted,
            _ if value.is_null() => false,
            Check::Compare(op, c) => op.holds(c.order(value)),
            Check::Like(p) => value.as_str().is_some_and(|s| p.matches(s)),
            Check::IsA(class) => matches!(value, Value::Object(e) if e.class().is_a(class)),
            Check::ByType { op, pattern, comparands } => match (value, pattern) {
                (Value::String(s), Some(p)) => p.matches(s),
                (Value::Array(_), _) => false,
                (value, _) => {
                    let place = value.cim_type().and_then(|t| CimType::ALL.iter().position(|c| *c == t.cim));
                    match place.and_then(|i| comparands.get(i)) {
                        Some(Some(c)) => op.holds(c.order(value)),
                        _ => false,
                    }
                }
            },
        }
    }
}

impl Schema {
    /// Whether a class fulfils the condition.
    pub fn matches(&self, class: &Class) -> bool {
        self.condition.as_ref().is_none_or(|c| schema_holds(c, class))
    }
}

fn schema_holds(condition: &Condition, class: &Class) -> bool {
    match condition {
        Condition::And(parts) => parts.iter().all(|p| schema_holds(p, class)),
        Condition::Or(parts) => parts.iter().any(|p| schema_holds(p, class)),
        Condition::Not(inner) => !schema_holds(inner, class),
        Condition::Test(Test { path, predicate, .. }) => {
            if let Predicate::IsA(name) = predicate {
                return path.first.is("__this") && class.is_a(&name.text);
            }
            let value = SystemProperty::from_name(&path.first.text).map_or(Value::Null, |p| p.of_class(class));
            match (predicate, value.as_str()) {
                (Predicate::IsNull | Predicate::Compare(Operator::Equal, Constant { literal: Literal::Null, .. }), text) => text.is_none(),
                (Predicate::IsNotNull | Predicate::Compare(_, Constant { literal: Literal::Null, .. }), text) => text.is_some(),
                (Predicate::Compare(op, Constant { literal: Literal::String(s), .. }), Some(text)) => op.holds(Some(name_cmp(text, s))),
                (Predicate::Like(Constant { literal: Literal::String(s), .. }), Some(text)) => Pattern::new(s).matches(text),
                _ => false,
            }
        }
    }
}
