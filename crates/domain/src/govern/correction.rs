//! What a correction may say: of an entity and an accreditation what was always so, of a delegation never more.

use super::{lifecycle::require, renewal::goes_on};
use crate::{
    Delegation, Interval, NamingConstraints, Timestamp,
    event::{AccreditationCorrected, DelegationCorrected, EntityCorrected, Identifier},
    policy::Refusal,
};

/// `held` are the identifiers now. The canonical one stands in signed statements: it stays.
pub fn entity(change: &EntityCorrected, held: &[Identifier]) -> Result<(), Refusal> {
    let some = change.names.is_some() || change.country.is_some() || change.identifiers.is_some();
    require(some, nothing)?;
    let Some(identifiers) = &change.identifiers else { return Ok(()) };
    let first = |list: &[Identifier]| list.first().map(|i| i.value.clone());
    let kept = first(identifiers) == first(held);
    require(kept, || "the first identifier stays: register another entity as its successor instead".into())
}

pub fn accreditation(change: &AccreditationCorrected, was: Interval) -> Result<(), Refusal> {
    let texts = [
        &change.body,
        &change.legal_basis,
        &change.evidence_uri,
        &change.evidence_date,
        &change.evidence_sha256,
    ];
    require(texts.iter().any(|t| t.is_some()) || change.changes_validity(), nothing)?;
    let valid = change.valid(was);
    let ordered = Interval::new(valid.from, valid.until).is_ok();
    require(ordered, || "`valid_until` must be later than `valid_from`".into())
}

pub fn delegation(change: &DelegationCorrected, was: &Delegation, now: Timestamp) -> Result<(), Refusal> {
    let some = change.scope.is_some()
        || change.endpoint.is_some()
        || change.tls_spki_sha256.is_some()
        || change.jwks.is_some()
        || change.answers_as_own.is_some()
        || change.max_path_length.is_some()
        || change.naming_constraints.is_some();
    require(some, nothing)?;
    goes_on(&was.valid, &was.statuses, now)?;
    let inside = change.scope.as_ref().is_none_or(|scope| was.scope.contains(scope));
    require(inside, || {
        "the scope is wider than it was: a wider one is another delegation, after this one has ended".into()
    })?;
    let shorter = change.max_path_length.is_none_or(|n| was.max_path_length.is_none_or(|m| n <= m));
    require(shorter, || "`max_path_length` may only become smaller".into())?;
    change.naming_constraints.as_ref().map_or(Ok(()), |names| naming(names, was))
}

fn naming(names: &NamingConstraints, was: &Delegation) -> Result<(), Refusal> {
    require(was.naming_constraints.contains(names), || {
        "`naming_constraints` may only permit less: each entry inside one before, and nothing excluded is let in".into()
    })?;
    let own = &was.entity_identifier;
    require(names.permits(own), || {
        format!("`naming_constraints` must permit the subordinate's own name, `{own}`")
    })
}

fn nothing() -> String {
    "it corrects nothing: name what is to become otherwise".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuthorityId, HttpsId, Scope, SpkiPins, scope::Grant};
    use uuid::Uuid;

    fn scope(resource: &str) -> Scope {
        let pattern = |text: &str| crate::scope::Pattern::parse(text).expect("a pattern");
        Scope(vec![Grant {
            actions: vec![pattern("issue")],
            resources: vec![pattern(resource)],
            jurisdictions: vec![],
            conditions: [].into(),
            may_delegate: false,
            until: None,
        }])
    }

    #[test]
    fn a_delegation_only_becomes_less() {
        let now = Timestamp::from_secs(1_000);
        let was = Delegation {
            id: 7,
            subordinate: AuthorityId::parse("did:web:b.example").expect("valid"),
            entity_identifier: HttpsId::parse("https://b.example").expect("valid"),
            jwks: "{}".to_owned(),
            endpoint: String::new(),
            tls_spki_sha256: SpkiPins::default(),
            scope: scope("a:*"),
            max_path_length: Some(2),
            naming_constraints: NamingConstraints::default(),
            answers_as_own: true,
            valid: Interval::ALWAYS,
            statuses: vec![],
            document: None,
        };
        let none = DelegationCorrected {
            delegation_id: 7,
            subordinate: was.subordinate.clone(),
            scope: None,
            endpoint: None,
            tls_spki_sha256: None,
            jwks: None,
            answers_as_own: None,
            max_path_length: None,
            naming_constraints: None,
        };
        let good = |change: &DelegationCorrected| delegation(change, &was, now).is_ok();
        assert!(!good(&none), "nothing");
        assert!(good(&DelegationCorrected { scope: Some(scope("a:b")), ..none.clone() }));
        assert!(!good(&DelegationCorrected { scope: Some(scope("*")), ..none.clone() }), "wider");
        assert!(good(&DelegationCorrected { max_path_length: Some(1), ..none.clone() }));
        assert!(good(&DelegationCorrected { tls_spki_sha256: Some(SpkiPins::default()), ..none.clone() }));
        assert!(!good(&DelegationCorrected { max_path_length: Some(3), ..none.clone() }), "longer");
        let names =
            |permitted: &str| NamingConstraints { permitted: vec![permitted.to_owned()], excluded: vec![] };
        let to =
            |permitted| DelegationCorrected { naming_constraints: Some(names(permitted)), ..none.clone() };
        assert!(good(&to("b.example")));
        assert!(!good(&to("c.example")), "not even its own name");
        let narrow = Delegation { naming_constraints: names("b.example"), ..was.clone() };
        assert!(delegation(&to("b.example"), &narrow, now).is_ok());
        assert!(delegation(&to(".example"), &narrow, now).is_err(), "more names");
        let over = Delegation { valid: Interval { from: None, until: Some(now) }, ..was.clone() };
        let change = DelegationCorrected { answers_as_own: Some(false), ..none };
        assert!(good(&change) && delegation(&change, &over, now).is_err());
    }

    #[test]
    fn the_canonical_identifier_stays() {
        let list = |values: &[&str]| -> Vec<Identifier> {
            let one = |v: &&str| Identifier { r#type: "did".to_owned(), value: (*v).to_owned() };
            values.iter().map(one).collect()
        };
        let to = |values: &[&str]| EntityCorrected {
            entity_id: Uuid::nil(),
            names: None,
            country: None,
            identifiers: Some(list(values)),
        };
        let held = list(&["a", "b"]);
        assert!(entity(&to(&["a", "c"]), &held).is_ok());
        assert!(entity(&to(&["b", "a"]), &held).is_err());
        assert!(entity(&to(&[]), &held).is_err());
        assert!(entity(&EntityCorrected { identifiers: None, ..to(&[]) }, &held).is_err(), "nothing");
    }
}
