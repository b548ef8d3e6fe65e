#![no_main]

#[path = "../../crates/scanner/tests/fuzzed/schedule.rs"]
mod schedule;

libfuzzer_sys::fuzz_target!(|data: &[u8]| schedule::run(data));
