//! Who may do what. The store's mutations take a `Permit` that only this file can make, so forgetting to
//! authorize does not compile.

use std::{marker::PhantomData, time::Duration};

use crate::{RegistryId, Timestamp, measure::Measure, registry::Phase, staff::Staff};

pub mod action;
pub mod refusal;
pub mod rights;
pub mod verb;

pub use self::{
    action::{Action, Power, allow},
    refusal::Refusal,
    rights::Right,
    verb::{Emergency, Execute, Init, Load, Open, Read, Verb, Writes},
};

/// How long one person waits before they may declare another emergency.
pub const EMERGENCY_PAUSE: Duration = Duration::from_secs(30 * 86_400);

/// The party behind a request, as the door established it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    /// Holder of the bootstrap token of this deployment.
    Bootstrap,
    /// The server itself: creating keys, signing and renewing documents. Never made at a door.
    System,
}

/// Proof that policy said yes to `V` in one registry.
#[derive(Debug)]
pub struct Permit<V> {
    registry: RegistryId,
    origin: &'static str,
    verb: PhantomData<V>,
}

impl<V> Clone for Permit<V> {
    fn clone(&self) -> Self {
        Self { registry: self.registry, origin: self.origin, verb: PhantomData }
    }
}

impl<V> Permit<V> {
    pub fn registry(&self) -> RegistryId {
        self.registry
    }
    /// What the event records as its origin.
    pub fn origin(&self) -> &'static str {
        self.origin
    }
}

pub fn permit<V: Verb>(caller: &Caller, registry: RegistryId, phase: Phase) -> Result<Permit<V>, Refusal> {
    if !V::allows(caller) {
        return Err(if *caller == Caller::Anonymous { Refusal::Unauthenticated } else { Refusal::Denied });
    }
    if V::BOOTSTRAP_ONLY && phase != Phase::Bootstrap {
        return Err(Refusal::Sealed);
    }
    let by_caller = match caller {
        Caller::Anonymous => "anonymous",
        Caller::Bootstrap => "bootstrap",
        Caller::System => "system",
    };
    let origin = V::ORIGIN.unwrap_or(by_caller);
    Ok(Permit { registry, origin, verb: PhantomData })
}

/// One person suspends an entity at once. `last` is when they last did so in this registry.
pub fn emergency(
    staff: &Staff,
    registry: RegistryId,
    phase: Phase,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Result<Permit<Emergency>, Refusal> {
    if rights::role_for(staff, Right::Emergency, Measure::Suspend).is_none() {
        return Err(Refusal::Denied);
    }
    if staff.service {
        return Err(Refusal::ServiceMayNotApprove);
    }
    if phase != Phase::Governed {
        return Err(Refusal::NotGoverned);
    }
    if !staff.stepped_up {
        return Err(Refusal::StepUpNeeded);
    }
    if last.is_some_and(|last| now.since(last) < EMERGENCY_PAUSE) {
        return Err(Refusal::RepeatedEmergency);
    }
    Ok(Permit { registry, origin: "emergency", verb: PhantomData })
}

/// What two different security officers signed offline is recorded, in whatever phase: it suspends until it lapses.
/// `signers` are the thumbprints of their keys, verified.
pub fn breakglass(registry: RegistryId, signers: &[String]) -> Result<Permit<Emergency>, Refusal> {
    let different = signers.first().is_some_and(|first| signers.iter().any(|other| other != first));
    if !different {
        return Err(Refusal::Denied);
    }
    Ok(Permit { registry, origin: "breakglass", verb: PhantomData })
}

/// One security officer takes a credential away at once. It can only take rights away, so it needs no second person.
pub fn revoke_credential(
    staff: &Staff,
    registry: RegistryId,
    phase: Phase,
) -> Result<Permit<Emergency>, Refusal> {
    if staff.service {
        return Err(Refusal::ServiceMayNotApprove);
    }
    allow(staff, Action::RevokeCredential)?;
    if phase != Phase::Governed {
        return Err(Refusal::NotGoverned);
    }
    Ok(Permit { registry, origin: "emergency", verb: PhantomData })
}

/// The origin of what others than its proposer approved.
#[cfg(feature = "records")]
pub(crate) const GOVERNANCE: &str = "governance";

/// For `govern::proposal` alone, once enough people have approved.
#[cfg(feature = "records")]
pub(crate) fn execute(registry: RegistryId) -> Permit<Execute> {
    Permit { registry, origin: GOVERNANCE, verb: PhantomData }
}

#[cfg(test)]
mod tests;
