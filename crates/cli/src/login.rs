//! A sign-in at an OpenID Connect provider: got by device code, kept in a file, renewed while the provider allows.

mod provider;
mod store;

pub use self::{
    provider::{Provider, Waiting},
    store::{Kept, Place},
};
use crate::{
    args::Connection,
    clock,
    exit::{Exit, Failure},
};

/// A token is renewed when it has less than this left: the call must arrive in time.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(15);

/// Sees to it that the kept token can be used: renews it if it ends soon, and the provider gave the means.
pub async fn renew(place: &Place, to: &Connection) -> Result<(), Failure> {
    let _alone = place.lock()?;
    let Some(kept) = place.read()? else {
        return Ok(());
    };
    let soon = clock::at_or_now(None).plus(MARGIN);
    if kept.expires_at.is_none_or(|at| at > soon) {
        return Ok(());
    }
    let over = || {
        let name = place.profile();
        Failure::new(Exit::Denied, format!("the sign-in of profile `{name}` has expired"))
            .hint(format!("sign in again: `charter login --profile {name}`"))
    };
    let refresh = kept.refresh_token.clone().ok_or_else(over)?;
    let provider = Provider::discover(&kept.issuer, to).await?;
    match provider.refresh(&kept.client_id, refresh).await {
        Ok(granted) => place.write(&kept.renewed(&granted), &granted.access_token),
        // What the provider refuses is over; a provider that cannot be reached is not.
        Err(failure) if failure.exit == Exit::Denied => Err(over()),
        Err(failure) => Err(failure),
    }
}
