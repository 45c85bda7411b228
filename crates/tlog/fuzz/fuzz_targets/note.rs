//! Fuzzes the parser of signed notes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    charter_tlog_fuzz::note(bytes);
});
