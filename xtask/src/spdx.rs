//! SPDX licence expressions, and whether a list of licences fulfils them.

/// An expression of `OR`, `AND`, `WITH`, `+` and parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    /// One licence, with its exception: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// All of them bind.
    And(Vec<Expression>),
    /// One of them may be chosen.
    Or(Vec<Expression>),
}

impl Expression {
    /// Reads an expression. `/` is an old way to write OR. AND binds before OR.
    pub(crate) fn parse(text: &str) -> Result<Expression, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let tokens: Vec<&str> = spaced.split_whitespace().collect();
        let mut parser = Parser { tokens: &tokens, depth: 0 };
        let expression = parser.any().map_err(|e| format!("{text:?} is no SPDX expression: {e}"))?;
        match parser.tokens {
            [] => Ok(expression),
            [t, ..] => Err(format!("{text:?} is no SPDX expression: unexpected {t}")),
        }
    }

    /// Whether the licences of a list suffice.
    pub(crate) fn fulfilled_by(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Expression::Licence(l) => allowed(l),
            Expression::And(parts) => parts.iter().all(|p| p.fulfilled_by(allowed)),
            Expression::Or(parts) => parts.iter().any(|p| p.fulfilled_by(allowed)),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.take("OR") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Or(parts) })
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.take("AND") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::And(parts) })
    }

    fn one(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > 16 {
                return Err("nested too deep".into());
            }
            let inner = self.any()?;
            self.depth -= 1;
            return if self.take(")") { Ok(inner) } else { Err("a ( is not closed".into()) };
        }
        let licence = self.id("a licence")?;
        if self.take("WITH") {
            return Ok(Expression::Licence(format!("{licence} WITH {}", self.id("an exception")?)));
        }
        Ok(Expression::Licence(licence))
    }

    fn id(&mut self, what: &str) -> Result<String, String> {
        match self.tokens {
            [t, rest @ ..] if !["OR", "AND", "WITH", "(", ")"].contains(t) => {
                if !t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+' | b':')) {
                    return Err(format!("{t} is no identifier"));
                }
                self.tokens = rest;
                Ok((*t).to_owned())
            }
            [t, ..] => Err(format!("expected {what}, found {t}")),
            [] => Err(format!("expected {what}, found the end")),
        }
    }

    fn take(&mut self, token: &str) -> bool {
        match self.tokens {
            [t, rest @ ..] if *t == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, allowed: &[&str], expect: bool) {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.fulfilled_by(&|l| allowed.contains(&l)), expect, "{text} with {allowed:?}");
    }

    #[test]
    fn one_of_several_suffices() {
        check("MIT OR GPL-3.0-only", &["MIT"], true);
        check("GPL-3.0-only OR MIT", &["MIT"], true);
        check("GPL-3.0-only OR LGPL-2.1-or-later", &["MIT"], false);
        check("MIT/Apache-2.0", &["Apache-2.0"], true);
        check("Apache-2.0 / MIT", &["MIT"], true);
    }

    #[test]
    fn all_of_several_bind() {
        check("MIT AND Unicode-3.0", &["MIT"], false);
        check("MIT AND Unicode-3.0", &["MIT", "Unicode-3.0"], true);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", &["Apache-2.0", "Unicode-3.0"], true);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT", "Apache-2.0"], false);
    }

    #[test]
    fn and_binds_before_or() {
        check("MIT OR GPL-3.0-only AND Zlib", &["MIT"], true);
        check("GPL-3.0-only AND Zlib OR MIT", &["MIT"], true);
        check("GPL-3.0-only AND Zlib OR MIT", &["Zlib"], false);
        check("GPL-3.0-only AND (Zlib OR MIT)", &["MIT"], false);
    }

    #[test]
    fn an_exception_makes_another_licence() {
        check("Apache-2.0 WITH LLVM-exception", &["Apache-2.0"], false);
        check("Apache-2.0 WITH LLVM-exception", &["Apache-2.0 WITH LLVM-exception"], true);
        check("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", &["MIT"], true);
        check("GPL-2.0+", &["GPL-2.0"], false);
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for text in ["", "MIT OR", "OR MIT", "MIT Apache-2.0", "(MIT", "MIT)", "MIT WITH", "MIT and", "M_T", "WITH x", &"(".repeat(40)] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
