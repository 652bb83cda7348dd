#![no_main]
use rwmi_oracles::datetime;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| datetime(octets));
