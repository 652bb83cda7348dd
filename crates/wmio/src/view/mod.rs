//! Borrowed views: where everything lies in the octets of an object, found without a copy.
//!
//! Making a view checks the frame (lengths and counts); what a reference leads to is checked when it is
//! followed. A view never reads outside the octets that it was made from.

mod class;
mod instance;
mod methods;
mod qualifiers;
mod text;
mod unit;
mod value;

pub(crate) use class::{ARRAY, INHERITED, is_reference, nd_bits, nd_len, slot_len};
pub use class::{ClassView, PropertyView, Slot, TableSizes};
pub use instance::InstanceView;
pub use methods::{MethodView, MethodsView};
pub use qualifiers::{QualifierView, QualifiersView};
pub(crate) use text::{DICTIONARY, DICTIONARY_REF, NO_REF};
pub use text::{Heap, TextRef};
pub(crate) use unit::SIGNATURE;
pub use unit::{DecorationView, ObjectFlags, UnitBody, UnitView};
pub use value::{ArrayView, ValueView};
