//! Fuzzes the parser of signed checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    charter_tlog_fuzz::checkpoint(bytes);
});
