//! What is to be done, or why it must not be: decided from one look, and nothing else.

use std::fmt;

use super::{patroni::Member, view::View};

/// Bytes a candidate may be behind: the leader sends the rest before it hands over.
const NEAR: u64 = 16 * 1024 * 1024;
/// What a person can do where nothing may be done by a program.
const BY_HAND: &str = "see `Losing a site` in docs/HA.md";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// This member leads already.
    Done(String),
    Go(Plan),
}

/// From one leader to the next; none leads where a promotion is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub from: Option<String>,
    pub to: String,
    steps: Vec<String>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => writeln!(f, "switchover from `{from}` to `{}`", self.to)?,
            None => writeln!(f, "promotion of `{}`", self.to)?,
        }
        for (n, step) in (1..).zip(&self.steps) {
            writeln!(f, "  {n}. {step}")?;
        }
        Ok(())
    }
}

/// A planned change of the leader.
pub fn switchover(view: &View, to: Option<&str>) -> Result<Way, String> {
    if let Some(fault) = view.faults.first() {
        return Err(format!("not now: {fault}"));
    }
    let leader = view.leader().ok_or("nobody leads: `charterd standby promote` is for that")?;
    if to == Some(leader) {
        return Ok(Way::Done(leader.to_owned()));
    }
    if view.primaries() != [leader] {
        return Err(format!(
            "`{leader}` leads as etcd says, and does not say so itself: wait, or promote another"
        ));
    }
    if view.confirming() < view.config.confirmations() {
        return Err(format!(
            "{} of {} standbys confirm writes: wait until they stream",
            view.confirming(),
            view.config.confirmations()
        ));
    }
    let candidate = match to {
        Some(name) => view.member(name).ok_or_else(|| format!("`{name}` is no member of this cluster"))?,
        None => nearest(view).ok_or("no standby could take over: see `charterd standby status`")?,
    };
    fit(candidate)?;
    let (to, from) = (candidate.name.clone(), leader.to_owned());
    let steps = vec![
        "check that every server of standby.servers is ready, and that the logs publish".to_owned(),
        format!("ask `{from}` to hand over to `{to}`: writes wait, reads go on"),
        format!("wait until `{to}` leads and takes writes"),
        format!("wait until `{from}` follows it"),
        "wait until the logs publish again and every server is ready".to_owned(),
    ];
    Ok(Way::Go(Plan { from: Some(from), to, steps }))
}

fn nearest(view: &View) -> Option<&Member> {
    let members = view.cluster.iter().flat_map(|cluster| &cluster.members);
    members.filter(|member| fit(member).is_ok()).min_by_key(|member| (member.lag(), member.name.as_str()))
}

/// Whether Patroni chooses this one by itself: no other that follows has as high a priority. Where it is told whom to choose,
/// those who are not stand aside for 2 s before they follow (Patroni 4.1.5), and for as long no write is confirmed.
pub fn is_first(view: &View, to: &str) -> bool {
    let members = view.cluster.iter().flat_map(|cluster| &cluster.members);
    let following = members.filter(|member| view.leader() != Some(member.name.as_str()));
    let (chosen, others): (Vec<&Member>, Vec<&Member>) = following.partition(|member| member.name == to);
    let priority = |members: &[&Member]| members.iter().map(|member| member.priority()).max();
    priority(&chosen) > priority(&others)
}

/// Whether a standby can take over by plan.
fn fit(member: &Member) -> Result<(), String> {
    let name = &member.name;
    if !member.confirms() {
        return Err(format!("`{name}` is not among those that confirm writes: it may lack some"));
    }
    if !member.streams() {
        return Err(format!("`{name}` does not stream (it is `{}`): wait until it does", member.state));
    }
    if !member.may_lead() {
        return Err(format!("`{name}` is tagged `nofailover`"));
    }
    match member.lag() {
        Some(lag) if lag <= NEAR => Ok(()),
        Some(lag) => Err(format!("`{name}` is {lag} bytes behind: wait until it has caught up")),
        None => Err(format!("nobody knows how far `{name}` is behind: wait until Patroni does")),
    }
}

/// A change of the leader after the old one is lost.
pub fn promote(view: &View, to: &str) -> Result<Way, String> {
    if view.cluster.is_none() {
        let seen = view.owns().count();
        return Err(format!(
            "{seen} of {} members answer, and none can read etcd. A promotion is not safe: whoever is out of sight \
             may have acknowledged writes that are not here, and may go on with it; {BY_HAND}",
            view.nodes.len()
        ));
    }
    if view.leader() == Some(to) && view.primaries() == [to] {
        return Ok(Way::Done(to.to_owned()));
    }
    if let Some(primary) = view.primaries().first() {
        return Err(format!(
            "`{primary}` answers as primary: `charterd standby switchover --to {to}` loses nothing"
        ));
    }
    if let Some(fault) = view.faults.first() {
        return Err(format!("not now: {fault}"));
    }
    let member = view.member(to).ok_or_else(|| format!("`{to}` is no member of this cluster"))?;
    if !member.confirms() && view.leader() != Some(to) {
        return Err(format!("`{to}` is not among those that confirm writes: it may lack some; {BY_HAND}"));
    }
    if !member.may_lead() {
        return Err(format!("`{to}` is tagged `nofailover`"));
    }
    has_everything(view, to)?;
    let steps = vec![
        "wait until the lock of the old leader has lapsed, and nobody receives from it".to_owned(),
        format!("check that `{to}` has as much as every other that may have confirmed a write"),
        format!("ask `{to}` to take over"),
        format!("wait until `{to}` leads and takes writes"),
        "wait until the logs publish again and the servers of this site are ready".to_owned(),
    ];
    Ok(Way::Go(Plan { from: None, to: to.to_owned(), steps }))
}

/// Whether a member can take over at once: after the plan, with the lock gone.
pub fn may_take_over(view: &View, to: &str) -> Result<(), String> {
    if let Some(primary) = view.primaries().first() {
        return Err(format!("`{primary}` answers as primary"));
    }
    if let Some(fault) = view.faults.first() {
        return Err(fault.clone());
    }
    if let Some(leader) = view.leader() {
        return Err(format!("the lock of `{leader}` has not lapsed"));
    }
    let receiving = view.owns().find(|(_, own)| own.streams());
    if let Some((_, own)) = receiving {
        let name = &own.patroni.name;
        return Err(format!(
            "`{name}` still receives from the old leader: its PostgreSQL runs; stop it there"
        ));
    }
    has_everything(view, to)
}

/// An acknowledged write is on the leader and on `s` of the other `N - 1` nodes. So of those others `N - s` must be
/// seen, and the candidate must have as much as each of them: then it has every such write.
fn has_everything(view: &View, to: &str) -> Result<(), String> {
    let needed = view.nodes.len().saturating_sub(view.config.confirmations()).max(1);
    let (_, own) = view.own(to).ok_or_else(|| format!("`{to}` does not answer"))?;
    let has = own.has().ok_or_else(|| format!("`{to}` does not say how far it is: is its PostgreSQL up?"))?;
    let others: Vec<_> =
        view.owns().filter_map(|(_, own)| Some((own.patroni.name.as_str(), own.has()?))).collect();
    if others.len() < needed {
        return Err(format!(
            "{} of {} nodes say how far they are, and {needed} must: one that is out of sight may have confirmed \
             writes that `{to}` lacks; bring one back, or {BY_HAND}",
            others.len(),
            view.nodes.len()
        ));
    }
    match others.iter().find(|(_, other)| *other > has) {
        Some((name, _)) => Err(format!(
            "`{name}` has more than `{to}`: promote `{name}`, then `charterd standby switchover --to {to}`"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
