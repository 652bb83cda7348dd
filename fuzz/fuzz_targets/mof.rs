#![no_main]
use rwmi_oracles::mof;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| mof(octets));
