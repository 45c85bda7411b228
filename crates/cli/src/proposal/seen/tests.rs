//! Whatever of a proposal is not what its bytes say, it is not approved.

use super::*;

const ID: &str = "0190c5a4-7c1e-7000-8000-000000000001";
const BYTES: &str = concat!(
    r#"{"base":3,"created_at":"2026-11-21T09:00:00Z","data":{"effective_from":"2026-11-22T00:00:00Z","#,
    r#""reason":"FRAUD","state":"REVOKED","target":"entity","target_id":"0190c5a4-7c1e-7000-8000-0000000000ee"},"#,
    r#""expires_at":"2026-12-05T09:00:00Z","kind":"StatusChanged","#,
    r#""proposal":"0190c5a4-7c1e-7000-8000-000000000001","proposer":4,"quorum":2,"#,
    r#""registry":"did:web:root.example","revision":1,"v":1}"#,
);
/// By `sha256sum`.
const HASH: &str = "d8cdb9cb283f6079162846886208e0d8d03969fc204a1eccb72184d0575a8dca";
const CHANGE: &str = concat!(
    r#"{"kind":"StatusChanged","data":{"target":"entity","target_id":"0190c5a4-7c1e-7000-8000-0000000000ee","#,
    r#""state":"REVOKED","effective_from":"2026-11-22T00:00:00Z","reason":"FRAUD"}}"#,
);

fn shown() -> pb::Proposal {
    pb::Proposal {
        proposal_id: ID.to_owned(),
        revision: 1,
        measure: "REVOKE".to_owned(),
        change_json: CHANGE.to_owned(),
        bytes: BYTES.as_bytes().to_vec(),
        hash: HASH.to_owned(),
        proposer: 4,
        quorum: 2,
        ..Default::default()
    }
}

#[test]
fn what_is_whole_has_the_hash_that_sha256sum_gives() {
    assert_eq!(verify(&shown(), ID).expect("whole"), HASH);
}

#[test]
fn what_is_shown_beside_the_bytes_must_be_what_they_say() {
    let cases = [
        (pb::Proposal { hash: "0".repeat(64), ..shown() }, "its hash"),
        (pb::Proposal { change_json: CHANGE.replace("REVOKED", "SUSPENDED"), ..shown() }, "the change shown"),
        (
            pb::Proposal { change_json: CHANGE.replace("}}", r#","note":"x"}}"#), ..shown() },
            "the change shown",
        ),
        (pb::Proposal { change_json: String::new(), ..shown() }, "the change shown"),
        (pb::Proposal { measure: "SUSPEND".to_owned(), ..shown() }, "the measure shown"),
        (pb::Proposal { proposer: 5, ..shown() }, "the proposer shown"),
        (pb::Proposal { quorum: 1, ..shown() }, "the quorum shown"),
        (pb::Proposal { revision: 2, ..shown() }, "the revision shown"),
        (pb::Proposal { proposal_id: ID.replace("01", "02"), ..shown() }, "another proposal"),
    ];
    for (proposal, why) in cases {
        let failure = verify(&proposal, ID).expect_err(why);
        assert!(failure.exit == Exit::CannotVerify && failure.message.contains(why), "{}", failure.message);
    }
    assert!(verify(&shown(), &ID.replace("01", "02")).is_err());
}

#[test]
fn bytes_that_say_more_than_is_understood_are_refused() {
    for bytes in [
        BYTES.replace(r#""v":1}"#, r#""v":1,"w":1}"#),
        BYTES.replace(r#""v":1}"#, r#""v":2}"#),
        BYTES.replace(r#""reason":"FRAUD","#, r#""extra":"x","reason":"FRAUD","#),
        BYTES.replace("{\"base\"", "{ \"base\""),
        BYTES.replace("StatusChanged", "SomethingNew"),
        String::new(),
    ] {
        let proposal = pb::Proposal { bytes: bytes.clone().into_bytes(), ..shown() };
        assert_eq!(verify(&proposal, ID).expect_err("refused").exit, Exit::CannotVerify, "{bytes}");
    }
}
