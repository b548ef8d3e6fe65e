#![no_main]

#[path = "../../crates/scanner/tests/fuzzed/names.rs"]
mod names;

libfuzzer_sys::fuzz_target!(|data: &[u8]| names::run(data));
