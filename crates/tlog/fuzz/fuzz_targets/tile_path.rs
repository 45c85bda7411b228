//! Fuzzes the parser of paths of tiles.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    charter_tlog_fuzz::tile_path(bytes);
});
