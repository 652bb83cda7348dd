//! Methods: their parameters in order, and their signature as text.

use crate::{CimType, Class, Instance, Method, Property, Type, Value};
use std::fmt::Write;
use std::sync::Arc;

/// A parameter of a method. One that goes in and comes out is in both classes of the wire, and here once.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Parameter<'a> {
    /// The property that stands for it in the class of in parameters, else in that of out parameters.
    pub property: &'a Property,
    /// Whether the caller gives it.
    pub input: bool,
    /// Whether the method gives it.
    pub output: bool,
}

/// The name under which what a method returns is among its out parameters.
pub const RETURN_VALUE: &str = "ReturnValue";

impl Property {
    /// The class that a reference or an embedded object is of, where the declaration names one: `X` of a `CIMTYPE` of
    /// `object:X` or `ref:X`.
    pub fn class_name(&self) -> Option<&str> {
        let (kind, class) = self.qualifiers.text("CIMTYPE")?.split_once(':')?;
        let fits = match self.ty.cim {
            CimType::Object => kind.eq_ignore_ascii_case("object"),
            CimType::Reference => kind.eq_ignore_ascii_case("ref"),
            _ => false,
        };
        (fits && !class.is_empty()).then_some(class)
    }

    /// The type as MOF has it: `uint32`, `string[]`, `Win32_ProcessStartup`, `Win32_Account ref`.
    pub fn type_text(&self) -> String {
        let name = match (self.ty.cim, self.class_name()) {
            (CimType::Object, Some(class)) => class.to_owned(),
            (CimType::Reference, Some(class)) => format!("{class} ref"),
            (CimType::Reference, None) => "object ref".to_owned(),
            (cim, _) => cim.name().to_owned(),
        };
        if self.ty.array { name + "[]" } else { name }
    }
}

impl Method {
    /// Whether it is called on the class rather than on an instance.
    pub fn is_static(&self) -> bool {
        self.qualifiers.is_set("static")
    }

    /// What it returns; `None` for `void`.
    pub fn returns(&self) -> Option<Type> {
        self.output.as_ref()?.property(RETURN_VALUE).map(|p| p.ty)
    }

    /// Its parameters in the order of their ids, which is that of the declaration.
    pub fn parameters(&self) -> Vec<Parameter<'_>> {
        let mut all: Vec<Parameter<'_>> = Vec::new();
        for property in self.input.iter().flat_map(|c| &c.properties) {
            all.push(Parameter { property, input: true, output: false });
        }
        for property in self.output.iter().flat_map(|c| &c.properties).filter(|p| !crate::names_equal(&p.name, RETURN_VALUE)) {
            match all.iter_mut().find(|p| crate::names_equal(&p.property.name, &property.name)) {
                Some(both) => both.output = true,
                None => all.push(Parameter { property, input: false, output: true }),
            }
        }
        // One without an id stands where it came.
        all.sort_by_key(|p| p.property.qualifiers.get("ID").and_then(|q| q.value.as_integer()).unwrap_or(i128::MAX));
        all
    }

    /// The declaration in a line: `uint32 Terminate([in] uint32 Reason)`.
    pub fn signature(&self) -> String {
        let returns = self.output.as_ref().and_then(|c| c.property(RETURN_VALUE)).map_or_else(|| "void".into(), Property::type_text);
        let mut text = format!("{}{returns} {}(", if self.is_static() { "static " } else { "" }, self.name);
        for (n, parameter) in self.parameters().iter().enumerate() {
            let way = match (parameter.input, parameter.output) {
                (true, true) => "in, out",
                (true, false) => "in",
                _ => "out",
            };
            let optional = if parameter.property.qualifiers.is_set("optional") { ", optional" } else { "" };
            let comma = if n == 0 { "" } else { ", " };
            let property = parameter.property;
            let (ty, array) = match property.type_text() {
                text if property.ty.array => (text.trim_end_matches("[]").to_owned(), "[]"),
                text => (text, ""),
            };
            // Writing to a string does not fail.
            let _ = write!(text, "{comma}[{way}{optional}] {ty} {}{array}", property.name);
        }
        text + ")"
    }

    /// An instance of what it gives, all NULL; of an empty `__PARAMETERS` where it gives nothing.
    pub fn answer(&self) -> Instance {
        Instance::new(self.output.clone().unwrap_or_else(|| Arc::new(Class { name: "__PARAMETERS".into(), ..Class::default() })))
    }

    /// An [answer](Method::answer) with a return value, where it has one that such an integer fits.
    pub fn returning(&self, code: u32) -> Instance {
        let mut answer = self.answer();
        let value = self.returns().filter(|t| !t.array).and_then(|t| Value::from_integer(code.into(), t.cim));
        if let Some(value) = value {
            // It has the property: its type came from there.
            let _ = answer.set(RETURN_VALUE, value);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use crate::mof::{Memory, compile_into, parse};
    use crate::{Class, Value};
    use std::sync::Arc;

    fn class() -> Arc<Class> {
        let text = r#"
            class Startup { uint32 X; };
            class Account { [key] string Name; };
            class T {
              [key] string Name;
              [static] uint32 Create([in] string CommandLine, [in, optional] string Args[], [in] Startup S, [out] uint32 Id);
              void Nothing();
              boolean Swap([in, out] Account ref Who, [out] datetime When[]);
            };"#;
        let mut memory = Memory::new();
        compile_into(&parse("t.mof", text).unwrap(), "root", &mut memory).unwrap();
        memory.classes("root").find(|c| c.name == "T").unwrap().clone()
    }

    #[test]
    fn a_signature_is_the_declaration_in_a_line() {
        let class = class();
        let check = |name: &str, expect: &str| assert_eq!(class.method(name).unwrap().signature(), expect);
        check("create", "static uint32 Create([in] string CommandLine, [in, optional] string Args[], [in] Startup S, [out] uint32 Id)");
        check("Nothing", "void Nothing()");
        check("Swap", "boolean Swap([in, out] Account ref Who, [out] datetime When[])");
    }

    #[test]
    fn an_answer_has_the_return_value_where_there_is_one() {
        let class = class();
        let answer = |name: &str| class.method(name).unwrap().returning(9);
        assert_eq!(answer("Create").get("ReturnValue"), Some(&Value::Uint32(9)));
        assert_eq!(answer("Create").get("Id"), Some(&Value::Null));
        assert_eq!(answer("Swap").get("ReturnValue"), Some(&Value::Null));
        assert_eq!((answer("Nothing").class.name.as_str(), answer("Nothing").values.len()), ("__PARAMETERS", 0));
    }
}
