//! Signing attributes. What is handed out was true at an epoch that is still the newest one known after it was signed: a
//! change that comes between the facts and the signature makes it be done again.

use std::sync::Arc;

use bytes::Bytes;
use charter_cache::Change;
use charter_domain::{RegistryId, Timestamp};
use charter_signing::{Algorithm, Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Draft, Fault, Signed, above::Above, claims, draft::Kind, drafts, kept, subject};
use crate::{
    App, Error,
    app::document::{Issuing, internal},
    error::Code,
    hosted::Tenant,
};

/// How often facts are read again that moved while they were signed.
const ATTEMPTS: usize = 3;

/// The attribute of an issuer, signed; the same bytes as long as nothing has changed, for half of their life.
pub async fn attribute(app: &App, registry: RegistryId, did: &str, id: &str) -> Result<Arc<Signed>, Fault> {
    let missing = || Fault::Attribute(id.chars().take(80).collect());
    let bytes = kept::bytes(id);
    if let Some(held) = bytes.and_then(|bytes| app.ebsi.get(app, registry, did, &bytes)) {
        return Ok(held);
    }
    // Who asks for what is not there waits for no turn, and nobody for them.
    let (_, found) = drafts(app, registry, did).await?;
    let is_there = |bytes: &[u8; 32]| found.iter().any(|draft| kept::bytes(&draft.id) == Some(*bytes));
    let bytes = bytes.filter(is_there).ok_or_else(missing)?;
    let _turn = app.ebsi.turn(&bytes).await;
    if let Some(held) = app.ebsi.get(app, registry, did, &bytes) {
        return Ok(held);
    }
    for _ in 0..ATTEMPTS {
        let denials = app.hosted.breakglass.revision();
        let (epoch, found) = drafts(app, registry, did).await?;
        let draft =
            found.into_iter().find(|draft| kept::bytes(&draft.id) == Some(bytes)).ok_or_else(missing)?;
        let signed = Arc::new(signed(app, app.tenant(registry)?, did, &draft, (epoch, denials)).await?);
        let same = denials == app.hosted.breakglass.revision();
        if same && stand(app, registry, did, &[epoch]).await? {
            app.ebsi.put(bytes, &signed);
            return Ok(signed);
        }
    }
    Err(moving())
}

/// All these attributes of an issuer as of one state: what was signed first may be over once the last one is.
pub(super) async fn together(
    app: &App,
    registry: RegistryId,
    did: &str,
    most: usize,
) -> Result<Vec<Arc<Signed>>, Fault> {
    for _ in 0..ATTEMPTS {
        let mut all = Vec::new();
        for id in super::attributes(app, registry, did).await?.iter().take(most) {
            all.push(attribute(app, registry, did, id).await?);
        }
        let epochs: Vec<i64> = all.iter().map(|signed| signed.epoch).collect();
        refuse_older(app, registry, did, &epochs);
        if stand(app, registry, did, &epochs).await? {
            return Ok(all);
        }
    }
    Err(moving())
}

/// What was read before the register has heard of it: nothing older of the issuer is shown beside it.
fn refuse_older(app: &App, registry: RegistryId, did: &str, epochs: &[i64]) {
    let newest = epochs.iter().copied().max().unwrap_or(i64::MIN);
    if app.register.watched(registry).is_some_and(|known| known < newest) {
        let changed = Change { seq: newest, identifiers: Some(vec![did.to_owned()]) };
        app.register.note(registry, &[changed]);
    }
}

/// Nothing is known to have happened since these epochs. Without a lease, or of a registry that is not watched, PostgreSQL
/// says that.
async fn stand(app: &App, registry: RegistryId, did: &str, epochs: &[i64]) -> Result<bool, Error> {
    if epochs.iter().all(|epoch| kept::stands(app, registry, did, *epoch)) {
        return Ok(true);
    }
    if app.register.usable() && app.register.watched(registry).is_some() {
        return Ok(false);
    }
    let now = app.store.epoch(registry).await?;
    Ok(epochs.iter().all(|epoch| *epoch == now))
}

fn moving() -> Fault {
    Error::new(Code::Stale, "what it says changes faster than it is signed; try again").into()
}

async fn signed(
    app: &App,
    tenant: &Tenant,
    did: &str,
    draft: &Draft,
    (epoch, denials): (i64, u64),
) -> Result<Signed, Fault> {
    let now = app.clock.now();
    let expiry = Issuing::new(tenant, app.config.documents.lifetime_secs).expiry(&draft.id, now);
    let above = Above::of(app, tenant)?;
    let payload = claims::of(&subject(tenant, did, &above), draft, (now, expiry)).map_err(internal)?;
    let (ring, own) = (tenant.fresh_ring(&app.store).await?, tenant.registry.authority.to_string());
    // A token takes milliseconds for a signature.
    let sign = move || -> Result<Option<String>, String> {
        let signer: &dyn Signer = ring.signer(now)?;
        if signer.key().algorithm() != Algorithm::Es256 {
            return Ok(None);
        }
        signer.sign_as(&own, "JWT", payload.to_string().as_bytes()).map(Some).map_err(|e| e.to_string())
    };
    let body = tokio::task::spawn_blocking(sign).await.map_err(internal)?.map_err(internal)?;
    let es256 =
        || Error::new(Code::NotImplemented, "EBSI takes ES256, and this registry signs with another key");
    let attribute = attribute_of(draft, &body.ok_or_else(es256)?);
    let answer = json!({ "did": did, "attribute": attribute }).to_string();
    let digest: String = format!("{:x}", Sha256::digest(&answer)).chars().take(32).collect();
    Ok(Signed {
        registry: tenant.registry.id,
        did: did.to_owned(),
        id: draft.id.clone(),
        attribute,
        etag: format!("\"{digest}\""),
        answer: Bytes::from(answer),
        epoch,
        denials,
        until: turn(draft, now, expiry),
    })
}

/// The five members.
fn attribute_of(draft: &Draft, body: &str) -> Value {
    let role = match draft.kind {
        _ if draft.revoked => "Revoked",
        Kind::Chain => "RootTAO",
        Kind::Accredit => "TAO",
        Kind::Attest => "TI",
    };
    json!({
        "hash": format!("{:x}", Sha256::digest(body)),
        "body": body,
        "issuerType": role,
        "tao": draft.tao,
        "rootTao": draft.root,
    })
}

/// Half of its life, or when what it says will be another.
fn turn(draft: &Draft, now: Timestamp, expiry: Timestamp) -> Timestamp {
    let half = now.plus(expiry.since(now) / 2);
    draft.next.map_or(half, |next| next.min(half))
}
