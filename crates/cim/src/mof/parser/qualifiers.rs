//! Qualifiers, flavors and qualifier declarations.

use super::super::ast::{Initializer, Literal, QualifierItem, QualifierType};
use super::super::lexer::Kind;
use super::{Parse, Parser};
use crate::{CimType, Flavor, WbemStatus, names_equal};

impl Parser<'_> {
    pub(super) fn qualifiers(&mut self) -> Parse<Vec<QualifierItem>> {
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
    pub(super) fn flavors(&mut self, separator: Option<char>) -> Parse<u8> {
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
            if let Some(separator) = separator
                && !self.take_if(separator)?
            {
                return Ok(bits);
            }
        }
    }

    pub(super) fn qualifier_type(&mut self) -> Parse<QualifierType> {
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
}
