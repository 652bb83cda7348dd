//! Error information beside a failing call ([MS-DCOM] 2.2.21.1 to 2.2.21.3).

use crate::{Clsid, CustomObjRef, Extent, Extents, Iid, InterfacePointer, ObjRef};
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Guid, Limits, Reader, guid};

/// Id of the extent.
const CLSID_ERROR_EXTENSION: Guid = guid!("0000031c-0000-0000-c000-000000000046");
/// Class of the object in it.
const CLSID_ERROR_OBJECT: Clsid = Clsid(guid!("0000031b-0000-0000-c000-000000000046"));
/// IErrorInfo.
const IID_IERROR_INFO: Iid = Iid(guid!("1cf2b120-547d-101b-8e65-08002b2bd119"));

/// Characters read of each text at most.
const TEXT_MAX: u32 = 4096;

/// Why a call failed, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorInfo {
    /// Help context; mostly zero.
    pub help_context: u32,
    /// Interface that returned the error.
    pub iid: Iid,
    /// Who reports: for WMI the program.
    pub source: Option<String>,
    /// What happened.
    pub description: Option<String>,
    /// Help file.
    pub help_file: Option<String>,
}

impl ErrorInfo {
    /// The extent that carries it.
    pub fn to_extent(&self) -> Extent {
        let mut data = BytesMut::new();
        data.put_u32_le(0);
        data.put_u32_le(self.help_context);
        data.put_slice(&self.iid.0.0);
        for text in [&self.source, &self.description, &self.help_file] {
            let Some(text) = text else {
                data.put_u32_le(0);
                continue;
            };
            let units: Vec<u16> = text.encode_utf16().take(TEXT_MAX as usize - 1).chain([0]).collect();
            data.put_u32_le(u32::MAX);
            data.put_u32_le(units.len() as u32);
            data.put_u32_le(0);
            data.put_u32_le(units.len() as u32);
            units.iter().for_each(|u| data.put_u16_le(*u));
        }
        let pointer = InterfacePointer::from(CustomObjRef::new(IID_IERROR_INFO, CLSID_ERROR_OBJECT, data.freeze()));
        Extent { id: CLSID_ERROR_EXTENSION, data: pointer.0 }
    }

    /// The error information among extents, if there is any that we can read: a lost explanation is no reason to lose the error.
    pub fn from_extents(extents: &Extents) -> Option<Self> {
        extents.0.iter().filter(|e| e.id == CLSID_ERROR_EXTENSION).find_map(|e| Self::from_octets(&e.data))
    }

    fn from_octets(octets: &Bytes) -> Option<Self> {
        // The specification puts the reference itself here; one with an MInterfacePointer's lengths in front is read too.
        let at = octets.windows(4).take(9).position(|w| w == b"MEOW")?;
        let ObjRef::Custom(custom) = ObjRef::from_octets(octets.slice(at..)).ok()? else { return None };
        if custom.clsid != CLSID_ERROR_OBJECT {
            return None;
        }
        let r = &mut Reader::new(custom.data, Limits::default());
        let _version: [u8; 4] = r.array("version").ok()?;
        let help_context = r.array("help context").map(u32::from_le_bytes).ok()?;
        let iid = Iid(Guid(r.array("iid").ok()?));
        Some(ErrorInfo { help_context, iid, source: text(r)?, description: text(r)?, help_file: text(r)? })
    }
}

/// A text behind its signature; the outer `None` is a malformed one.
fn text(r: &mut Reader) -> Option<Option<String>> {
    if r.array("signature").ok()? == [0; 4] {
        return Some(None);
    }
    let _max: [u8; 4] = r.array("max").ok()?;
    let _offset: [u8; 4] = r.array("offset").ok()?;
    let n = r.array("actual").map(u32::from_le_bytes).ok()?;
    if TEXT_MAX < n {
        return None;
    }
    let octets = r.bytes("text", n as usize * 2).ok()?;
    let units = octets.as_chunks::<2>().0.iter().map(|c| u16::from_le_bytes(*c)).take_while(|u| *u != 0);
    Some(Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_information_returns() {
        let info = ErrorInfo {
            help_context: 3,
            iid: Iid::IUNKNOWN,
            source: Some("rwmi".into()),
            description: Some("Invalid class ".into()),
            help_file: None,
        };
        let extent = info.to_extent();
        assert_eq!(ErrorInfo::from_extents(&Extents(vec![extent.clone()])), Some(info));
        for cut in 0..extent.data.len() {
            assert_eq!(ErrorInfo::from_octets(&extent.data.slice(..cut)), None);
        }
    }
}
