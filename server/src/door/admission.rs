//! Who may send one more request, and to a listener for registries, who may send any.

use axum::body::Body;
use http::{HeaderValue, Response};

use super::Origin;
use crate::{
    App, Error,
    error::Code,
    peer_keys::{KnownPeer, rights},
};

/// The registry whose key the connection showed; only listeners that ask for certificates see any.
fn known(app: &App, (_, certificate): Origin) -> Option<KnownPeer> {
    certificate.and_then(|key| app.peer_keys.of(&key, app.clock.now()))
}

/// A known registry has a limit of its own for each of its keys. Whom it is for: looked up once a request.
pub fn admit(app: &App, from: Origin) -> Result<Option<KnownPeer>, Error> {
    let (address, certificate) = from;
    let peer = known(app, from);
    let (admitted, who) = match certificate.filter(|_| peer.is_some()) {
        Some(key) => (app.limiter.admits_peer(&key), "a registry"),
        None => (app.limiter.admits(address), "this address"),
    };
    if admitted {
        return Ok(peer);
    }
    Err(Error::new(Code::RateLimited, format!("more requests than {who} may send; slow down")))
}

/// On a listener for registries: asked for each request, since what listed the key may have ended after the handshake.
pub fn authorize(known: Option<&KnownPeer>, path: &str) -> Result<(), Error> {
    let Some(peer) = known else {
        let text = "this listener is for registries whose TLS key a delegation or a recognition lists";
        return Err(Error::new(Code::Unauthenticated, text));
    };
    if rights::may(peer, path) {
        return Ok(());
    }
    let text = format!(
        "`{}` may not call this: questions come from a superior or a recognised peer",
        peer.authority
    );
    Err(Error::new(Code::Denied, text))
}

/// IETF httpapi draft: what is allowed; that none is left, and one second to wait.
pub fn say_limits(response: &mut Response<Body>, app: &App, from: Origin) {
    let [address, peer] = &app.limiter.policies;
    let policy = if known(app, from).is_some() { peer } else { address };
    let name = policy.split(';').next().unwrap_or_default();
    for (header, value) in [("ratelimit", format!("{name};r=0;t=1")), ("ratelimit-policy", policy.clone())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(header, value);
        }
    }
}
