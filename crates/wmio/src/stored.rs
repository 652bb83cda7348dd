//! Classes as a CIM repository keeps them: only what the class itself declares.

use crate::decode::{self, Budget};
use crate::encode::{Depth, MethodsIn, Part, class_part, methods_part};
use crate::limits::PROPERTIES_MAX;
use crate::octets::Octets;
use crate::view::{ClassView, MethodsView};
use crate::{DecodeError, DecodeOptions, EncodeError};
use bytes::Bytes;
use rwmi_cim::Class;
use std::sync::Arc;

/// A class in the form of the repository of Windows (OBJECTS.DATA), which is the wire's with these differences: the class
/// part lists only the properties that the class declares or overrides, its derivation names the superclass alone, and the
/// methods are its own. The tables still have a place for every property, inherited ones too.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredClass {
    /// The class with the properties of its ancestors, so that its instances can be read. Methods are its own only.
    pub class: Arc<Class>,
    // INVARIANT: listed.len() == class.properties.len()
    listed: Vec<bool>,
}

impl StoredClass {
    /// Decodes a class part and a methods part. `superclass` is the superclass, itself complete.
    pub fn decode(part: &Bytes, methods: &Bytes, superclass: Option<&Class>) -> Result<Self, DecodeError> {
        let (view, _) = ClassView::parse(part)?;
        let inherited = superclass.map_or(&[][..], |s| s.properties.as_slice());
        let mut count = inherited.len();
        for property in view.properties() {
            count = count.max(usize::from(property?.slot.order).saturating_add(1));
        }
        if count > PROPERTIES_MAX {
            return Err(DecodeError::Limit { what: "properties", found: count as u64, most: PROPERTIES_MAX as u64 });
        }
        let view = view.with_properties(count)?;
        let mut budget = Budget::of(part.len().saturating_add(methods.len()), DecodeOptions::default());
        let (mut class, slots) = decode::class_part(part, &view, &mut budget)?;
        let mut own = slots.iter().map(|s| s.slot.order).zip(std::mem::take(&mut class.properties)).peekable();
        let mut listed = Vec::with_capacity(count);
        for order in 0..count {
            if let Some((_, property)) = own.next_if(|(o, _)| usize::from(*o) == order) {
                class.properties.push(property);
                listed.push(true);
            } else if let Some(mut property) = inherited.get(order).cloned() {
                property.inherited = true;
                property.default_inherited = true;
                if u16::try_from(order).is_ok_and(|o| view.nd_bits(o) & 1 != 0) {
                    property.default = rwmi_cim::Value::Null;
                }
                class.properties.push(property);
                listed.push(false);
            } else {
                return Err(DecodeError::Inconsistent { what: "DeclarationOrder", found: order, most: class.properties.len() });
            }
        }
        if own.next().is_some() {
            return Err(DecodeError::Inconsistent { what: "properties of one DeclarationOrder", found: 2, most: 1 });
        }
        if let Some(s) = superclass {
            class.derivation.extend(s.derivation.iter().cloned());
        }
        class.methods = decode::methods(methods, &MethodsView::parse(&mut Octets(methods))?, &mut budget)?;
        Ok(StoredClass { class: Arc::new(class), listed })
    }

    /// Whether the class itself lists the property at this place.
    pub fn lists(&self, property: usize) -> bool {
        self.listed.get(property).copied().unwrap_or(false)
    }

    /// Writes the class part and the methods part.
    pub fn encode(&self) -> Result<(Vec<u8>, Vec<u8>), EncodeError> {
        let mut part = Part::of(&self.class)?;
        part.listed = &self.listed;
        part.derivation = self.class.derivation.get(..1).unwrap_or_default();
        let (mut class, mut methods) = (Vec::new(), Vec::new());
        class_part(&mut class, &part, Depth::default())?;
        methods_part(&mut methods, &self.class.methods, MethodsIn::Repository, Depth::default())?;
        Ok((class, methods))
    }
}
