//! From classes and objects to octets.

mod class;
mod heap;
mod object;

use crate::EncodeError;
use crate::limits::DEPTH_MAX;
use crate::view::{Slot, TableSizes};
use rwmi_cim::{Class, Entity, Object};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use class::{MethodsIn, Part, class_part, methods_part};
pub use object::{Decorate, EncodeOptions, Prototype, encode_block, encode_unit};

/// How deep an object lies inside others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Depth(u8);

impl Depth {
    fn deeper(self) -> Result<Self, EncodeError> {
        if self.0 >= DEPTH_MAX { Err(EncodeError::TooLarge("objects nest too deep")) } else { Ok(Depth(self.0.saturating_add(1))) }
    }
}

/// A class whose part is written once, for any number of instances.
///
/// For a projection (`SELECT Name, Size`), make the encoder of the trimmed class and give it objects of that class.
///
/// ```
/// use rwmi_cim::{CimType, Class, Instance, Property};
/// use std::sync::Arc;
/// let class = Arc::new(Class { name: "Demo".into(), properties: vec![Property::new("N", CimType::Uint32)], ..Class::default() });
/// let encoder = rwmi_wmio::ClassEncoder::new(&class)?;
/// for n in 0..3u32 {
///     let mut i = Instance::new(class.clone());
///     i.set("N", n)?;
///     let octets = encoder.unit(&i.into(), &Default::default())?;
///     assert!(octets.starts_with(b"xV4\x12"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClassEncoder {
    class: Arc<Class>,
    part: Vec<u8>,
    slots: Vec<Slot>,
    lookup: Vec<usize>,
    sizes: TableSizes,
}

impl ClassEncoder {
    /// Writes the class part.
    pub fn new(class: &Arc<Class>) -> Result<Self, EncodeError> {
        let part = Part::of(class)?;
        let mut octets = Vec::new();
        class_part(&mut octets, &part, Depth::default())?;
        let slots = part.properties.iter().map(|(s, _)| *s).collect();
        Ok(ClassEncoder { part: octets, slots, lookup: part.lookup(), sizes: part.sizes, class: class.clone() })
    }

    /// The class.
    pub fn class(&self) -> &Arc<Class> {
        &self.class
    }

    /// Writes an instance as a unit. `options.prototype` has no meaning here.
    pub fn unit(&self, object: &Object, options: &EncodeOptions) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(self.part.len().saturating_add(256));
        self.fits(object)?;
        object::unit(&mut out, |out| self.write(out, object, options.pick(object.decoration()), true))?;
        Ok(out)
    }

    /// Appends the ObjectBlock of an instance, with its class part or without.
    pub(crate) fn block(&self, out: &mut Vec<u8>, object: &Object, options: &EncodeOptions, with_class: bool) -> Result<(), EncodeError> {
        self.fits(object)?;
        self.write(out, object, options.pick(object.decoration()), with_class)
    }

    /// Writes an instance without its class part, flags and decoration.
    pub fn instance(&self, object: &Object) -> Result<Vec<u8>, EncodeError> {
        self.fits(object)?;
        let mut out = Vec::new();
        let places = object::Places { slots: &self.slots, lookup: &self.lookup, nd: self.sizes.nd };
        object::instance_part(&mut out, object, &places, Depth::default())?;
        Ok(out)
    }

    /// Whether the objects of a class are written by this encoder: it is the same class, not one like it.
    pub fn is_for(&self, class: &Arc<Class>) -> bool {
        Arc::ptr_eq(&self.class, class)
    }

    fn fits(&self, object: &Object) -> Result<(), EncodeError> {
        let class = object.class();
        let same = self.is_for(class)
            || (self.class.properties.len() == class.properties.len()
                && self.class.properties.iter().zip(&class.properties).all(|(a, b)| a.ty == b.ty && a.name == b.name));
        if same {
            return Ok(());
        }
        Err(EncodeError::Class { class: self.class.name.clone(), wanted: self.class.properties.len(), found: class.properties.len() })
    }
}

/// Writes objects and keeps the class parts of their classes from one to the next.
#[derive(Debug, Default)]
pub struct Encoder {
    options: EncodeOptions,
    // By address: the Arc in the encoder keeps the address from being used again.
    encoders: HashMap<usize, ClassEncoder>,
}

impl Encoder {
    /// An encoder that has seen nothing.
    pub fn new(options: EncodeOptions) -> Self {
        Encoder { options, encoders: HashMap::new() }
    }

    /// Writes an EncodingUnit.
    pub fn unit(&mut self, entity: &Entity) -> Result<Vec<u8>, EncodeError> {
        match entity {
            Entity::Class(_) => encode_unit(entity, &self.options),
            Entity::Instance(o) => {
                let options = std::mem::take(&mut self.options);
                let written = self.class(o.class()).and_then(|encoder| encoder.unit(o, &options));
                self.options = options;
                written
            }
        }
    }

    /// Appends an ObjectBlock, of an instance with its class part or without.
    pub(crate) fn block(&mut self, out: &mut Vec<u8>, entity: &Entity, with_class: bool) -> Result<(), EncodeError> {
        match entity {
            Entity::Class(_) => object::block(out, entity, &self.options),
            Entity::Instance(o) => {
                let options = std::mem::take(&mut self.options);
                let written = self.class(o.class()).and_then(|encoder| encoder.block(out, o, &options, with_class));
                self.options = options;
                written
            }
        }
    }

    fn class(&mut self, class: &Arc<Class>) -> Result<&ClassEncoder, EncodeError> {
        if !self.encoders.contains_key(&address(class)) && self.encoders.len() >= ENCODERS_MAX {
            self.encoders.clear();
        }
        match self.encoders.entry(address(class)) {
            std::collections::hash_map::Entry::Occupied(e) => Ok(e.into_mut()),
            std::collections::hash_map::Entry::Vacant(e) => Ok(e.insert(ClassEncoder::new(class)?)),
        }
    }
}

pub(crate) fn address(class: &Arc<Class>) -> usize {
    Arc::as_ptr(class).addr()
}

/// Classes whose parts are kept. An enumeration deep below a common superclass has some hundreds.
const ENCODERS_MAX: usize = 1024;

#[cfg(test)]
mod tests;
