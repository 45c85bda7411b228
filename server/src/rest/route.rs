//! A route of REST as data: what builds the router is what the documentation and the tests read.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};

use percent_encoding::percent_decode_str;

use crate::{
    App, Error,
    config::{Listener, listener::Service},
    error::Code,
    telemetry::requests::Routed,
};

/// Who may call a route at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it answers anyone who reaches the listener.
    Nothing,
    /// The bootstrap token, until the registry is sealed.
    Bootstrap,
    /// Somebody who is on the staff of the registry; what they may do is decided by `policy`.
    Staff,
}

/// A handler for one method, made when a router is built.
type Make = fn() -> MethodRouter<Arc<App>>;

pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// Listeners that offer this have it; `None` for all listeners.
    pub service: Option<Service>,
    pub needs: Needs,
    /// Listeners for staff have it too: they read what they change.
    pub staff_too: bool,
    /// What is posted to it is a verb after its id.
    pub verbs: bool,
    /// `None` where the door goes to the handler directly: TRQP's two paths, and AuthZEN's evaluation.
    make: Option<Make>,
}

const fn row(method: &'static str, path: &'static str, service: Option<Service>, make: Make) -> Route {
    Route { method, path, service, needs: Needs::Nothing, staff_too: false, verbs: false, make: Some(make) }
}

/// To be read on every listener.
pub(super) const fn everywhere(path: &'static str, make: Make) -> Route {
    anywhere("GET", path, make)
}

/// On every listener.
pub(super) const fn anywhere(method: &'static str, path: &'static str, make: Make) -> Route {
    row(method, path, None, make)
}

pub(super) const fn public(method: &'static str, path: &'static str, make: Make) -> Route {
    row(method, path, Some(Service::Public), make)
}

/// For other registries.
pub(super) const fn peer(method: &'static str, path: &'static str, make: Make) -> Route {
    row(method, path, Some(Service::Peer), make)
}

pub(super) const fn direct(path: &'static str) -> Route {
    let service = Some(Service::Public);
    let (method, needs) = ("POST", Needs::Nothing);
    Route { method, path, service, needs, staff_too: false, verbs: false, make: None }
}

/// What is recorded, read one by one and in pages.
pub(super) const fn records(path: &'static str, make: Make) -> Route {
    Route { staff_too: true, ..public("GET", path, make) }
}

/// Of the links between registries: on the listeners for them and for staff, with a sign-in.
pub(super) const fn links(path: &'static str, make: Make) -> Route {
    Route { needs: Needs::Staff, staff_too: true, ..peer("GET", path, make) }
}

/// On listeners for staff, and for staff alone.
pub(super) const fn staff(method: &'static str, path: &'static str, make: Make) -> Route {
    let needs = Needs::Staff;
    Route { needs, ..row(method, path, Some(Service::Staff), make) }
}

/// What is done to something that is read at the same address: the verb stands after its id (`/x/{id}:verb`), and
/// without one there is nothing to POST to.
pub(super) const fn verbs(path: &'static str, make: Make) -> Route {
    Route { verbs: true, ..staff("POST", path, make) }
}

/// On listeners for staff, for who loads the registry.
pub(super) const fn bootstrap(path: &'static str, make: Make) -> Route {
    let needs = Needs::Bootstrap;
    Route { needs, ..row("POST", path, Some(Service::Staff), make) }
}

/// On listeners for staff, without a sign-in: what machines of the site read.
pub(super) const fn site(path: &'static str, make: Make) -> Route {
    row("GET", path, Some(Service::Staff), make)
}

/// What staff see is kept by no cache on the way.
async fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// No POST without a verb, as if the method were not known here (RFC 9110, 15.5.6).
async fn with_verb(State(allow): State<HeaderValue>, request: Request, next: Next) -> Response {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    if percent_decode_str(last).any(|byte| byte == b':') {
        return next.run(request).await;
    }
    let said = "it is a verb after the id that is posted to: `/{id}:verb`";
    let mut response = Error::new(Code::MethodNotAllowed, said).into_response();
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// What else the address of a route with verbs takes; `None` where that is nothing.
fn beside(route: &Route, routes: &[Route]) -> Option<HeaderValue> {
    if !route.verbs {
        return None;
    }
    let others = routes.iter().filter(|other| other.path == route.path && other.method != route.method);
    let methods: Vec<&str> = others.map(|other| other.method).collect();
    HeaderValue::from_str(&methods.join(", ")).ok().filter(|allow| !allow.is_empty())
}

/// Tells the door which route it was.
async fn mark(routed: Routed, mut response: Response) -> Response {
    response.extensions_mut().insert(routed);
    response
}

pub(super) fn router(routes: &[Route], listener: &Listener) -> Router<Arc<App>> {
    let mut router = Router::new();
    for route in routes {
        let offered = route.service.is_none_or(|service| listener.offers(service))
            || (route.staff_too && listener.offers(Service::Staff));
        if let Some(make) = route.make.filter(|_| offered) {
            let handlers = match route.needs {
                Needs::Staff | Needs::Bootstrap => make().layer(map_response(unstored)),
                Needs::Nothing => make(),
            };
            let handlers = match beside(route, routes) {
                Some(allow) => handlers.layer(from_fn_with_state(allow, with_verb)),
                None => handlers,
            };
            let routed = Routed(route.path);
            router = router.route(route.path, handlers.layer(map_response(move |r| mark(routed, r))));
        }
    }
    router
}
