//! Who may do what. The store's mutations take a `Permit` that only this file can make, so forgetting to
//! authorize does not compile.

use std::marker::PhantomData;

use crate::{RegistryId, registry::Phase};

/// The party behind a request, as the door established it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    /// Holder of the bootstrap token of this deployment.
    Bootstrap,
    /// The server itself: creating keys, signing and renewing documents. Never made at a door.
    System,
}

/// Something a caller may be permitted to do; sealed by living here.
pub trait Verb {
    const NAME: &'static str;
    /// Callers who may ever do it, before the registry's phase is looked at.
    fn allows(caller: &Caller) -> bool;
    /// Whether the registry must still be in `BOOTSTRAP`.
    const BOOTSTRAP_ONLY: bool;
}

/// Load records and change their status while the registry is in `BOOTSTRAP`.
#[derive(Debug)]
pub struct Load;
/// Open a registry and give it a key: done by the server at its start, from its configuration.
#[derive(Debug)]
pub struct Open;
/// Read public records.
#[derive(Debug)]
pub struct Read;

impl Verb for Load {
    const NAME: &'static str = "load";
    const BOOTSTRAP_ONLY: bool = true;
    fn allows(caller: &Caller) -> bool {
        matches!(caller, Caller::Bootstrap)
    }
}
impl Verb for Open {
    const NAME: &'static str = "open";
    const BOOTSTRAP_ONLY: bool = false;
    fn allows(caller: &Caller) -> bool {
        matches!(caller, Caller::System)
    }
}
impl Verb for Read {
    const NAME: &'static str = "read";
    const BOOTSTRAP_ONLY: bool = false;
    fn allows(_: &Caller) -> bool {
        true
    }
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this needs a credential: send `authorization: Bearer <token>`")]
    Unauthenticated,
    #[error("the credential does not permit this")]
    Denied,
    #[error("the registry is sealed: records change through governance, not by loading")]
    Sealed,
}

pub fn permit<V: Verb>(caller: &Caller, registry: RegistryId, phase: Phase) -> Result<Permit<V>, Refusal> {
    if !V::allows(caller) {
        return Err(if *caller == Caller::Anonymous { Refusal::Unauthenticated } else { Refusal::Denied });
    }
    if V::BOOTSTRAP_ONLY && phase != Phase::Bootstrap {
        return Err(Refusal::Sealed);
    }
    let origin = match caller {
        Caller::Anonymous => "anonymous",
        Caller::Bootstrap => "bootstrap",
        Caller::System => "system",
    };
    Ok(Permit { registry, origin, verb: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_this_table() {
        let mut table = String::new();
        for caller in [Caller::Anonymous, Caller::Bootstrap, Caller::System] {
            for phase in [Phase::Bootstrap, Phase::Governed] {
                let id = RegistryId(1);
                let cell =
                    |r: Result<(), Refusal>| r.map_or_else(|e| format!("{e:?}"), |()| "yes".to_owned());
                table += &format!(
                    "{caller:?} {} load={} open={} read={}\n",
                    phase.code(),
                    cell(permit::<Load>(&caller, id, phase).map(|_| ())),
                    cell(permit::<Open>(&caller, id, phase).map(|_| ())),
                    cell(permit::<Read>(&caller, id, phase).map(|_| ())),
                );
            }
        }
        assert_eq!(
            table,
            "Anonymous BOOTSTRAP load=Unauthenticated open=Unauthenticated read=yes\n\
             Anonymous GOVERNED load=Unauthenticated open=Unauthenticated read=yes\n\
             Bootstrap BOOTSTRAP load=yes open=Denied read=yes\n\
             Bootstrap GOVERNED load=Sealed open=Denied read=yes\n\
             System BOOTSTRAP load=Denied open=yes read=yes\n\
             System GOVERNED load=Denied open=yes read=yes\n"
        );
    }
}
