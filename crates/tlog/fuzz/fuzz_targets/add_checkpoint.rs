//! Fuzzes the parser of the body of a witness request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    charter_tlog_fuzz::add_checkpoint(bytes);
});
