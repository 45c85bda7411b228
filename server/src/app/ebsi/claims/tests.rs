//! Claims as they are made pass the strict look, and each way to break them does not.

use charter_domain::AuthorityId;

use super::*;
use crate::app::ebsi::{
    above::{Above, Superior},
    draft::Line,
};

const FINLAND: &str = "https://publications.europa.eu/resource/authority/atu/FIN";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn draft(kind: Kind) -> Draft {
    Draft {
        id: "0a".repeat(32),
        kind,
        revoked: false,
        tao: "did:web:tao.example".to_owned(),
        root: "did:web:root.example".to_owned(),
        from: at(1_000),
        until: Some(at(9_000)),
        next: None,
        lines: vec![Line {
            schema_id: "Degree".to_owned(),
            types: BASE[..2].iter().chain(&["Degree"]).map(|t| (*t).to_owned()).collect(),
            limit_jurisdiction: vec![FINLAND.to_owned()],
        }],
    }
}

fn made(kind: Kind, draft: &Draft) -> Result<Value, String> {
    let registry = AuthorityId::parse("did:web:tao.example").expect("a DID");
    let superior = AuthorityId::parse("did:web:root.example").expect("a DID");
    let superior = Superior { did: superior, url: "https://root.example".to_owned() };
    let above = Above {
        root: "did:web:root.example".to_owned(),
        superior: Some(superior).filter(|_| kind != Kind::Chain),
    };
    let subject = Subject {
        registry: &registry,
        base: "https://tao.example",
        place: "FI",
        since: at(0),
        did: if kind == Kind::Chain { "did:web:tao.example" } else { "did:web:uni.example" },
        above: &above,
    };
    of(&subject, draft, (at(2_000), at(5_000)))
}

#[test]
fn what_is_made_fits_the_published_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../../schemas/ebsi-accreditation.schema.json"))
            .expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for kind in [Kind::Chain, Kind::Accredit, Kind::Attest] {
        let claims = made(kind, &draft(kind)).expect("made");
        let faults: Vec<String> = validator.iter_errors(&claims["vc"]).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{kind:?}: {faults:?}");
        assert_eq!(
            (&claims["nbf"], &claims["exp"], &claims["iat"]),
            (&json!(1_000), &json!(5_000), &json!(2_000))
        );
        let mut wrong = claims["vc"].clone();
        wrong["credentialSubject"]["accreditedFor"][0]["limitJurisdiction"] = json!("FI");
        assert!(!validator.is_valid(&wrong));
    }
    let ground = made(Kind::Attest, &draft(Kind::Attest)).expect("made");
    let id = draft::accredited("did:web:root.example", "did:web:tao.example");
    let url = format!("https://root.example{TIR}/issuers/did:web:tao.example/attributes/{id}");
    assert_eq!(ground["vc"]["termsOfUse"], json!([{ "id": url, "type": "IssuanceCertificate" }]));
}

#[test]
fn it_ends_where_what_is_recorded_ends_and_begins_inside_it() {
    let past = Draft { until: Some(at(1_500)), revoked: true, ..draft(Kind::Attest) };
    let claims = made(Kind::Attest, &past).expect("made");
    assert_eq!(
        (&claims["exp"], &claims["vc"]["expirationDate"]),
        (&json!(1_500), &json!("1970-01-01T00:25:00Z"))
    );
    let late = Draft { from: Timestamp::from_micros(1_000_000_001), ..draft(Kind::Attest) };
    assert_eq!(made(Kind::Attest, &late).expect("made")["nbf"], json!(1_001));
    let brief = Draft { until: Some(at(1_000)), ..draft(Kind::Attest) };
    assert!(made(Kind::Attest, &brief).is_err(), "there is no second in which it was good");
}

#[test]
fn each_rule_refuses_what_breaks_it() {
    let good = made(Kind::Attest, &draft(Kind::Attest)).expect("made");
    for (pointer, wrong) in [
        ("/sub", json!("did:web:other.example")),
        ("/iss", json!("did:web:other.example")),
        ("/jti", json!("urn:uuid:other")),
        ("/exp", json!(1_000)),
        ("/nbf", json!("1000")),
        ("/iat", json!(2_001)),
        ("/vc/issuanceDate", json!("1970-01-01T00:16:41Z")),
        ("/vc/type", json!(["VerifiableCredential"])),
        ("/vc/credentialStatus/id", json!("https://tao.example/x")),
        ("/vc/credentialStatus/type", json!("StatusList2021Entry")),
        ("/vc/credentialSchema/0/id", json!("https://tao.example/x")),
        ("/vc/termsOfUse", json!([])),
        ("/vc/termsOfUse/0/type", json!("Other")),
        (
            "/vc/termsOfUse/0/id",
            json!(format!("https://x.example{TIR}/issuers/did:web:x.example/attributes/00")),
        ),
        ("/vc/credentialSubject/reservedAttributeId", json!("0A".repeat(32))),
        ("/vc/credentialSubject/accreditedFor", json!([])),
        ("/vc/credentialSubject/accreditedFor/0/types", json!(["Degree"])),
        ("/vc/credentialSubject/accreditedFor/0/schemaId", json!("")),
        ("/vc/credentialSubject/accreditedFor/0/limitJurisdiction", json!([])),
        ("/vc/credentialSubject/accreditedFor/0/limitJurisdiction", json!([FINLAND, "everywhere"])),
    ] {
        let mut claims = good.clone();
        *claims.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(check(&claims, Kind::Attest).is_err(), "{pointer}");
    }
    assert!(check(&good, Kind::Accredit).is_err() && check(&good, Kind::Chain).is_err());
    assert_eq!(check(&good, Kind::Attest), Ok(()));
}
