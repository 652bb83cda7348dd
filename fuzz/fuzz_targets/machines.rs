#![no_main]
use rwmi_oracles::machines;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| machines(octets));
