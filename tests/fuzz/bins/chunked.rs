#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shoutd_fuzz::chunked::check(data));
