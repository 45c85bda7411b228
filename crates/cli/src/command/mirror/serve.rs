//! `charter mirror serve`: the copy, asked over HTTP on this machine.

use std::sync::Arc;

use super::bound;
use crate::{
    args::ServeCopy,
    clock::SystemClock,
    exit::{Exit, Failure},
    mirror::serve::Server,
    output,
};

pub async fn run(args: ServeCopy) -> Result<Exit, Failure> {
    let (held, at) = (args.held, args.listen);
    if !at.ip().is_loopback() {
        return Err(Failure::usage(format!("`{at}` is not of this machine alone"))
            .hint("what is answered is plain HTTP: give a loopback address, such as 127.0.0.1:7180"));
    }
    let max_staleness = bound(args.bound.max_staleness)?;
    let server = Server::open(&held.dir, &held.anchors, max_staleness, Arc::new(SystemClock))?;
    let listener = tokio::net::TcpListener::bind(at)
        .await
        .map_err(|e| Failure::usage(format!("cannot listen on {at}: {e}")))?;
    output::note(&format!("the copy in `{}` answers on http://{at}", held.dir.display()));
    Arc::new(server).run(listener).await;
    Ok(Exit::Ok)
}
