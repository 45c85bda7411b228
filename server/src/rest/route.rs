//! A route of REST as data: what builds the router is what the documentation and the tests read.

use std::sync::Arc;

use axum::{Router, routing::MethodRouter};

use crate::{
    App,
    config::{Listener, listener::Service},
};

/// Who may call a route at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it answers anyone who reaches the listener.
    Nothing,
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
    /// `None` where the door goes to the handler directly: TRQP's two paths.
    make: Option<Make>,
}

const fn row(method: &'static str, path: &'static str, service: Option<Service>, make: Make) -> Route {
    Route { method, path, service, needs: Needs::Nothing, make: Some(make) }
}

/// On every listener.
pub(super) const fn everywhere(path: &'static str, make: Make) -> Route {
    row("GET", path, None, make)
}

pub(super) const fn public(method: &'static str, path: &'static str, make: Make) -> Route {
    row(method, path, Some(Service::Public), make)
}

pub(super) const fn direct(path: &'static str) -> Route {
    let service = Some(Service::Public);
    Route { method: "POST", path, service, needs: Needs::Nothing, make: None }
}

/// On listeners for staff, and for staff alone.
pub(super) const fn staff(method: &'static str, path: &'static str, make: Make) -> Route {
    let needs = Needs::Staff;
    Route { needs, ..row(method, path, Some(Service::Staff), make) }
}

/// On listeners for staff, without a sign-in: what machines of the site read.
pub(super) const fn site(path: &'static str, make: Make) -> Route {
    row("GET", path, Some(Service::Staff), make)
}

pub(super) fn router(routes: &[Route], listener: &Listener) -> Router<Arc<App>> {
    let mut router = Router::new();
    for route in routes {
        let offered = route.service.is_none_or(|service| listener.offers(service));
        if let Some(make) = route.make.filter(|_| offered) {
            router = router.route(route.path, make());
        }
    }
    router
}
