#![no_main]
use rwmi_oracles::wql;
libfuzzer_sys::fuzz_target!(|octets: &[u8]| wql(octets));
