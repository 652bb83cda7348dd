//! The unit: signature, flags, decoration ([MS-WMIO] 2.2.1 to 2.2.9).

use super::{ClassView, InstanceView, MethodsView, TextRef};
use crate::DecodeError;
use crate::octets::Octets;

/// What an object is ([MS-WMIO] 2.2.6). Unknown bits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectFlags(pub u8);

impl ObjectFlags {
    /// A class.
    pub const CLASS: u8 = 0x01;
    /// An instance.
    pub const INSTANCE: u8 = 0x02;
    /// Decorated with computer and namespace.
    pub const DECORATED: u8 = 0x04;
    /// With [`Self::CLASS`]: the shape of a query's rows.
    pub const PROTOTYPE: u8 = 0x10;
    /// With both of those: the shape lacks a key property.
    pub const KEY_MISSING: u8 = 0x40;

    /// Whether all these bits are set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// Computer and namespace of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecorationView<'a> {
    /// The computer.
    pub server: TextRef<'a>,
    /// The namespace.
    pub namespace: TextRef<'a>,
    /// The octets of both.
    pub octets: &'a [u8],
}

/// An object, its frame read.
#[derive(Debug, Clone, Copy)]
pub struct UnitView<'a> {
    /// What it is.
    pub flags: ObjectFlags,
    /// Where it lives, where it says so.
    pub decoration: Option<DecorationView<'a>>,
    /// What follows the decoration.
    pub body: &'a [u8],
}

/// The two kinds of objects.
#[derive(Debug, Clone, Copy)]
pub enum UnitBody<'a> {
    /// A class: its superclass and itself, each with methods ([MS-WMIO] 2.2.11).
    Class {
        /// The superclass; nameless where there is none.
        parent: ClassView<'a>,
        /// Methods of the superclass.
        parent_methods: MethodsView<'a>,
        /// The class, with everything that it inherits.
        class: ClassView<'a>,
        /// Its methods.
        methods: MethodsView<'a>,
    },
    /// An instance with its class part ([MS-WMIO] 2.2.53).
    Instance {
        /// The class, without methods.
        class: ClassView<'a>,
        /// The instance.
        instance: InstanceView<'a>,
    },
}

/// First four octets of a unit.
pub(crate) const SIGNATURE: u32 = 0x1234_5678;

impl<'a> UnitView<'a> {
    /// Reads an EncodingUnit. Its length may say more than there is: then all that is there counts.
    pub fn parse(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut octets = Octets(octets);
        let signature = octets.u32("object signature")?;
        if signature != SIGNATURE {
            return Err(DecodeError::Signature(signature));
        }
        let len = octets.u32("object length")? as usize;
        Self::parse_block(octets.0.get(..len).unwrap_or(octets.0))
    }

    /// Reads an ObjectBlock: what stands in a property, in a signature or in an ObjectArray, without the header of a unit.
    pub fn parse_block(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut octets = Octets(octets);
        let flags = ObjectFlags(octets.u8("object flags")?);
        let mut decoration = None;
        if flags.has(ObjectFlags::DECORATED) {
            let whole = octets.0;
            let server = text(&mut octets, "server name")?;
            let namespace = text(&mut octets, "namespace name")?;
            let len = whole.len().saturating_sub(octets.0.len());
            decoration = Some(DecorationView { server, namespace, octets: whole.get(..len).unwrap_or_default() });
        }
        match flags.0 & (ObjectFlags::CLASS | ObjectFlags::INSTANCE) {
            ObjectFlags::CLASS | ObjectFlags::INSTANCE => Ok(UnitView { flags, decoration, body: octets.0 }),
            _ => Err(DecodeError::Flags(flags.0)),
        }
    }

    /// Whether it is a class.
    pub fn is_class(&self) -> bool {
        self.flags.has(ObjectFlags::CLASS)
    }

    /// Reads the parts of the body.
    pub fn parts(&self) -> Result<UnitBody<'a>, DecodeError> {
        let (class, rest) = ClassView::parse(self.body)?;
        if !self.is_class() {
            let instance = InstanceView::parse(rest, class.table_sizes())?;
            return Ok(UnitBody::Instance { class, instance });
        }
        let (parent, mut octets) = (class, Octets(rest));
        let parent_methods = MethodsView::parse(&mut octets)?;
        let (class, rest) = ClassView::parse(octets.0)?;
        let methods = MethodsView::parse(&mut Octets(rest))?;
        Ok(UnitBody::Class { parent, parent_methods, class, methods })
    }
}

fn text<'a>(octets: &mut Octets<'a>, what: &'static str) -> Result<TextRef<'a>, DecodeError> {
    let (text, len) =
        TextRef::parse(octets.0).ok_or(DecodeError::Truncated { what, needs: octets.0.len().saturating_add(1), left: octets.0.len() })?;
    octets.take(len, what)?;
    Ok(text)
}
