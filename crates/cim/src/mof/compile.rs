//! From a [`Document`] to finished classes and instances in a [`Target`].

use super::ast::{
    ClassItem, Document, Initializer, InstanceItem, ItemKind, Literal, MethodItem, Pragma, PropertyItem, PutMode, QualifierItem, TypeItem,
};
use super::{MofError, Source, limits};
use crate::amend;
use crate::schema::{self, ClassDecl, MethodDecl, PropertyDecl, SchemaError};
use crate::{
    CimType, Class, DateTime, Diag, Entity, Flavor, Instance, ObjectPath, Qualifier, Qualifiers, Type, Value, WbemStatus, names_equal,
};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Where declarations go that no `#pragma namespace` sends elsewhere, as with WMI's compiler.
pub const DEFAULT_NAMESPACE: &str = r"root\default";

/// Where compiled classes and instances go. Namespaces are written with `\` and without a computer: `root\cimv2`.
pub trait Target {
    /// The class of this name, any case, as it can be seen from the namespace.
    fn class(&self, namespace: &str, name: &str) -> Option<Arc<Class>>;

    /// Takes a class.
    fn put_class(&mut self, namespace: &str, class: Arc<Class>, mode: PutMode) -> Result<(), WbemStatus>;

    /// Takes an instance. Keys may be NULL: the target decides whether it makes one.
    fn put_instance(&mut self, namespace: &str, instance: Instance, mode: PutMode) -> Result<(), WbemStatus>;

    /// Deletes a class; `WBEM_E_NOT_FOUND` where there is none.
    fn delete_class(&mut self, namespace: &str, name: &str) -> Result<(), WbemStatus> {
        let _ = (namespace, name);
        Err(WbemStatus::NOT_SUPPORTED)
    }

    /// Deletes an instance; `WBEM_E_NOT_FOUND` where there is none.
    fn delete_instance(&mut self, namespace: &str, path: &ObjectPath) -> Result<(), WbemStatus> {
        let _ = (namespace, path);
        Err(WbemStatus::NOT_SUPPORTED)
    }

    /// The text of an included file, named as the source names it; `None` where it is not to be had.
    fn include(&mut self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
}

/// What a compilation did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Compiled {
    /// Classes put.
    pub classes: usize,
    /// Instances put.
    pub instances: usize,
    /// Classes and instances deleted.
    pub deleted: usize,
    /// Whether the text asks to be compiled again when the repository is rebuilt.
    pub autorecover: bool,
    /// Namespaces that something was put into, in lower case.
    pub namespaces: BTreeSet<String>,
}

/// Compiles a document into [`DEFAULT_NAMESPACE`].
///
/// Stops at the first error. As with WMI's compiler nothing is rolled back: a target that wants all or nothing brings
/// a transaction of its own.
pub fn compile(document: &Document, target: &mut impl Target) -> Result<Compiled, MofError> {
    compile_into(document, DEFAULT_NAMESPACE, target)
}

/// As [`compile`], with another namespace for what no pragma sends elsewhere.
pub fn compile_into(document: &Document, namespace: &str, target: &mut impl Target) -> Result<Compiled, MofError> {
    compile_with(document, namespace, Modes::default(), target)
}

/// What a text is compiled with, as by the options of WMI's compiler; its pragmas go above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// How classes are put.
    pub class: PutMode,
    /// How instances are put.
    pub instance: PutMode,
    /// The number of the locale of the localised qualifiers, as by `#pragma amendment`.
    pub amendment: Option<u32>,
}

/// As [`compile_into`], with options.
pub fn compile_with(document: &Document, namespace: &str, modes: Modes, target: &mut impl Target) -> Result<Compiled, MofError> {
    let mut compiler = Compiler {
        source: document.source.clone(),
        namespace: namespace.replace('/', "\\"),
        class_mode: modes.class,
        instance_mode: modes.instance,
        flavors: HashMap::new(),
        aliases: HashMap::new(),
        done: Compiled::default(),
        amendment: modes.amendment.map(|id| (format!("ms_{id:x}"), id)),
        included: 0,
        target,
    };
    compiler.document(document, 0)?;
    Ok(compiler.done)
}

struct Compiler<'t, T> {
    source: Arc<Source>,
    namespace: String,
    class_mode: PutMode,
    instance_mode: PutMode,
    /// Flavors of declared qualifiers, by lower-case name.
    flavors: HashMap<String, u8>,
    /// Paths of what has an alias, by lower-case alias.
    aliases: HashMap<String, String>,
    done: Compiled,
    /// Where localised qualifiers go: the name of the namespace below, and the number of the locale.
    amendment: Option<(String, u32)>,
    included: usize,
    target: &'t mut T,
}

impl<T: Target> Compiler<'_, T> {
    fn error(&self, status: WbemStatus, span: &Range<usize>, message: impl Into<String>) -> MofError {
        MofError::new(&self.source, status, Diag::new(span.clone(), message))
    }

    fn document(&mut self, document: &Document, depth: usize) -> Result<(), MofError> {
        for item in &document.items {
            match &item.kind {
                ItemKind::Pragma(pragma) => self.pragma(pragma, &item.span, depth)?,
                ItemKind::QualifierType(q) => {
                    self.flavors.insert(q.name.to_lowercase(), q.flavor);
                }
                ItemKind::Class(class) => self.class(class)?,
                ItemKind::Instance(instance) => self.instance(instance, &item.span)?,
            }
        }
        Ok(())
    }

    fn pragma(&mut self, pragma: &Pragma, span: &Range<usize>, depth: usize) -> Result<(), MofError> {
        match pragma {
            Pragma::Namespace(path) => {
                self.namespace = namespace_of(path).map_err(|why| self.error(WbemStatus::MOF_INVALID_NAMESPACE_SYNTAX, span, why))?;
            }
            Pragma::ClassFlags(mode) => self.class_mode = *mode,
            Pragma::InstanceFlags(mode) => self.instance_mode = *mode,
            Pragma::Autorecover => self.done.autorecover = true,
            Pragma::Include(name) => self.include(name, span, depth)?,
            Pragma::DeleteClass { class, must_exist } => {
                let result = self.target.delete_class(&self.namespace, class);
                self.deleted(result, *must_exist, span, class)?;
            }
            Pragma::DeleteInstance { path, must_exist } => {
                let parsed: ObjectPath =
                    path.parse().map_err(|e| self.error(WbemStatus::MOF_INVALID_DELETEINSTANCE_SYNTAX, span, format!("{e}")))?;
                let result = self.target.delete_instance(&self.namespace, &parsed);
                self.deleted(result, *must_exist, span, path)?;
            }
            Pragma::Amendment(locale) => {
                let id = amend::locale_id(locale).ok_or_else(|| {
                    self.error(WbemStatus::MOF_INVALID_AMENDMENT_SYNTAX, span, format!("{locale:?} is no locale such as MS_409"))
                })?;
                if self.amendment.is_some() {
                    let status = WbemStatus::MOF_INVALID_DUPLICATE_AMENDMENT;
                    return Err(self.error(status, span, "a text has one locale for its localised qualifiers"));
                }
                self.amendment = Some((format!("ms_{id:x}"), id));
            }
            Pragma::Locale(_) | Pragma::Other { .. } => {}
        }
        Ok(())
    }

    fn deleted(&mut self, result: Result<(), WbemStatus>, must_exist: bool, span: &Range<usize>, what: &str) -> Result<(), MofError> {
        match result {
            Ok(()) => self.done.deleted += 1,
            Err(WbemStatus::NOT_FOUND | WbemStatus::INVALID_CLASS | WbemStatus::INVALID_NAMESPACE) if !must_exist => {}
            Err(status) => return Err(self.error(status, span, format!("cannot delete {what}"))),
        }
        Ok(())
    }

    fn include(&mut self, name: &str, span: &Range<usize>, depth: usize) -> Result<(), MofError> {
        let failed = WbemStatus::MOF_ERROR_INVALID_INCLUDE_FILE;
        self.included += 1;
        if depth >= limits::DEPTH_MAX || self.included > limits::INCLUDES_MAX {
            return Err(self.error(failed, span, "too many files are included, perhaps in a circle"));
        }
        let Some(text) = self.target.include(name) else {
            return Err(self.error(failed, span, format!("cannot read the included file {name}")));
        };
        let document = super::parse(name, &text).map_err(|errors| match errors.into_iter().next() {
            Some(first) => first,
            None => self.error(failed, span, format!("cannot parse {name}")),
        })?;
        let outer = std::mem::replace(&mut self.source, document.source.clone());
        let result = self.document(&document, depth + 1);
        self.source = outer;
        result
    }

    fn class(&mut self, item: &ClassItem) -> Result<(), MofError> {
        let superclass = match &item.superclass {
            None => None,
            Some((name, span)) => Some(self.target.class(&self.namespace, name).ok_or_else(|| {
                self.error(WbemStatus::INVALID_SUPERCLASS, span, format!("there is no class {name} in {}", self.namespace))
            })?),
        };
        let properties = item.properties.iter().map(|p| self.property(p)).collect::<Result<_, _>>()?;
        let methods = item.methods.iter().map(|m| self.method(m)).collect::<Result<_, _>>()?;
        let mut decl = ClassDecl { name: item.name.0.clone(), qualifiers: self.qualifiers(&item.qualifiers)?, properties, methods };
        let mut texts = None;
        if let Some((_, locale)) = &self.amendment {
            (decl, texts) = amend::split(decl, *locale);
        }
        let class = schema::derive(superclass.as_ref(), decl).map_err(|e| self.schema_error(item, &e))?;
        if let Some(alias) = &item.alias {
            self.alias(alias, class.name.clone(), &item.name.1)?;
        }
        self.target
            .put_class(&self.namespace, Arc::new(class), self.class_mode)
            .map_err(|status| self.error(status, &item.name.1, format!("cannot put class {}", item.name.0)))?;
        self.done.classes += 1;
        self.done.namespaces.insert(self.namespace.to_lowercase());
        texts.map_or(Ok(()), |texts| self.texts(item, texts))
    }

    /// Puts an amendment class into the namespace of its locale, and makes that where it is missing.
    fn texts(&mut self, item: &ClassItem, texts: ClassDecl) -> Result<(), MofError> {
        let Some((name, _)) = self.amendment.clone() else { return Ok(()) };
        let below = format!(r"{}\{name}", self.namespace);
        if self.done.namespaces.insert(below.to_lowercase())
            && let Some(class) = self.target.class(&self.namespace, "__NAMESPACE")
        {
            let mut made = Instance::new(class);
            let put = made.set("Name", name).map_err(|_| WbemStatus::INVALID_OBJECT);
            let put = put.and_then(|()| self.target.put_instance(&self.namespace, made, PutMode::default()));
            put.map_err(|status| self.error(status, &item.name.1, format!("cannot make the namespace {below}")))?;
        }
        let texts = schema::derive(None, texts).map_err(|e| self.schema_error(item, &e))?;
        let put = self.target.put_class(&below, Arc::new(texts), PutMode::default());
        put.map_err(|status| self.error(status, &item.name.1, format!("cannot put the texts of class {} into {below}", item.name.0)))
    }

    /// A schema error where the member stands that it is about.
    fn schema_error(&self, item: &ClassItem, e: &SchemaError) -> MofError {
        let member = e.member.as_deref().map(|m| m.split('.').next().unwrap_or(m));
        let named = |m: &str| {
            let properties = item.properties.iter().map(|p| &p.name);
            let methods = item.methods.iter().map(|m| &m.name);
            properties.chain(methods).find(|(name, _)| names_equal(name, m)).map(|(_, span)| span.clone())
        };
        let span = member.and_then(named).unwrap_or_else(|| item.name.1.clone());
        self.error(e.status, &span, e.to_string())
    }

    fn property(&self, item: &PropertyItem) -> Result<PropertyDecl, MofError> {
        let TypeItem { ty, class } = item.ty.clone();
        let default = match &item.default {
            Some(value) => self.value(value, ty, 0)?,
            None => Value::Null,
        };
        Ok(PropertyDecl { name: item.name.0.clone(), ty, class, qualifiers: self.qualifiers(&item.qualifiers)?, default })
    }

    fn method(&self, item: &MethodItem) -> Result<MethodDecl, MofError> {
        Ok(MethodDecl {
            name: item.name.0.clone(),
            qualifiers: self.qualifiers(&item.qualifiers)?,
            returns: item.returns.as_ref().map(|t| (t.ty, t.class.clone())),
            parameters: item.parameters.iter().map(|p| self.property(p)).collect::<Result<_, _>>()?,
        })
    }

    fn qualifiers(&self, items: &[QualifierItem]) -> Result<Qualifiers, MofError> {
        items.iter().map(|q| self.qualifier(q)).collect::<Result<_, _>>().map(Qualifiers)
    }

    fn qualifier(&self, item: &QualifierItem) -> Result<Qualifier, MofError> {
        let (ty, value) = match item.value.as_ref() {
            None => (CimType::Boolean.scalar(), Value::Boolean(true)),
            Some(value) => self.qualifier_value(value)?,
        };
        let flavor = fixed_flavor(&item.name).or(item.flavor).or_else(|| self.flavors.get(&item.name.to_lowercase()).copied());
        Ok(Qualifier { name: item.name.clone(), flavor: Flavor(flavor.unwrap_or(0)), ty, value })
    }

    fn qualifier_value(&self, value: &Initializer) -> Result<(Type, Value), MofError> {
        let scalar = |literal: &Literal| match literal {
            Literal::Boolean(_) => Some(CimType::Boolean),
            Literal::Integer(_) => Some(CimType::Sint32),
            Literal::Real(_) => Some(CimType::Real64),
            Literal::String(_) => Some(CimType::String),
            _ => None,
        };
        let ty = match &value.literal {
            Literal::Word(_) => return self.value(value, CimType::String.scalar(), 0).map(|v| (CimType::String.scalar(), v)),
            // What has no value has no type either; WMI keeps such qualifiers as strings.
            Literal::Null => CimType::String.scalar(),
            Literal::Array(items) => items.first().map_or(Some(CimType::String), |i| scalar(&i.literal)).unwrap_or(CimType::Object).array(),
            literal => scalar(literal).unwrap_or(CimType::Object).scalar(),
        };
        if ty.cim == CimType::Object {
            let message = "a qualifier is a boolean, a number, a string or an array of one of these";
            return Err(self.error(WbemStatus::INVALID_QUALIFIER_TYPE, &value.span, message));
        }
        let wrap = |i: &Initializer| match i.literal {
            // 0xFFFFFFFF is how people write -1; qualifiers have no wider integer than sint32.
            Literal::Integer(n @ 0x8000_0000..=0xffff_ffff) => Initializer { literal: Literal::Integer(n - (1 << 32)), ..i.clone() },
            _ => i.clone(),
        };
        let value = match &value.literal {
            Literal::Array(items) => Initializer { literal: Literal::Array(items.iter().map(wrap).collect()), ..value.clone() },
            _ => wrap(value),
        };
        Ok((ty, self.value(&value, ty, 0)?))
    }

    /// A constant as a value of a type.
    fn value(&self, value: &Initializer, ty: Type, depth: usize) -> Result<Value, MofError> {
        let mismatch = || self.error(WbemStatus::MOF_TYPE_MISMATCH, &value.span, format!("this is no value of type {ty}"));
        if let Literal::Array(items) = &value.literal {
            if !ty.array {
                return Err(self.error(WbemStatus::MOF_UNEXPECTED_ARRAY_INIT, &value.span, format!("{ty} is no array")));
            }
            return items.iter().map(|i| self.value(i, ty.cim.scalar(), depth)).collect::<Result<_, _>>().map(Value::Array);
        }
        if ty.array && value.literal != Literal::Null {
            // WMI's compiler takes a lone value for an array of one.
            return Ok(Value::Array(vec![self.value(value, ty.cim.scalar(), depth)?]));
        }
        Ok(match (&value.literal, ty.cim) {
            (Literal::Null, _) => Value::Null,
            (Literal::Word(word), _) => {
                return Err(self.error(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, &value.span, format!("{word} is not defined")));
            }
            (Literal::Boolean(b), CimType::Boolean) => Value::Boolean(*b),
            (Literal::Integer(n), CimType::Real32) => Value::Real32(*n as f32),
            (Literal::Integer(n), CimType::Real64) => Value::Real64(*n as f64),
            (Literal::Integer(_), CimType::Boolean | CimType::String | CimType::DateTime | CimType::Reference | CimType::Object) => {
                return Err(mismatch());
            }
            (Literal::Integer(n), cim) => Value::from_integer(*n, cim)
                .ok_or_else(|| self.error(WbemStatus::VALUE_OUT_OF_RANGE, &value.span, format!("{n} does not fit into {ty}")))?,
            (Literal::Real(n), CimType::Real64) => Value::Real64(*n),
            (Literal::Real(n), CimType::Real32) => {
                if (*n as f32).is_infinite() {
                    return Err(self.error(WbemStatus::VALUE_OUT_OF_RANGE, &value.span, format!("{n} does not fit into {ty}")));
                }
                Value::Real32(*n as f32)
            }
            (Literal::Char(c), CimType::Char16) => Value::Char16(*c),
            (Literal::String(s), CimType::String) => Value::String(s.clone()),
            (Literal::String(s), CimType::Reference) => Value::Reference(s.clone()),
            (Literal::String(s), CimType::DateTime) => {
                if !is_datetime(s) {
                    return Err(self.error(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, &value.span, crate::DateTimeError.to_string()));
                }
                Value::DateTime(DateTime::from_text(s.clone()))
            }
            (Literal::Alias(name), CimType::Reference | CimType::String) => {
                let path = self.aliases.get(&name.to_lowercase()).ok_or_else(|| {
                    self.error(WbemStatus::MOF_UNEXPECTED_ALIAS, &value.span, format!("no declaration above has the alias ${name}"))
                })?;
                if ty.cim == CimType::String { Value::String(path.clone()) } else { Value::Reference(path.clone()) }
            }
            (Literal::Instance(item), CimType::Object) => Value::Object(Box::new(Entity::from(self.build(item, depth + 1)?))),
            _ => return Err(mismatch()),
        })
    }

    /// The instance that a declaration makes, defaults of the class filled in.
    fn build(&self, item: &InstanceItem, depth: usize) -> Result<Instance, MofError> {
        if depth > limits::DEPTH_MAX {
            return Err(self.error(WbemStatus::MOF_INVALID_FILE, &item.class.1, "instances are nested too deeply"));
        }
        let (name, span) = &item.class;
        let class = self
            .target
            .class(&self.namespace, name)
            .ok_or_else(|| self.error(WbemStatus::INVALID_CLASS, span, format!("there is no class {name} in {}", self.namespace)))?;
        let mut instance = Instance::new(class.clone());
        instance.qualifiers = self.qualifiers(&item.qualifiers)?;
        for v in &item.values {
            let missing =
                || self.error(WbemStatus::INVALID_PROPERTY, &v.name.1, format!("class {} has no property {}", class.name, v.name.0));
            let place = class.property_index(&v.name.0).ok_or_else(missing)?;
            let property = class.properties.get(place).ok_or_else(missing)?;
            if let Some(value) = &v.value {
                let value = self.value(value, property.ty, depth)?;
                if let Some((slot, is_default)) = instance.values.get_mut(place).zip(instance.is_default.get_mut(place)) {
                    *slot = value;
                    *is_default = false;
                }
            }
            if !v.qualifiers.is_empty() {
                let sets = instance.property_qualifiers.get_or_insert_with(|| vec![Qualifiers::default(); class.properties.len()]);
                if let Some(set) = sets.get_mut(place) {
                    *set = self.qualifiers(&v.qualifiers)?;
                }
            }
        }
        Ok(instance)
    }

    fn instance(&mut self, item: &InstanceItem, span: &Range<usize>) -> Result<(), MofError> {
        let instance = self.build(item, 0)?;
        if instance.class.is_abstract() {
            let message = format!("class {} is abstract and has no instances", instance.class.name);
            return Err(self.error(WbemStatus::INVALID_OPERATION, &item.class.1, message));
        }
        if let Some(alias) = &item.alias {
            let relative = crate::Object::from(instance.clone()).relative_path().ok_or_else(|| {
                self.error(WbemStatus::NO_KEY, &item.class.1, format!("${alias} cannot be referred to: its keys are not all set"))
            })?;
            self.alias(alias, relative.to_string(), span)?;
        }
        self.target
            .put_instance(&self.namespace, instance, self.instance_mode)
            .map_err(|status| self.error(status, &item.class.1, format!("cannot put this instance of {}", item.class.0)))?;
        self.done.instances += 1;
        self.done.namespaces.insert(self.namespace.to_lowercase());
        Ok(())
    }

    fn alias(&mut self, alias: &str, relative: String, span: &Range<usize>) -> Result<(), MofError> {
        // With the namespace, because a later #pragma may change it before the alias is used.
        let path = format!(r"\\.\{}:{relative}", self.namespace);
        if self.aliases.insert(alias.to_lowercase(), path).is_some() {
            return Err(self.error(WbemStatus::MOF_MULTIPLE_ALIASES, span, format!("${alias} is declared twice")));
        }
        Ok(())
    }
}

/// Flavors that WMI gives whatever the text says: every `key` and `singleton` of Windows is 13, every `ID` 11.
pub(super) fn fixed_flavor(name: &str) -> Option<u8> {
    if names_equal(name, "key") || names_equal(name, "singleton") {
        Some(Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE)
    } else if names_equal(name, "ID") {
        Some(Flavor::TO_INSTANCE | Flavor::DISABLE_OVERRIDE)
    } else {
        None
    }
}

/// `\\.\root\cimv2`, `//./root/cimv2` and `root\cimv2` are `root\cimv2`; another computer is an error.
fn namespace_of(path: &str) -> Result<String, String> {
    let path = path.replace('/', "\\");
    let local = match path.strip_prefix(r"\\") {
        Some(rest) => match rest.split_once('\\') {
            Some((".", namespace)) => namespace,
            Some((server, _)) => return Err(format!("{server} is another computer; a text is compiled where it is")),
            None => return Err("a namespace is missing".into()),
        },
        None => path.trim_start_matches('\\'),
    };
    let legal = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c == '_' || c.is_alphanumeric()) && chars.all(|c| c == '_' || c == '-' || c.is_alphanumeric())
    };
    if !local.split('\\').all(legal) {
        return Err("a namespace is names with a backslash between them".into());
    }
    Ok(local.to_owned())
}

/// 25 characters, with `*` for a field that is not said; what the fields hold is not looked at, because Windows keeps
/// such dates too.
fn is_datetime(text: &str) -> bool {
    let t = text.as_bytes();
    let field = |from: usize, to: usize| t.get(from..to).is_some_and(|f| f.iter().all(|b| b.is_ascii_digit() || *b == b'*'));
    t.len() == 25
        && field(0, 14)
        && t.get(14) == Some(&b'.')
        && field(15, 21)
        && t.get(21).is_some_and(|b| matches!(b, b'+' | b'-' | b':'))
        && field(22, 25)
}
