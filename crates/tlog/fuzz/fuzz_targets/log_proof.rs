//! Fuzzes the parser of proofs of entries.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    charter_tlog_fuzz::log_proof(bytes);
});
