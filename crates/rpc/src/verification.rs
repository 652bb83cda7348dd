//! The verification trailer ([MS-RPCE] 2.2.2.13): the client repeats, inside the protected stub, what was negotiated in clear.
//!
//! ```text
//! stub | up to 3 octets | 8a e3 13 71 02 f4 36 71 | command(2) length(2) data | ... the last one with bit 0x4000
//! ```

use crate::SyntaxId;
use crate::pdu::{DREP, NDR, PduType};
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Limits, Reader};

const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
const BITMASK: u16 = 1;
const CONTEXT: u16 = 2;
const HEADER2: u16 = 3;
/// Bit of the last command.
const END: u16 = 0x4000;
/// Bit of a command that must be understood.
const MUST: u16 = 0x8000;
/// In the bit mask: the client can sign headers.
const CLIENT_SIGNS_HEADERS: u32 = 1;
/// How far from the end the signature is looked for, in octets. Longer than any trailer that is known.
const SEARCH_LEN: usize = 1024;

/// What a trailer is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Negotiated {
    pub(crate) interface: SyntaxId,
    pub(crate) header_signing: bool,
    pub(crate) call_id: u32,
    pub(crate) context_id: u16,
    pub(crate) opnum: u16,
}

/// The stub with a trailer: the bit mask where `bitmask`, then the presentation context.
pub(crate) fn append(stub: &Bytes, bitmask: bool, interface: &SyntaxId) -> Bytes {
    let mut out = BytesMut::with_capacity(stub.len() + 64);
    out.put_slice(stub);
    out.put_bytes(0, stub.len().wrapping_neg() & 3);
    out.put_slice(&SIGNATURE);
    if bitmask {
        out.put_u16_le(BITMASK);
        out.put_u16_le(4);
        out.put_u32_le(CLIENT_SIGNS_HEADERS);
    }
    out.put_u16_le(CONTEXT | END);
    out.put_u16_le(40);
    interface.put(&mut out);
    NDR.put(&mut out);
    out.freeze()
}

/// Takes a trailer off and compares it. `None` where it contradicts what was negotiated: somebody changed the bind under way.
pub(crate) fn check(stub: Bytes, negotiated: &Negotiated) -> Option<Bytes> {
    // Searched for, instead of trusting where the arguments end: clients pad between the two.
    let last = stub.len().checked_sub(SIGNATURE.len()).map(|at| at & !3);
    let earliest = stub.len().saturating_sub(SEARCH_LEN);
    let mut at = last;
    while let Some(place) = at.filter(|at| earliest <= *at) {
        let tail = stub.slice(place..);
        // What only looks like a trailer, because it does not end where the stub ends, are arguments.
        if tail.starts_with(&SIGNATURE)
            && let Some(commands) = commands(tail)
        {
            return commands.iter().all(|(command, data)| holds(*command, data, negotiated)).then(|| stub.slice(..place));
        }
        at = place.checked_sub(4);
    }
    Some(stub)
}

/// The commands of a trailer that ends exactly with the stub.
fn commands(tail: Bytes) -> Option<Vec<(u16, Bytes)>> {
    let mut r = Reader::new(tail, Limits::default());
    r.skip("signature", SIGNATURE.len()).ok()?;
    let mut commands = Vec::new();
    loop {
        let command = u16::from_le_bytes(r.array("command").ok()?);
        let len = u16::from_le_bytes(r.array("length").ok()?);
        commands.push((command, r.bytes("command data", len.into()).ok()?));
        if command & END != 0 {
            return r.is_empty().then_some(commands);
        }
    }
}

fn holds(command: u16, data: &Bytes, negotiated: &Negotiated) -> bool {
    let mut expect = BytesMut::new();
    match command & !(END | MUST) {
        BITMASK => {
            // Windows sets the flag on the PDU that began the security context, be it bind or alter_context.
            let bits = data.first_chunk().map_or(0, |bits| u32::from_le_bytes(*bits));
            return bits & CLIENT_SIGNS_HEADERS == 0 || negotiated.header_signing;
        }
        CONTEXT => {
            negotiated.interface.put(&mut expect);
            NDR.put(&mut expect);
        }
        HEADER2 => {
            expect.put_slice(&[PduType::REQUEST.0, 0, 0, 0]);
            expect.put_slice(&DREP);
            expect.put_u32_le(negotiated.call_id);
            expect.put_u16_le(negotiated.context_id);
            expect.put_u16_le(negotiated.opnum);
        }
        _ => return command & MUST == 0,
    }
    *data == expect
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::guid;

    const INTERFACE: SyntaxId = SyntaxId { uuid: guid!("00000143-0000-0000-c000-000000000046"), major: 0, minor: 0 };
    const GOOD: Negotiated = Negotiated { interface: INTERFACE, header_signing: true, call_id: 7, context_id: 2, opnum: 3 };

    fn tail(commands: &[(u16, &[u8])]) -> Bytes {
        let mut out = BytesMut::from(&b"stub"[..]);
        out.put_slice(&SIGNATURE);
        for (command, data) in commands {
            out.put_u16_le(*command);
            out.put_u16_le(data.len() as u16);
            out.put_slice(data);
        }
        out.freeze()
    }

    #[test]
    fn what_the_client_appends_the_server_takes_off() {
        for len in 0..9 {
            let stub = Bytes::from(vec![0x5a; len]);
            for bitmask in [false, true] {
                let got = check(append(&stub, bitmask, &INTERFACE), &GOOD).unwrap();
                assert_eq!(got.slice(..len), stub);
                assert!(got.len() < len + 4, "at most the padding stays");
            }
        }
    }

    #[test]
    fn a_trailer_that_contradicts_the_bind_is_refused() {
        let other = SyntaxId { major: 1, ..INTERFACE };
        let signed = append(&Bytes::new(), true, &INTERFACE);
        assert_eq!(check(append(&Bytes::new(), false, &other), &GOOD), None);
        assert_eq!(check(signed, &Negotiated { header_signing: false, ..GOOD }), None);
        let header2 = [0, 0, 0, 0, 0x10, 0, 0, 0, 7, 0, 0, 0, 2, 0, 3, 0];
        assert!(check(tail(&[(HEADER2 | END, &header2)]), &GOOD).is_some());
        assert_eq!(check(tail(&[(HEADER2 | END, &header2)]), &Negotiated { opnum: 4, ..GOOD }), None);
        assert_eq!(check(tail(&[(HEADER2 | END, &header2[..15])]), &GOOD), None);
    }

    #[test]
    fn unknown_commands_count_only_where_they_must_be_understood() {
        assert_eq!(check(tail(&[(9, b"data"), (BITMASK | END, &[1, 0, 0, 0])]), &GOOD), Some(Bytes::from_static(b"stub")));
        assert_eq!(check(tail(&[(9 | MUST | END, b"data")]), &GOOD), None);
    }

    #[test]
    fn what_is_no_whole_trailer_stays() {
        let whole = tail(&[(BITMASK | END, &[1, 0, 0, 0])]);
        for end in 0..whole.len() {
            let cut = whole.slice(..end);
            assert_eq!(check(cut.clone(), &GOOD), Some(cut));
        }
    }
}
