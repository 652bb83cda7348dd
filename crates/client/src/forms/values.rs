//! Named values that go beside a call (SWbemNamedValueSet, IWbemContext).

use crate::Misuse;
use rwmi_cim::WbemStatus;
use rwmi_dcom::InterfacePointer;
use rwmi_wbem::{Context, ContextValue};

/// Named values beside a call, in the order in which they were added. Names are compared without case.
///
/// ```
/// use rwmi_client::{ContextValue, forms::NamedValueSet};
/// let mut values = NamedValueSet::default();
/// values.add("__ProviderArchitecture", ContextValue::I4(64)).add("__RequiredArchitecture", ContextValue::Bool(true));
/// assert_eq!((values.count(), values.item("__providerarchitecture")), (2, Some(&ContextValue::I4(64))));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedValueSet(Vec<(String, ContextValue)>);

impl NamedValueSet {
    /// Adds a value, or replaces the one of that name.
    pub fn add(&mut self, name: &str, value: ContextValue) -> &mut Self {
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(old) => old.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
        self
    }

    /// The value of a name.
    pub fn item(&self, name: &str) -> Option<&ContextValue> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Removes a value; gives it, where there was one.
    pub fn remove(&mut self, name: &str) -> Option<ContextValue> {
        let index = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(index).1)
    }

    /// Removes all values.
    pub fn delete_all(&mut self) {
        self.0.clear();
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ContextValue)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Checks what has a fixed type: the architecture of a provider is 32 or 64, and whether it must be so is a boolean.
    pub(crate) fn check(&self) -> Result<(), Misuse> {
        let wrong = |why: &str| Err(Misuse::Rule { status: WbemStatus::INVALID_CONTEXT, why: why.into() });
        if !matches!(self.item("__ProviderArchitecture"), None | Some(ContextValue::I4(32 | 64))) {
            return wrong("__ProviderArchitecture is a sint32 of 32 or 64");
        }
        if !matches!(self.item("__RequiredArchitecture"), None | Some(ContextValue::Bool(_))) {
            return wrong("__RequiredArchitecture is a boolean");
        }
        Ok(())
    }

    /// As it goes over the wire; nothing where it is empty.
    pub(crate) fn pointer(&self) -> Option<InterfacePointer> {
        if self.0.is_empty() { None } else { Some(Context { values: self.0.clone(), ..Context::default() }.to_pointer()) }
    }

    pub(crate) fn to_vec(&self) -> Vec<(String, ContextValue)> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_replaced_without_case() {
        let mut set = NamedValueSet::default();
        set.add("A", ContextValue::I4(1)).add("b", ContextValue::Bool(true)).add("a", ContextValue::I4(2));
        assert_eq!((set.count(), set.item("A")), (2, Some(&ContextValue::I4(2))));
        assert_eq!((set.remove("B"), set.remove("B")), (Some(ContextValue::Bool(true)), None));
        set.delete_all();
        assert_eq!((set.count(), set.pointer()), (0, None));
    }

    #[test]
    fn an_architecture_of_another_type_is_an_invalid_context() {
        let check = |name: &str, value: ContextValue, good: bool| {
            let mut set = NamedValueSet::default();
            set.add(name, value);
            assert_eq!(set.check().err().and_then(|m| m.status()), (!good).then_some(WbemStatus::INVALID_CONTEXT), "{name}");
        };
        check("__ProviderArchitecture", ContextValue::I4(64), true);
        check("__providerarchitecture", ContextValue::I4(16), false);
        check("__ProviderArchitecture", ContextValue::Text("64".into()), false);
        check("__RequiredArchitecture", ContextValue::Bool(false), true);
        check("__RequiredArchitecture", ContextValue::I4(1), false);
        check("Anything", ContextValue::Null, true);
    }
}
