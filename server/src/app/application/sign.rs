//! What staff of the applicant let its key sign: an application or a notice for one superior. It binds nobody: the
//! superior's staff decide, and this registry's own log names a superior only after a proposal here.

use charter_domain::{
    HttpsId, Invalid, RegistryId, Scope, Timestamp,
    policy::{self, Action, Refusal},
    staff::Staff,
};
use charter_federation::LocalAuthority as _;
use charter_store::superior::Said;
use uuid::Uuid;

use super::{
    signed::{self, Join, LIFE, Leave, Says, Signed},
    text,
};
use crate::{App, Error, app::document::internal};

/// What is to be signed.
#[derive(Debug, Clone)]
pub enum Wanted {
    Join(Join),
    /// That this registry has left.
    Leave,
    Inquire(Uuid),
}

/// A compact JWS, and until when it may be submitted.
///
/// # Errors
/// Refused to who may not sign for the registry, and a notice where the superior was not left.
pub async fn sign(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    superior: &str,
    wanted: Wanted,
) -> Result<(String, Timestamp), Error> {
    policy::allow(staff, Action::Apply)?;
    let tenant = app.tenant(registry)?;
    let superior = HttpsId::parse(superior).map_err(|e| e.at("superior"))?;
    if superior == tenant.registry.entity_identifier {
        return Err(Invalid::new("superior", "must be another authority").into());
    }
    let says = says(app, registry, &superior, wanted).await?;
    let view = app.hosted.view(registry).await?;
    let (now, ring) = (app.clock.now(), tenant.ring());
    let exp = now.plus(LIFE);
    let signed = Signed {
        iss: tenant.registry.entity_identifier.clone(),
        aud: superior,
        iat: now.secs(),
        exp: exp.secs(),
        jti: Uuid::now_v7(),
        configuration: view.configuration.clone(),
        says,
    };
    // The key that others have known longest; a token takes milliseconds for a signature.
    let work = tokio::task::spawn_blocking(move || signed::sign(&signed, ring.voucher(now)?));
    Ok((work.await.map_err(internal)?.map_err(internal)?, exp))
}

async fn says(app: &App, registry: RegistryId, superior: &HttpsId, wanted: Wanted) -> Result<Says, Error> {
    match wanted {
        Wanted::Join(wish) => {
            text("contact", &wish.contact)?;
            Scope::parse(wish.scope.clone())?;
            Ok(Says::Join(wish))
        }
        Wanted::Leave => {
            let recorded = app.store.superiors(registry).await?;
            let last = recorded.into_iter().find(|r| r.entity_identifier() == superior);
            let left = last.and_then(|r| match r.said {
                Said::Left(left) => Some(Leave { code: left.reason, seq: r.seq }),
                Said::Joined(_) => None,
            });
            left.map(Says::Leave).ok_or_else(|| {
                let text = format!("`{superior}` was not left: propose `leave_superior` first");
                Refusal::Illegal(text).into()
            })
        }
        Wanted::Inquire(id) => Ok(Says::Inquire(id)),
    }
}
