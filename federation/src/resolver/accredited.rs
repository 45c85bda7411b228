//! Questions to an authority of another system (EBSI): those that it accredits are asked, and believed as far as their
//! accreditations go.
//!
//! Only for who asks this registry itself: no document of ours vouches for what is found, so a superior could not believe
//! it. Not for recognitions. What cannot be judged is not known, and whom nobody is known to accredit is no proof of a no: both are
//! `UNVERIFIABLE`.

use charter_domain::{Delegation, Kind, Reason, Timestamp};
use futures::future::join_all;

use super::{Mode, NEGATIVE_TTL, Request, Resolve as _, Resolver, downward};
use crate::{
    answer::{Answer, Step, UNHEARD},
    budget::Budget,
    local::{Accredited, LocalAuthority, RegistryView},
    protocol::PeerEndpoint,
    verdict,
    walk::{self, FAN_OUT},
};

impl<L: LocalAuthority> Resolver<L> {
    /// The answer, where the question is to such an authority.
    pub(super) async fn under_another(
        &self,
        view: &RegistryView,
        request: &Request,
        epoch: i64,
        (at, now): (Timestamp, Timestamp),
    ) -> Option<Answer> {
        let (here, query) = (&view.registry.authority, &request.query);
        if query.authority == *here || query.kind != Kind::Authorization || request.mode == Mode::Own {
            return None;
        }
        // Who gets no answer has nothing judged for the instant that they ask about.
        let answered = request.budget.visited.is_empty() && request.mode == Mode::Recurse;
        let time = query.context.time.filter(|_| answered);
        let found = self.local.accredited(request.registry, &query.authority, time).await?;
        let unknown = |why| self.unknown(view, request, why, (at, now));
        let mut answer = match request.mode {
            _ if !request.budget.visited.is_empty() => {
                unknown("it is answered for to nobody who asks for others")
            }
            Mode::Recurse => self.by_members(view, request, &found, (at, now)).await,
            _ => unknown("those that it accredits are not asked now"),
        };
        answer.outside = true;
        answer.path.retain(|step| step.authority != *here);
        let step = Step { authority: here.clone(), epoch, reason: answer.reason, via: vec![], published: 0 };
        answer.path.insert(0, step);
        Some(answer)
    }

    async fn by_members(
        &self,
        view: &RegistryView,
        request: &Request,
        found: &Accredited,
        times: (Timestamp, Timestamp),
    ) -> Answer {
        let (at, query) = (times.0, &request.query);
        let named = query.context.locator.as_ref();
        let known = named.filter(|named| found.members.iter().any(|m| m.subordinate == **named));
        let may = |m: &&Delegation| {
            m.covers(query, at) && m.standing(at).is_ok() && known.is_none_or(|known| m.subordinate == *known)
        };
        let asked: Vec<&Delegation> = found.members.iter().filter(may).collect();
        if asked.is_empty() {
            let why = match found.faults.is_empty() {
                true => "nobody is known whom it accredits for that".to_owned(),
                false => found.faults.join("; "),
            };
            return self.unknown(view, request, &why, times);
        }
        if asked.len() > FAN_OUT {
            let why = format!("locator needed: {} authorities could know", asked.len());
            return self.unknown(view, request, &why, times);
        }
        let here = &view.registry.authority;
        let Some(budget) = request.budget.split(here, asked.len()) else {
            return self.unknown(view, request, "the budget of depth or questions is used up", times);
        };
        let ask = asked.into_iter().map(|member| self.member(view, member, request, &budget, times));
        let composed = walk::compose(join_all(ask).await);
        composed.unwrap_or_else(|| self.unknown(view, request, "nobody answered", times))
    }

    /// What one of them says, believed as far as its proof and its accreditations go.
    async fn member(
        &self,
        view: &RegistryView,
        member: &Delegation,
        request: &Request,
        budget: &Budget,
        (at, now): (Timestamp, Timestamp),
    ) -> Answer {
        let there = &member.subordinate;
        let fail = |why: &str| {
            let mut answer = self.unknown(view, request, &format!("{there}: {why}"), (at, now));
            let (authority, reason, via) = (there.clone(), answer.reason, vec![there.clone()]);
            answer.path.push(Step { authority, epoch: UNHEARD, reason, via, published: 0 });
            answer.failing_at(1, there)
        };
        let query = downward(&request.query, &request.query.authority, there);
        let asked = match self.local.hosted(there) {
            Some(registry) => {
                let (query, budget) = (query.clone(), budget.clone());
                let request = Request { registry, query, budget, mode: Mode::Recurse };
                self.resolve(request).await.map_err(|e| e.to_string())
            }
            None => {
                let endpoint = PeerEndpoint::from(member);
                self.protocol.resolve(&endpoint, there, &query, budget).await.map_err(|e| e.to_string())
            }
        };
        let answer = match asked {
            Ok(answer) => answer,
            Err(detail) => {
                tracing::warn!(peer = %there, %detail, "somebody who is accredited elsewhere could not be asked");
                metrics::counter!("charter_peer_failures_total").increment(1);
                return fail(&detail);
            }
        };
        // What was signed while we waited is not from the future.
        let now = self.local.now().max(now);
        match verdict::accredited(view, member, &query, answer, (at, now), &self.seen) {
            Ok(answer) => match answer.detail.is_empty() {
                true => answer.with_detail(format!("{} accredits {there}", request.query.authority)),
                false => answer,
            },
            Err(detail) => {
                tracing::error!(peer = %there, %detail, "the proof of somebody accredited elsewhere failed");
                metrics::counter!("charter_peer_proof_failures_total").increment(1);
                fail(&detail)
            }
        }
    }

    /// It is not known what the authority that was asked about would say.
    fn unknown(
        &self,
        view: &RegistryView,
        request: &Request,
        why: &str,
        (at, now): (Timestamp, Timestamp),
    ) -> Answer {
        let here = &view.registry.authority;
        let answer = Answer::of(here, 0, Reason::Unverifiable, at, now.plus(NEGATIVE_TTL));
        answer.with_detail(format!("{here} -> {}: {why}", request.query.authority)).failing_at(0, here)
    }
}
