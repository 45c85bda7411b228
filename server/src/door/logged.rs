//! What the log of requests names: routes and methods that there are. Never what a caller wrote: it may name somebody.

use std::sync::OnceLock;

use axum::body::Body;
use http::Request;

use crate::rest::ROUTES;

/// For a request that has no route here.
const NONE: &str = "-";

/// The route's template, or the gRPC method.
pub fn path(request: &Request<Body>, is_grpc: bool) -> &'static str {
    static METHODS: OnceLock<Vec<String>> = OnceLock::new();
    let path = request.uri().path();
    if is_grpc {
        let methods = METHODS.get_or_init(charter_proto::methods);
        return methods.iter().find(|method| *method == path).map_or(NONE, String::as_str);
    }
    ROUTES.iter().find(|route| is(route.path, path)).map_or(NONE, |route| route.path)
}

/// Segment by segment; one in braces is any.
fn is(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    template.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|found| if wanted.starts_with('{') { !found.is_empty() } else { wanted == found })
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(uri: &str, is_grpc: bool) -> &'static str {
        path(&Request::builder().uri(uri).body(Body::empty()).expect("a request"), is_grpc)
    }

    #[test]
    fn a_path_is_logged_by_its_template_and_nothing_that_was_asked_about() {
        for (uri, template) in [
            ("/authorization", "/authorization"),
            ("/entities/did:web:doe.example", "/entities/{entity_id}"),
            ("/api/v1/proposals/Doe:approve?x=Doe", "/api/v1/proposals/{id}"),
            ("/api/v1/issuers:batchCheck", "/api/v1/issuers:batchCheck"),
            ("/Doe", "-"),
            ("/api/v1/staff/Doe", "-"),
        ] {
            assert_eq!(logged(uri, false), template);
        }
        let method = "/charter.registry.v1.GovernanceService/Propose";
        assert_eq!((logged(method, true), logged("/Doe/Propose", true)), (method, "-"));
    }
}
