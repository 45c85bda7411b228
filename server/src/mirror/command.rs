//! `charterd log refill`: puts published events back into an older database, as its owner.

use std::sync::Arc;

use charter_federation::protocol::address::system_lookup;

use super::refill::{ensure, known};
use crate::{App, Config, clock::WallClock, context::Startup};

/// Of one registry, or of all. False where events are still missing; the reason is printed.
pub async fn refill(config: &Config, registry: Option<&str>) -> Result<bool, Startup> {
    let app = App::start(config.clone(), Arc::new(WallClock), system_lookup()).await?;
    if let Some(authority) = registry.filter(|authority| app.hosted.by_authority(authority).is_none()) {
        return Err(Startup::Registry(authority.to_owned(), "is not served here".to_owned()));
    }
    let mut whole = true;
    let chosen = app.hosted.tenants().filter(|t| registry.is_none_or(|r| r == t.registry.authority.as_str()));
    for tenant in chosen {
        let known = known(&app, tenant).await;
        let authority = &tenant.registry.authority;
        match ensure(&app, tenant, known.size).await {
            Ok(None) if !known.told => {
                println!(
                    "{authority}: no witness or mirror answers, and there is no file: nobody can say what is missing"
                );
                whole = false;
            }
            Ok(None) => println!("{authority}: nothing is missing"),
            Ok(Some(done)) => println!(
                "{authority}: events {} to {} are back; lost for good: {} restricted parts, and who {} new members \
                 of staff are",
                done.from_seq, done.until_seq, done.restricted, done.appointed
            ),
            Err(why) => {
                println!("{authority}: {why}");
                whole = false;
            }
        }
    }
    Ok(whole)
}
