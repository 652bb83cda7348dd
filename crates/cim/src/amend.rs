//! Localised texts apart from what they are about: amendment classes, as the namespaces `ms_409` and their like hold them.
//!
//! An amendment class has the name of the class that it is about, the qualifiers `Amendment` and `LOCALE`, and of members only those
//! of which it says something.

use crate::schema::{ClassDecl, METHOD_INHERITED, MethodDecl, PropertyDecl};
use crate::{CimType, Class, Flavor, Method, Property, Qualifier, Qualifiers, Value, names_equal};
use std::sync::Arc;

/// Qualifiers of an amendment class that are about itself or about the shape of its members, not about what they mean.
const OF_ITSELF: [&str; 11] =
    ["Amendment", "LOCALE", "CIMTYPE", "abstract", "association", "dynamic", "provider", "key", "singleton", "static", "implemented"];
/// What a parameter needs to be one.
const OF_PARAMETERS: [&str; 3] = ["in", "out", "ID"];

fn is_one_of(q: &Qualifier, names: &[&str]) -> bool {
    names.iter().any(|n| names_equal(&q.name, n))
}

/// Whether it is an amendment class.
pub fn is_amendment(class: &Class) -> bool {
    class.qualifiers.is_set("Amendment")
}

/// The number in the name of a locale: 0x409 of `MS_409`; `None` where it is no such name.
pub fn locale_id(locale: &str) -> Option<u32> {
    let (prefix, digits) = locale.split_at_checked(3)?;
    let legal = prefix.eq_ignore_ascii_case("MS_") && (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if legal { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// A declaration without its localised qualifiers, and these as an amendment class; `None` where there are none.
pub fn split(mut decl: ClassDecl, locale: u32) -> (ClassDecl, Option<ClassDecl>) {
    let mut texts = ClassDecl { name: decl.name.clone(), qualifiers: take(&mut decl.qualifiers), ..ClassDecl::default() };
    for p in &mut decl.properties {
        let taken = take(&mut p.qualifiers);
        if !taken.0.is_empty() {
            texts.properties.push(PropertyDecl { qualifiers: taken, default: Value::Null, ..p.clone() });
        }
    }
    for m in &mut decl.methods {
        let taken = take(&mut m.qualifiers);
        let mut said = !taken.0.is_empty();
        let mut parameters = Vec::with_capacity(m.parameters.len());
        for p in &mut m.parameters {
            let taken = take(&mut p.qualifiers);
            said |= !taken.0.is_empty();
            let mut qualifiers: Vec<Qualifier> = p.qualifiers.0.iter().filter(|q| is_one_of(q, &OF_PARAMETERS)).cloned().collect();
            qualifiers.extend(taken.0);
            parameters.push(PropertyDecl { qualifiers: Qualifiers(qualifiers), ..p.clone() });
        }
        if said {
            texts.methods.push(MethodDecl { name: m.name.clone(), qualifiers: taken, returns: m.returns.clone(), parameters });
        }
    }
    if texts.qualifiers.0.is_empty() && texts.properties.is_empty() && texts.methods.is_empty() {
        return (decl, None);
    }
    let id = Qualifier { name: "LOCALE".into(), flavor: Flavor(0), ty: CimType::Sint32.scalar(), value: Value::Sint32(locale as i32) };
    texts.qualifiers.0.splice(..0, [Qualifier::flag("Amendment", 0), id]);
    (decl, Some(texts))
}

/// Takes the localised ones out of a set.
fn take(set: &mut Qualifiers) -> Qualifiers {
    let (texts, rest) = std::mem::take(&mut set.0).into_iter().partition(|q| q.flavor.has(Flavor::AMENDED));
    set.0 = rest;
    Qualifiers(texts)
}

/// A class with the texts of an amendment class over its own, and what the superclass, so merged itself, hands down.
pub fn merge(class: &Arc<Class>, parent: Option<&Arc<Class>>, texts: Option<&Class>) -> Arc<Class> {
    let same_parent = match (parent, &class.parent) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => true,
    };
    if texts.is_none() && same_parent {
        return class.clone();
    }
    let above = if same_parent { None } else { parent.map(|p| &**p) };
    let mut merged = Class { parent: parent.cloned().or_else(|| class.parent.clone()), ..(**class).clone() };
    inherit(&mut merged.qualifiers, above.map(|a| &a.qualifiers));
    lay_over(&mut merged.qualifiers, texts.map(|t| &t.qualifiers));
    merge_properties(&mut merged.properties, above, texts);
    for m in &mut merged.methods {
        let inherited = above.and_then(|a| a.method(&m.name));
        let own = texts.and_then(|t| t.method(&m.name)).filter(|m| m.flags & METHOD_INHERITED == 0);
        inherit(&mut m.qualifiers, inherited.map(|i| &i.qualifiers));
        lay_over(&mut m.qualifiers, own.map(|o| &o.qualifiers));
        // The signature of an override is its own; of what is only inherited, its texts are too.
        let only_inherited = m.flags & METHOD_INHERITED != 0 && inherited.is_some_and(|i| same_sides(m, i));
        let inherited = inherited.filter(|_| only_inherited);
        merge_side(&mut m.input, inherited.and_then(|i| i.input.as_deref()), own.and_then(|o| o.input.as_deref()));
        merge_side(&mut m.output, inherited.and_then(|i| i.output.as_deref()), own.and_then(|o| o.output.as_deref()));
    }
    Arc::new(merged)
}

fn same_sides(a: &Method, b: &Method) -> bool {
    let shape = |c: &Option<Arc<Class>>| -> Vec<(String, crate::Type)> {
        c.iter().flat_map(|c| &c.properties).map(|p| (p.name.to_lowercase(), p.ty)).collect()
    };
    shape(&a.input) == shape(&b.input) && shape(&a.output) == shape(&b.output)
}

fn merge_side(side: &mut Option<Arc<Class>>, above: Option<&Class>, texts: Option<&Class>) {
    if let Some(class) = side.as_mut().filter(|_| above.is_some() || texts.is_some()) {
        merge_properties(&mut Arc::make_mut(class).properties, above, texts);
    }
}

fn merge_properties(properties: &mut [Property], above: Option<&Class>, texts: Option<&Class>) {
    for p in properties {
        inherit(&mut p.qualifiers, above.and_then(|a| a.property(&p.name)).map(|p| &p.qualifiers));
        lay_over(&mut p.qualifiers, texts.and_then(|t| t.property(&p.name)).map(|p| &p.qualifiers));
    }
}

/// The texts that an ancestor hands down, where nothing nearer says otherwise.
fn inherit(set: &mut Qualifiers, above: Option<&Qualifiers>) {
    for q in above.iter().flat_map(|a| &a.0).filter(|q| q.flavor.has(Flavor::AMENDED | Flavor::TO_SUBCLASS)) {
        if set.get(&q.name).is_none_or(|own| own.flavor.has(Flavor::PROPAGATED)) {
            set.set(Qualifier { flavor: Flavor(q.flavor.0 | Flavor::PROPAGATED), ..q.clone() });
        }
    }
}

/// The texts that the amendment class itself says.
fn lay_over(set: &mut Qualifiers, texts: Option<&Qualifiers>) {
    for q in texts.iter().flat_map(|t| &t.0) {
        if !q.flavor.has(Flavor::PROPAGATED) && !is_one_of(q, &OF_ITSELF) && !is_one_of(q, &OF_PARAMETERS) {
            set.set(Qualifier { flavor: Flavor(q.flavor.0 | Flavor::AMENDED), ..q.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mof::{self, Memory, Target, print_class};
    use crate::schema::derive;

    fn classes(text: &str) -> Memory {
        let mut memory = Memory::new();
        mof::compile_into(&mof::parse("t.mof", text).unwrap(), "root", &mut memory).unwrap_or_else(|e| panic!("{}", e.render()));
        memory
    }

    fn class(text: &str, name: &str) -> Arc<Class> {
        classes(text).class("root", name).unwrap()
    }

    const WHOLE: &str = "[Description(\"d\") : ToSubclass Amended, mine]\nclass A\n{\n  [key] string K;\n  \
         [Values {\"a\"} : Amended, ValueMap {\"1\"}] uint32 N = 7;\n  \
         uint32 M([in, Description(\"in\") : Amended, ID(0)] string I, [out, ID(1)] uint32 O);\n  void Q();\n};\n";

    #[test]
    fn a_class_comes_apart_and_together_again() {
        let whole = class(WHOLE, "A");
        let (neutral, texts) = split(ClassDecl::of(&whole), 0x409);
        let neutral = Arc::new(derive(None, neutral).unwrap());
        let texts = derive(None, texts.unwrap()).unwrap();
        assert!(!print_class(&neutral).contains("Amended"));
        assert!(is_amendment(&texts) && !is_amendment(&neutral));
        assert_eq!(texts.qualifiers.get("LOCALE").unwrap().value, Value::Sint32(0x409));
        assert_eq!(texts.properties.iter().map(|p| &*p.name).collect::<Vec<_>>(), ["N"]);
        assert_eq!(texts.methods.iter().map(|m| &*m.name).collect::<Vec<_>>(), ["M"]);
        let again = merge(&neutral, None, Some(&texts));
        let words = |c: &Class| {
            let mut words: Vec<String> = print_class(c).split(['[', ']', ',', '\n']).map(|w| w.trim().to_owned()).collect();
            words.sort();
            words
        };
        assert_eq!(words(&again), words(&whole));
        // Without texts there is nothing to keep apart.
        assert_eq!(split(ClassDecl::of(&neutral), 0x409).1, None);
    }

    #[test]
    fn texts_reach_derived_classes_unless_they_say_otherwise() {
        let memory = classes("class A { [key] string K; uint8 N; }; class B : A { uint8 N; string T; }; class C : B { };");
        let texts = class(
            "[Amendment, Description(\"a\") : Amended] class A { [Description(\"k\") : Amended ToSubclass] string K; [Description(\"n\") : Amended ToSubclass] uint8 N; };",
            "A",
        );
        let of_b = class("[Amendment] class B { [Description(\"m\") : ToSubclass] uint8 N; };", "B");
        let get = |name| memory.class("root", name).unwrap();
        let a = merge(&get("A"), None, Some(&texts));
        let b = merge(&get("B"), Some(&a), Some(&of_b));
        let c = merge(&get("C"), Some(&b), None);
        let check = |class: &Class, property: &str, expect: Option<(&str, u8)>| {
            let q = class.property(property).unwrap().qualifiers.get("Description").cloned();
            let found = q.as_ref().map(|q| (q.value.as_str().unwrap(), q.flavor.0));
            assert_eq!(found, expect, "{}.{property}", class.name);
        };
        assert_eq!(a.qualifiers.text("Description"), Some("a"));
        // Without ToSubclass a text stays where it is.
        assert_eq!(b.qualifiers.text("Description"), None);
        check(&a, "N", Some(("n", 0x82)));
        check(&b, "K", Some(("k", 0xa2)));
        check(&b, "N", Some(("m", 0x82)));
        check(&c, "N", Some(("m", 0xa2)));
        check(&c, "T", None);
        assert!(Arc::ptr_eq(c.parent.as_ref().unwrap(), &b));
        // Nothing to say, nothing copied.
        assert!(Arc::ptr_eq(&merge(&get("A"), None, None), &get("A")));
    }

    #[test]
    fn a_locale_is_ms_and_a_hexadecimal_number() {
        let check = |text: &str, expect: Option<u32>| assert_eq!(locale_id(text), expect, "{text}");
        check("MS_409", Some(0x409));
        check("ms_0407", Some(0x407));
        for bad in ["", "MS_", "409", "MS_40G", "MS_123456789", "en-US", "MÄ_409"] {
            check(bad, None);
        }
    }
}
