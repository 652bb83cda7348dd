#![no_main]
use rwmi_oracles::object_path;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| object_path(octets));
