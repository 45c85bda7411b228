//! What needs no token; SoftHSM2 takes its settings from the environment, so a process of its own: `tests/it/pkcs11.rs`.

use super::*;

#[test]
fn a_point_is_read_bare_and_wrapped() {
    let mut bare = vec![0x04];
    bare.extend([7; 32]);
    bare.extend([9; 32]);
    let wrapped = [&[0x04, 0x41], &bare[..]].concat();
    for bytes in [&bare, &wrapped] {
        assert_eq!(point(bytes), Some((&[7; 32][..], &[9; 32][..])));
    }
    // A bare point whose first coordinate begins as the wrapping does.
    bare[1] = 0x41;
    assert_eq!(point(&bare).map(|(x, _)| x[0]), Some(0x41));
    for bad in [&[][..], &[4], &[3; 65], &wrapped[..66], &[4; 64]] {
        assert_eq!(point(bad), None);
    }
}

#[test]
fn a_key_of_ed25519_is_read_bare_and_wrapped() {
    // A bare key that begins as the wrapping does is 32 bytes all the same.
    let bare = [&[0x04, 0x20][..], &[7; 30]].concat();
    let wrapped = [&[0x04, 0x20], &bare[..]].concat();
    assert_eq!((edwards(&wrapped), edwards(&bare)), (Some(&bare[..]), Some(&bare[..])));
    assert_eq!(edwards(&[9; 32]), Some(&[9; 32][..]));
    for bad in [&[][..], &[7; 31], &[7; 33], &wrapped[..33]] {
        assert_eq!(edwards(bad), None);
    }
}

#[test]
fn a_kind_of_key_takes_two_mechanisms() {
    let old = [MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA, MechanismType::EDDSA];
    assert!(suffice(&old, Algorithm::Es256) && !suffice(&old, Algorithm::EdDsa));
    let new = [&old[..], &[MechanismType::ECC_EDWARDS_KEY_PAIR_GEN]].concat();
    assert!(suffice(&new, Algorithm::Es256) && suffice(&new, Algorithm::EdDsa));
    assert!(!suffice(&[], Algorithm::Es256));
}

#[test]
fn what_is_no_module_is_said_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let pin_file = dir.path().join("pin");
    let settings = |pin: &str| {
        std::fs::write(&pin_file, pin).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&pin_file, mode).expect("its mode");
        TokenSettings { module: "/nowhere.so".into(), label: "t".to_owned(), pin_file: pin_file.clone() }
    };
    let said = TokenStore::open(&settings("1234")).err().expect("no module").to_string();
    assert!(said.contains("/nowhere.so") && !said.contains("1234"), "{said}");
    assert!(TokenStore::open(&settings("")).is_err());
}
