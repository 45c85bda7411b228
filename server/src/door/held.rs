//! What is served of a registry that is held, or has moved.

use charter_domain::RegistryId;

use crate::{App, Error, error::Code};

/// What is served of a registry whose database lacks published events: nothing that rests on them.
const OPEN_WHEN_HELD: [&str; 12] = [
    "/livez",
    "/readyz",
    "/metrics",
    "/.well-known/",
    "/openapi.json",
    "/docs",
    "/log/",
    "/api/v1/log/",
    "/charter.registry.v1.LogService/",
    "/witness/",
    "/mirror/",
    "/grpc.",
];

/// What is served of a registry that has moved: the site, and the log as it was. Nothing of it is signed here.
const OPEN_WHEN_MOVED: [&str; 9] = [
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/log/",
    "/api/v1/log/",
    "/charter.registry.v1.LogService/",
    "/grpc.",
];

/// Nothing is served that rests on what is missing here, or is recorded elsewhere now.
pub fn open(app: &App, registry: RegistryId, path: &str) -> Result<(), Error> {
    let Some(held) = app.hosted.holds.get(registry) else { return Ok(()) };
    let missing = "published events are missing from the database; they are put back first";
    let (open, why) = match app.hosted.holds.has_moved(registry) {
        true => (OPEN_WHEN_MOVED.as_slice(), &*held.why),
        false => (OPEN_WHEN_HELD.as_slice(), missing),
    };
    match open.iter().any(|open| path.starts_with(open)) {
        true => Ok(()),
        false => Err(Error::new(Code::Stale, why)),
    }
}
