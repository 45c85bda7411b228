//! What is held about natural persons: shown to a security officer, each look recorded, and erased under four eyes.

use std::collections::BTreeMap;

use charter_domain::{
    EntityId, Invalid, RegistryId,
    event::{Change, PersonalDataErased},
    policy::{self, Action, Execute, Permit, Refusal},
    privacy::DataSubject,
    staff::{Staff, StaffId},
};
use charter_signing::MacKey;
use charter_store::{Tx, privacy::Held};
use serde_json::json;

use super::govern::wish::Erase;
use crate::{
    App, Error,
    app::{audit, entity},
    error::Code,
};

/// Bytes of a legal basis, as elsewhere.
const MAX_BASIS: usize = 1_024;
/// Records that are shown at once.
pub const SHOWN: usize = 1_000;

/// A subject as people name it: an entity by any of its identifiers.
pub async fn subject(app: &App, registry: RegistryId, text: &str) -> Result<DataSubject, Error> {
    let Some(identifier) = text.strip_prefix("entity:") else { return Ok(DataSubject::parse(text)?) };
    if let Ok(known) = DataSubject::parse(text) {
        return Ok(known);
    }
    let id = EntityId::parse(identifier).map_err(|e| e.at("subject"))?;
    Ok(DataSubject::Entity(entity::get(app, registry, id.as_str()).await?.entity_id))
}

/// Everything that is held about somebody. `what` says in the record of accesses how it was asked for.
pub async fn held(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    about: &str,
    what: &'static str,
) -> Result<(DataSubject, Vec<Held>), Error> {
    policy::allow(staff, Action::ShowPersonalData)?;
    let subject = subject(app, registry, about).await?;
    audit::accessed(app, staff, registry, what, json!({ "subject": subject })).await?;
    Ok((subject, app.store.held(registry, subject).await?))
}

pub async fn draft(app: &App, registry: RegistryId, wish: Erase) -> Result<Change, Error> {
    if wish.basis.is_empty() || wish.basis.len() > MAX_BASIS || wish.basis.chars().any(char::is_control) {
        let reason = "must name the law in at most 1,024 bytes without control characters";
        return Err(Invalid::new("basis", reason).into());
    }
    let subject = subject(app, registry, &wish.subject).await?;
    let held = app.store.held(registry, subject).await?;
    let mut seqs: Vec<i64> = held.iter().filter(|h| h.place == "event").filter_map(|h| h.seq).collect();
    seqs.sort_unstable();
    Ok(Change::PersonalDataErased(PersonalDataErased { subject, seqs, basis: wish.basis }))
}

/// There is something to erase, and nobody is in office or being decided about by it.
pub async fn check(app: &App, registry: RegistryId, about: DataSubject) -> Result<(), Error> {
    if let DataSubject::Staff(id) = about {
        let staff = app.store.staff(registry).await?;
        if staff.iter().any(|m| m.id == id && !m.dismissed) {
            let text = "they are in office: dismiss them first, then erase what is held about them";
            return Err(Refusal::Illegal(text.to_owned()).into());
        }
    }
    let held = app.store.held(registry, about).await?;
    if held.iter().any(|h| h.erasable) {
        return Ok(());
    }
    if held.iter().any(|h| h.place == "proposal") {
        let text = "it is still open: refuse or withdraw it first, then erase what it says";
        return Err(Refusal::Illegal(text.to_owned()).into());
    }
    Err(Error::new(Code::NotFound, format!("nothing that can be erased is held about `{about}`")))
}

/// How much would go, by place: what an approver sees of it.
pub async fn counts(
    app: &App,
    registry: RegistryId,
    about: DataSubject,
) -> Result<BTreeMap<String, u32>, Error> {
    let mut counts = BTreeMap::new();
    for held in app.store.held(registry, about).await?.into_iter().filter(|h| h.erasable) {
        *counts.entry(held.place).or_default() += 1;
    }
    Ok(counts)
}

/// What is left of a member of staff: enough to know them again, too little to name them.
pub fn mac(key: &MacKey, issuer: &str, subject: &str) -> Result<String, Error> {
    key.hex(&[issuer, subject]).map_err(|_| Error::new(Code::Internal, "an error of ours; it was logged"))
}

/// Erases what the event `seq` says, in its transaction.
pub fn erase(
    tx: &mut Tx<'_>,
    permit: &Permit<Execute>,
    key: &MacKey,
    (about, seq): (DataSubject, i64),
) -> Result<(), charter_store::Error> {
    let mac = match about {
        DataSubject::Staff(id) => Some(left(tx, key, id)?),
        DataSubject::Proposal(_) | DataSubject::Entity(_) => None,
    };
    tx.erase(permit, seq, mac.as_deref())
}

fn left(tx: &mut Tx<'_>, key: &MacKey, id: StaffId) -> Result<String, charter_store::Error> {
    // Erased before: nothing is left that could be replaced.
    let (issuer, subject) = tx.principal(id)?.unwrap_or_default();
    key.hex(&[&issuer, &subject]).map_err(|e| charter_store::Error::Internal(e.to_string()))
}
