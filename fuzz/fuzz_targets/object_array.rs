#![no_main]
use rwmi_oracles::object_array;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| object_array(octets));
