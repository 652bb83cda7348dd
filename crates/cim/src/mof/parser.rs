//! From tokens to a [`Document`], by recursive descent. An error skips to the next `;` and parsing goes on.

use super::ast::{
    ClassItem, Document, Initializer, InstanceItem, Item, ItemKind, Literal, MethodItem, Pragma, PropertyItem, PutMode, QualifierItem,
    QualifierType, TypeItem, ValueItem,
};
use super::lexer::{Kind, Lexer, Token};
use super::{MofError, Source, limits};
use crate::schema::{METHODS_MAX, PROPERTIES_MAX};
use crate::{CimType, Diag, Flavor, Type, WbemStatus, names_equal};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

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

    /// Skips behind the next `;` that is outside braces opened on the way, or to the end.
    fn recover(&mut self) {
        let mut depth = 0usize;
        while self.errors.len() < limits::ERRORS_MAX {
            match self.take() {
                Ok(token) => match token.kind {
                    Kind::End => {
                        self.ahead.push_front(token);
                        return;
                    }
                    Kind::Punct('{') => depth += 1,
                    Kind::Punct('}') => depth = depth.saturating_sub(1),
                    Kind::Punct(';') if depth == 0 => return,
                    _ => {}
                },
                Err(e) => self.errors.push(e),
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
            if let Some(second) = self.alias()? {
                if alias.replace(second).is_some() {
                    let at = self.last_end;
                    return Err(self.error_at(WbemStatus::MOF_MULTIPLE_ALIASES, at..at, "a class has one alias"));
                }
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

    // Qualifiers.

    fn qualifiers(&mut self) -> Parse<Vec<QualifierItem>> {
        let mut list: Vec<QualifierItem> = Vec::new();
        if !self.take_if('[')? {
            return Ok(list);
        }
        if self.take_if(']')? {
            return Ok(list);
        }
        loop {
            self.members(list.len())?;
            let (name, span) = self.name(WbemStatus::MOF_EXPECTED_QUALIFIER_NAME, "the name of a qualifier")?;
            if names_equal(&name, "CIMTYPE") {
                let message = "CIMTYPE is made from the type and cannot be written";
                return Err(self.error_at(WbemStatus::MOF_CIMTYPE_QUALIFIER, span, message));
            }
            if list.iter().any(|q| names_equal(&q.name, &name)) {
                return Err(self.error_at(WbemStatus::MOF_DUPLICATE_QUALIFIER, span, format!("{name} is given twice")));
            }
            let value = if self.take_if('(')? {
                let mut value = self.initializer(0)?;
                // A string may go on with a macro of a header that is not here.
                while matches!(self.peek()?.kind, Kind::Name | Kind::String(_))
                    && matches!(value.literal, Literal::String(_) | Literal::Word(_))
                {
                    let token = self.take()?;
                    if token.kind == Kind::Name {
                        value = Initializer { literal: Literal::Word(self.lexer.text_of(&token).to_owned()), span: token.span };
                    }
                }
                if matches!(value.literal, Literal::Alias(_) | Literal::Instance(_)) {
                    let message = "a qualifier is a boolean, a number or a string";
                    return Err(self.error_at(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, value.span, message));
                }
                self.expect(')')?;
                Some(value)
            } else if self.at('{')? {
                Some(self.initializer(0)?)
            } else {
                None
            };
            let flavor = if self.take_if(':')? { Some(self.flavors(None)?) } else { None };
            list.push(QualifierItem { name, span, value, flavor });
            if self.take_if(']')? {
                return Ok(list);
            }
            if !self.take_if(',')? {
                return Err(self.unexpected(WbemStatus::MOF_EXPECTED_CLOSE_BRACKET, ", or ]"));
            }
        }
    }

    /// Flavor words in a row; with a separator they end at the closing parenthesis.
    fn flavors(&mut self, separator: Option<char>) -> Parse<u8> {
        let mut bits = 0;
        let (mut enable, mut restricted, mut any) = (false, false, false);
        loop {
            let token = self.peek()?.clone();
            if token.kind != Kind::Name {
                if any {
                    return Ok(bits);
                }
                return Err(self.unexpected(WbemStatus::MOF_EXPECTED_FLAVOR_TYPE, "a flavor such as ToSubclass"));
            }
            let word = self.lexer.text_of(&token).to_ascii_lowercase();
            match word.as_str() {
                "toinstance" => bits |= Flavor::TO_INSTANCE,
                "tosubclass" => bits |= Flavor::TO_SUBCLASS,
                "disableoverride" => bits |= Flavor::DISABLE_OVERRIDE,
                // `Translatable` is the DMTF's word for it.
                "amended" | "translatable" => bits |= Flavor::AMENDED,
                "enableoverride" => enable = true,
                "restricted" => restricted = true,
                "nottoinstance" | "nottosubclass" => {}
                _ => {
                    let message = "a flavor is ToInstance, ToSubclass, EnableOverride, DisableOverride, Restricted or Amended";
                    return Err(self.error_at(WbemStatus::MOF_EXPECTED_FLAVOR_TYPE, token.span, message));
                }
            }
            any = true;
            self.take()?;
            if enable && bits & Flavor::DISABLE_OVERRIDE != 0 {
                let message = "EnableOverride and DisableOverride exclude each other";
                return Err(self.error_at(WbemStatus::MOF_INCOMPATIBLE_FLAVOR_TYPES, token.span, message));
            }
            if restricted && bits & (Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS) != 0 {
                let message = "Restricted excludes ToInstance and ToSubclass";
                return Err(self.error_at(WbemStatus::MOF_INCOMPATIBLE_FLAVOR_TYPES2, token.span, message));
            }
            if let Some(separator) = separator {
                if !self.take_if(separator)? {
                    return Ok(bits);
                }
            }
        }
    }

    fn qualifier_type(&mut self) -> Parse<QualifierType> {
        let (name, _) = self.name(WbemStatus::MOF_EXPECTED_QUALIFIER_NAME, "the name of the qualifier")?;
        let syntax = WbemStatus::MOF_INVALID_QUALIFIER_SYNTAX;
        if !self.take_if(':')? {
            return Err(self.unexpected(syntax, ":"));
        }
        let mut declared = QualifierType { name, scopes: Vec::new(), flavor: 0 };
        let token = self.peek()?.clone();
        if token.kind != Kind::Name || CimType::from_name(self.lexer.text_of(&token)).is_none() {
            declared.flavor = self.flavors(None)?;
            self.expect(';')?;
            return Ok(declared);
        }
        self.take()?;
        self.array_brackets()?;
        if self.take_if('=')? {
            self.initializer(0)?;
        }
        // DSP0004: what a declaration leaves unsaid is EnableOverride, ToSubclass.
        declared.flavor = Flavor::TO_SUBCLASS;
        while self.take_if(',')? {
            let scope = self.take_word("scope")?;
            if !scope && !self.take_word("flavor")? {
                return Err(self.unexpected(syntax, "Scope or Flavor"));
            }
            self.expect('(')?;
            if scope {
                loop {
                    self.room(declared.scopes.len())?;
                    declared.scopes.push(self.name(syntax, "a scope such as class or any")?.0);
                    if !self.take_if(',')? {
                        break;
                    }
                }
            } else {
                let start = self.last_end;
                let text_start = self.peek()?.span.start.max(start);
                let flavor = self.flavors(Some(','))?;
                let stated = self.source.text.get(text_start..self.last_end).unwrap_or("").to_ascii_lowercase();
                let propagation = stated.contains("restricted") || stated.contains("tosubclass");
                declared.flavor = flavor | if propagation { 0 } else { Flavor::TO_SUBCLASS };
            }
            self.expect(')')?;
        }
        self.expect(';')?;
        Ok(declared)
    }

    // Pragmas.

    fn pragma(&mut self, hash: Range<usize>) -> Parse<Pragma> {
        let invalid = WbemStatus::MOF_INVALID_PRAGMA;
        let (name, span) = self.name(invalid, "the name of the pragma")?;
        let mut arguments = Vec::new();
        if self.take_if('(')? && !self.take_if(')')? {
            loop {
                self.room(arguments.len())?;
                arguments.push(self.pragma_argument()?);
                if self.take_if(')')? {
                    break;
                }
                if !self.take_if(',')? {
                    return Err(self.unexpected(invalid, ", or )"));
                }
            }
        }
        let whole = hash.start..self.last_end;
        let one = |status: WbemStatus, what: &str| match arguments.as_slice() {
            [one] if !one.is_empty() => Ok(one.clone()),
            _ => Err(MofError::new(self.source, status, Diag::new(whole.clone(), format!("#pragma {name} takes {what} in quotes")))),
        };
        Ok(match name.to_ascii_lowercase().as_str() {
            "namespace" => Pragma::Namespace(one(WbemStatus::MOF_INVALID_NAMESPACE_SYNTAX, "one namespace")?),
            "include" => Pragma::Include(one(WbemStatus::MOF_ERROR_INVALID_INCLUDE_FILE, "one file name")?),
            "amendment" => Pragma::Amendment(one(WbemStatus::MOF_INVALID_AMENDMENT_SYNTAX, "one locale such as MS_409")?),
            "locale" => Pragma::Locale(one(invalid, "one locale")?),
            "autorecover" => Pragma::Autorecover,
            "classflags" => Pragma::ClassFlags(self.put_mode(&arguments, &span)?),
            "instanceflags" => Pragma::InstanceFlags(self.put_mode(&arguments, &span)?),
            "deleteclass" => {
                let (class, must_exist) = self.deletion(&arguments, WbemStatus::MOF_INVALID_DELETECLASS_SYNTAX, &whole)?;
                Pragma::DeleteClass { class, must_exist }
            }
            "deleteinstance" => {
                let (path, must_exist) = self.deletion(&arguments, WbemStatus::MOF_INVALID_DELETEINSTANCE_SYNTAX, &whole)?;
                Pragma::DeleteInstance { path, must_exist }
            }
            _ => Pragma::Other { name, arguments },
        })
    }

    fn pragma_argument(&mut self) -> Parse<String> {
        let token = self.take()?;
        Ok(match token.kind {
            Kind::String(mut text) => {
                while let Kind::String(more) = &self.peek()?.kind {
                    text.push_str(more);
                    self.take()?;
                }
                text
            }
            Kind::Name | Kind::Integer(_) | Kind::Alias => self.lexer.text_of(&token).to_owned(),
            _ => return Err(self.error_at(WbemStatus::MOF_INVALID_PRAGMA, token.span, "expected a string, a word or a number")),
        })
    }

    fn put_mode(&self, arguments: &[String], span: &Range<usize>) -> Parse<PutMode> {
        let mut mode = PutMode::default();
        for argument in arguments {
            match argument.to_ascii_lowercase().as_str() {
                "createonly" | "2" => mode.create_only = true,
                "updateonly" | "1" => mode.update_only = true,
                "safeupdate" | "32" | "0x20" => mode.safe = true,
                "forceupdate" | "64" | "0x40" => mode.force = true,
                "createorupdate" | "0" => {}
                _ => {
                    let message = "a flag is createonly, updateonly, safeupdate or forceupdate";
                    return Err(self.error_at(WbemStatus::MOF_INVALID_FLAGS_SYNTAX, span.clone(), message));
                }
            }
        }
        if arguments.is_empty() || mode.create_only && mode.update_only {
            let message = "expected flags that do not contradict each other";
            return Err(self.error_at(WbemStatus::MOF_INVALID_FLAGS_SYNTAX, span.clone(), message));
        }
        Ok(mode)
    }

    fn deletion(&self, arguments: &[String], status: WbemStatus, span: &Range<usize>) -> Parse<(String, bool)> {
        let must_exist = match arguments {
            [_, how] if how.eq_ignore_ascii_case("fail") => true,
            [_, how] if how.eq_ignore_ascii_case("nofail") => false,
            _ => return Err(self.error_at(status, span.clone(), r#"expected ("name", FAIL) or ("name", NOFAIL)"#)),
        };
        Ok((arguments.first().cloned().unwrap_or_default(), must_exist))
    }
}
