#![no_main]
use rwmi_oracles::auth;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| auth(octets));
