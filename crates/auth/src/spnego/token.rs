//! Tokens on the wire (RFC 4178 section 4.2).

use crate::AuthError;
use crate::der::{self, APPLICATION_0, ENUMERATED, OCTET_STRING, OID, Reader, SEQUENCE, context};
use std::fmt;

/// An object identifier: its contents octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oid<'a>(pub &'a [u8]);

impl Oid<'static> {
    /// 1.3.6.1.5.5.2, SPNEGO itself.
    pub const SPNEGO: Oid<'static> = Oid(&[0x2b, 6, 1, 5, 5, 2]);
    /// 1.3.6.1.4.1.311.2.2.10, NTLM.
    pub const NTLM: Oid<'static> = Oid(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10]);
    /// 1.2.840.113554.1.2.2, Kerberos.
    pub const KERBEROS: Oid<'static> = Oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
    /// 1.2.840.48018.1.2.2, Kerberos as Windows 2000 spelled it, and as Windows still prefers it.
    pub const MS_KERBEROS: Oid<'static> = Oid(&[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2]);
}

impl fmt::Debug for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({:02x?})", self.0)
    }
}

/// How far the negotiation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The context stands.
    AcceptCompleted,
    /// More tokens are to come.
    AcceptIncomplete,
    /// No.
    Reject,
    /// As incomplete, and the signatures of the mechanism list must be exchanged.
    RequestMic,
}

/// The initiator's first token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init<'a> {
    /// The list of mechanisms as it was sent, tag and length included: what the MIC is of.
    pub mech_list: &'a [u8],
    /// The mechanisms, the initiator's favourite first.
    pub mechs: Vec<Oid<'a>>,
    /// First token of the first mechanism.
    pub token: Option<&'a [u8]>,
    /// Signature of the list.
    pub mic: Option<&'a [u8]>,
}

/// Any later token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Response<'a> {
    /// Sent by acceptors, and by few initiators.
    pub state: Option<State>,
    /// What was chosen, in the acceptor's first answer.
    pub mech: Option<Oid<'a>>,
    /// The mechanism's token.
    pub token: Option<&'a [u8]>,
    /// Signature of the list.
    pub mic: Option<&'a [u8]>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// Starts a negotiation.
    Init(Init<'a>),
    /// Goes on with it.
    Response(Response<'a>),
}

/// Most mechanisms in a list.
pub const MECHS_MAX: usize = 32;

/// Reads a token. Fields after the known ones are let be, octets after the token are not.
pub fn decode(octets: &[u8]) -> Result<Token<'_>, AuthError> {
    let mut reader = Reader::new(octets);
    let outer = reader.element()?;
    if !reader.is_empty() {
        return Err(AuthError::Malformed("octets after the SPNEGO token".into()));
    }
    match outer.tag {
        tag if tag == context(1) => response(outer.inside()).map(Token::Response),
        // Some initiators leave the GSS frame out.
        tag if tag == context(0) => init(outer.inside()).map(Token::Init),
        APPLICATION_0 => {
            let mut inside = outer.inside();
            if inside.expect(OID)?.contents != Oid::SPNEGO.0 {
                return Err(AuthError::Unsupported("a GSS token of a mechanism that was not negotiated"));
            }
            init(inside.expect(context(0))?.inside()).map(Token::Init)
        }
        tag => Err(AuthError::Malformed(format!("SPNEGO token with tag {tag:#04x}"))),
    }
}

fn init<'a>(mut reader: Reader<'a>) -> Result<Init<'a>, AuthError> {
    let mut fields = reader.expect(SEQUENCE)?.inside();
    let list = fields.expect(context(0))?.inside().expect(SEQUENCE)?;
    let mut mechs = Vec::new();
    let mut items = list.inside();
    while !items.is_empty() {
        if mechs.len() == MECHS_MAX {
            return Err(AuthError::Malformed("more than 32 mechanisms".into()));
        }
        mechs.push(Oid(items.expect(OID)?.contents));
    }
    fields.optional(context(1))?; // context flags: not protected, so not believed
    let token = octet_string(&mut fields, 2)?;
    // In a server's NegTokenInit2 field 3 is hints and the MIC is field 4 ([MS-SPNG] 2.2.1).
    let mut mic = None;
    if let Some(field) = fields.optional(context(3))?
        && field.inside().peek() == Some(OCTET_STRING)
    {
        mic = Some(field.inside().expect(OCTET_STRING)?.contents);
    }
    if let Some(found) = octet_string(&mut fields, 4)? {
        mic = Some(found);
    }
    Ok(Init { mech_list: list.whole, mechs, token, mic })
}

fn response<'a>(mut reader: Reader<'a>) -> Result<Response<'a>, AuthError> {
    let mut fields = reader.expect(SEQUENCE)?.inside();
    let state = match fields.optional(context(0))? {
        None => None,
        Some(field) => match field.inside().expect(ENUMERATED)?.contents {
            [0] => Some(State::AcceptCompleted),
            [1] => Some(State::AcceptIncomplete),
            [2] => Some(State::Reject),
            [3] => Some(State::RequestMic),
            other => return Err(AuthError::Malformed(format!("negotiation state {other:?}"))),
        },
    };
    let mech = match fields.optional(context(1))? {
        None => None,
        Some(field) => Some(Oid(field.inside().expect(OID)?.contents)),
    };
    Ok(Response { state, mech, token: octet_string(&mut fields, 2)?, mic: octet_string(&mut fields, 3)? })
}

fn octet_string<'a>(fields: &mut Reader<'a>, n: u8) -> Result<Option<&'a [u8]>, AuthError> {
    let Some(field) = fields.optional(context(n))? else { return Ok(None) };
    Ok(Some(field.inside().expect(OCTET_STRING)?.contents))
}

/// A mechanism list, tag and length included.
pub(super) fn mech_list(mechs: &[Oid<'_>]) -> Vec<u8> {
    let items: Vec<Vec<u8>> = mechs.iter().map(|mech| der::element(OID, &[mech.0])).collect();
    let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
    der::element(SEQUENCE, &items)
}

/// An initiator's first token, in its GSS frame.
pub(super) fn encode_init(mech_list: &[u8], token: &[u8]) -> Vec<u8> {
    let list = der::element(context(0), &[mech_list]);
    let token = der::element(context(2), &[&der::element(OCTET_STRING, &[token])]);
    let init = der::element(context(0), &[&der::element(SEQUENCE, &[&list, &token])]);
    der::element(APPLICATION_0, &[&der::element(OID, &[Oid::SPNEGO.0]), &init])
}

impl Response<'_> {
    /// Writes it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let field = |n, tag, contents: Option<&[u8]>| match contents {
            Some(contents) => der::element(context(n), &[&der::element(tag, &[contents])]),
            None => Vec::new(),
        };
        let state = self.state.map(|state| match state {
            State::AcceptCompleted => [0],
            State::AcceptIncomplete => [1],
            State::Reject => [2],
            State::RequestMic => [3],
        });
        let state = field(0, ENUMERATED, state.as_ref().map(<[u8; 1]>::as_slice));
        let mech = field(1, OID, self.mech.map(|mech| mech.0));
        let (token, mic) = (field(2, OCTET_STRING, self.token), field(3, OCTET_STRING, self.mic));
        der::element(context(1), &[&der::element(SEQUENCE, &[&state, &mech, &token, &mic])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_token_reads_back() {
        let list = mech_list(&[Oid::MS_KERBEROS, Oid::NTLM]);
        let octets = encode_init(&list, b"token");
        let Token::Init(init) = decode(&octets).unwrap() else { panic!() };
        assert_eq!(init, Init { mech_list: &list, mechs: vec![Oid::MS_KERBEROS, Oid::NTLM], token: Some(b"token"), mic: None });
        for len in 0..octets.len() {
            assert!(decode(&octets[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_later_token_reads_back_with_any_of_its_fields() {
        for state in [None, Some(State::AcceptCompleted), Some(State::AcceptIncomplete), Some(State::Reject), Some(State::RequestMic)] {
            for (token, mic) in [(None, None), (Some(&[7; 300][..]), None), (None, Some(&b"mic"[..])), (Some(&b""[..]), Some(&b"m"[..]))] {
                let response = Response { state, mech: token.map(|_| Oid::NTLM), token, mic };
                let octets = response.encode();
                assert_eq!(decode(&octets).unwrap(), Token::Response(response));
                for len in 0..octets.len() {
                    assert!(decode(&octets[..len]).is_err(), "{len}");
                }
            }
        }
    }

    #[test]
    fn hints_are_no_mic() {
        let list = mech_list(&[Oid::NTLM]);
        let hints = der::element(context(3), &[&der::element(SEQUENCE, &[&der::element(context(0), &[b"hint"])])]);
        let init = der::element(SEQUENCE, &[&der::element(context(0), &[&list]), &hints]);
        let octets = der::element(context(0), &[&init]);
        let Token::Init(init) = decode(&octets).unwrap() else { panic!() };
        assert_eq!((init.token, init.mic), (None, None));
    }

    #[test]
    fn octets_after_the_token_are_refused() {
        let mut octets = Response::default().encode();
        octets.push(0);
        assert!(matches!(decode(&octets), Err(AuthError::Malformed(_))));
    }

    #[test]
    fn a_list_has_a_greatest_length() {
        let octets = encode_init(&mech_list(&[Oid::NTLM; MECHS_MAX + 1]), b"");
        assert!(matches!(decode(&octets), Err(AuthError::Malformed(_))));
    }

    #[test]
    fn bent_tokens_do_no_harm() {
        let list = mech_list(&[Oid::KERBEROS, Oid::NTLM]);
        let response = Response { state: Some(State::RequestMic), mech: Some(Oid::NTLM), token: Some(b"t"), mic: Some(b"m") };
        for octets in [encode_init(&list, b"token"), response.encode()] {
            for at in 0..octets.len() {
                for value in 0..=255 {
                    let mut bent = octets.clone();
                    bent[at] = value;
                    let _ = decode(&bent);
                }
            }
        }
    }
}
