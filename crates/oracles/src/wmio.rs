use rwmi_wmio::exercise;

/// An EncodingUnit, as a server and as a client writes it, or the ObjectBlock of one. Every value is decoded; what decodes in
/// full is the same after it was encoded.
pub fn wmio(octets: &[u8]) {
    exercise::unit(octets);
    let len = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    if !octets.starts_with(SIGNATURE) {
        exercise::unit(&[SIGNATURE, &len.to_le_bytes(), octets].concat());
    }
}

const SIGNATURE: &[u8] = b"\x78\x56\x34\x12";
