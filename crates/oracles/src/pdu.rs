use bytes::{Bytes, BytesMut};
use rwmi_rpc::pdu::{Body, Pdu, take_pdu};

/// A stream of PDUs. What is a PDU is written again as it came, and what is whole is taken whole.
pub fn pdu(octets: &[u8]) {
    let mut stream = BytesMut::from(octets);
    let mut left = octets;
    while let Ok(Some((header, frame))) = take_pdu(&mut stream) {
        let len = usize::from(header.frag_len);
        let (whole, rest) = left.split_at(len);
        assert_eq!(whole, frame, "a PDU is not what stood in the stream");
        left = rest;
        one(frame.freeze());
    }
    assert_eq!(left, stream, "the stream lost octets");
}

fn one(octets: Bytes) {
    let Ok(pdu) = Pdu::parse(octets.clone()) else { return };
    match &pdu.body {
        Body::BindNak(nak) => drop(nak.extended_error()),
        Body::Fault(fault) => drop(fault.extended_error()),
        _ => {}
    }
    let again = pdu.encode();
    assert_eq!(again.as_ref(), Ok(&octets), "a PDU is not written as it came: {pdu:?}");
}
