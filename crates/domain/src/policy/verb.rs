//! What a caller may be permitted to do, as types: a permit for one verb is no permit for another.

use super::Caller;

/// Something a caller may be permitted to do; the verbs are those of this file.
pub trait Verb: sealed::Sealed {
    const NAME: &'static str;
    /// Callers who may ever do it, before the registry's phase is looked at.
    fn allows(caller: &Caller) -> bool;
    /// Whether the registry must still be in `BOOTSTRAP`.
    const BOOTSTRAP_ONLY: bool;
    /// What its events are recorded as; else it follows from the caller.
    const ORIGIN: Option<&'static str> = None;
}

/// Load records and change their status while the registry is in `BOOTSTRAP`.
#[derive(Debug)]
pub struct Load;
/// Open a registry and give it a key: done by the server at its start, from its configuration.
#[derive(Debug)]
pub struct Open;
/// End BOOTSTRAP: the first administrators, and the seal.
#[derive(Debug)]
pub struct Init;
/// Read public records.
#[derive(Debug)]
pub struct Read;
/// Carry out a proposal: no caller may by themselves, the permit comes from its last approval.
#[derive(Debug)]
pub struct Execute;
/// Suspend an entity at once and alone: the permit comes from `policy::emergency`.
#[derive(Debug)]
pub struct Emergency;

/// A verb under which changes may be recorded: a permit to read is none to write.
pub trait Writes: Verb {}

impl Writes for Load {}
impl Writes for Open {}
impl Writes for Init {}
impl Writes for Execute {}
impl Writes for Emergency {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Load {}
    impl Sealed for super::Open {}
    impl Sealed for super::Init {}
    impl Sealed for super::Read {}
    impl Sealed for super::Execute {}
    impl Sealed for super::Emergency {}
}

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
impl Verb for Init {
    const NAME: &'static str = "init";
    const BOOTSTRAP_ONLY: bool = true;
    const ORIGIN: Option<&'static str> = Some("init");
    fn allows(caller: &Caller) -> bool {
        matches!(caller, Caller::Bootstrap | Caller::System)
    }
}
impl Verb for Read {
    const NAME: &'static str = "read";
    const BOOTSTRAP_ONLY: bool = false;
    fn allows(_: &Caller) -> bool {
        true
    }
}
impl Verb for Execute {
    const NAME: &'static str = "execute";
    const BOOTSTRAP_ONLY: bool = false;
    fn allows(_: &Caller) -> bool {
        false
    }
}
impl Verb for Emergency {
    const NAME: &'static str = "emergency";
    const BOOTSTRAP_ONLY: bool = false;
    fn allows(_: &Caller) -> bool {
        false
    }
}
