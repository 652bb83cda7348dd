#![no_main]
use rwmi_oracles::ndr;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| ndr(octets));
