#![no_main]

#[path = "../../crates/scanner/tests/fuzzed/scan.rs"]
mod scan;
#[path = "../../crates/scanner/tests/agreement/store.rs"]
mod store;

libfuzzer_sys::fuzz_target!(|data: &[u8]| scan::run(data));
