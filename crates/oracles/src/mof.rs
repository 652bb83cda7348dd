/// A text in MOF. What compiles is printed, and what was printed compiles to the same.
pub fn mof(octets: &[u8]) {
    rwmi_cim::mof::exercise::octets(octets);
}
