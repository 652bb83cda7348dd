//! What a MOF text says, before any class is looked up.

use super::Source;
use std::ops::Range;
use std::sync::Arc;

/// A parsed MOF text.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) source: Arc<Source>,
    /// Its declarations, in order.
    pub items: Vec<Item>,
}

impl Document {
    /// The name that the source was given: a file's, as a rule.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }
}

/// A declaration and where it stands, in octets.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Where it stands.
    pub span: Range<usize>,
    /// What it is.
    pub kind: ItemKind,
}

/// The kinds of declarations.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ItemKind {
    /// `#pragma ...`.
    Pragma(Pragma),
    /// `Qualifier Name : ...;`.
    QualifierType(QualifierType),
    /// `class ... { ... };`.
    Class(ClassItem),
    /// `instance of ... { ... };`.
    Instance(InstanceItem),
}

/// A directive to the compiler.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Pragma {
    /// `namespace`: where what follows goes.
    Namespace(String),
    /// `include`, or `#include`: another file to compile in this place.
    Include(String),
    /// `classflags`: how classes are put.
    ClassFlags(PutMode),
    /// `instanceflags`: how instances are put.
    InstanceFlags(PutMode),
    /// `deleteclass`; with `NOFAIL` a missing class is no error.
    DeleteClass {
        /// The class.
        class: String,
        /// Whether a missing class is an error.
        must_exist: bool,
    },
    /// `deleteinstance`; with `NOFAIL` a missing instance is no error.
    DeleteInstance {
        /// The instance.
        path: String,
        /// Whether a missing instance is an error.
        must_exist: bool,
    },
    /// `autorecover`: the file is to be compiled again when the repository is rebuilt.
    Autorecover,
    /// `amendment`: what follows is localised text for this locale.
    Amendment(String),
    /// `locale`: the locale of the texts that follow.
    Locale(String),
    /// Any other, which DSP0004 says to pass over.
    Other {
        /// Its name.
        name: String,
        /// Its arguments as text.
        arguments: Vec<String>,
    },
}

/// How a class or an instance is put. The default creates or updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutMode {
    /// Fails where it exists (flag 2).
    pub create_only: bool,
    /// Fails where it does not exist (flag 1).
    pub update_only: bool,
    /// Updates even where derived classes conflict without harm (flag 0x20).
    pub safe: bool,
    /// Updates whatever depends on it (flag 0x40).
    pub force: bool,
}

/// `Qualifier Name : type = default, Scope(...), Flavor(...);`, or in WMI's short form `Qualifier Name : ToSubclass;`.
#[derive(Debug, Clone, PartialEq)]
pub struct QualifierType {
    /// The qualifier.
    pub name: String,
    /// Where it may stand; empty where the declaration does not say. Kept, not enforced, as on Windows.
    pub scopes: Vec<String>,
    /// The flavor that its uses have which state none.
    pub flavor: u8,
}

/// A qualifier on a declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct QualifierItem {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub span: Range<usize>,
    /// Its value; `None` where only the name stands, which is TRUE.
    pub value: Option<Initializer>,
    /// Its flavor bits; `None` where none are stated.
    pub flavor: Option<u8>,
}

/// A constant and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Initializer {
    /// Where it stands.
    pub span: Range<usize>,
    /// What it is.
    pub literal: Literal,
}

/// A constant before its type is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// A word that is no constant of MOF: a macro of a header that is not here. It parses and does not compile.
    Word(String),
    /// A whole number.
    Integer(i128),
    /// A number with a point or an exponent.
    Real(f64),
    /// A `char16`.
    Char(u16),
    /// A string, neighbours joined.
    String(String),
    /// `$Alias`.
    Alias(String),
    /// `instance of ...`.
    Instance(Box<InstanceItem>),
    /// `{ ... }`.
    Array(Vec<Initializer>),
}

/// A type as written: a keyword or a class, `ref`, `[]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeItem {
    /// The CIM type.
    pub ty: crate::Type,
    /// The class of a reference or an embedded object, where one is named.
    pub class: Option<String>,
}

/// A class declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassItem {
    /// Its name and where that stands.
    pub name: (String, Range<usize>),
    /// `as $Alias`.
    pub alias: Option<String>,
    /// The superclass and where its name stands.
    pub superclass: Option<(String, Range<usize>)>,
    /// Its qualifiers.
    pub qualifiers: Vec<QualifierItem>,
    /// Its properties.
    pub properties: Vec<PropertyItem>,
    /// Its methods.
    pub methods: Vec<MethodItem>,
}

/// A property or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyItem {
    /// Its name and where that stands.
    pub name: (String, Range<usize>),
    /// Its type.
    pub ty: TypeItem,
    /// Its qualifiers.
    pub qualifiers: Vec<QualifierItem>,
    /// Its default value.
    pub default: Option<Initializer>,
}

/// A method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodItem {
    /// Its name and where that stands.
    pub name: (String, Range<usize>),
    /// What it returns; `None` for `void`.
    pub returns: Option<TypeItem>,
    /// Its qualifiers.
    pub qualifiers: Vec<QualifierItem>,
    /// Its parameters.
    pub parameters: Vec<PropertyItem>,
}

/// An instance.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceItem {
    /// Its class and where that name stands.
    pub class: (String, Range<usize>),
    /// `as $Alias`.
    pub alias: Option<String>,
    /// Qualifiers of the instance itself.
    pub qualifiers: Vec<QualifierItem>,
    /// Its values.
    pub values: Vec<ValueItem>,
}

/// `Name = value;` of an instance, or `Name;`, which gives a property qualifiers and no value.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueItem {
    /// The property and where its name stands.
    pub name: (String, Range<usize>),
    /// Qualifiers of the property on this instance.
    pub qualifiers: Vec<QualifierItem>,
    /// The value.
    pub value: Option<Initializer>,
}
