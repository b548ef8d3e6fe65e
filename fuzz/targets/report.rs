#![no_main]

#[path = "../../crates/scanner/tests/fuzzed/report.rs"]
mod report;

libfuzzer_sys::fuzz_target!(|data: &[u8]| report::run(data));
