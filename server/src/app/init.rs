//! The end of BOOTSTRAP: the first two administrators, and the seal. From then on nobody changes anything alone.

use charter_domain::{
    Invalid, RegistryId,
    event::{Change, StaffAppointed},
    policy::{Caller, Init, permit},
    staff::{Role, StaffId},
};
use charter_store::{Authorship, Store, restricted::Restricted};
use serde_json::json;

use crate::Error;

/// Who administers, as their identity provider knows them.
#[derive(Debug, Clone)]
pub struct Administrator {
    pub issuer: String,
    pub subject: String,
}

/// Appoints them as security officers and seals, in one transaction. Final.
pub async fn init(
    store: &Store,
    caller: &Caller,
    registry: RegistryId,
    administrators: Vec<Administrator>,
) -> Result<([StaffId; 2], i64), Error> {
    let phase = store.registries().await?.into_iter().find(|r| r.id == registry).map(|r| r.phase);
    let phase = phase.ok_or_else(|| Error::not_found("registry", registry))?;
    let permit = permit::<Init>(caller, registry, phase)?;
    let [one, other] = administrators.as_slice() else {
        return Err(Invalid::new(
            "administrators",
            "must be two persons: neither could change anything alone",
        )
        .into());
    };
    for (field, text) in [one, other].iter().flat_map(|a| [("issuer", &a.issuer), ("subject", &a.subject)]) {
        crate::app::staff::identifier(field, text)?;
    }
    if (&one.issuer, &one.subject) == (&other.issuer, &other.subject) {
        return Err(Invalid::new("administrators", "must be two different persons").into());
    }
    let written = store.write("registry.init", registry, move |tx| {
        let mut ids = [StaffId(0); 2];
        for (id, who) in ids.iter_mut().zip(&administrators) {
            let restricted = Restricted::new(json!({ "issuer": who.issuer, "subject": who.subject }));
            let by = Authorship { restricted: Some(&restricted), ..Authorship::default() };
            let roles = [Role::SecurityOfficer].into();
            let appointed = Change::StaffAppointed(StaffAppointed { roles, service: false });
            *id = StaffId(tx.record_by(&permit, &[appointed], &by)?);
            tx.put_principal(&permit, *id, &who.issuer, &who.subject)?;
        }
        tx.seal(&permit)?;
        Ok(ids)
    });
    let written = written.await?;
    Ok((written.value, written.epoch))
}
