//! The programs that the harness built, beside this test binary.

use std::path::PathBuf;

/// `charterd` or `charter`, as built for these tests.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let path = own.ancestors().nth(2).expect("target/debug").join(name);
    assert!(path.is_file(), "{} is missing: run `make test`", path.display());
    path
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}
