//! Fuzzes the parser of trust policies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    charter_tlog_fuzz::policy(bytes);
});
