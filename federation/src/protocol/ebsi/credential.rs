//! An accreditation as it is signed: VC-JWT, VC Data Model 1.1 by EBSI's accreditation schema 1.3.0, read liberally.

use charter_domain::{AuthorityId, Interval, Timestamp};
use charter_signing::credential;
use serde::Deserialize;

use super::{
    fault::{Broken, Clause, broken, shown},
    rights::Rights,
    wire::{OneOrMore, did, read},
};

const TO_ATTEST: &str = "VerifiableAccreditationToAttest";
const TO_ACCREDIT: &str = "VerifiableAccreditationToAccredit";
const TRUST_CHAIN: &str = "VerifiableAuthorisationForTrustChain";
/// The kind of status that is what the registry says as `issuerType`.
const STATUS: &str = "EbsiAccreditationEntry";
/// What `termsOfUse` calls a link to the accreditor's own accreditation.
const GROUND: &str = "IssuanceCertificate";
/// Grounds that one accreditation may name.
const MAX_GROUNDS: usize = 32;

/// What the holder may do by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ToAttest,
    ToAccredit,
    /// Of a root: it starts a chain.
    TrustChain,
}

#[derive(Debug)]
pub struct Accreditation {
    pub issuer: AuthorityId,
    pub subject: AuthorityId,
    pub kid: String,
    /// Which key must have made the signature is asked about this instant.
    pub signed_at: Timestamp,
    pub valid: Interval,
    pub kind: Kind,
    pub rights: Rights,
    /// URLs of the accreditor's own accreditations, as they were written.
    pub grounds: Vec<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    exp: Option<i64>,
    vc: Vc,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vc {
    #[serde(rename = "type")]
    types: OneOrMore<String>,
    issuer: Party,
    #[serde(default)]
    issuance_date: Option<String>,
    #[serde(default)]
    valid_from: Option<String>,
    #[serde(default)]
    expiration_date: Option<String>,
    credential_subject: Subject,
    #[serde(default)]
    terms_of_use: Option<OneOrMore<Ground>>,
    #[serde(default)]
    credential_status: Option<OneOrMore<Status>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Party {
    Id(String),
    Object { id: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    id: String,
    #[serde(default)]
    accredited_for: Option<OneOrMore<RawAccreditedFor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAccreditedFor {
    schema_id: String,
    types: OneOrMore<String>,
    #[serde(default)]
    limit_jurisdiction: Option<OneOrMore<String>>,
}

#[derive(Deserialize)]
struct Ground {
    id: String,
    #[serde(rename = "type")]
    kind: OneOrMore<String>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "type")]
    kind: OneOrMore<String>,
}

/// One entry of `accreditedFor`.
pub struct AccreditedFor {
    pub schema: String,
    pub types: Vec<String>,
    /// None where it says nothing: not limited.
    pub limits: Option<Vec<String>>,
}

impl Accreditation {
    /// Reads a body, whose signature is not looked at here.
    pub fn parse(body: &str) -> Result<Self, Broken> {
        let opened = credential::open(body).map_err(|e| (Clause::Malformed, e.to_string()))?;
        let claims: Claims = read(&opened.payload, "the accreditation")?;
        let Claims { iss, sub, iat, nbf, exp, vc } = claims;
        let issuer = match vc.issuer {
            Party::Id(id) | Party::Object { id } => id,
        };
        let subject = vc.credential_subject.id;
        if issuer != iss || sub.is_some_and(|sub| sub != subject) {
            return broken(Clause::Parties, "`iss` and `sub` are not issuer and subject of its credential");
        }
        let valid = valid((nbf, exp), [&vc.issuance_date, &vc.valid_from], vc.expiration_date.as_deref())?;
        let signed_at = iat.map(Timestamp::from_secs).or(valid.from);
        let signed_at =
            signed_at.ok_or((Clause::Malformed, "it does not say when it was issued".to_owned()))?;
        status(vc.credential_status)?;
        let kind = kind(&vc.types.all())?;
        let given = vc.credential_subject.accredited_for.map(OneOrMore::all).unwrap_or_default();
        // What a root without a list starts is everything.
        let rights = match kind == Kind::TrustChain && given.is_empty() {
            true => Rights::All,
            false => Rights::parse(given.into_iter().map(RawAccreditedFor::read).collect())?,
        };
        Ok(Self {
            issuer: did(&iss)?,
            subject: did(&subject)?,
            kid: opened.kid,
            signed_at,
            valid,
            kind,
            rights,
            grounds: grounds(vc.terms_of_use)?,
        })
    }
}

impl RawAccreditedFor {
    fn read(self) -> AccreditedFor {
        AccreditedFor {
            schema: self.schema_id,
            types: self.types.all(),
            limits: self.limit_jurisdiction.map(OneOrMore::all),
        }
    }
}

/// A status that would have to be looked up elsewhere may say that it was revoked.
fn status(stated: Option<OneOrMore<Status>>) -> Result<(), Broken> {
    let all = stated.map(OneOrMore::all).unwrap_or_default();
    match all.into_iter().all(|status| status.kind.all().iter().any(|kind| kind == STATUS)) {
        true => Ok(()),
        false => broken(Clause::Role, format!("it has a `credentialStatus` that is no {STATUS}")),
    }
}

fn grounds(terms: Option<OneOrMore<Ground>>) -> Result<Vec<String>, Broken> {
    let all = terms.map(OneOrMore::all).unwrap_or_default();
    if all.len() > MAX_GROUNDS {
        return broken(Clause::Bound, format!("`termsOfUse` has more than {MAX_GROUNDS} entries"));
    }
    let mut grounds = Vec::new();
    for ground in all {
        if !ground.kind.all().iter().any(|kind| kind == GROUND) {
            return broken(Clause::TermsOfUse, format!("`termsOfUse` has an entry that is no {GROUND}"));
        }
        grounds.push(ground.id);
    }
    Ok(grounds)
}

fn kind(types: &[String]) -> Result<Kind, Broken> {
    let has = |name: &str| types.iter().any(|t| t == name);
    match (has(TRUST_CHAIN), has(TO_ACCREDIT), has(TO_ATTEST)) {
        (true, ..) => Ok(Kind::TrustChain),
        (_, true, _) => Ok(Kind::ToAccredit),
        (.., true) => Ok(Kind::ToAttest),
        _ => broken(Clause::Role, format!("`{}` is no accreditation", shown(&types.join(" ")))),
    }
}

/// From the latest beginning to the earliest end that it states; one without an end would never be looked at again.
fn valid(
    (nbf, exp): (Option<i64>, Option<i64>),
    begins: [&Option<String>; 2],
    ends: Option<&str>,
) -> Result<Interval, Broken> {
    let date = |text: &str| {
        Timestamp::parse(text).map_err(|_| (Clause::Malformed, format!("`{}` is no date", shown(text))))
    };
    let mut from = nbf.map(Timestamp::from_secs);
    for begin in begins.into_iter().flatten() {
        from = from.max(Some(date(begin)?));
    }
    let stated = ends.map(date).transpose()?;
    let until = [exp.map(Timestamp::from_secs), stated].into_iter().flatten().min();
    if until.is_none() {
        return broken(Clause::Validity, "it has no end");
    }
    Interval::new(from, until).map_err(|_| (Clause::Validity, "it ends before it begins".to_owned()))
}
