#![no_main]
use rwmi_oracles::wmio;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| wmio(octets));
