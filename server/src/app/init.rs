//! The end of BOOTSTRAP: the first two administrators, and the seal. From then on nobody changes anything alone.

use charter_domain::{
    Invalid, RegistryId,
    event::{Change, StaffAppointed},
    policy::{Caller, Init, permit},
    staff::{Role, StaffId},
};
use charter_store::{Authorship, Store, request::Call, restricted::Restricted};
use serde::Serialize;
use serde_json::json;

use crate::{
    App, Error,
    app::once::{Asked, once, principal},
};

/// Who administers, as their identity provider knows them.
#[derive(Debug, Clone, Serialize)]
pub struct Administrator {
    pub issuer: String,
    pub subject: String,
}

/// The same, for a request that may be sent again. Returns the epoch, 0 when it was only tried out.
pub async fn seal(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    administrators: Vec<Administrator>,
    asked: &Asked,
) -> Result<i64, Error> {
    let call = asked.call(principal(caller)?, "SealRegistry", &administrators)?;
    let fresh = async {
        let how = (asked.validate_only, call.clone());
        Ok(init(&app.store, caller, registry, administrators, how).await?.1)
    };
    let epoch = once(app, registry, call.as_ref(), fresh).await?;
    if epoch > 0 {
        app.changed(registry, epoch).await?;
    }
    Ok(epoch)
}

/// Appoints them as security officers and seals, in one transaction. Final.
pub async fn init(
    store: &Store,
    caller: &Caller,
    registry: RegistryId,
    administrators: Vec<Administrator>,
    (only_try, call): (bool, Option<Call>),
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
    let written = store.write_or_try("registry.init", registry, only_try, move |tx| {
        let mut ids = [StaffId(0); 2];
        for (id, who) in ids.iter_mut().zip(&administrators) {
            let restricted = Restricted::new(json!({ "issuer": who.issuer, "subject": who.subject }));
            let by = Authorship { restricted: Some(&restricted), ..Authorship::default() };
            let roles = [Role::SecurityOfficer].into();
            let appointed = Change::StaffAppointed(StaffAppointed { roles, service: false });
            *id = StaffId(tx.record_by(&permit, &[appointed], &by)?);
            tx.put_principal(&permit, *id, &who.issuer, &who.subject, None)?;
        }
        tx.seal(&permit)?;
        let epoch = if only_try { 0 } else { tx.epoch };
        tx.keep(call.as_ref(), &epoch)?;
        Ok((ids, epoch))
    });
    Ok(written.await?.value)
}
