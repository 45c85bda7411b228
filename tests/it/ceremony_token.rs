//! A holder whose private key is in a PKCS#11 token, of SoftHSM2, takes part in a ceremony.

use charter_tests::{
    program::{built, root},
    terminal::{self, Done, Terminal},
};

use crate::pkcs11::{MODULE, make_token};

/// `charterd ceremony`, in a folder of its own.
async fn ceremony(terminal: &Terminal, args: &[&str]) -> Done {
    let home = terminal.home();
    let mut command = terminal::command(&built("charterd"), home, &[&["ceremony"][..], args].concat());
    command.current_dir(home).env("SOFTHSM2_CONF", home.join("softhsm2.conf"));
    terminal::run(command).await
}

#[tokio::test]
async fn a_key_in_a_token_signs_a_version() {
    let terminal = Terminal::default();
    make_token(terminal.home()).await;
    let list = root().join("schemas/examples/trust-anchors.json");
    std::fs::copy(list, terminal.home().join("root.json")).expect("copied");
    let token = ["--module", MODULE, "--token-label", "charter", "--pin-file", "pin"];
    let made = ceremony(&terminal, &[&["key", "--out", "dag.key"][..], &token].concat()).await;
    assert_eq!(made.code, 0, "{made:?}");
    let filed = std::fs::read_to_string(terminal.home().join("dag.key")).expect("a file");
    assert!(filed.contains("pkcs11:object="), "the private key is elsewhere: {filed}");
    let draft = ["init", "--out", "draft", "--add-key", "dag.key.pub", "--threshold", "1"];
    let draft = [&draft[..], &["--add-anchors", "root.json", "--expires", "2098-01-01T00:00:00Z"]].concat();
    let drafted = ceremony(&terminal, &draft).await;
    let fingerprint = drafted.out.lines().find_map(|line| line.strip_prefix("fingerprint "));
    let fingerprint = fingerprint.expect("a fingerprint");
    let sign = ["sign", "draft", "--key", "dag.key", "--out", "signed", "--fingerprint", fingerprint];
    let signed = ceremony(&terminal, &[&sign[..], &token].concat()).await;
    assert_eq!(signed.code, 0, "{signed:?}");
    let done = ceremony(&terminal, &["finish", "signed", "--out", "published"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let file = terminal.home().join("published/1.json").display().to_string();
    let verified = terminal.charter(&["anchors", "verify", &file, "--fingerprint", fingerprint]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}
