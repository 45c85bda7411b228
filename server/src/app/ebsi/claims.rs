//! The claims of an accreditation (VC Data Model 1.1 as a JWT, EBSI's accreditation schema): made, and looked at once more
//! before they are signed. What does not fit is not signed.

use std::time::Duration;

use charter_domain::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::{
    TIR, TSR,
    draft::{self, Draft, Kind, Subject},
    is_issuer, schema,
};

/// Longest claims that are signed, in bytes.
const MAX_BYTES: usize = 46 * 1024;
const BASE: [&str; 3] = ["VerifiableCredential", "VerifiableAttestation", "VerifiableAccreditation"];

impl Kind {
    fn types(self) -> Vec<&'static str> {
        let [credential, attestation, accreditation] = BASE;
        match self {
            Self::Chain => vec![credential, attestation, "VerifiableAuthorisationForTrustChain"],
            Self::Accredit => {
                vec![credential, attestation, accreditation, "VerifiableAccreditationToAccredit"]
            }
            Self::Attest => vec![credential, attestation, accreditation, "VerifiableAccreditationToAttest"],
        }
    }
}

/// The second that an instant lies in.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.secs())
}

/// When the claims hold, in whole seconds inside what is recorded, and never beyond `expiry`.
fn times(draft: &Draft, expiry: Timestamp) -> (Timestamp, Timestamp) {
    let end = draft.until.map_or(expiry, |until| until.min(expiry));
    (second(draft.from.plus(Duration::from_micros(999_999))), second(end))
}

/// A `urn:uuid:` that belongs to these claims alone.
fn jti(draft: &Draft, times: [Timestamp; 3]) -> String {
    let text = format!("{} {}", draft.id, times.map(|t| t.secs().to_string()).join(" "));
    let hash: [u8; 32] = Sha256::digest(text).into();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    format!("urn:uuid:{}", Builder::from_custom_bytes(bytes).into_uuid())
}

/// What is signed at `now`; nothing where there is no second in which it was good.
pub(super) fn of(
    subject: &Subject<'_>,
    draft: &Draft,
    (now, expiry): (Timestamp, Timestamp),
) -> Result<Value, String> {
    let (from, until) = times(draft, expiry);
    let (did, iss) = (subject.did, subject.registry.as_str());
    let now = second(now);
    let jti = jti(draft, [now, from, until]);
    let mut vc = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "id": jti,
        "type": draft.kind.types(),
        "issuer": iss,
        "issuanceDate": from,
        "issued": now,
        "validFrom": from,
        "expirationDate": until,
        "credentialSubject": { "id": did, "reservedAttributeId": draft.id, "accreditedFor": draft.lines },
        "credentialStatus": {
            "id": attribute(subject.base, did, &draft.id), "type": "EbsiAccreditationEntry",
        },
        "credentialSchema": [{
            "id": format!("{}{TSR}/schemas/{}", subject.base, schema::own_id()?),
            "type": "FullJsonSchemaValidator2021",
        }],
    });
    if draft.kind != Kind::Chain {
        vc["termsOfUse"] = json!([{ "id": ground(subject), "type": "IssuanceCertificate" }]);
    }
    let claims = json!({
        "iat": now.secs(), "jti": jti, "nbf": from.secs(), "exp": until.secs(), "sub": did, "iss": iss, "vc": vc,
    });
    check(&claims, draft.kind).map(|()| claims)
}

/// Where an attribute is shown.
fn attribute(base: &str, did: &str, id: &str) -> String {
    format!("{base}{TIR}/issuers/{did}/attributes/{id}")
}

/// The registry's own attribute: shown by who accredited it, and by an anchor itself.
fn ground(subject: &Subject<'_>) -> String {
    let own = subject.registry.as_str();
    match &subject.above.superior {
        Some(superior) => attribute(&superior.url, own, &draft::accredited(superior.did.as_str(), own)),
        None => attribute(subject.base, own, &draft::accredited(own, own)),
    }
}

fn rule(good: bool, what: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(format!("`{what}` is not as it must be")) }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list of texts, or one text alone.
fn texts(value: &Value) -> Option<Vec<&str>> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().map(|v| v.as_str().filter(|t| !t.is_empty())).collect()
}

/// That the claims are what a strict reader takes: each rule of the schema, and what the JWT repeats of the credential.
///
/// # Errors
/// Names the member that is wrong.
pub(super) fn check(claims: &Value, kind: Kind) -> Result<(), String> {
    let instant = |pointer: &str| Timestamp::parse(text(claims, pointer)).ok().map(Timestamp::secs);
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (sub, iss) = (text(claims, "/sub"), text(claims, "/iss"));
    rule(claims.to_string().len() <= MAX_BYTES, "vc")?;
    rule(is_issuer(sub) && text(claims, "/vc/credentialSubject/id") == sub, "sub")?;
    rule(is_issuer(iss) && text(claims, "/vc/issuer") == iss, "iss")?;
    rule((kind == Kind::Chain) == (sub == iss), "iss")?;
    rule(
        text(claims, "/jti").starts_with("urn:uuid:") && text(claims, "/vc/id") == text(claims, "/jti"),
        "jti",
    )?;
    rule(number("nbf") < number("exp") && number("nbf").is_some(), "exp")?;
    for (name, pointers) in [
        ("iat", ["/vc/issued", "/vc/issued"]),
        ("nbf", ["/vc/issuanceDate", "/vc/validFrom"]),
        ("exp", ["/vc/expirationDate", "/vc/expirationDate"]),
    ] {
        rule(number(name).is_some() && pointers.iter().all(|p| instant(p) == number(name)), name)?;
    }
    let types = claims.pointer("/vc/type").and_then(texts).unwrap_or_default();
    rule(types == kind.types(), "vc.type")?;
    holder(claims)?;
    links(claims, kind)
}

fn holder(claims: &Value) -> Result<(), String> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let reserved = text(claims, "/vc/credentialSubject/reservedAttributeId");
    rule(reserved.len() == 64 && reserved.bytes().all(hex), "reservedAttributeId")?;
    let lines = claims.pointer("/vc/credentialSubject/accreditedFor").and_then(Value::as_array);
    rule(lines.is_some_and(|lines| !lines.is_empty()), "accreditedFor")?;
    for line in lines.into_iter().flatten() {
        rule(!text(line, "/schemaId").is_empty(), "schemaId")?;
        let types = line.get("types").and_then(texts).unwrap_or_default();
        rule(types.len() >= 3 && types[..2] == BASE[..2], "types")?;
        let limits = line.get("limitJurisdiction").and_then(texts).unwrap_or_default();
        let known = |uri: &&str| charter_domain::atu::country(uri).is_some();
        rule(!limits.is_empty() && limits.iter().all(known), "limitJurisdiction")?;
    }
    Ok(())
}

fn links(claims: &Value, kind: Kind) -> Result<(), String> {
    let reserved = text(claims, "/vc/credentialSubject/reservedAttributeId");
    let shown = |of: &str, id: &str| format!("{TIR}/issuers/{of}/attributes/{id}");
    let status = text(claims, "/vc/credentialStatus/id").ends_with(&shown(text(claims, "/sub"), reserved));
    rule(
        status && text(claims, "/vc/credentialStatus/type") == "EbsiAccreditationEntry",
        "credentialStatus",
    )?;
    let schema = text(claims, "/vc/credentialSchema/0/id").contains(TSR);
    let typed = text(claims, "/vc/credentialSchema/0/type") == "FullJsonSchemaValidator2021";
    rule(schema && typed, "credentialSchema")?;
    let ground = text(claims, "/vc/termsOfUse/0/id");
    let certificate = text(claims, "/vc/termsOfUse/0/type") == "IssuanceCertificate";
    let of_issuer = ground.contains(&shown(text(claims, "/iss"), "")) && certificate;
    rule(of_issuer || (kind == Kind::Chain && ground.is_empty()), "termsOfUse")
}

#[cfg(test)]
mod tests;
