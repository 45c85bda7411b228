//! Lists as others could send them: good ones, altered ones, and what an attacker would try.

mod tsl;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use openssl::{
    asn1::Asn1Time,
    bn::BigNumRef,
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
    x509::{X509, X509Builder, X509NameBuilder},
};
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-22T12:00:00Z";

/// A signer with a certificate of its own.
pub(super) struct Scheme {
    pub key: PKey<Private>,
    pub certificate: X509,
}

impl Scheme {
    pub fn new() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
        Self::with(PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key"))
    }

    fn rsa(bits: u32) -> Self {
        Self::with(PKey::from_rsa(Rsa::generate(bits).expect("a key")).expect("a key"))
    }

    fn with(key: PKey<Private>) -> Self {
        let mut name = X509NameBuilder::new().expect("a name");
        name.append_entry_by_text("C", "FI").expect("C");
        name.append_entry_by_text("O", "Registry of Degrees").expect("O");
        let name = name.build();
        let mut builder = X509Builder::new().expect("a certificate");
        builder.set_version(2).expect("set");
        builder.set_subject_name(&name).expect("set");
        builder.set_issuer_name(&name).expect("set");
        let time = |text| Asn1Time::from_str(text).expect("a time");
        builder.set_not_before(&time("20260101000000Z")).expect("set");
        builder.set_not_after(&time("20270101000000Z")).expect("set");
        builder.set_pubkey(&key).expect("set");
        builder.sign(&key, MessageDigest::sha256()).expect("signed");
        Self { certificate: builder.build(), key }
    }

    pub fn pinned(&self) -> Pinned {
        Pinned::from_pem(&self.certificate.to_pem().expect("PEM")).expect("pinned")
    }

    pub fn der(&self) -> Vec<u8> {
        self.certificate.to_der().expect("DER")
    }

    /// `r || s` of an EC key, or the signature of an RSA key as it is.
    pub fn signs(&self, message: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(message).expect("signed");
        if self.key.rsa().is_ok() {
            return signature;
        }
        let pair = EcdsaSig::from_der(&signature).expect("a pair");
        let padded = |n: &BigNumRef| n.to_vec_padded(32).expect("32 bytes");
        [padded(pair.r()), padded(pair.s())].concat()
    }

    /// A compact JWS with this header.
    fn jws(&self, header: &Value, payload: &str) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.as_bytes()));
        format!("{signed}.{}", encode(&self.signs(signed.as_bytes())))
    }

    fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "JOSE", "x5c": [STANDARD.encode(self.der())] })
    }

    fn lote(&self, list: &Value) -> String {
        self.jws(&self.header(), &list.to_string())
    }
}

/// The example of our own schema: issued before `NOW`, to be replaced after it.
fn example() -> Value {
    serde_json::from_str(include_str!("../../../../schemas/examples/lote.json")).expect("JSON")
}

pub(super) fn reads(
    bytes: &[u8],
    format: Format,
    signer: &Pinned,
) -> Result<(Vec<RawRecord>, Report), Refused> {
    let types = Types::from([service_type("http://types.example/CA=issue:Certificate").expect("a type")]);
    let now = Timestamp::parse(NOW).expect("a time");
    read(bytes, &Reading { format, signer, types: &types, now, accept_expired: false })
}

fn refused(text: &str, signer: &Pinned) -> Refused {
    reads(text.as_bytes(), Format::Lote, signer).map(drop).expect_err("refused")
}

#[test]
fn a_list_becomes_records_and_says_what_it_could_not_carry() {
    let scheme = Scheme::new();
    let (records, report) =
        reads(scheme.lote(&example()).as_bytes(), Format::Lote, &scheme.pinned()).expect("read");
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.identifier, "did:web:university.example");
    assert_eq!((record.names["en"].as_str(), record.country.as_str()), ("University of Examples", "FI"));
    let spans: Vec<_> =
        record.authorizations.iter().map(|a| (a.valid_from.as_str(), a.valid_until.as_str())).collect();
    assert_eq!(
        spans,
        [("2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z"), ("2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z")]
    );
    assert!(
        record.authorizations.iter().all(|a| (a.action.as_str(), a.resource.as_str()) == ("issue", "Degree"))
    );
    assert!(record.authorizations.iter().all(|a| a.jurisdictions == ["FI"]), "where it holds");
    let ground = record.accreditation.as_ref().expect("the list is the ground");
    assert_eq!((ground.body.as_str(), ground.evidence_sha256.len()), ("Registry of Degrees", 64));
    assert_eq!((report.entities, report.services, report.records, report.authorizations), (1, 1, 1, 2));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert!(report.not_carried.iter().any(|l| l.field == "TEAddress" && (l.entity, l.service) == (1, 0)));
}

#[test]
fn another_signer_another_byte_and_another_header_are_refused() {
    let (scheme, other) = (Scheme::new(), Scheme::new());
    let (pinned, good) = (scheme.pinned(), scheme.lote(&example()));
    assert!(matches!(refused(&good, &other.pinned()), Refused::Signature(_)));
    // Each part is covered: a character of it is another.
    for at in [10, good.find('.').expect("a dot") + 40, good.rfind('.').expect("a dot") + 10] {
        let mut altered = good.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("text");
        assert!(reads(altered.as_bytes(), Format::Lote, &pinned).is_err(), "{at}");
    }
    let list = example().to_string();
    let with = |name: &str, value: Value| {
        let mut header = scheme.header();
        header[name] = value;
        scheme.jws(&header, &list)
    };
    assert!(reads(with("iat", json!(1)).as_bytes(), Format::Lote, &pinned).is_ok());
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["sigT"])),
        ("b64", json!(false)),
        ("sigD", json!({})),
        ("x5c", json!([STANDARD.encode(other.der())])),
        ("x5c", json!([])),
        ("x5c", Value::Null),
        ("x5t#S256", json!(URL_SAFE_NO_PAD.encode([0; 32]))),
    ] {
        assert!(
            reads(with(name, value.clone()).as_bytes(), Format::Lote, &pinned).is_err(),
            "{name} {value}"
        );
    }
    let mut unnamed = scheme.header();
    unnamed.as_object_mut().expect("an object").remove("x5c");
    assert!(reads(scheme.jws(&unnamed, &list).as_bytes(), Format::Lote, &pinned).is_err());
}

#[test]
fn each_key_signs_in_its_own_way() {
    let (rsa, list) = (Scheme::rsa(2_048), example().to_string());
    let header = |alg: &str| json!({ "alg": alg, "x5c": [STANDARD.encode(rsa.der())] });
    assert!(reads(rsa.jws(&header("RS256"), &list).as_bytes(), Format::Lote, &rsa.pinned()).is_ok());
    for alg in ["PS256", "ES256", "RS1"] {
        assert!(
            reads(rsa.jws(&header(alg), &list).as_bytes(), Format::Lote, &rsa.pinned()).is_err(),
            "{alg}"
        );
    }
    let weak = Scheme::rsa(1_024).certificate.to_pem().expect("PEM");
    assert!(Pinned::from_pem(&weak).is_err());
    assert!(Pinned::from_pem(b"nothing").is_err());
    let two = [rsa.certificate.to_pem().expect("PEM"), weak].concat();
    assert!(Pinned::from_pem(&two).is_err(), "which one?");
}

#[test]
fn a_certificate_that_was_made_anew_for_the_same_key_counts() {
    let scheme = Scheme::new();
    let again = Scheme::with(scheme.key.clone());
    assert_ne!(again.der(), scheme.der(), "an ECDSA signature is never the same");
    assert!(reads(scheme.lote(&example()).as_bytes(), Format::Lote, &again.pinned()).is_ok());
}

#[test]
fn an_end_that_is_said_is_never_passed_over() {
    let scheme = Scheme::new();
    let with = |extensions: Value| {
        let mut list = example();
        let service = &mut list["LoTE"]["TrustedEntitiesList"][0]["TrustedEntityServices"][0];
        service["ServiceInformation"]["ServiceInformationExtensions"] = extensions;
        reads(scheme.lote(&list).as_bytes(), Format::Lote, &scheme.pinned())
    };
    let (early, late) = ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z");
    for (first, second) in [(early, late), (late, early)] {
        let (records, _) = with(json!([{ "ValidUntil": first }, { "ValidUntil": second }])).expect("a list");
        assert_eq!(records[0].authorizations.last().map(|a| a.valid_until.as_str()), Some(early));
    }
    for bad in [json!(7), json!(null), json!("soon"), json!([early])] {
        assert!(matches!(with(json!([{ "ValidUntil": bad }])), Err(Refused::Form(_))), "{bad}");
    }
}

#[test]
fn old_closed_and_future_lists_are_refused() {
    let scheme = Scheme::new();
    let with = |name: &str, value: Value| {
        let mut list = example();
        list["LoTE"]["ListAndSchemeInformation"][name] = value;
        scheme.lote(&list)
    };
    let pinned = scheme.pinned();
    assert!(matches!(refused(&with("NextUpdate", json!(NOW)), &pinned), Refused::Expired(_)));
    assert!(matches!(refused(&with("NextUpdate", Value::Null), &pinned), Refused::Expired(_)));
    assert!(matches!(
        refused(&with("ListIssueDateTime", json!("2026-11-22T13:00:00Z")), &pinned),
        Refused::Form(_)
    ));
    assert!(matches!(
        refused(&with("ListIssueDateTime", json!("2025-11-22T13:00:00Z")), &pinned),
        Refused::Signature(_)
    ));
    assert!(matches!(
        refused(&with("ListIssueDateTime", json!("2026-11-22T11:00:00+01:00")), &pinned),
        Refused::Form(_)
    ));
    let types = Types::new();
    let now = Timestamp::parse("2026-12-22T12:00:00Z").expect("a time");
    let reading = Reading { format: Format::Lote, signer: &pinned, types: &types, now, accept_expired: true };
    let (_, report) = read(with("NextUpdate", json!(NOW)).as_bytes(), &reading).expect("accepted");
    assert_eq!(report.notes.len(), 1, "it is said");
}

#[test]
fn what_the_standard_does_not_know_and_json_that_misleads_are_refused() {
    let scheme = Scheme::new();
    let (header, pinned) = (scheme.header(), scheme.pinned());
    let text = example().to_string();
    let doubled =
        text.replacen("\"LoTESequenceNumber\":", "\"LoTESequenceNumber\":1,\"LoTESequenceNumber\":", 1);
    let deep = format!("{{\"LoTE\":{}1{}}}", "[".repeat(2_000), "]".repeat(2_000));
    let unknown = text.replacen("\"TEName\"", "\"TENick\":1,\"TEName\"", 1);
    let version = text.replacen("\"LoTEVersionIdentifier\":1", "\"LoTEVersionIdentifier\":2", 1);
    for bad in [doubled.as_str(), &deep, &unknown, &version, "[]", "", "{}"] {
        assert!(bad != text, "it is changed");
        let token = scheme.jws(&header, bad);
        assert!(matches!(refused(&token, &pinned), Refused::Form(_)), "{bad:.80}");
    }
    let large = vec![b'a'; MAX_BYTES + 1];
    assert!(reads(&large, Format::Lote, &pinned).is_err());
    assert!(refused("a.b", &pinned).text().contains("three parts"));
    let long = format!("{}.e30.AA", "a".repeat(1024 * 1024));
    assert!(refused(&long, &pinned).text().contains("too long"));
}

#[test]
fn nothing_is_carried_that_is_not_understood() {
    let scheme = Scheme::new();
    let lacking = |change: &dyn Fn(&mut Value)| {
        let mut list = example();
        change(&mut list["LoTE"]["TrustedEntitiesList"][0]["TrustedEntityServices"][0]);
        let token = scheme.lote(&list);
        let (records, report) = reads(token.as_bytes(), Format::Lote, &scheme.pinned()).expect("read");
        let fields: Vec<String> =
            report.not_carried.into_iter().map(|l| format!("{} {}", l.field, l.reason)).collect();
        (records, fields)
    };
    let set = |name: &'static str, value: Value| {
        lacking(&move |service: &mut Value| service["ServiceInformation"][name] = value.clone())
    };
    for (name, value, field) in [
        (
            "ServiceTypeIdentifier",
            json!("http://types.example/TSA"),
            "ServiceTypeIdentifier no --service-type",
        ),
        ("ServiceStatus", json!("http://status.example/fine"), "ServiceStatus the status is not known"),
        (
            "ServiceInformationExtensions",
            json!([{ "critical": true, "X": 1 }]),
            "ServiceInformationExtensions it must",
        ),
    ] {
        let (records, fields) = set(name, value);
        assert_eq!(records, [], "{name}");
        assert!(fields.iter().any(|f| f.starts_with(field)), "{fields:?}");
    }
    let (records, _) = set("ServiceTypeIdentifier", json!("http://types.example/CA"));
    let only_now: Vec<_> =
        records[0].authorizations.iter().map(|a| (a.resource.as_str(), a.valid_from.as_str())).collect();
    assert_eq!(only_now, [("Certificate", "2026-06-01T00:00:00Z")], "its history is of another type");
    let (records, _) = set("ServiceStatus", json!("urn:charter:status:revoked"));
    let spans: Vec<_> = records[0].authorizations.iter().map(|a| a.valid_until.as_str()).collect();
    assert_eq!(spans, ["2026-05-01T00:00:00Z"], "what was in force before stays so");
}

#[test]
fn without_an_identifier_the_certificate_is_one() {
    let scheme = Scheme::new();
    let mut list = example();
    let entity = &mut list["LoTE"]["TrustedEntitiesList"][0];
    entity["TrustedEntityInformation"]["TETradeName"] = json!([
        { "lang": "en", "value": "A Trade Name" }, { "lang": "en", "value": "VATFI-12345678" }
    ]);
    let service = &mut entity["TrustedEntityServices"][0];
    service["ServiceInformation"]["ServiceDigitalIdentity"] =
        json!({ "X509Certificates": [{ "val": STANDARD.encode(scheme.der()) }] });
    let ids = |list: &Value| {
        let read = reads(scheme.lote(list).as_bytes(), Format::Lote, &scheme.pinned()).expect("read");
        read.0.into_iter().map(|r| r.identifier).collect::<Vec<_>>()
    };
    assert_eq!(ids(&list), ["VATFI-12345678"], "a name for people is none");
    list["LoTE"]["TrustedEntitiesList"][0]["TrustedEntityInformation"]["TETradeName"] = json!([]);
    assert!(ids(&list)[0].starts_with("urn:charter:x509-sha256:"));
    let bare = json!({ "X509SKIs": ["AAAA"] });
    list["LoTE"]["TrustedEntitiesList"][0]["TrustedEntityServices"][0]["ServiceInformation"]["ServiceDigitalIdentity"] =
        bare;
    assert_eq!(ids(&list), Vec::<String>::new());
}

#[test]
fn a_type_is_given_with_what_it_may_do() {
    assert!(service_type("http://a.example/b=issue:PID").is_ok());
    for bad in ["", "http://a.example/b", "b=issue:PID", "http://a.example/b=issue", "http://a.example/b=:x"]
    {
        assert!(service_type(bad).is_err(), "{bad}");
    }
}
