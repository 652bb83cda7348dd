#![no_main]
use rwmi_oracles::services;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| services(octets));
