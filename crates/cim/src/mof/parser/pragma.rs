//! Directives to the compiler.

use super::super::MofError;
use super::super::ast::{Pragma, PutMode};
use super::super::lexer::Kind;
use super::{Parse, Parser};
use crate::{Diag, WbemStatus};
use std::ops::Range;

impl Parser<'_> {
    pub(super) fn pragma(&mut self, hash: Range<usize>) -> Parse<Pragma> {
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
