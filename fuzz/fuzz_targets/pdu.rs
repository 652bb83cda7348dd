#![no_main]
use rwmi_oracles::pdu;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| pdu(octets));
