//! The parser: recursive descent over tokens, with a depth.

use super::ast::{
    Associators, Columns, Condition, Constant, Event, Group, Literal, Name, Operator, Predicate, PropertyPath, Query, Schema, Select,
    Source, Test, Traversal,
};
use super::lex::{Kind, LexError, near, unquote};
use super::{COLUMNS_MAX, DEPTH_MAX, PREDICATES_MAX, QUERY_LEN_MAX, QueryError};
use crate::{Diag, ObjectPath, PathKeys, WbemStatus};
use logos::Logos;
use std::ops::Range;
use std::sync::Arc;

/// What the parser raises: the query is added at the boundary.
type Parsed<T> = Result<T, Fault>;

/// A status and a place. Boxed, because it is rare and the results are many.
type Fault = Box<(WbemStatus, Diag)>;

/// Words that are no names. The other words of the language (GROUP, BY, WITHIN and so on) have one place each, where no name
/// can stand, and real classes have properties named `Group`.
const RESERVED: [&str; 12] = ["SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "LIKE", "IS", "ISA", "NULL", "TRUE", "FALSE"];

pub(super) fn query(text: &str) -> Result<Query, QueryError> {
    let source: Arc<str> = text.into();
    let fail = |fault: Fault| QueryError::new(fault.0, fault.1, source.clone());
    if text.chars().count() > QUERY_LEN_MAX {
        let at = text.char_indices().nth(QUERY_LEN_MAX).map_or(0, |(i, _)| i);
        let diag = Diag::new(at..at, format!("the query is longer than {QUERY_LEN_MAX} characters"));
        return Err(fail(Box::new((WbemStatus::QUOTA_VIOLATION, diag))));
    }
    let tokens = Kind::lexer(text).spanned().collect();
    Parser { text, tokens, pos: 0, depth: 0, predicates: 0, source: Source(source.clone()) }.query().map_err(fail)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Result<Kind, LexError>, Range<usize>)>,
    pos: usize,
    /// How many parentheses and NOTs are open.
    depth: usize,
    predicates: usize,
    source: Source,
}

impl<'a> Parser<'a> {
    fn query(mut self) -> Parsed<Query> {
        if self.tokens.is_empty() {
            return Err(self.expected("the query is empty", "write SELECT * FROM and a class"));
        }
        let query = if self.keyword("SELECT") {
            self.select()?
        } else if self.keyword("ASSOCIATORS") {
            Query::Associators(self.associators()?)
        } else if self.keyword("REFERENCES") {
            Query::References(self.references()?)
        } else {
            return Err(self.no_statement());
        };
        match self.peek() {
            None => Ok(query),
            Some(_) => Err(self.unexpected_end_of(&query)),
        }
    }

    fn no_statement(&self) -> Fault {
        let message = "expected SELECT, ASSOCIATORS OF or REFERENCES OF";
        let word = self.word().unwrap_or_default();
        let help = match ["SELECT", "ASSOCIATORS", "REFERENCES"].into_iter().find(|k| near(word, k)) {
            Some(k) => format!("did you mean {k}?"),
            None if ["INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"].iter().any(|k| word.eq_ignore_ascii_case(k)) => {
                "WQL reads; writing and deleting are calls of their own".into()
            }
            None if self.word().is_some() => "a filter alone is no query: write SELECT * FROM and a class before WHERE".into(),
            None => return self.fault(message),
        };
        self.expected(message, help)
    }

    // SELECT

    fn select(&mut self) -> Parsed<Query> {
        let columns = self.columns()?;
        self.from(&columns)?;
        if self.is_word("meta_class") {
            let span = self.here();
            self.pos += 1;
            if columns != Columns::All {
                return Err(fault(span, "a query of meta_class takes * only", "write SELECT * FROM meta_class"));
            }
            let condition = self.filter()?;
            condition.iter().flat_map(Condition::tests).try_for_each(schema_test)?;
            return Ok(Query::Schema(Schema { condition }));
        }
        let class = self.name("a class")?;
        let within = if self.keyword("WITHIN") { Some(self.seconds()?) } else { None };
        let condition = self.filter()?;
        let group = if self.keyword("GROUP") { Some(self.group()?) } else { None };
        let select = Select { columns, class, condition, text: self.source.clone() };
        Ok(if within.is_some() || group.is_some() { Query::Event(Event { select, within, group }) } else { Query::Select(select) })
    }

    fn columns(&mut self) -> Parsed<Columns> {
        if self.take(Kind::Star) {
            return Ok(Columns::All);
        }
        let mut paths = Vec::new();
        loop {
            if let Some(word) = self.word() {
                let next = self.kind_at(1);
                if next == Some(Kind::Open) {
                    return Err(
                        self.expected(format!("WQL has no function {word}"), "select properties and compute on the rows that come back")
                    );
                }
                let next_is_name = next == Some(Kind::Word) || next == Some(Kind::Number);
                if next_is_name
                    && paths.is_empty()
                    && ["DISTINCT", "TOP", "ALL"].iter().any(|k| word.eq_ignore_ascii_case(k))
                    && !self.is_word_at(1, "FROM")
                {
                    return Err(self
                        .expected(format!("WQL has no {}", word.to_uppercase()), "select properties and reduce the rows that come back"));
                }
            }
            self.more_columns(paths.len())?;
            paths.push(self.path(if paths.is_empty() { "a property or *" } else { "a property" })?);
            if !self.take(Kind::Comma) {
                return Ok(Columns::List(paths));
            }
        }
    }

    fn more_columns(&self, so_far: usize) -> Parsed<()> {
        if so_far == COLUMNS_MAX {
            let diag = Diag::new(self.here(), format!("more than {COLUMNS_MAX} properties are listed")).help("write * for all of them");
            return Err(Box::new((WbemStatus::QUOTA_VIOLATION, diag)));
        }
        Ok(())
    }

    fn from(&mut self, columns: &Columns) -> Parsed<()> {
        if self.keyword("FROM") {
            return Ok(());
        }
        Err(match (self.word(), self.kind()) {
            (Some(word), _) if near(word, "FROM") => self.expected("expected FROM", "did you mean FROM?"),
            (Some(word), _) if word.eq_ignore_ascii_case("AS") => self.expected("expected FROM", "WQL has no names for columns (AS)"),
            (Some(_), _) if *columns != Columns::All => {
                self.expected("expected a comma or FROM", "properties in the list stand apart by commas")
            }
            (None, Some(Kind::Comma)) => self.expected("expected FROM", "* stands alone: it is every property"),
            (None, Some(Kind::Arithmetic | Kind::Number)) => self.expected("expected FROM", "WQL has no arithmetic"),
            _ => self.fault("expected FROM"),
        })
    }

    fn filter(&mut self) -> Parsed<Option<Condition>> {
        if self.keyword("WHERE") { self.condition().map(Some) } else { Ok(None) }
    }

    fn unexpected_end_of(&self, query: &Query) -> Fault {
        let (filtered, grouped, event) = match query {
            Query::Select(s) => (s.condition.is_some(), false, false),
            Query::Schema(s) => (s.condition.is_some(), false, false),
            Query::Event(e) => (e.select.condition.is_some(), e.group.is_some(), true),
            // Options were read to their end: what follows is no option.
            Query::Associators(_) | Query::References(_) => return self.fault("expected WHERE or the end of the query"),
        };
        let expected = match (grouped, filtered, query) {
            (true, ..) => "expected BY, HAVING or the end of the query",
            (_, true, _) => "expected AND, OR or the end of the query",
            (_, _, Query::Schema(_)) => "expected WHERE or the end of the query",
            _ => "expected WITHIN, WHERE, GROUP or the end of the query",
        };
        let word = self.word().map(str::to_uppercase).unwrap_or_default();
        let help = match (word.as_str(), self.kind()) {
            ("ORDER", _) => "WQL has no ORDER BY: sort the rows that come back".into(),
            ("LIMIT" | "TOP" | "OFFSET", _) => format!("WQL has no {word}: stop reading instead"),
            ("JOIN" | "INNER" | "LEFT" | "UNION", _) => format!("WQL has no {word}: ASSOCIATORS OF follows associations"),
            ("HAVING" | "BY", _) => format!("{word} belongs to GROUP WITHIN"),
            ("WITHIN", _) if filtered => "WITHIN stands between the class and WHERE".into(),
            ("WHERE", _) if grouped => "WHERE stands before GROUP".into(),
            ("AS", _) if !filtered => "WQL has no names for classes (AS)".into(),
            (_, Some(Kind::Semicolon)) => "a WQL query ends without a semicolon".into(),
            (_, Some(Kind::Comma)) if !filtered => "WQL reads one class a query and has no joins".into(),
            (_, Some(Kind::Close)) => "this ) closes nothing".into(),
            (_, Some(Kind::Arithmetic | Kind::Star)) => "WQL has no arithmetic".into(),
            (_, Some(Kind::Number)) if filtered => "WQL has no arithmetic".into(),
            (_, Some(Kind::Equal)) if !filtered => "write WHERE before the first comparison".into(),
            (_, Some(Kind::Str)) if filtered => "write \\\" or \\' for a quote inside a string".into(),
            (w, Some(Kind::Word)) => {
                match ["WHERE", "WITHIN", "GROUP", "AND", "OR"].into_iter().find(|k| near(w, k) && filtered == matches!(*k, "AND" | "OR")) {
                    Some(k) => format!("did you mean {k}?"),
                    None if filtered && !event => self.quote_advice().unwrap_or_else(|| "conditions are joined by AND or OR".into()),
                    None => return self.fault(expected),
                }
            }
            _ => return self.fault(expected),
        };
        self.expected(expected, help)
    }

    /// When the token before stands against this one, both were meant to be one string: `10MB`.
    fn quote_advice(&self) -> Option<String> {
        let before = self.tokens.get(self.pos.checked_sub(1)?)?;
        let here = self.here();
        let meant = self.text.get(before.1.start..here.end)?;
        (before.1.end == here.start && before.0 == Ok(Kind::Number)).then(|| format!("write '{meant}' for a string"))
    }

    // Events

    fn seconds(&mut self) -> Parsed<f64> {
        let text = self.slice();
        let plain = self.kind() == Some(Kind::Number) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match text.parse::<f64>() {
            Ok(s) if plain && s.is_finite() => {
                self.pos += 1;
                Ok(s)
            }
            _ => Err(self.expected("expected a number of seconds", "WITHIN takes seconds, with or without a fraction: WITHIN 2.5")),
        }
    }

    fn whole(&mut self, what: &str) -> Parsed<u32> {
        match (self.kind(), self.slice().parse::<u32>()) {
            (Some(Kind::Number), Ok(n)) if !self.slice().starts_with('+') => {
                self.pos += 1;
                Ok(n)
            }
            _ => Err(self.fault(format!("expected {what}, a whole number below 4294967296"))),
        }
    }

    fn group(&mut self) -> Parsed<Group> {
        if !self.keyword("WITHIN") {
            let mut missing = self.expected("expected WITHIN after GROUP", "write GROUP WITHIN and a number of seconds, then BY");
            missing.0 = WbemStatus::MISSING_GROUP_WITHIN;
            return Err(missing);
        }
        let within = self.whole("a number of seconds")?;
        let mut by = Vec::new();
        if self.keyword("BY") {
            if matches!(self.kind(), None | Some(Kind::Star)) || self.is_word("HAVING") {
                let mut missing = self.expected("expected a property after BY", "name the properties that tell one group from another");
                missing.0 = WbemStatus::MISSING_AGGREGATION_LIST;
                return Err(missing);
            }
            by.push(self.path("a property")?);
            while self.take(Kind::Comma) {
                self.more_columns(by.len())?;
                by.push(self.path("a property")?);
            }
        }
        let having = if self.keyword("HAVING") {
            if !self.keyword("NumberOfEvents") {
                return Err(self.fault("expected NumberOfEvents after HAVING"));
            }
            let op = self.operator().ok_or_else(|| self.fault("expected =, <>, <, <=, > or >="))?;
            Some((op, self.whole("a number of events")?))
        } else {
            None
        };
        Ok(Group { within, by, having })
    }

    // Associations

    fn object(&mut self) -> Parsed<Traversal> {
        if !self.keyword("OF") {
            return Err(self.fault("expected OF"));
        }
        if self.kind() != Some(Kind::Braces) {
            return Err(self.expected("expected an object path in braces", r#"write OF {Win32_LogicalDisk.DeviceID="C:"}"#));
        }
        let (span, token) = (self.here(), self.slice());
        let inner = token.get(1..token.len() - 1).unwrap_or_default();
        let start = span.start + 1 + (inner.len() - inner.trim_start().len());
        let inner = inner.trim();
        let path: ObjectPath = inner.parse().map_err(|e: crate::PathError| {
            let at = (start + e.offset).min(span.end);
            fault(
                at..at,
                format!("invalid object path: {}", e.message),
                "paths have no blanks outside quotes, and \\\\ for each backslash inside",
            )
        })?;
        self.pos += 1;
        Ok(Traversal {
            path,
            path_span: (start..start + inner.len()).into(),
            result_class: None,
            role: None,
            required_qualifier: None,
            class_defs_only: false,
            keys_only: false,
            schema_only: false,
        })
    }

    fn references(&mut self) -> Parsed<Traversal> {
        let mut q = Associators { traversal: self.object()?, assoc_class: None, result_role: None, required_assoc_qualifier: None };
        self.options(&mut q, false)?;
        Ok(q.traversal)
    }

    fn associators(&mut self) -> Parsed<Associators> {
        let mut q = Associators { traversal: self.object()?, assoc_class: None, result_role: None, required_assoc_qualifier: None };
        self.options(&mut q, true)?;
        Ok(q)
    }

    fn options(&mut self, q: &mut Associators, associators: bool) -> Parsed<()> {
        if !self.keyword("WHERE") {
            return Ok(());
        }
        let names: &[&str] = if associators { &ASSOCIATORS_OPTIONS } else { &REFERENCES_OPTIONS };
        loop {
            let span = self.here();
            let word = self.word().unwrap_or_default();
            let Some(&option) = names.iter().find(|n| n.eq_ignore_ascii_case(word)) else {
                return Err(self.no_option(names));
            };
            self.pos += 1;
            let slot = match option {
                "AssocClass" => Ok(&mut q.assoc_class),
                "ResultRole" => Ok(&mut q.result_role),
                "RequiredAssocQualifier" => Ok(&mut q.required_assoc_qualifier),
                "ResultClass" => Ok(&mut q.traversal.result_class),
                "Role" => Ok(&mut q.traversal.role),
                "RequiredQualifier" => Ok(&mut q.traversal.required_qualifier),
                "ClassDefsOnly" => Err(&mut q.traversal.class_defs_only),
                "KeysOnly" => Err(&mut q.traversal.keys_only),
                _ => Err(&mut q.traversal.schema_only),
            };
            let twice = match slot {
                Ok(slot) => {
                    let twice = slot.is_some();
                    *slot = Some(self.option_value(option)?);
                    twice
                }
                Err(on) => std::mem::replace(on, true),
            };
            let t = &q.traversal;
            if twice {
                return Err(fault(span, format!("{option} is given twice"), "each option stands once"));
            } else if t.class_defs_only && t.result_class.is_some() {
                return Err(fault(span, "ClassDefsOnly and ResultClass exclude each other", "leave one of them out"));
            } else if t.schema_only && t.path.keys != PathKeys::Class {
                return Err(fault(span, "SchemaOnly takes the path of a class", format!("write OF {{{}}}", t.path.class)));
            }
            match (self.kind(), self.word()) {
                (None, _) if self.pos >= self.tokens.len() => return Ok(()),
                (_, Some(w)) if w.eq_ignore_ascii_case("AND") || w.eq_ignore_ascii_case("OR") => {
                    return Err(
                        self.expected("expected an option or the end of the query", "options stand apart by blanks, without AND or OR")
                    );
                }
                (Some(Kind::Comma), _) => {
                    return Err(
                        self.expected("expected an option or the end of the query", "options stand apart by blanks, without commas")
                    );
                }
                _ => {}
            }
        }
    }

    fn option_value(&mut self, option: &str) -> Parsed<Name> {
        if !self.take(Kind::Equal) {
            return Err(self.expected(format!("expected = after {option}"), "options take = only"));
        }
        if self.kind() == Some(Kind::Str) {
            let name = Name { text: unquote(self.slice()), span: self.here().into() };
            if is_name(&name.text) && !is_reserved(&name.text) {
                self.pos += 1;
                return Ok(name);
            }
        }
        self.name(if option.ends_with("Class") {
            "a class"
        } else if option.ends_with("Role") {
            "a property"
        } else {
            "a qualifier"
        })
    }

    fn no_option(&self, names: &[&str]) -> Fault {
        let word = self.word().unwrap_or_default();
        let message = format!("expected one of {}", names.join(", "));
        if let Some(n) = names.iter().find(|n| near(word, n)) {
            self.expected(message, format!("did you mean {n}?"))
        } else if ASSOCIATORS_OPTIONS.iter().any(|n| n.eq_ignore_ascii_case(word)) {
            self.expected(message, format!("REFERENCES OF has no {word}"))
        } else {
            self.fault(message)
        }
    }

    // Conditions

    fn condition(&mut self) -> Parsed<Condition> {
        let mut any = vec![self.all()?];
        while self.keyword("OR") {
            any.push(self.all()?);
        }
        Ok(Condition::or(any))
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut all = vec![self.negation()?];
        while self.keyword("AND") {
            all.push(self.negation()?);
        }
        Ok(Condition::and(all))
    }

    fn negation(&mut self) -> Parsed<Condition> {
        let open = self.here();
        if self.keyword("NOT") {
            self.deeper(&open)?;
            let inner = self.negation()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.take(Kind::Open) {
            self.deeper(&open)?;
            let inner = self.condition()?;
            self.depth -= 1;
            if self.take(Kind::Close) {
                return Ok(inner);
            }
            let arithmetic = matches!(self.kind(), Some(Kind::Arithmetic | Kind::Number | Kind::Star));
            return Err(if arithmetic {
                self.expected("expected AND, OR or )", "WQL has no arithmetic")
            } else {
                let column = self.text.get(..open.start).map_or(0, |t| t.chars().count()) + 1;
                self.expected("expected AND, OR or )", format!("the ( at character {column} is still open"))
            });
        }
        self.test().map(Condition::Test)
    }

    fn deeper(&mut self, at: &Range<usize>) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let diag = Diag::new(at.clone(), format!("the condition is nested deeper than {DEPTH_MAX}"))
                .help("join conditions without inner parentheses");
            return Err(Box::new((WbemStatus::QUOTA_VIOLATION, diag)));
        }
        Ok(())
    }

    fn test(&mut self) -> Parsed<Test> {
        let start = self.here();
        self.predicates += 1;
        if self.predicates > PREDICATES_MAX {
            let diag =
                Diag::new(start, format!("the query has more than {PREDICATES_MAX} comparisons")).help("split it into several queries");
            return Err(Box::new((WbemStatus::QUOTA_VIOLATION, diag)));
        }
        let (path, predicate) = match self.constant() {
            Some(constant) => self.swapped(constant)?,
            None => {
                if self.kind_at(1) == Some(Kind::Open) && self.word().is_some_and(|w| !is_reserved(w)) {
                    return Err(self.expected(
                        format!("WQL has no function {}", self.slice()),
                        "compare the property itself; strings compare without case",
                    ));
                }
                let path = self.path("a property")?;
                let predicate = self.predicate(&path)?;
                (path, predicate)
            }
        };
        let end = self.tokens.get(self.pos - 1).map_or(start.end, |t| t.1.end);
        Ok(Test { path, predicate, span: (start.start..end).into() })
    }

    /// `constant operator property`.
    fn swapped(&mut self, constant: Constant) -> Parsed<(PropertyPath, Predicate)> {
        let at = self.here();
        let Some(op) = self.operator() else {
            return Err(
                self.expected("expected =, <>, <, <=, > or >= after a constant", "LIKE, IS and ISA take the property on their left")
            );
        };
        if let Some(second) = self.constant() {
            let help = match constant.literal {
                Literal::String(s) if is_name(&s) => format!("write {s} without quotes for the property"),
                _ => "a comparison has a property on one side".into(),
            };
            return Err(fault(second.span.into(), "both sides are constants", help));
        }
        let path = self.path("a property")?;
        self.comparable(op, &constant, &at)?;
        Ok((path, Predicate::Compare(op.swapped(), constant)))
    }

    fn predicate(&mut self, path: &PropertyPath) -> Parsed<Predicate> {
        let at = self.here();
        if self.keyword("IS") {
            let not = self.keyword("NOT");
            if self.keyword("NULL") {
                return Ok(if not { Predicate::IsNotNull } else { Predicate::IsNull });
            }
            let help = format!(
                "write {path} {} {}",
                if not { "<>" } else { "=" },
                if self.peek().is_some() { self.slice() } else { "and a value" }
            );
            return Err(self.expected("IS takes NULL or NOT NULL only", help));
        }
        if self.keyword("ISA") {
            if self.kind() == Some(Kind::Str) {
                let name = Name { text: unquote(self.slice()), span: self.here().into() };
                self.pos += 1;
                return Ok(Predicate::IsA(name));
            }
            return self.name("a class").map(Predicate::IsA);
        }
        if self.keyword("LIKE") {
            return match self.constant() {
                Some(c) if matches!(c.literal, Literal::String(_) | Literal::Number(_)) => Ok(Predicate::Like(c)),
                Some(c) => Err(fault(c.span.into(), "LIKE takes a pattern in quotes", "% stands for any run of characters, _ for one")),
                None => Err(self.no_constant("LIKE takes a pattern in quotes")),
            };
        }
        let Some(op) = self.operator() else {
            return Err(self.no_operator(path));
        };
        match self.constant() {
            Some(constant) => {
                self.comparable(op, &constant, &at)?;
                Ok(Predicate::Compare(op, constant))
            }
            None => Err(self.no_constant("expected a constant")),
        }
    }

    fn comparable(&self, op: Operator, constant: &Constant, at: &Range<usize>) -> Parsed<()> {
        let (constant, help) = match constant.literal {
            Literal::Null if op.orders() => ("NULL", "write IS NULL or IS NOT NULL"),
            Literal::Boolean(_) if op.orders() => ("TRUE and FALSE", "booleans take = and <> only"),
            _ => return Ok(()),
        };
        let mut fault = fault(at.clone(), format!("{} has no meaning with {constant}", op.symbol()), help);
        fault.0 = WbemStatus::INVALID_OPERATOR;
        Err(fault)
    }

    fn no_operator(&self, path: &PropertyPath) -> Fault {
        let message = "expected =, <>, <, <=, >, >=, LIKE, ISA or IS";
        let word = self.word().map(str::to_uppercase).unwrap_or_default();
        let help = match (word.as_str(), self.kind()) {
            ("BETWEEN", _) => format!("WQL has no BETWEEN: write {path} >= a AND {path} <= b"),
            ("IN", _) => format!("WQL has no IN: write {path} = a OR {path} = b"),
            ("NOT", _) if self.is_word_at(1, "LIKE") => format!("NOT stands before the property: write NOT {path} LIKE"),
            ("NOT", _) => "NOT stands before the comparison".into(),
            ("AND" | "OR", _) | ("", None | Some(Kind::Close)) => format!("a property alone is no condition: write {path} = TRUE"),
            (_, Some(Kind::Arithmetic | Kind::Number | Kind::Star)) => "WQL has no arithmetic".into(),
            (w, _) => match ["LIKE", "ISA"].into_iter().find(|k| near(w, k)) {
                Some(k) => format!("did you mean {k}?"),
                None => return self.fault(message),
            },
        };
        self.expected(message, help)
    }

    /// After an operator: what stands there instead of a constant.
    fn no_constant(&self, message: &str) -> Fault {
        match self.kind() {
            Some(Kind::Word) => {
                // A dotted word is a file name more often than a property of an embedded object: show it whole.
                let mut end = self.pos;
                while self.kind_from(end + 1) == Some(Kind::Dot) && self.kind_from(end + 2) == Some(Kind::Word) {
                    end += 2;
                }
                let span = self.here().start..self.tokens.get(end).map_or(self.text.len(), |t| t.1.end);
                let meant = self.text.get(span.clone()).unwrap_or_default();
                fault(span, "a property is compared with a constant, not with a property", format!("write '{meant}' for a string"))
            }
            Some(Kind::Equal) => self.expected(message, "write a single ="),
            Some(Kind::Open) => self.expected(message, "WQL has no arithmetic, no lists and no queries inside queries"),
            Some(Kind::Arithmetic) => self.expected(message, "WQL has no arithmetic; text stands in quotes"),
            Some(Kind::Braces) => self.expected(message, "a path is compared as a string in quotes"),
            Some(Kind::Star) => self.expected(message, "write LIKE '%' for any text"),
            _ => self.fault(message),
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        let op = match self.kind()? {
            Kind::Equal => Operator::Equal,
            Kind::NotEqual => Operator::NotEqual,
            Kind::Less => Operator::Less,
            Kind::LessOrEqual => Operator::LessOrEqual,
            Kind::Greater => Operator::Greater,
            Kind::GreaterOrEqual => Operator::GreaterOrEqual,
            _ => return None,
        };
        self.pos += 1;
        Some(op)
    }

    fn constant(&mut self) -> Option<Constant> {
        let literal = match self.kind()? {
            Kind::Str => Literal::String(unquote(self.slice())),
            Kind::Number => Literal::Number(self.slice().to_owned()),
            Kind::Word => match self.slice() {
                w if w.eq_ignore_ascii_case("TRUE") => Literal::Boolean(true),
                w if w.eq_ignore_ascii_case("FALSE") => Literal::Boolean(false),
                w if w.eq_ignore_ascii_case("NULL") => Literal::Null,
                _ => return None,
            },
            _ => return None,
        };
        let span = self.here().into();
        self.pos += 1;
        Some(Constant { literal, span })
    }

    // Names and tokens

    fn path(&mut self, what: &str) -> Parsed<PropertyPath> {
        let first = self.name(what)?;
        let mut rest = Vec::new();
        while self.take(Kind::Dot) {
            rest.push(self.name("a property of the embedded object")?);
        }
        Ok(PropertyPath { first, rest })
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        match self.word() {
            Some(word) if is_reserved(word) => {
                // Where a clause begins, the name is missing; elsewhere a keyword stands in for one.
                let clause = ["FROM", "WHERE", "AND", "OR"].iter().any(|k| word.eq_ignore_ascii_case(k));
                Err(if clause {
                    self.expected(format!("expected {what}"), format!("{} is a word of WQL and no name", word.to_uppercase()))
                } else {
                    self.fault(format!("expected {what}: {} is a word of WQL and no name", word.to_uppercase()))
                })
            }
            Some(word) if is_name(word) => {
                let name = Name { text: word.to_owned(), span: self.here().into() };
                self.pos += 1;
                Ok(name)
            }
            Some(_) => Err(self.fault("a name has letters, digits and underscores only")),
            None if self.kind() == Some(Kind::Str) => {
                let meant = unquote(self.slice());
                Err(if is_name(&meant) {
                    self.expected(format!("expected {what}"), format!("write {meant} without quotes"))
                } else {
                    self.fault(format!("expected {what}"))
                })
            }
            None => Err(self.fault(format!("expected {what}"))),
        }
    }

    fn peek(&self) -> Option<Result<Kind, LexError>> {
        self.tokens.get(self.pos).map(|t| t.0)
    }

    fn kind(&self) -> Option<Kind> {
        self.kind_from(self.pos)
    }

    fn kind_at(&self, ahead: usize) -> Option<Kind> {
        self.kind_from(self.pos + ahead)
    }

    fn kind_from(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).and_then(|t| t.0.ok())
    }

    fn here(&self) -> Range<usize> {
        self.tokens.get(self.pos).map_or(self.text.len()..self.text.len(), |t| t.1.clone())
    }

    fn slice(&self) -> &'a str {
        self.text.get(self.here()).unwrap_or_default()
    }

    fn word(&self) -> Option<&'a str> {
        (self.kind() == Some(Kind::Word)).then(|| self.slice())
    }

    fn is_word(&self, keyword: &str) -> bool {
        self.is_word_at(0, keyword)
    }

    fn is_word_at(&self, ahead: usize, keyword: &str) -> bool {
        self.tokens.get(self.pos + ahead).is_some_and(|(k, s)| *k == Ok(Kind::Word) && self.text[s.clone()].eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_word(keyword);
        self.pos += usize::from(found);
        found
    }

    fn take(&mut self, kind: Kind) -> bool {
        let found = self.kind() == Some(kind);
        self.pos += usize::from(found);
        found
    }

    /// What is wrong here: the token itself where it is none, else the message.
    fn fault(&self, message: impl Into<String>) -> Fault {
        let span = self.here();
        let invalid = |message: String| Box::new((WbemStatus::INVALID_QUERY, Diag::new(span.clone(), message)));
        match self.peek() {
            Some(Err(LexError::OpenString)) => {
                let open = span.start..span.start + 1;
                fault(
                    open,
                    "this string has no closing quote",
                    "strings are 'text' or \"text\"; write \\' for a quote and \\\\ for a backslash inside",
                )
            }
            Some(Err(LexError::OpenBraces)) => fault(span.start..span.start + 1, "this { has no }", r#"write {Class.Key="value"}"#),
            Some(Err(LexError::Unexpected)) => {
                let c = self.text.get(span.clone()).and_then(|s| s.chars().next()).unwrap_or(' ');
                let help = match c {
                    '“' | '”' | '‘' | '’' | '`' | '´' => "use plain quotes: \" or '",
                    '&' => "write AND",
                    '|' => "write OR",
                    '!' => "write NOT or <>",
                    '[' | ']' => "brackets stand inside the quotes of a LIKE pattern",
                    '}' => "this } closes nothing",
                    '$' | '@' => "variables are filled in before the query is sent",
                    '\\' => "paths and backslashes stand in quotes, each backslash twice",
                    _ => return invalid(format!("unexpected character {c:?}")),
                };
                fault(span, format!("unexpected character {c:?}"), help)
            }
            Some(Ok(_)) => invalid(message.into()),
            None => invalid(format!("{}, found the end of the query", message.into())),
        }
    }

    fn expected(&self, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let mut fault = self.fault(message);
        if fault.1.help.is_none() {
            fault.1.help = Some(help.into());
        }
        fault
    }
}

fn fault(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Fault {
    Box::new((WbemStatus::INVALID_QUERY, Diag::new(span, message).help(help)))
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word))
}

fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic()) && word.chars().all(|c| c == '_' || c.is_alphanumeric())
}

/// Whether a test is one that classes can be put to.
fn schema_test(test: &Test) -> Parsed<()> {
    let name = test.path.single().map_or("", |n| n.text.as_str());
    let is_this = name.eq_ignore_ascii_case("__this");
    match &test.predicate {
        Predicate::IsA(_) if is_this => Ok(()),
        Predicate::IsA(_) => Err(fault(test.path.span().into(), "only __this takes ISA here", "write __this ISA and a class")),
        _ if is_this => Err(fault(test.path.span().into(), "__this takes ISA only", "write __this ISA and a class")),
        _ if !["__Class", "__Superclass", "__Dynasty"].iter().any(|p| p.eq_ignore_ascii_case(name)) => Err(fault(
            test.path.span().into(),
            "classes are found by __Class, __Superclass, __Dynasty and __this",
            "instances are found by SELECT * FROM and their class",
        )),
        Predicate::Compare(_, c) | Predicate::Like(c) if !matches!(c.literal, Literal::String(_) | Literal::Null) => {
            Err(fault(c.span.into(), format!("{name} is a string"), format!("write '{}'", c.literal)))
        }
        _ => Ok(()),
    }
}

const ASSOCIATORS_OPTIONS: [&str; 9] = [
    "AssocClass",
    "ResultClass",
    "ResultRole",
    "Role",
    "RequiredAssocQualifier",
    "RequiredQualifier",
    "ClassDefsOnly",
    "KeysOnly",
    "SchemaOnly",
];
const REFERENCES_OPTIONS: [&str; 6] = ["ResultClass", "Role", "RequiredQualifier", "ClassDefsOnly", "KeysOnly", "SchemaOnly"];
