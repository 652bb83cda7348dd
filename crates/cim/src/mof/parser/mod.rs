//! From tokens to a [`Document`], by recursive descent. An error skips to the next `;` and parsing goes on.

use super::ast::{
    ClassItem, Document, Initializer, InstanceItem, Item, ItemKind, Literal, MethodItem, Pragma, PropertyItem, QualifierItem, TypeItem,
    ValueItem,
};
use super::lexer::{Kind, Lexer, Token};
use super::{MofError, Source, limits};
use crate::schema::{METHODS_MAX, PROPERTIES_MAX};
use crate::{CimType, Diag, Type, WbemStatus, names_equal};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

mod pragma;
mod qualifiers;

type Parse<T> = Result<T, MofError>;
type Named = (String, Range<usize>);

pub(super) fn parse(source: Arc<Source>) -> Result<Document, Vec<MofError>> {
    let mut parser =
        Parser { lexer: Lexer::new(&source), source: &source, ahead: VecDeque::new(), errors: Vec::new(), last_end: 0, give_up: false };
    let mut items = Vec::new();
    while parser.errors.len() < limits::ERRORS_MAX && !parser.give_up {
        match parser.item() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => break,
            Err(e) => {
                parser.errors.push(e);
                parser.recover();
            }
        }
    }
    let errors = parser.errors;
    if errors.is_empty() { Ok(Document { source, items }) } else { Err(errors) }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    source: &'a Arc<Source>,
    ahead: VecDeque<Token>,
    errors: Vec<MofError>,
    /// Where the last token that was taken ends: a missing `;` is shown there.
    last_end: usize,
    /// Set by an error behind which nothing sensible can follow.
    give_up: bool,
}

impl Parser<'_> {
    // Tokens.

    fn fill(&mut self, count: usize) -> Parse<()> {
        while self.ahead.len() < count {
            let token = self.lexer.next()?;
            self.ahead.push_back(token);
        }
        Ok(())
    }

    fn peek(&mut self) -> Parse<&Token> {
        self.peek_at(0)
    }

    fn peek_at(&mut self, n: usize) -> Parse<&Token> {
        self.fill(n + 1)?;
        // `fill` put n + 1 tokens there.
        Ok(&self.ahead[n])
    }

    fn take(&mut self) -> Parse<Token> {
        let token = match self.ahead.pop_front() {
            Some(token) => token,
            None => self.lexer.next()?,
        };
        self.last_end = token.span.end;
        Ok(token)
    }

    fn at(&mut self, punct: char) -> Parse<bool> {
        Ok(self.peek()?.kind == Kind::Punct(punct))
    }

    fn take_if(&mut self, punct: char) -> Parse<bool> {
        let there = self.at(punct)?;
        if there {
            self.take()?;
        }
        Ok(there)
    }

    fn at_word(&mut self, word: &str) -> Parse<bool> {
        let token = self.peek()?.clone();
        Ok(token.kind == Kind::Name && self.lexer.text_of(&token).eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> Parse<bool> {
        let there = self.at_word(word)?;
        if there {
            self.take()?;
        }
        Ok(there)
    }

    fn expect(&mut self, punct: char) -> Parse<()> {
        if self.take_if(punct)? {
            return Ok(());
        }
        let status = match punct {
            ';' => WbemStatus::MOF_EXPECTED_SEMI,
            '{' => WbemStatus::MOF_EXPECTED_OPEN_BRACE,
            '}' => WbemStatus::MOF_EXPECTED_CLOSE_BRACE,
            ']' => WbemStatus::MOF_EXPECTED_CLOSE_BRACKET,
            '(' => WbemStatus::MOF_EXPECTED_OPEN_PAREN,
            ')' => WbemStatus::MOF_EXPECTED_CLOSE_PAREN,
            _ => WbemStatus::MOF_UNRECOGNIZED_TOKEN,
        };
        // What is missing at the end of a declaration is missing behind it, not on the next line.
        if punct == ';' {
            let at = self.last_end;
            return Err(self.error_at(status, at..at, format!("expected {punct}")));
        }
        Err(self.unexpected(status, &format!("{punct}")))
    }

    fn error_at(&self, status: WbemStatus, span: Range<usize>, message: impl Into<String>) -> MofError {
        MofError::new(self.source, status, Diag::new(span, message))
    }

    /// The error that something else was expected where the next token is.
    fn unexpected(&mut self, status: WbemStatus, expected: &str) -> MofError {
        match self.peek().cloned() {
            Err(e) => e,
            Ok(token) => {
                let found = match &token.kind {
                    Kind::End => "the end of the text".to_owned(),
                    Kind::String(_) => "a string".to_owned(),
                    _ => self.lexer.text_of(&token).chars().take(40).collect(),
                };
                self.error_at(status, token.span, format!("expected {expected}, found {found}"))
            }
        }
    }

    fn name(&mut self, status: WbemStatus, expected: &str) -> Parse<Named> {
        if self.peek()?.kind != Kind::Name {
            return Err(self.unexpected(status, expected));
        }
        let token = self.take()?;
        Ok((self.lexer.text_of(&token).to_owned(), token.span))
    }

    /// Skips behind the next `;` that is outside braces opened on the way, or to the next `class` or `#pragma`, or to the end.
    fn recover(&mut self) {
        let mut depth = 0usize;
        while self.errors.len() < limits::ERRORS_MAX {
            let token = match self.peek() {
                Ok(token) => token.clone(),
                Err(e) => {
                    self.errors.push(e);
                    continue;
                }
            };
            match token.kind {
                Kind::End => return,
                // Neither can stand in a value. The next item takes them, so that parsing gets on.
                Kind::Pragma if depth == 0 => return,
                Kind::Name if depth == 0 && self.lexer.text_of(&token).eq_ignore_ascii_case("class") => return,
                Kind::Punct('{') => depth += 1,
                Kind::Punct('}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            // The token was peeked: this cannot fail.
            let _ = self.take();
            if token.kind == Kind::Punct(';') && depth == 0 {
                return;
            }
        }
    }

    /// As [`Parser::recover`], inside a body: stops before the `}` that ends it.
    fn recover_in_body(&mut self) {
        let mut depth = 0usize;
        while self.errors.len() < limits::ERRORS_MAX {
            let token = match self.peek() {
                Ok(token) => token.kind.clone(),
                Err(e) => {
                    self.errors.push(e);
                    continue;
                }
            };
            match token {
                Kind::End => return,
                Kind::Punct('}') if depth == 0 => return,
                _ => {}
            }
            // The token was peeked: this cannot fail.
            let _ = self.take();
            match token {
                Kind::Punct('{') => depth += 1,
                Kind::Punct('}') => depth -= 1,
                Kind::Punct(';') if depth == 0 => return,
                _ => {}
            }
        }
    }

    // Declarations.

    fn item(&mut self) -> Parse<Option<Item>> {
        // Stray semicolons between declarations are common in real files.
        while self.take_if(';')? {}
        let first = self.peek()?.clone();
        let start = first.span.start;
        let kind = match first.kind {
            Kind::End => return Ok(None),
            Kind::Pragma => {
                self.take()?;
                ItemKind::Pragma(self.pragma(first.span)?)
            }
            Kind::Include => {
                self.take()?;
                let Kind::String(path) = self.peek()?.kind.clone() else {
                    return Err(self.unexpected(WbemStatus::MOF_ERROR_INVALID_INCLUDE_FILE, "a file name in quotes"));
                };
                self.take()?;
                ItemKind::Pragma(Pragma::Include(path))
            }
            _ => {
                let qualifiers = self.qualifiers()?;
                if self.at_word("qualifier")? && qualifiers.is_empty() {
                    self.take()?;
                    ItemKind::QualifierType(self.qualifier_type()?)
                } else if self.take_word("class")? {
                    ItemKind::Class(self.class(qualifiers)?)
                } else if self.take_word("instance")? {
                    let instance = self.instance(qualifiers, 0)?;
                    self.expect(';')?;
                    ItemKind::Instance(instance)
                } else if self.at_word("typedef")? {
                    return Err(self.unexpected(WbemStatus::MOF_TYPEDEF_NOT_SUPPORTED, "class or instance"));
                } else {
                    return Err(self.unexpected(WbemStatus::MOF_UNRECOGNIZED_TOKEN, "class, instance, qualifier or #pragma"));
                }
            }
        };
        Ok(Some(Item { span: start..self.last_end, kind }))
    }

    fn class(&mut self, qualifiers: Vec<QualifierItem>) -> Parse<ClassItem> {
        let name = self.name(WbemStatus::MOF_EXPECTED_CLASS_NAME, "the name of the class")?;
        let mut alias = self.alias()?;
        let mut superclass = None;
        if self.take_if(':')? {
            superclass = Some(self.name(WbemStatus::MOF_EXPECTED_CLASS_NAME, "the name of the superclass")?);
            if let Some(second) = self.alias()?
                && alias.replace(second).is_some()
            {
                let at = self.last_end;
                return Err(self.error_at(WbemStatus::MOF_MULTIPLE_ALIASES, at..at, "a class has one alias"));
            }
        }
        let mut class = ClassItem { name, alias, superclass, qualifiers, properties: Vec::new(), methods: Vec::new() };
        self.expect('{')?;
        while !self.at('}')? {
            if self.peek()?.kind == Kind::End {
                break;
            }
            if let Err(e) = self.feature(&mut class) {
                self.errors.push(e);
                self.recover_in_body();
                if self.errors.len() >= limits::ERRORS_MAX || self.give_up {
                    break;
                }
            }
        }
        self.expect('}')?;
        self.expect(';')?;
        Ok(class)
    }

    fn feature(&mut self, class: &mut ClassItem) -> Parse<()> {
        let qualifiers = self.qualifiers()?;
        let returns_nothing = self.at_word("void")? && self.peek_at(1)?.kind == Kind::Name;
        let ty = if returns_nothing {
            self.take()?;
            None
        } else {
            Some(self.type_item()?)
        };
        let name = self.name(WbemStatus::MOF_EXPECTED_PROPERTY_NAME, "the name of the property or method")?;
        // What can never compile is not collected.
        if class.properties.len() >= PROPERTIES_MAX || class.methods.len() >= METHODS_MAX {
            let message = format!("a class has at most {PROPERTIES_MAX} properties and {METHODS_MAX} methods");
            let error = self.error_at(WbemStatus::TOO_MANY_PROPERTIES, name.1, message);
            self.give_up = true;
            return Err(error);
        }
        if self.take_if('(')? {
            let parameters = self.parameters()?;
            self.expect(';')?;
            class.methods.push(MethodItem { name, returns: ty, qualifiers, parameters });
            return Ok(());
        }
        let Some(mut ty) = ty else {
            return Err(self.unexpected(WbemStatus::MOF_EXPECTED_OPEN_PAREN, "( behind a method that returns void"));
        };
        ty.ty.array |= self.array_brackets()?;
        let default = if self.take_if('=')? { Some(self.initializer(0)?) } else { None };
        self.expect(';')?;
        if class.properties.iter().any(|p| names_equal(&p.name.0, &name.0)) {
            return Err(self.error_at(WbemStatus::MOF_DUPLICATE_PROPERTY, name.1, format!("{} is declared twice", name.0)));
        }
        class.properties.push(PropertyItem { name, ty, qualifiers, default });
        Ok(())
    }

    fn parameters(&mut self) -> Parse<Vec<PropertyItem>> {
        let mut parameters = Vec::new();
        if self.take_if(')')? {
            return Ok(parameters);
        }
        loop {
            self.members(parameters.len())?;
            let qualifiers = self.qualifiers()?;
            let mut ty = self.type_item()?;
            let name = self.name(WbemStatus::MOF_EXPECTED_PROPERTY_NAME, "the name of the parameter")?;
            ty.ty.array |= self.array_brackets()?;
            let default = if self.take_if('=')? { Some(self.initializer(0)?) } else { None };
            parameters.push(PropertyItem { name, ty, qualifiers, default });
            if self.take_if(')')? {
                return Ok(parameters);
            }
            if !self.take_if(',')? {
                return Err(self.unexpected(WbemStatus::MOF_EXPECTED_CLOSE_PAREN, ", or )"));
            }
        }
    }

    /// `uint32`, `Class ref`, `object:Class`, `Class`, `ref`; with `[]` in front of the name, as some write it.
    fn type_item(&mut self) -> Parse<TypeItem> {
        let (word, span) = self.name(WbemStatus::MOF_EXPECTED_TYPE_IDENTIFIER, "a type")?;
        if word.eq_ignore_ascii_case("void") {
            return Err(self.error_at(WbemStatus::MOF_UNRECOGNIZED_TYPE, span, "only a method can be void"));
        }
        let named = CimType::from_name(&word);
        let mut class = match named {
            Some(_) => None,
            None => Some(word),
        };
        let mut cim = named.unwrap_or(CimType::Object);
        if cim == CimType::Object && self.at_word("ref")? {
            // `object ref X` is a reference to anything; a property may also be called Ref.
            if self.peek_at(1)?.kind == Kind::Name {
                self.take()?;
                cim = CimType::Reference;
            }
        } else if matches!(cim, CimType::Object | CimType::Reference) && class.is_none() && self.take_if(':')? {
            class = Some(self.name(WbemStatus::MOF_EXPECTED_CLASS_NAME, "the class of the object")?.0);
        }
        let array = self.array_brackets()?;
        Ok(TypeItem { ty: Type { cim, array }, class })
    }

    /// `[]` or `[16]`; the size is read and not kept, as WMI does.
    fn array_brackets(&mut self) -> Parse<bool> {
        if !self.take_if('[')? {
            return Ok(false);
        }
        if let Kind::Integer(size) = self.peek()?.kind {
            let span = self.take()?.span;
            if size < 1 {
                return Err(self.error_at(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, span, "the size of an array is at least 1"));
            }
        }
        self.expect(']')?;
        Ok(true)
    }

    fn alias(&mut self) -> Parse<Option<String>> {
        if !self.take_word("as")? {
            return Ok(None);
        }
        let token = self.peek()?.clone();
        match token.kind {
            Kind::Alias => {
                self.take()?;
                Ok(self.lexer.text_of(&token).get(1..).map(str::to_owned))
            }
            _ => Err(self.unexpected(WbemStatus::MOF_EXPECTED_DOLLAR, "an alias such as $Name")),
        }
    }

    /// Behind the word `instance`, up to and with the closing brace.
    fn instance(&mut self, qualifiers: Vec<QualifierItem>, depth: usize) -> Parse<InstanceItem> {
        if !self.take_word("of")? {
            return Err(self.unexpected(WbemStatus::MOF_INVALID_INSTANCE_DECLARATION, "of"));
        }
        let class = self.name(WbemStatus::MOF_EXPECTED_CLASS_NAME, "the class of the instance")?;
        let alias = self.alias()?;
        if depth > 0 && alias.is_some() {
            let at = self.last_end;
            return Err(self.error_at(WbemStatus::MOF_ALIASES_IN_EMBEDDED, at..at, "an embedded instance has no alias"));
        }
        self.expect('{')?;
        let mut values: Vec<ValueItem> = Vec::new();
        while !self.take_if('}')? {
            self.members(values.len())?;
            let qualifiers = self.qualifiers()?;
            let name = self.name(WbemStatus::MOF_EXPECTED_PROPERTY_NAME, "the name of a property")?;
            let value = if self.take_if('=')? {
                Some(self.initializer(depth)?)
            } else if self.at(';')? && !qualifiers.is_empty() {
                None
            } else {
                return Err(self.unexpected(WbemStatus::MOF_INVALID_INSTANCE_DECLARATION, "= and a value"));
            };
            self.expect(';')?;
            if values.iter().any(|v| names_equal(&v.name.0, &name.0)) {
                return Err(self.error_at(WbemStatus::MOF_DUPLICATE_PROPERTY, name.1, format!("{} is set twice", name.0)));
            }
            values.push(ValueItem { name, qualifiers, value });
        }
        Ok(InstanceItem { class, alias, qualifiers, values })
    }

    // Constants.

    fn initializer(&mut self, depth: usize) -> Parse<Initializer> {
        let first = self.peek()?.clone();
        if depth >= limits::DEPTH_MAX {
            return Err(self.error_at(WbemStatus::MOF_INVALID_FILE, first.span, "values are nested too deeply"));
        }
        let start = first.span.start;
        let literal = match first.kind {
            Kind::Punct('{') => {
                self.take()?;
                let mut items = Vec::new();
                if !self.take_if('}')? {
                    loop {
                        self.room(items.len())?;
                        let item = self.initializer(depth + 1)?;
                        match item.literal {
                            Literal::Array(_) => {
                                let message = "an array holds no arrays";
                                return Err(self.error_at(WbemStatus::MOF_UNEXPECTED_ARRAY_INIT, item.span, message));
                            }
                            Literal::Null => {
                                let message = "an array holds no NULL";
                                return Err(self.error_at(WbemStatus::MOF_NULL_ARRAY_ELEM, item.span, message));
                            }
                            _ => items.push(item),
                        }
                        if self.take_if('}')? {
                            break;
                        }
                        if !self.take_if(',')? {
                            return Err(self.unexpected(WbemStatus::MOF_EXPECTED_CLOSE_BRACE, ", or }"));
                        }
                    }
                }
                Literal::Array(items)
            }
            Kind::String(text) => {
                self.take()?;
                let mut text = text;
                while let Kind::String(more) = &self.peek()?.kind {
                    text.push_str(more);
                    self.take()?;
                }
                Literal::String(text)
            }
            Kind::Char(unit) => {
                self.take()?;
                Literal::Char(unit)
            }
            Kind::Integer(n) => {
                self.take()?;
                Literal::Integer(n)
            }
            Kind::Real(n) => {
                self.take()?;
                Literal::Real(n)
            }
            Kind::Alias => {
                self.take()?;
                Literal::Alias(self.lexer.text_of(&first).get(1..).unwrap_or("").to_owned())
            }
            Kind::Name => {
                let word = self.lexer.text_of(&first);
                if word.eq_ignore_ascii_case("null") {
                    self.take()?;
                    Literal::Null
                } else if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") {
                    self.take()?;
                    Literal::Boolean(word.eq_ignore_ascii_case("true"))
                } else if word.eq_ignore_ascii_case("instance") {
                    self.take()?;
                    Literal::Instance(Box::new(self.instance(Vec::new(), depth + 1)?))
                } else {
                    self.take()?;
                    Literal::Word(word.to_owned())
                }
            }
            _ => return Err(self.unexpected(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, "a value")),
        };
        Ok(Initializer { span: start..self.last_end, literal })
    }

    fn room(&mut self, len: usize) -> Parse<()> {
        if len < limits::LIST_MAX {
            return Ok(());
        }
        let at = self.last_end;
        Err(self.error_at(WbemStatus::MOF_INVALID_FILE, at..at, format!("more than {} members in one list", limits::LIST_MAX)))
    }

    /// As [`Parser::room`], for lists in which names are looked for.
    fn members(&mut self, len: usize) -> Parse<()> {
        if len < PROPERTIES_MAX {
            return Ok(());
        }
        let at = self.last_end;
        Err(self.error_at(WbemStatus::MOF_INVALID_FILE, at..at, format!("more than {PROPERTIES_MAX} members in one list")))
    }
}
