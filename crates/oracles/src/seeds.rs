//! What fuzzing starts from: small input for each target, written by the encoders of this project.

mod auth;
mod machines;
mod names;
mod ndr;
mod objects;
mod services;
mod texts;

/// The seeds of a target, each with a name; none where there is no such target.
pub fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "pdu" => machines::pdus(),
        "machines" => machines::machines(),
        "ndr" => ndr::ndr(),
        "auth" => auth::auth(),
        "wmio" => objects::units(),
        "object_array" => objects::packets(),
        "wql" => texts::wql(),
        "mof" => texts::mof(),
        "object_path" => names::paths(),
        "datetime" => names::dates(),
        "services" => services::sequences(),
        _ => Vec::new(),
    }
}

fn named(name: impl std::fmt::Display, octets: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.to_string(), octets.into())
}

/// Octets behind their length in 16 bits.
fn piece(octets: &[u8]) -> Vec<u8> {
    let len = u16::try_from(octets.len()).expect("a seed is short");
    [&len.to_le_bytes(), octets].concat()
}
