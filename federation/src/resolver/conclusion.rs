//! What all that was said comes to, as the answer of the asked registry.

use charter_domain::{Outcome, Query, Reason, Timestamp};
use charter_proof::Denial;

use super::{Request, Resolver};
use crate::{
    answer::{Answer, Basis, Step},
    local::{LocalAuthority, RegistryView},
    verdict,
};

impl<L: LocalAuthority> Resolver<L> {
    /// Says who decided, signs a no of our own, and puts this registry, as of `epoch`, first into the path.
    pub(super) async fn concluded(
        &self,
        view: &RegistryView,
        request: &Request,
        mut composed: Answer,
        epoch: i64,
        (at, now): (Timestamp, Timestamp),
    ) -> Answer {
        let here = &view.registry.authority;
        // Nobody below knew: that is our answer, not one of theirs. Of another authority that was named we say no more
        // than that we know no way there.
        let named = request.query.authority != *here;
        if composed.reason.is_unknown() && (!named || composed.reason == Reason::UnknownAuthority) {
            if composed.reason == Reason::UnknownAction && delegates_action(view, &request.query) {
                composed.reason = Reason::UnknownResource;
            }
            composed.decided_by = here.clone();
            composed.basis = Basis::Direct;
        }
        if composed.outcome() == Outcome::No && composed.decided_by == *here {
            let denial = verdict::denial(view, (&request.query, epoch), &composed, (at, now));
            composed.chain = self.signed(request, denial).await;
        }
        // The asked registry comes first in the path, once.
        composed.path.retain(|s| s.authority != *here);
        let (authority, reason) = (here.clone(), composed.reason);
        let step = Step { authority, epoch, reason, via: vec![], published: 0 };
        composed.path.insert(0, step);
        composed
    }

    /// A no as the links of a chain. One that is not signed is a no still, for whoever asks this registry itself.
    async fn signed(&self, request: &Request, denial: Option<Denial>) -> Vec<String> {
        let Some(mut denial) = denial else { return Vec::new() };
        denial.published_size = self.local.published(request.registry).clamp(0, denial.epoch);
        match self.local.deny(request.registry, denial).await {
            Ok(token) => vec![token],
            Err(error) => {
                tracing::warn!(registry = %request.registry, %error, "a denial could not be signed");
                Vec::new()
            }
        }
    }
}

/// An action that is delegated is known, whatever resource it is asked for.
fn delegates_action(view: &RegistryView, query: &Query) -> bool {
    let grants = view.delegations.iter().flat_map(|d| &d.scope.0);
    grants.flat_map(|g| &g.actions).any(|p| p.matches(query.action.as_str()))
}
