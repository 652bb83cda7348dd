//! IWbemContext: named values beside a call ([MS-WMI] 2.2.13). By value only, as a custom reference.
//!
//! ```text
//! u32 1   GUID   u32 count   { name   u32 flags   u16 type   value }*
//! name, string = u32 length, UTF-16 units without a zero
//! scalar = 8 octets, the value first          array = u32 count   u32 element size   elements, unpadded
//! ```
//!
//! The specification counts a string's length in characters; octets are met in descriptions of what Windows sends.
//! A buffer is read by whichever of the two comes out at its end; ours is written in characters.

use bytes::{BufMut, Bytes, BytesMut};
use rwmi_dcom::{Clsid, CustomObjRef, Iid, InterfacePointer, ObjRef};
use rwmi_ndr::{DecodeError, DecodeErrorKind, Guid, Limits, Reader, Result, guid};

/// Values in one context at most.
pub const PROPERTIES_MAX: u32 = 64;

/// Octets of one context at most: 64 KiB.
pub const CONTEXT_LEN_MAX: usize = 64 << 10;

const IID_IWBEM_CONTEXT: Iid = Iid(guid!("44aca674-e8fc-11d0-a07c-00c04fb68820"));
const CLSID_WBEM_CONTEXT: Clsid = Clsid(guid!("674b6698-ee92-11d0-ad71-00c04fd8fdff"));

/// Signature of a marshaled object among the values.
const UNIT_SIGNATURE: u32 = 0x1234_5678;

const VT_ARRAY: u16 = 0x2000;

/// Named values beside a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// An id of the context.
    pub id: Guid,
    /// The values in their order.
    pub values: Vec<(String, ContextValue)>,
}

/// A value in a context: a VARIANT, of the types that are allowed there.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is named as its VARIANT type")]
pub enum ContextValue {
    Null,
    I1(i8),
    I2(i16),
    I4(i32),
    R4(f32),
    R8(f64),
    Ui1(u8),
    Ui2(u16),
    Ui4(u32),
    Bool(bool),
    Text(String),
    /// An object: its [MS-WMIO] unit.
    Object(Bytes),
    /// Values of one type; the type, so that an empty array has one.
    Array(u16, Vec<ContextValue>),
}

impl Context {
    /// A value by its name, in any case of its letters.
    pub fn value(&self, name: &str) -> Option<&ContextValue> {
        self.values.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Reads the context out of an interface pointer.
    pub fn from_pointer(pointer: &InterfacePointer) -> Result<Self> {
        match pointer.objref()? {
            ObjRef::Custom(custom) if custom.clsid == CLSID_WBEM_CONTEXT => Self::from_octets(custom.data),
            other => Err(DecodeError {
                what: "IWbemContext by value",
                offset: 0,
                kind: DecodeErrorKind::Invalid(u64::from(other.std().is_some())),
            }),
        }
    }

    /// The interface pointer that carries the context.
    pub fn to_pointer(&self) -> InterfacePointer {
        InterfacePointer::from(CustomObjRef::new(IID_IWBEM_CONTEXT, CLSID_WBEM_CONTEXT, self.to_octets()))
    }

    /// Reads the marshaling buffer.
    pub fn from_octets(octets: Bytes) -> Result<Self> {
        if CONTEXT_LEN_MAX < octets.len() {
            let kind = DecodeErrorKind::OverLimit { value: octets.len() as u64, limit: CONTEXT_LEN_MAX as u64 };
            return Err(DecodeError { what: "IWbemContext", offset: 0, kind });
        }
        match Self::read(octets.clone(), 2) {
            Ok((context, 0)) => Ok(context),
            by_characters => match (Self::read(octets, 1), by_characters) {
                (Ok((context, 0)), _) => Ok(context),
                // Both leave octets or only one can be read: the specification's way, if that is the one.
                (_, Ok((context, _))) | (Ok((context, _)), _) => Ok(context),
                (_, Err(e)) => Err(e),
            },
        }
    }

    fn read(octets: Bytes, unit: usize) -> Result<(Self, usize)> {
        let r = &mut Reader::new(octets, Limits::default());
        let guids = int(r)?;
        if guids != 1 {
            return Err(r.invalid("IWbemContext.NumGuids", guids));
        }
        let id = Guid(r.array("IWbemContext.Guid")?);
        let n = int(r)?;
        if PROPERTIES_MAX < n {
            return Err(r.error("IWbemContext.NumProps", DecodeErrorKind::OverLimit { value: n.into(), limit: PROPERTIES_MAX.into() }));
        }
        let mut values = Vec::new();
        for _ in 0..n {
            let name = text(r, unit)?;
            let _flags = int(r)?;
            let vt = u16::from_le_bytes(r.array("IWbemContext type")?);
            values.push((name, if vt & VT_ARRAY == 0 { scalar(r, vt, unit)? } else { array(r, vt & !VT_ARRAY, unit)? }));
        }
        Ok((Context { id, values }, r.left()))
    }

    /// The marshaling buffer.
    pub fn to_octets(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u32_le(1);
        out.put_slice(&self.id.0);
        out.put_u32_le(self.values.len() as u32);
        for (name, value) in &self.values {
            put_text(&mut out, name);
            out.put_u32_le(0);
            out.put_u16_le(value.vt());
            match value {
                ContextValue::Array(vt, items) => {
                    out.put_u32_le(items.len() as u32);
                    out.put_u32_le(element_len(*vt) as u32);
                    items.iter().for_each(|i| put_value(&mut out, i));
                }
                value => {
                    let start = out.len();
                    put_value(&mut out, value);
                    if !matches!(value, ContextValue::Null | ContextValue::Text(_) | ContextValue::Object(_)) {
                        out.put_bytes(0, 8 - (out.len() - start).min(8));
                    }
                }
            }
        }
        out.freeze()
    }
}

impl ContextValue {
    fn vt(&self) -> u16 {
        match self {
            ContextValue::Null => 1,
            ContextValue::I2(_) => 2,
            ContextValue::I4(_) => 3,
            ContextValue::R4(_) => 4,
            ContextValue::R8(_) => 5,
            ContextValue::Text(_) => 8,
            ContextValue::Bool(_) => 11,
            ContextValue::Object(_) => 13,
            ContextValue::I1(_) => 16,
            ContextValue::Ui1(_) => 17,
            ContextValue::Ui2(_) => 18,
            ContextValue::Ui4(_) => 19,
            ContextValue::Array(vt, _) => VT_ARRAY | vt,
        }
    }
}

/// Octets of an element that the header of an array names; strings and objects say a pointer's size there.
fn element_len(vt: u16) -> usize {
    match vt {
        1 => 0,
        2 | 11 | 18 => 2,
        16 | 17 => 1,
        4 | 5 => 8,
        _ => 4,
    }
}

fn int(r: &mut Reader) -> Result<u32> {
    r.array("IWbemContext").map(u32::from_le_bytes)
}

fn text(r: &mut Reader, unit: usize) -> Result<String> {
    let len = int(r)? as usize;
    let octets = r.bytes("IWbemContext string", len.saturating_mul(unit))?;
    let units = octets.as_chunks::<2>().0.iter().map(|c| u16::from_le_bytes(*c));
    Ok(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u32_le(text.encode_utf16().count() as u32);
    text.encode_utf16().for_each(|u| out.put_u16_le(u));
}

fn scalar(r: &mut Reader, vt: u16, unit: usize) -> Result<ContextValue> {
    match vt {
        1 => Ok(ContextValue::Null),
        8 | 13 => item(r, vt, unit),
        _ => {
            let mut padded = Reader::new(r.bytes("IWbemContext value", 8)?, Limits::default());
            item(&mut padded, vt, unit)
        }
    }
}

fn array(r: &mut Reader, vt: u16, unit: usize) -> Result<ContextValue> {
    let n = int(r)?;
    let _element_len = int(r)?;
    // A NULL takes no octets, so the count alone would say how much to make.
    let len_min = element_len(vt).max(1);
    if r.left() / len_min < n as usize {
        return Err(r.invalid("IWbemContext array", n));
    }
    let items = (0..n).map(|_| {
        let value = item(r, vt, unit)?;
        if vt == 4 {
            r.skip("IWbemContext real", 4)?;
        }
        Ok(value)
    });
    Ok(ContextValue::Array(vt, items.collect::<Result<_>>()?))
}

fn item(r: &mut Reader, vt: u16, unit: usize) -> Result<ContextValue> {
    const WHAT: &str = "IWbemContext value";
    Ok(match vt {
        1 => ContextValue::Null,
        2 => ContextValue::I2(r.array(WHAT).map(i16::from_le_bytes)?),
        3 => ContextValue::I4(r.array(WHAT).map(i32::from_le_bytes)?),
        4 => ContextValue::R4(r.array(WHAT).map(f32::from_le_bytes)?),
        5 => ContextValue::R8(r.array(WHAT).map(f64::from_le_bytes)?),
        8 => ContextValue::Text(text(r, unit)?),
        11 => ContextValue::Bool(r.array::<2>(WHAT)? != [0, 0]),
        13 => ContextValue::Object(object(r)?),
        16 => ContextValue::I1(r.array(WHAT).map(i8::from_le_bytes)?),
        17 => ContextValue::Ui1(r.array(WHAT).map(u8::from_le_bytes)?),
        18 => ContextValue::Ui2(r.array(WHAT).map(u16::from_le_bytes)?),
        19 => ContextValue::Ui4(r.array(WHAT).map(u32::from_le_bytes)?),
        other => return Err(r.invalid("IWbemContext type", other)),
    })
}

/// A unit says its own length behind its signature.
fn object(r: &mut Reader) -> Result<Bytes> {
    let signature = int(r)?;
    if signature != UNIT_SIGNATURE {
        return Err(r.invalid("IWbemContext object", signature));
    }
    let len = int(r)?;
    let body = r.bytes("IWbemContext object", len as usize)?;
    let mut unit = BytesMut::with_capacity(8 + body.len());
    unit.put_u32_le(signature);
    unit.put_u32_le(len);
    unit.put_slice(&body);
    Ok(unit.freeze())
}

/// A value as an element of an array has it.
fn put_value(out: &mut BytesMut, value: &ContextValue) {
    match value {
        ContextValue::Null | ContextValue::Array(..) => {}
        ContextValue::I1(v) => out.put_i8(*v),
        ContextValue::I2(v) => out.put_i16_le(*v),
        ContextValue::I4(v) => out.put_i32_le(*v),
        ContextValue::R4(v) => {
            out.put_f32_le(*v);
            out.put_u32_le(0);
        }
        ContextValue::R8(v) => out.put_f64_le(*v),
        ContextValue::Ui1(v) => out.put_u8(*v),
        ContextValue::Ui2(v) => out.put_u16_le(*v),
        ContextValue::Ui4(v) => out.put_u32_le(*v),
        ContextValue::Bool(v) => out.put_u16_le(if *v { 0xffff } else { 0 }),
        ContextValue::Text(v) => put_text(out, v),
        ContextValue::Object(v) => out.put_slice(v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_type() -> Context {
        use ContextValue::*;
        let unit = Bytes::from_static(b"\x78\x56\x34\x12\x02\0\0\0ab");
        let values = [
            ("__ProviderArchitecture", I4(64)),
            ("__RequiredArchitecture", Bool(true)),
            ("n", Null),
            ("a", I1(-1)),
            ("b", I2(-2)),
            ("c", R4(1.5)),
            ("d", R8(2.5)),
            ("e", Ui1(3)),
            ("f", Ui2(4)),
            ("g", Ui4(5)),
            ("h", Text("é".into())),
            ("i", Object(unit)),
            ("j", Array(8, vec![Text("x".into()), Text(String::new())])),
            ("k", Array(4, vec![R4(1.0), R4(2.0)])),
            ("l", Array(11, vec![Bool(true), Bool(false)])),
            ("m", Array(3, vec![])),
        ];
        Context { id: Guid([7; 16]), values: values.map(|(n, v)| (n.to_owned(), v)).into() }
    }

    #[test]
    fn a_context_of_every_type_returns_and_a_cut_one_does_not() {
        let context = every_type();
        let octets = context.to_octets();
        assert_eq!(Context::from_pointer(&context.to_pointer()), Ok(context.clone()));
        assert_eq!(context.value("__providerarchitecture"), Some(&ContextValue::I4(64)));
        for cut in 0..octets.len() {
            assert!(Context::from_octets(octets.slice(..cut)).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn lengths_in_octets_are_read_too() {
        let mut octets = vec![1, 0, 0, 0];
        octets.extend([0; 16]);
        octets.extend([1, 0, 0, 0, 4, 0, 0, 0, b'a', 0, b'b', 0, 0, 0, 0, 0, 3, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        let context = Context::from_octets(octets.into()).unwrap();
        assert_eq!(context.values, [("ab".to_owned(), ContextValue::I4(9))]);
    }

    #[test]
    fn an_array_of_nothing_cannot_be_long() {
        let mut octets = vec![1, 0, 0, 0];
        octets.extend([0; 16]);
        octets.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
        assert!(Context::from_octets(octets.into()).is_err());
    }
}
