//! PDUs, one after the other.

use super::hex;
use crate::report::Failure;
use rwmi_rpc::pdu::{AuthTrailer, Bind, BindAck, Body, Features, Flags, HEADER_LEN, Header, NDR, NDR64, Pdu, PduType};
use rwmi_rpc::{Bytes, SyntaxId};
use serde_json::{Value as Json, json};

/// Every field of a PDU; of several, in an array.
pub(super) fn json(octets: &Bytes) -> Result<Json, Failure> {
    let mut pdus = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let bad = |e: &dyn std::fmt::Display| Failure::new(format!("not a PDU at octet {at}: {e}"));
        let rest = octets.slice(at..);
        let header = Header::parse(&rest).map_err(|e| bad(&e))?;
        let header = header.ok_or_else(|| bad(&format!("a header has {HEADER_LEN} octets, {} are left", rest.len())))?;
        let len = usize::from(header.frag_len);
        if rest.len() < len {
            return Err(bad(&format!("it has {len} octets, {} are left", rest.len())));
        }
        let pdu = Pdu::parse(rest.slice(..len)).map_err(|e| bad(&e))?;
        pdus.push(show(&header, &pdu));
        at += len;
    }
    match pdus.len() {
        0 => Err(Failure::new("there are no octets")),
        1 => Ok(pdus.remove(0)),
        _ => Ok(pdus.into()),
    }
}

fn show(header: &Header, pdu: &Pdu) -> Json {
    let mut out = json!({
        "type": format!("{:?}", header.ptype),
        "version": [5, header.minor],
        "flags": flags(header),
        "drep": hex(&header.drep),
        "frag_length": header.frag_len,
        "auth_length": header.auth_len,
        "call_id": header.call_id,
    });
    let body = match &pdu.body {
        Body::Bind(b) | Body::AlterContext(b) => bind(b),
        Body::BindAck(b) | Body::AlterContextResp(b) => bind_ack(b),
        Body::BindNak(n) => json!({
            "reason": n.reason.to_string(),
            "versions": n.versions.as_ref().map(|v| v.iter().map(|(major, minor)| json!([major, minor])).collect::<Vec<_>>()),
            "tail": hex(&n.tail),
        }),
        Body::Request(r) => json!({
            "alloc_hint": r.alloc_hint,
            "context_id": r.context_id,
            "opnum": r.opnum,
            "object": r.object.map(|o| o.to_string()),
            "stub": hex(&r.stub),
        }),
        Body::Response(r) => json!({
            "alloc_hint": r.alloc_hint,
            "context_id": r.context_id,
            "cancel_count": r.cancel_count,
            "reserved": r.reserved,
            "stub": hex(&r.stub),
        }),
        Body::Fault(f) => json!({
            "alloc_hint": f.alloc_hint,
            "context_id": f.context_id,
            "cancel_count": f.cancel_count,
            "fault_flags": f.flags,
            "status": f.status.to_string(),
            "meaning": f.status.meaning(),
            "tail": hex(&f.tail),
        }),
        Body::Auth3(octets) => json!({ "pad": hex(octets) }),
        Body::Other(_, octets) => json!({ "octets": hex(octets) }),
        _ => json!({}),
    };
    if let (Json::Object(out), Json::Object(body)) = (&mut out, body) {
        out.extend(body);
    }
    if let Some(auth) = &pdu.auth {
        out["auth"] = trailer(auth);
    }
    out
}

/// The bits by their names; one bit means two things, as the type has it.
fn flags(header: &Header) -> Json {
    let mut names = Vec::new();
    let has = |f: Flags| header.flags.has(f);
    for (flag, name) in [(Flags::FIRST, "first"), (Flags::LAST, "last")] {
        names.extend(has(flag).then_some(name));
    }
    let handshake =
        [PduType::BIND, PduType::BIND_ACK, PduType::ALTER_CONTEXT, PduType::ALTER_CONTEXT_RESP, PduType::AUTH3].contains(&header.ptype);
    names.extend(has(Flags::HEADER_SIGNING).then_some(if handshake { "header_signing" } else { "pending_cancel" }));
    for (flag, name) in
        [(Flags::MULTIPLEX, "multiplex"), (Flags::DID_NOT_EXECUTE, "did_not_execute"), (Flags::MAYBE, "maybe"), (Flags::OBJECT, "object")]
    {
        names.extend(has(flag).then_some(name));
    }
    json!({ "value": format!("{:#04x}", header.flags.0), "names": names })
}

fn syntax(syntax: &SyntaxId) -> Json {
    let features = Features::of(syntax).map(|f| format!("bind-time features {:#04x}", f.0));
    let name = match *syntax {
        s if s == NDR => Some("NDR".to_owned()),
        s if s == NDR64 => Some("NDR64".to_owned()),
        s => features.or_else(|| super::stub::name_of(s.uuid).map(str::to_owned)),
    };
    json!({ "uuid": syntax.uuid.to_string(), "version": [syntax.major, syntax.minor], "name": name })
}

fn bind(bind: &Bind) -> Json {
    let contexts: Vec<Json> = bind
        .contexts
        .iter()
        .map(|c| json!({ "id": c.id, "interface": syntax(&c.interface), "transfer": c.transfer.iter().map(syntax).collect::<Vec<_>>() }))
        .collect();
    json!({ "max_xmit": bind.max_xmit, "max_recv": bind.max_recv, "group": bind.group, "contexts": contexts, "tail": hex(&bind.tail) })
}

fn bind_ack(ack: &BindAck) -> Json {
    let results: Vec<Json> = ack
        .results
        .iter()
        .map(|r| json!({ "result": r.result, "reason": r.reason, "meaning": r.to_string(), "transfer": syntax(&r.transfer) }))
        .collect();
    let address = ack.address.split(|b| *b == 0).next().unwrap_or_default();
    json!({
        "max_xmit": ack.max_xmit,
        "max_recv": ack.max_recv,
        "group": ack.group,
        "address": String::from_utf8_lossy(address),
        "results": results,
        "tail": hex(&ack.tail),
    })
}

fn trailer(auth: &AuthTrailer) -> Json {
    let mechanism = match auth.auth_type.0 {
        9 => "SPNEGO",
        10 => "NTLM",
        14 => "Schannel",
        16 => "Kerberos",
        68 => "Netlogon",
        _ => "unknown",
    };
    let level = match auth.level {
        1 => "none",
        2 => "connect",
        3 => "call",
        4 => "packet",
        5 => "integrity",
        6 => "privacy",
        _ => "unknown",
    };
    json!({
        "type": auth.auth_type.0,
        "mechanism": mechanism,
        "level": auth.level,
        "level_name": level,
        "pad_length": auth.pad_len,
        "reserved": auth.reserved,
        "context_id": auth.context_id,
        "token": hex(&auth.token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_auth::AuthType;
    use rwmi_rpc::pdu::{ContextElement, Request};

    fn samples() -> Vec<u8> {
        let interface = SyntaxId { uuid: rwmi_ndr::guid!("99fcfec4-5260-101b-bbcb-00aa0021347a"), major: 0, minor: 0 };
        let contexts = vec![ContextElement::new(0, interface, NDR)];
        let bind = Bind { max_xmit: 5840, max_recv: 5840, group: 0, reserved: [0; 3], contexts, tail: Bytes::new() };
        let auth =
            AuthTrailer { auth_type: AuthType::NTLM, level: 6, pad_len: 0, reserved: 0, context_id: 7, token: Bytes::from_static(b"NTLM") };
        let request = Request { alloc_hint: 4, context_id: 0, opnum: 3, object: None, stub: Bytes::from_static(&[1, 2, 3, 4]) };
        let bind = Pdu::new(Flags::HEADER_SIGNING, 1, Body::Bind(bind), Some(auth));
        let request = Pdu::new(Flags::default(), 2, Body::Request(request), None);
        [bind.encode().unwrap(), request.encode().unwrap()].concat()
    }

    #[test]
    fn every_field_of_several_pdus_is_shown() {
        let json = json(&samples().into()).unwrap();
        assert_eq!(json[0]["type"], "bind");
        assert_eq!(json[0]["flags"]["names"], json!(["first", "last", "header_signing"]));
        assert_eq!(json[0]["contexts"][0]["interface"]["name"], "IObjectExporter");
        assert_eq!(json[0]["contexts"][0]["transfer"][0]["name"], "NDR");
        assert_eq!(json[0]["auth"]["mechanism"], "NTLM");
        assert_eq!(json[0]["auth"]["token"], "4e544c4d");
        assert_eq!((&json[1]["opnum"], &json[1]["stub"]), (&json!(3), &json!("01020304")));
    }

    #[test]
    fn a_cut_says_where() {
        let octets = samples();
        let first = usize::from(u16::from_le_bytes([octets[8], octets[9]]));
        for cut in 0..octets.len() {
            let result = json(&Bytes::copy_from_slice(&octets[..cut]));
            assert_eq!(result.is_ok(), cut == first, "{cut}");
        }
        let e = json(&Bytes::copy_from_slice(&octets[..first + 3])).unwrap_err();
        assert_eq!(e.message, format!("not a PDU at octet {first}: a header has 16 octets, 3 are left"));
    }
}
