//! Classes as the MOF of DSP0004, which compilers of other systems take.
//!
//! WMI's MOF has more words than the standard's: embedded objects are types, references stand anywhere, qualifiers need no declaration.
//! What the standard says differently is said so; what it cannot say is left out; both are told.

mod qualifiers;

use super::print;
use crate::schema::{ClassDecl, MethodDecl, PropertyDecl};
use crate::{CimType, Class, Flavor, Qualifier, Qualifiers, Type, Value, names_equal};
use qualifiers::{Element, SAID, declared, of_use, stated};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Classes in the MOF of DSP0004.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standard {
    /// The declarations of qualifiers, then the classes, each after those that it needs.
    pub text: String,
    /// What is not said as WMI says it.
    pub changes: Vec<Change>,
}

/// Something that the standard does not say as WMI does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What, and what becomes of it.
    pub what: String,
    /// Where: `Class`, `Class.Property`, `Class.Method()` or `Class.Method(Parameter)`.
    pub places: Vec<String>,
}

/// Prints classes in the MOF of DSP0004. A superclass that is not among them leaves what it declares to the class below it.
pub fn print_standard(classes: &[Arc<Class>]) -> Standard {
    let mut writer = Writer::default();
    for class in in_order(classes) {
        writer.class(class);
    }
    writer.finish()
}

/// The classes that one needs before it in such a text: its superclass, and those of its references and embedded objects.
pub fn needs(class: &Class) -> Vec<String> {
    let decl = ClassDecl::of(class);
    let parameters = decl.methods.iter().flat_map(|m| &m.parameters);
    let members = decl.properties.iter().chain(parameters).filter_map(|p| p.class.clone());
    class.superclass().map(str::to_owned).into_iter().chain(members).collect()
}

/// Each class after those that it needs, as far as they do not need each other; else by name.
fn in_order(classes: &[Arc<Class>]) -> Vec<&Arc<Class>> {
    let by_name: HashMap<String, &Arc<Class>> = classes.iter().map(|c| (c.name.to_lowercase(), c)).collect();
    let mut names: Vec<&String> = by_name.keys().collect();
    names.sort();
    let (mut begun, mut order) = (HashSet::new(), Vec::with_capacity(classes.len()));
    // By hand: how deep classes need each other is for a peer to say.
    let mut path: Vec<(&Arc<Class>, std::vec::IntoIter<String>)> = Vec::new();
    for name in names {
        let mut next = by_name.get(name).copied();
        loop {
            if let Some(class) = next.take()
                && begun.insert(class.name.to_lowercase())
            {
                path.push((class, needs(class).into_iter()));
            }
            let Some((class, needed)) = path.last_mut() else { break };
            match needed.next() {
                Some(name) => next = by_name.get(&name.to_lowercase()).copied(),
                None => {
                    order.push(*class);
                    path.pop();
                }
            }
        }
    }
    order
}

/// How a property is written.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    Plain(Type),
    Reference {
        class: String,
        array: bool,
    },
    /// A string that holds an object, of a class where one is known.
    Embedded {
        class: Option<String>,
        array: bool,
    },
}

struct Written {
    association: bool,
    /// Form of each property, inherited ones too, and qualifiers that nobody below may change, by folded name.
    properties: HashMap<String, (Form, Vec<Qualifier>)>,
    /// What each method returns, inherited ones too.
    methods: HashMap<String, Type>,
}

/// A class as it will be printed, once all qualifiers are known.
struct Piece {
    name: String,
    superclass: Option<String>,
    qualifiers: Vec<Qualifier>,
    properties: Vec<(Form, String, Vec<Qualifier>, Value)>,
    methods: Vec<PieceMethod>,
}

struct PieceMethod {
    returns: Type,
    name: String,
    qualifiers: Vec<Qualifier>,
    parameters: Vec<(Form, String, Vec<Qualifier>)>,
}

#[derive(Default)]
struct Writer {
    changes: BTreeMap<String, Vec<String>>,
    written: HashMap<String, Written>,
    pieces: Vec<Piece>,
}

impl Writer {
    fn note(&mut self, what: impl Into<String>, place: impl Into<String>) {
        self.changes.entry(what.into()).or_default().push(place.into());
    }

    fn has(&self, class: &str) -> bool {
        self.written.contains_key(&class.to_lowercase())
    }

    fn class(&mut self, class: &Arc<Class>) {
        let superclass = class.superclass().filter(|s| self.has(s)).map(str::to_owned);
        let decl = match (class.superclass(), &superclass) {
            (Some(above), None) => {
                self.note(
                    "superclass that is not exported: what it declares is declared by the class",
                    format!("{} : {above}", class.name),
                );
                ClassDecl::of(&alone(class))
            }
            _ => ClassDecl::of(class),
        };
        let above = superclass.as_ref().and_then(|s| self.written.get(&s.to_lowercase()));
        let (may_associate, mut known, mut returns) = match above {
            Some(w) => (w.association, w.properties.clone(), w.methods.clone()),
            None => (true, HashMap::new(), HashMap::new()),
        };
        let mut class_qualifiers = decl.qualifiers.clone();
        let association = class.qualifiers.is_set("Association") && may_associate;
        if association {
            // The standard wants it said by each class, and first.
            class_qualifiers.0.retain(|q| !names_equal(&q.name, "Association"));
            class_qualifiers.0.insert(0, Qualifier::flag("Association", Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE));
        } else if class.qualifiers.is_set("Association") {
            self.note("association below a class that is none: a plain class", &class.name);
            class_qualifiers.0.retain(|q| !names_equal(&q.name, "Association"));
        }
        let element = if association { Element::Association } else { Element::Class };
        let own = self.qualifiers(&class_qualifiers, element, &class.name, &[]);
        // A class may refer to itself.
        let place = class.name.to_lowercase();
        self.written.insert(place.clone(), Written { association, properties: HashMap::new(), methods: HashMap::new() });
        let mut piece = Piece { name: decl.name.clone(), superclass, qualifiers: own, properties: Vec::new(), methods: Vec::new() };
        for p in &decl.properties {
            let inherited = known.get(&p.name.to_lowercase()).cloned();
            let (form, qualifiers, default) = self.property(&class.name, p, association, inherited.as_ref());
            let fixed: Vec<Qualifier> = qualifiers.iter().filter(|q| is_fixed(q)).cloned().collect();
            let fixed = inherited.map_or(Vec::new(), |(_, fixed)| fixed).into_iter().chain(fixed).collect();
            known.insert(p.name.to_lowercase(), (form.clone(), fixed));
            piece.properties.push((form, p.name.clone(), qualifiers, default));
        }
        for m in &decl.methods {
            let inherited = returns.get(&m.name.to_lowercase()).copied();
            if let Some(method) = self.method(&class.name, m, inherited) {
                returns.insert(m.name.to_lowercase(), method.returns);
                piece.methods.push(method);
            }
        }
        self.written.insert(place, Written { association, properties: known, methods: returns });
        self.pieces.push(piece);
    }

    fn property(
        &mut self,
        class: &str,
        p: &PropertyDecl,
        association: bool,
        inherited: Option<&(Form, Vec<Qualifier>)>,
    ) -> (Form, Vec<Qualifier>, Value) {
        let place = format!("{class}.{}", p.name);
        let mut form = self.form(p, association && !p.ty.array, &place);
        match (inherited.map(|(form, _)| form), &form) {
            // What an ancestor could not say as it is, this class cannot say otherwise; nor in fewer words than it.
            (Some(above @ (Form::Plain(_) | Form::Embedded { class: None, .. })), _) if *above != form => form = above.clone(),
            (Some(above @ Form::Reference { .. }), Form::Plain(_)) => form = above.clone(),
            (Some(above @ Form::Embedded { .. }), Form::Embedded { class: None, .. }) => form = above.clone(),
            _ => {}
        }
        let mut set = p.qualifiers.clone();
        self.overriding(&mut set, &p.name, inherited.is_some(), &place);
        let element = if matches!(form, Form::Reference { .. }) { Element::Reference } else { Element::Property };
        let mut qualifiers = self.qualifiers(&set, element, &place, inherited.map_or(&[], |(_, fixed)| fixed));
        qualifiers.extend(embedding(&form));
        let default = match &form {
            Form::Plain(_) => p.default.clone(),
            _ if p.default.is_null() => Value::Null,
            _ => {
                self.note("default of a reference or an embedded object: left out", &place);
                Value::Null
            }
        };
        (form, qualifiers, default)
    }

    fn form(&mut self, p: &PropertyDecl, may_refer: bool, place: &str) -> Form {
        let array = p.ty.array;
        match (p.ty.cim, &p.class) {
            (CimType::Reference, Some(class)) if may_refer && self.has(class) => Form::Reference { class: class.clone(), array },
            (CimType::Reference, _) => {
                self.note("reference of no class, to a class that is not exported yet, or outside an association: a string", place);
                Form::Plain(Type { cim: CimType::String, array })
            }
            (CimType::Object, Some(class)) if self.has(class) => {
                self.note("embedded object: a string with EmbeddedInstance", place);
                Form::Embedded { class: Some(class.clone()), array }
            }
            (CimType::Object, _) => {
                self.note("embedded object of no class, or of one that is not exported yet: a string with EmbeddedObject", place);
                Form::Embedded { class: None, array }
            }
            _ => Form::Plain(p.ty),
        }
    }

    /// A member that an ancestor declares says that it overrides that one, and no other says so.
    fn overriding(&mut self, set: &mut Qualifiers, name: &str, inherited: bool, place: &str) {
        let said = set.get("Override").map(|q| q.value.as_str().is_some_and(|n| names_equal(n, name)));
        match (inherited, said) {
            (true, Some(true)) | (false, None) => return,
            (true, None) => self.note("override that WMI does not mark: with Override", place),
            (true, Some(false)) => self.note("Override by another name: by its own", place),
            (false, Some(_)) => self.note("Override of what no ancestor has: left out", place),
        }
        set.0.retain(|q| !names_equal(&q.name, "Override"));
        if inherited {
            set.0.push(Qualifier::string("Override", name, 0));
        }
    }

    fn method(&mut self, class: &str, m: &MethodDecl, inherited: Option<Type>) -> Option<PieceMethod> {
        let place = format!("{class}.{}()", m.name);
        let returns = match &m.returns {
            None => {
                self.note("void: uint32", &place);
                CimType::Uint32.scalar()
            }
            Some((ty, _)) if ty.array || matches!(ty.cim, CimType::Reference | CimType::Object) => {
                self.note("array, reference or object that a method returns: a string", &place);
                CimType::String.scalar()
            }
            Some((ty, _)) => *ty,
        };
        if inherited.is_some_and(|above| above != returns) {
            self.note("override of a method that returns another type: left out", &place);
            return None;
        }
        let mut set = m.qualifiers.clone();
        self.overriding(&mut set, &m.name, inherited.is_some(), &place);
        let qualifiers = self.qualifiers(&set, Element::Method, &place, &[]);
        let mut parameters = Vec::new();
        for p in &m.parameters {
            let place = format!("{class}.{}({})", m.name, p.name);
            let form = self.form(p, true, &place);
            let (input, output) = (p.qualifiers.is_set("in"), p.qualifiers.is_set("out"));
            let mut set = p.qualifiers.clone();
            set.0.retain(|q| !["in", "out", "ID", "Override"].iter().any(|n| names_equal(&q.name, n)));
            // The standard takes a parameter for an input unless it says otherwise.
            let direction = Qualifier { value: Value::Boolean(input), ..Qualifier::flag("In", 0) };
            let mut qualifiers = vec![direction];
            qualifiers.extend(output.then(|| Qualifier::flag("Out", 0)));
            qualifiers.extend(self.qualifiers(&set, Element::Parameter, &place, &[]));
            qualifiers.extend(embedding(&form));
            parameters.push((form, p.name.clone(), qualifiers));
        }
        Some(PieceMethod { returns, name: m.name.clone(), qualifiers, parameters })
    }

    /// The qualifiers that can stand there; of the standard's with the values that it wants.
    fn qualifiers(&mut self, set: &Qualifiers, element: Element, place: &str, fixed: &[Qualifier]) -> Vec<Qualifier> {
        let mut out: Vec<Qualifier> = Vec::new();
        for q in &set.0 {
            if out.iter().any(|o| names_equal(&o.name, &q.name)) {
                continue;
            }
            if q.flavor.has(Flavor::TO_INSTANCE) {
                self.note("flavor ToInstance: left out", place);
            }
            let Some(standard) = declared(&q.name) else {
                out.push(q.clone());
                continue;
            };
            if !standard.stands_on(element) {
                self.note(format!("{} where the standard does not allow it: left out", standard.name), place);
                continue;
            }
            let Some(value) = standard.fit(&q.value) else {
                self.note(format!("{} of another type than the standard's: left out", standard.name), place);
                continue;
            };
            if fixed.iter().any(|f| names_equal(&f.name, &q.name) && f.value != value) {
                self.note(format!("{} that the standard does not let override: left out", standard.name), place);
                continue;
            }
            if q.flavor.0 & SAID != standard.flavors {
                self.note(
                    "other flavors than the standard's, on its own qualifiers: the standard's",
                    format!("{place} [{}]", standard.name),
                );
            }
            out.push(Qualifier { name: standard.name.into(), flavor: Flavor(standard.flavors), ty: standard.ty, value });
        }
        out
    }

    fn finish(mut self) -> Standard {
        let mut pieces = std::mem::take(&mut self.pieces);
        // The first use of a qualifier that the standard does not know says what it is.
        let mut others: BTreeMap<String, Qualifier> = BTreeMap::new();
        let mut used: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut misfits: Vec<(String, String)> = Vec::new();
        for piece in &mut pieces {
            let class = piece.name.clone();
            for (place, set) in piece.sets() {
                set.retain(|q| {
                    if let Some(standard) = declared(&q.name) {
                        used.entry(standard.name).or_insert_with(|| standard.text());
                        return true;
                    }
                    let first =
                        others.entry(q.name.to_lowercase()).or_insert_with(|| Qualifier { flavor: Flavor(q.flavor.0 & SAID), ..q.clone() });
                    // What one use does not give to translators, its declaration does not give to them.
                    first.flavor = Flavor(first.flavor.0 & (q.flavor.0 | !Flavor::AMENDED));
                    if first.ty == q.ty || q.value.is_null() {
                        return true;
                    }
                    misfits.push((format!("{} of two types: only as it was first used", first.name), format!("{class}{place}")));
                    false
                });
            }
        }
        misfits.into_iter().for_each(|(what, place)| self.note(what, place));
        let mut text = String::new();
        used.values().for_each(|d| text += d);
        others.values().for_each(|q| text += &of_use(q));
        for piece in &pieces {
            text.push('\n');
            piece.print(&mut text, &others);
        }
        let changes = self.changes.into_iter().map(|(what, places)| Change { what, places }).collect();
        Standard { text, changes }
    }
}

/// Whether the standard lets nobody below say otherwise.
fn is_fixed(q: &Qualifier) -> bool {
    declared(&q.name).is_some_and(|d| d.flavors & Flavor::DISABLE_OVERRIDE != 0)
}

fn embedding(form: &Form) -> Option<Qualifier> {
    match form {
        Form::Embedded { class: Some(class), .. } => Some(Qualifier::string("EmbeddedInstance", class.clone(), 0)),
        Form::Embedded { class: None, .. } => Some(Qualifier::flag("EmbeddedObject", 0)),
        _ => None,
    }
}

/// The class with all that it inherits as its own.
fn alone(class: &Class) -> Class {
    let own = |set: &mut Qualifiers| set.0.iter_mut().for_each(|q| q.flavor.0 &= !Flavor::PROPAGATED);
    let mut class = Class { derivation: Vec::new(), parent: None, ..class.clone() };
    own(&mut class.qualifiers);
    for p in &mut class.properties {
        (p.inherited, p.default_inherited) = (false, false);
        own(&mut p.qualifiers);
    }
    for m in &mut class.methods {
        m.flags &= !crate::schema::METHOD_INHERITED;
        own(&mut m.qualifiers);
    }
    class
}

impl Piece {
    /// Each set of qualifiers with the place behind the name of the class.
    fn sets(&mut self) -> Vec<(String, &mut Vec<Qualifier>)> {
        let mut sets = vec![(String::new(), &mut self.qualifiers)];
        sets.extend(self.properties.iter_mut().map(|(_, name, set, _)| (format!(".{name}"), set)));
        for PieceMethod { name: method, qualifiers, parameters, .. } in &mut self.methods {
            sets.push((format!(".{method}()"), qualifiers));
            sets.extend(parameters.iter_mut().map(|(_, name, set)| (format!(".{method}({name})"), set)));
        }
        sets
    }

    fn print(&self, out: &mut String, others: &BTreeMap<String, Qualifier>) {
        print_qualifiers(out, &self.qualifiers, others, "\n");
        out.push_str("class ");
        print::name(out, &self.name);
        if let Some(superclass) = &self.superclass {
            out.push_str(" : ");
            print::name(out, superclass);
        }
        out.push_str("\n{\n");
        for (form, name, qualifiers, default) in &self.properties {
            out.push_str("  ");
            print_qualifiers(out, qualifiers, others, " ");
            print_typed(out, form, name);
            if !default.is_null() {
                out.push_str(" = ");
                print_value(out, default);
            }
            out.push_str(";\n");
        }
        for PieceMethod { returns, name, qualifiers, parameters } in &self.methods {
            out.push_str("  ");
            print_qualifiers(out, qualifiers, others, " ");
            out.push_str(returns.cim.name());
            out.push(' ');
            print::name(out, name);
            out.push('(');
            for (i, (form, name, qualifiers)) in parameters.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                print_qualifiers(out, qualifiers, others, " ");
                print_typed(out, form, name);
            }
            out.push_str(");\n");
        }
        out.push_str("};\n");
    }
}

fn print_typed(out: &mut String, form: &Form, name: &str) {
    let array = match form {
        Form::Plain(ty) => {
            out.push_str(ty.cim.name());
            ty.array
        }
        Form::Reference { class, array } => {
            print::name(out, class);
            out.push_str(" ref");
            *array
        }
        Form::Embedded { array, .. } => {
            out.push_str("string");
            *array
        }
    };
    out.push(' ');
    print::name(out, name);
    out.push_str(if array { "[]" } else { "" });
}

fn print_qualifiers(out: &mut String, set: &[Qualifier], others: &BTreeMap<String, Qualifier>, end: &str) {
    if set.is_empty() {
        return;
    }
    out.push('[');
    for (i, q) in set.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        print::name(out, &q.name);
        match &q.value {
            Value::Boolean(true) => {}
            Value::Array(_) => {
                out.push(' ');
                print_value(out, &q.value);
            }
            scalar => {
                out.push('(');
                print_value(out, scalar);
                out.push(')');
            }
        }
        let of_declaration = others.get(&q.name.to_lowercase()).filter(|_| declared(&q.name).is_none());
        let words = of_declaration.map_or(Vec::new(), |d| stated(q.flavor.0 & SAID, d.flavor.0));
        if !words.is_empty() {
            out.push_str(" : ");
            out.push_str(&words.join(" "));
        }
    }
    out.push(']');
    out.push_str(end);
}

/// As WMI writes it, but that a real number has a point even before an exponent.
fn print_value(out: &mut String, value: &Value) {
    let real = |n: f64| {
        let text = format!("{n:?}");
        match text.split_once('e') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
            _ => text,
        }
    };
    match value {
        Value::Real32(n) if n.is_finite() => *out += &real(f64::from(*n)),
        Value::Real64(n) if n.is_finite() => *out += &real(*n),
        Value::Array(items) => {
            out.push('{');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                print_value(out, item);
            }
            out.push('}');
        }
        other => print::value(out, other, 0),
    }
}

#[cfg(test)]
mod tests;
