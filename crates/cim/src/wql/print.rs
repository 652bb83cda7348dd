//! Queries as text. What is printed parses to an equal tree.

use super::ast::{
    Associators, Columns, Condition, Constant, Event, Group, Literal, Name, Predicate, PropertyPath, Query, Schema, Select, Test, Traversal,
};
use super::lex::quote;
use std::fmt::{self, Display, Formatter};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::Select(q) => q.fmt(f),
            Query::Schema(q) => q.fmt(f),
            Query::Associators(q) => q.fmt(f),
            Query::References(q) => q.fmt(f),
            Query::Event(q) => q.fmt(f),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(i, item)| if i == 0 { write!(f, "{item}") } else { write!(f, "{between}{item}") })
}

fn head(f: &mut Formatter<'_>, select: &Select) -> fmt::Result {
    f.write_str("SELECT ")?;
    match &select.columns {
        Columns::All => f.write_str("*")?,
        Columns::List(paths) => list(f, paths, ", ")?,
    }
    write!(f, " FROM {}", select.class)
}

fn filter(f: &mut Formatter<'_>, condition: Option<&Condition>) -> fmt::Result {
    condition.map_or(Ok(()), |c| write!(f, " WHERE {c}"))
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(f, self)?;
        filter(f, self.condition.as_ref())
    }
}

impl Display for Schema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT * FROM meta_class")?;
        filter(f, self.condition.as_ref())
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(f, &self.select)?;
        if let Some(seconds) = self.within {
            write!(f, " WITHIN {seconds}")?;
        }
        filter(f, self.select.condition.as_ref())?;
        if let Some(Group { within, by, having }) = &self.group {
            write!(f, " GROUP WITHIN {within}")?;
            if !by.is_empty() {
                f.write_str(" BY ")?;
                list(f, by, ", ")?;
            }
            if let Some((op, n)) = having {
                write!(f, " HAVING NumberOfEvents {} {n}", op.symbol())?;
            }
        }
        Ok(())
    }
}

impl Traversal {
    fn options(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (key, value) in [("ResultClass", &self.result_class), ("Role", &self.role), ("RequiredQualifier", &self.required_qualifier)] {
            out.extend(value.iter().map(|v| format!("{key} = {v}")));
        }
        for (key, on) in [("ClassDefsOnly", self.class_defs_only), ("KeysOnly", self.keys_only), ("SchemaOnly", self.schema_only)] {
            out.extend(on.then(|| key.to_owned()));
        }
        out
    }
}

fn traversal(f: &mut Formatter<'_>, verb: &str, t: &Traversal, options: &[String]) -> fmt::Result {
    write!(f, "{verb} OF {{{}}}", t.path)?;
    if !options.is_empty() {
        f.write_str(" WHERE ")?;
        list(f, options, " ")?;
    }
    Ok(())
}

impl Display for Associators {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        for (key, value) in [
            ("AssocClass", &self.assoc_class),
            ("ResultRole", &self.result_role),
            ("RequiredAssocQualifier", &self.required_assoc_qualifier),
        ] {
            options.extend(value.iter().map(|v| format!("{key} = {v}")));
        }
        options.extend(self.traversal.options());
        traversal(f, "ASSOCIATORS", &self.traversal, &options)
    }
}

/// As `REFERENCES OF`.
impl Display for Traversal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        traversal(f, "REFERENCES", self, &self.options())
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nested = |f: &mut Formatter<'_>, c: &Condition, parens: bool| if parens { write!(f, "({c})") } else { write!(f, "{c}") };
        match self {
            Condition::Or(parts) | Condition::And(parts) => {
                let word = if matches!(self, Condition::Or(_)) { " OR " } else { " AND " };
                parts.iter().enumerate().try_for_each(|(i, part)| {
                    f.write_str(if i == 0 { "" } else { word })?;
                    nested(f, part, matches!(part, Condition::Or(_)))
                })
            }
            Condition::Not(inner) => {
                f.write_str("NOT ")?;
                nested(f, inner, matches!(**inner, Condition::And(_) | Condition::Or(_)))
            }
            Condition::Test(t) => t.fmt(f),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.predicate)
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Predicate::Compare(op, c) => write!(f, "{} {c}", op.symbol()),
            Predicate::Like(c) => write!(f, "LIKE {c}"),
            Predicate::IsNull => f.write_str("IS NULL"),
            Predicate::IsNotNull => f.write_str("IS NOT NULL"),
            Predicate::IsA(class) => write!(f, "ISA {}", quote(&class.text)),
        }
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.literal.fmt(f)
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::String(s) => f.write_str(&quote(s)),
            Literal::Number(n) => f.write_str(n),
            Literal::Boolean(true) => f.write_str("TRUE"),
            Literal::Boolean(false) => f.write_str("FALSE"),
            Literal::Null => f.write_str("NULL"),
        }
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Display for PropertyPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.rest.iter().try_for_each(|n| write!(f, ".{n}"))
    }
}
