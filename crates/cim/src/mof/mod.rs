//! MOF, the language of class definitions: parse, compile, print (DSP0004 annex A, and what WMI's compiler adds).
//!
//! ```
//! use rwmi_cim::mof::{self, Memory};
//!
//! let document = mof::parse("demo.mof", r#"
//!     #pragma namespace("\\\\.\\root\\demo")
//!     class Demo_Disk { [key] string Name; uint64 Size = 0x400; };
//!     instance of Demo_Disk { Name = "/"; };
//! "#).unwrap();
//! let mut store = Memory::new();
//! mof::compile(&document, &mut store).unwrap();
//! let class = mof::Target::class(&store, r"root\demo", "demo_disk").unwrap();
//! assert!(mof::print_class(&class).contains("uint64 Size = 1024;"));
//! ```
//!
//! A text is parsed without any class at hand; names are looked up when it is compiled, class by class, into a
//! [`Target`]. Differences from WMI's compiler: `#define` without parameters and `#include` are understood, because
//! drivers' MOF files are written for a C preprocessor; a pragma that nobody knows is passed over (DSP0004 says so);
//! a number outside sint32 in a qualifier is taken by its 32 bits.

mod ast;
mod compile;
#[doc(hidden)]
pub mod exercise;
mod lexer;
mod memory;
mod parser;
mod print;
mod standard;

pub use ast::{
    ClassItem, Document, Initializer, InstanceItem, Item, ItemKind, Literal, MethodItem, Pragma, PropertyItem, PutMode, QualifierItem,
    QualifierType, TypeItem, ValueItem,
};
pub use compile::{Compiled, DEFAULT_NAMESPACE, Modes, Target, compile, compile_into, compile_with};
pub use memory::Memory;
pub use print::{print_class, print_instance};
pub use standard::{Change, Standard, needs, print_standard};

use crate::{Diag, WbemStatus};
use std::fmt;
use std::sync::Arc;

/// Bounds of what is read; all ours. Beyond one is an error with `WBEMMOF_E_INVALID_FILE`, unless said otherwise.
pub mod limits {
    /// Longest source, in octets: 32 MiB; the whole CIM schema in one file has eight.
    pub const SOURCE_MAX: usize = 32 << 20;
    /// Deepest nesting of arrays, embedded instances, macros and included files.
    pub const DEPTH_MAX: usize = 32;
    /// Most errors that one parse reports.
    pub const ERRORS_MAX: usize = 20;
    /// Most macros of one file.
    pub const MACROS_MAX: usize = 10_000;
    /// Most text that macros of one file turn into, in octets.
    pub const EXPANSION_MAX: usize = 4 << 20;
    /// Most elements of an array. Lists of members hold [`crate::schema::PROPERTIES_MAX`]: a class with more properties
    /// is `WBEM_E_TOO_MANY_PROPERTIES`.
    pub const LIST_MAX: usize = 65_536;
    /// Most included files of one compilation.
    pub const INCLUDES_MAX: usize = 1_000;
}

/// A text with its name, shared by everything that points into it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Why a MOF text was refused: where, what, and the code that WMI's compiler gives for it.
#[derive(Clone, PartialEq, Eq)]
pub struct MofError {
    /// `WBEMMOF_E_...`, or the code of the repository that refused.
    pub status: WbemStatus,
    /// Where and what.
    pub diag: Diag,
    source: Arc<Source>,
}

impl MofError {
    pub(crate) fn new(source: &Arc<Source>, status: WbemStatus, diag: Diag) -> Self {
        MofError { status, diag, source: source.clone() }
    }

    /// The name of the source.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }

    /// Line and column, both from 1; the column counts characters.
    pub fn position(&self) -> (usize, usize) {
        self.diag.position(&self.source.text)
    }

    /// File, line and column; the line of the source with a caret below the place; the sentence, the code and the advice.
    pub fn render(&self) -> String {
        let (line, column) = self.position();
        let head = format!("{}:{line}:{column}: {}", self.source.name, self.status);
        // A line of megabytes is no help to anybody: some text around the place is.
        let text = &self.source.text;
        let start = self.diag.span.start.min(text.len());
        let line_start = text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
        let line_end = text.get(start..).and_then(|t| t.find('\n')).map_or(text.len(), |i| start + i);
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let from = if start - line_start > 160 { boundary(start - 120) } else { line_start };
        let to = if line_end - start > 160 { boundary(start + 120) } else { line_end };
        let excerpt = text.get(from..to).unwrap_or("");
        let span = start - from..self.diag.span.end.clamp(start, to.max(start)) - from;
        format!("{head}\n{}", Diag { span, ..self.diag.clone() }.render(excerpt))
    }
}

/// `file.mof:3:14: expected ; (WBEMMOF_E_EXPECTED_SEMI (0x80044002))`.
impl fmt::Display for MofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}: {} ({})", self.source.name, self.diag.message, self.status)
    }
}

impl fmt::Debug for MofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for MofError {}

/// Parses a MOF text. On failure there is at least one error and at most [`limits::ERRORS_MAX`], in the order of the text.
pub fn parse(source_name: &str, text: &str) -> Result<Document, Vec<MofError>> {
    if text.len() > limits::SOURCE_MAX {
        let source = Arc::new(Source { name: source_name.into(), text: String::new() });
        let message = format!("{} octets are more than the {} that a MOF source may have", text.len(), limits::SOURCE_MAX);
        return Err(vec![MofError::new(&source, WbemStatus::MOF_INVALID_FILE, Diag::new(0..0, message))]);
    }
    parser::parse(Arc::new(Source { name: source_name.into(), text: text.into() }))
}

/// Parses the octets of a MOF file: UTF-8 with or without a byte order mark, UTF-16 with one, and Latin-1 where it is neither.
pub fn parse_octets(source_name: &str, octets: &[u8]) -> Result<Document, Vec<MofError>> {
    if octets.len() > limits::SOURCE_MAX {
        let source = Arc::new(Source { name: source_name.into(), text: String::new() });
        let message = format!("{} octets are more than the {} that a MOF source may have", octets.len(), limits::SOURCE_MAX);
        return Err(vec![MofError::new(&source, WbemStatus::MOF_INVALID_FILE, Diag::new(0..0, message))]);
    }
    let utf16 = |octets: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = octets.chunks_exact(2).filter_map(|c| c.try_into().ok()).map(unit).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match octets {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().map(|b| char::from(*b)).collect(),
        },
    };
    parse(source_name, &text)
}

#[cfg(test)]
mod tests;
