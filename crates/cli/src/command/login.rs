//! `charter login`, `logout` and `whoami`: signing in elsewhere, by a code, and what that makes of one here.

use charter_proto::charter::registry::v1 as pb;

use crate::{
    args::{Connection, Login, WhoAmI},
    command::staff,
    desk::Desk,
    exit::{Exit, Failure},
    login::{Kept, Place, Provider, Waiting},
    output,
};

/// The token goes into a file and is not printed.
pub async fn login(to: &Connection, place: &Place, args: Login) -> Result<Exit, Failure> {
    let issuer = args.issuer.ok_or_else(|| {
        Failure::usage("no provider is named").hint("give --issuer, or set `issuer` in the profile")
    })?;
    let provider = Provider::discover(&issuer, to).await?;
    let acr_values = args.step_up.then(|| args.acr_values.unwrap_or_else(|| provider.acr_values()));
    if acr_values.as_ref().is_some_and(String::is_empty) {
        return Err(Failure::usage("the provider does not say which stronger sign-in it has")
            .hint("name it with --acr-values"));
    }
    let waiting = provider.begin(&args.client_id, &args.scope, acr_values.as_deref()).await?;
    ask(&waiting);
    let granted = provider.finish(&waiting).await?;
    let kept = Kept {
        issuer,
        client_id: args.client_id,
        scope: args.scope,
        expires_at: granted.expires_at,
        refresh_token: granted.refresh_token,
    };
    let alone = place.lock()?;
    place.write(&kept, &granted.access_token)?;
    drop(alone);
    let until = kept.expires_at.map_or_else(String::new, |at| format!(" until {at}"));
    let renewed = if kept.refresh_token.is_some() { ", renewed when needed" } else { "" };
    output::text(&format!("signed in as profile `{}`{until}{renewed}", place.profile()))?;
    Ok(Exit::Ok)
}

fn ask(waiting: &Waiting) {
    let (page, code) = (waiting.page(), waiting.code());
    match waiting.page_with_code() {
        Some(complete) => {
            output::say(&format!("open {complete}"));
            output::say(&format!("and go on only if it shows the code {code}"));
        }
        None => {
            output::say(&format!("open {page}"));
            output::say(&format!("and type the code {code}"));
        }
    }
}

pub fn logout(place: &Place) -> Result<Exit, Failure> {
    let name = place.profile();
    let text = if place.remove()? { "is signed out" } else { "was not signed in" };
    output::text(&format!("profile `{name}` {text}"))?;
    Ok(Exit::Ok)
}

/// The caller as the registry knows them. No name is in it: the registry tells none.
pub async fn whoami(to: &Connection, args: WhoAmI) -> Result<Exit, Failure> {
    let desk = Desk::open(to, args.call).await?;
    let request = pb::ListStaffRequest { registry_id: desk.registry_id() };
    let staff = desk.client().list_staff(desk.request(request)).await?.into_inner().staff;
    let you: Vec<_> = staff.into_iter().filter(|member| member.you).collect();
    if you.is_empty() {
        return Err(Failure::new(Exit::Denied, "the registry knows no member of staff by this sign-in"));
    }
    staff::print(args.output, you)?;
    Ok(Exit::Ok)
}
