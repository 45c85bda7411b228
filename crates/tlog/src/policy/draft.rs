//! A policy while its lines are read: each definition is checked against those before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    note::{KeyKind, Vkey},
    number,
    policy::{Fault, Group, Log, MAX_OF_EACH, Member, Name, Policy, Witness},
};

/// The name that stands for no witness.
const NONE: &[u8] = b"none";

#[derive(Default)]
pub(super) struct Draft {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    names: BTreeMap<Name, Member>,
    /// Who is a member of a group already.
    members: BTreeSet<Member>,
    quorum: Option<Option<Member>>,
}

impl Draft {
    pub(super) fn log(&mut self, vkey: Vkey, url: Option<String>) -> Result<(), Fault> {
        if vkey.kind() != KeyKind::Ed25519 {
            return Err(Fault::NotALog(Box::new(vkey)));
        }
        check_new(&vkey, self.logs.iter().map(|log| &log.vkey))?;
        self.logs.push(Log { vkey, url });
        Ok(())
    }

    pub(super) fn witness(&mut self, name: &[u8], vkey: Vkey, url: Option<String>) -> Result<(), Fault> {
        if vkey.kind() != KeyKind::CosignatureV1 {
            return Err(Fault::NotAWitness(Box::new(vkey)));
        }
        check_new(&vkey, self.witnesses.iter().map(|witness| &witness.vkey))?;
        let name = self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name, vkey, url });
        Ok(())
    }

    /// `threshold` is `any`, `all` or a number.
    pub(super) fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), Fault> {
        if self.groups.len() == MAX_OF_EACH {
            return Err(Fault::TooMany);
        }
        let threshold = read_threshold(threshold, members.len())?;
        let members: Vec<Member> = members.iter().map(|name| self.join(name)).collect::<Result<_, _>>()?;
        let name = self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { name, threshold, members });
        Ok(())
    }

    pub(super) fn quorum(&mut self, name: &[u8]) -> Result<(), Fault> {
        if self.quorum.is_some() {
            return Err(Fault::SecondQuorum);
        }
        self.quorum = Some(if name == NONE { None } else { Some(self.find(name)?) });
        Ok(())
    }

    /// `None` if there was no quorum.
    pub(super) fn finish(self) -> Option<Policy> {
        let Self { logs, witnesses, groups, quorum, .. } = self;
        Some(Policy { logs, witnesses, groups, quorum: quorum? })
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<Name, Fault> {
        if name == NONE {
            return Err(Fault::None);
        }
        let name = Name(name.to_vec());
        if self.names.contains_key(&name) {
            return Err(Fault::Defined(name));
        }
        self.names.insert(name.clone(), member);
        Ok(name)
    }

    fn find(&self, name: &[u8]) -> Result<Member, Fault> {
        let name = Name(name.to_vec());
        self.names.get(&name).copied().ok_or(Fault::Undefined(name))
    }

    fn join(&mut self, name: &[u8]) -> Result<Member, Fault> {
        if name == NONE {
            return Err(Fault::None);
        }
        let member = self.find(name)?;
        let first = self.members.insert(member);
        if first { Ok(member) } else { Err(Fault::Member(Name(name.to_vec()))) }
    }
}

/// Keys are compared without their names: one key under two names would count twice.
fn check_new<'k>(vkey: &Vkey, mut known: impl ExactSizeIterator<Item = &'k Vkey>) -> Result<(), Fault> {
    if known.len() == MAX_OF_EACH {
        return Err(Fault::TooMany);
    }
    let twice = known.any(|other| other.key() == vkey.key());
    if twice { Err(Fault::SameKey(Box::new(vkey.clone()))) } else { Ok(()) }
}

fn read_threshold(text: &[u8], members: usize) -> Result<usize, Fault> {
    let number = || number::parse(std::str::from_utf8(text).ok()?)?.try_into().ok();
    let threshold = match text {
        b"any" => Some(1),
        b"all" => Some(members),
        _ => number(),
    };
    let given = || Name(text.to_vec());
    threshold
        .filter(|threshold| (1..=members).contains(threshold))
        .ok_or_else(|| Fault::Threshold { members, given: given() })
}
