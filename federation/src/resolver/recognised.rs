//! Following a recognition: one hop to a peer, where both sides sign it and the question says so.
//!
//! The peer is asked as its own anchor. What it proves is believed under the keys and inside the scope of our statement
//! about it; the next links of the chain are the peer's statement about us, and ours. Where ours says that it is one-sided
//! the peer's is not asked for. No answer is kept: the peer's epochs are not polled.

use std::time::Duration;

use charter_domain::{Context, EvidenceLevel, Kind, Outcome, Query, Reason, Timestamp};
use charter_proof::{Issuer, RecognitionStatement};
use futures::future::join_all;

use super::{Mode, NEGATIVE_TTL, Request, Resolver, counter::Counter};
use crate::{
    Error,
    answer::{Answer, Basis},
    budget::Budget,
    local::{LocalAuthority, RegistryView},
    protocol::{Failure, PeerEndpoint},
    verdict,
    walk::{self, FAN_OUT},
};

/// Statements looked at for one question: those that are over count too.
const MAX_LOOKED_AT: usize = 32;
/// How long an answer from a peer may be kept by others, as one from below.
const POSITIVE: Duration = Duration::from_secs(30);
const NEGATIVE: Duration = Duration::from_secs(10);

/// A peer that may be asked, by our statement about it.
struct Peer {
    statement: RecognitionStatement,
    document: String,
}

impl Peer {
    fn endpoint(&self) -> PeerEndpoint {
        let (url, pins) = (self.statement.endpoint.clone(), self.statement.tls_spki_sha256.clone());
        PeerEndpoint { url, pins }
    }
}

/// By whose word a recognition is followed.
enum By {
    /// Both sides sign it.
    Both(Counter),
    /// Our statement says that it is one-sided.
    Ours,
}

impl By {
    /// The statements that an answer rests on.
    fn sides<'a>(&'a self, own: &'a RecognitionStatement) -> Vec<&'a RecognitionStatement> {
        match self {
            Self::Both(counter) => vec![own, &counter.statement],
            Self::Ours => vec![own],
        }
    }
}

impl<L: LocalAuthority> Resolver<L> {
    /// The answer `own`, or what recognised peers make of it.
    pub(super) async fn followed(
        &self,
        view: &RegistryView,
        request: &Request,
        own: Answer,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        if !may_follow(view, request, &own) {
            return Ok(own);
        }
        let here = &view.registry.authority;
        let documents = self.local.recognitions(request.registry, &request.query, MAX_LOOKED_AT).await?;
        let peers = peers(view, documents, &request.query, (at, now));
        let refused = |reason, detail: String| {
            let answer = Answer::of(here, 0, reason, at, now.plus(NEGATIVE_TTL));
            Ok(answer.with_detail(detail).failing_at(0, here))
        };
        if peers.is_empty() {
            return Ok(own);
        }
        if peers.len() > FAN_OUT {
            let text = format!("{here}: locator needed: {} recognised peers could know", peers.len());
            return refused(Reason::Unverifiable, text);
        }
        let Some(budget) = request.budget.split(here, peers.len()) else {
            let text = "the budget of depth or questions is used up before its recognised peers";
            return refused(Reason::ChainTooLong, format!("{here}: {text}"));
        };
        let asked = peers.iter().map(|peer| self.beside(view, peer, request, &budget, at, now));
        let (mut answers, mut not_followed) = (Vec::new(), Vec::new());
        for said in join_all(asked).await {
            match said {
                Ok(answer) => answers.push(answer),
                Err(why) => not_followed.push(why),
            }
        }
        answers.push(own.clone());
        let mut composed = walk::compose(answers).unwrap_or(own);
        if composed.detail.is_empty() && composed.outcome() != Outcome::Yes {
            composed.detail = not_followed.join("; ");
        }
        Ok(composed)
    }

    /// What a peer says, believed only as far as its proof goes; an error where it does not recognise us in turn, and is
    /// not asked.
    async fn beside(
        &self,
        view: &RegistryView,
        peer: &Peer,
        request: &Request,
        budget: &Budget,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, String> {
        let (here, there) = (&view.registry.authority, &peer.statement.peer_id);
        let fail = |why: String| {
            Answer::of(here, 0, Reason::Unverifiable, at, now.plus(NEGATIVE_TTL))
                .with_detail(format!("{here} -> {there} (recognised): {why}"))
                .failing_at(1, there)
        };
        let unheard = |failure: &Failure| {
            tracing::warn!(peer = %there, %failure, "a recognised peer could not be asked");
            metrics::counter!("charter_peer_failures_total").increment(1);
        };
        let endpoint = peer.endpoint();
        let by = match self.both_sides(peer, &endpoint, budget, (at, now)).await {
            Ok(Some(by)) => by,
            Ok(None) => {
                let shows = format!("{there} shows no recognition of {here} that is in force");
                return Err(format!("one-sided, and not followed: {shows}"));
            }
            Err(failure) => {
                unheard(&failure);
                return Ok(fail(format!("whether it does so in turn could not be had: {failure}")));
            }
        };
        let query = across(&request.query, &peer.statement);
        let answer = match self.protocol.resolve(&endpoint, there, &query, budget).await {
            Ok(answer) => answer,
            Err(failure) => {
                unheard(&failure);
                return Ok(fail(failure.to_string()));
            }
        };
        // What was signed while we waited is not from the future.
        let now = self.local.now().max(now);
        Ok(match self.believed(view, (peer, &by), &query, answer, (at, now)) {
            Ok(answer) if answer.outcome() == Outcome::Yes => answer.with_detail(match by {
                By::Both(_) => format!("{here} and {there} recognise each other"),
                By::Ours => format!("one-sided, as {here} says itself: it recognises {there}"),
            }),
            Ok(answer) => answer,
            Err(detail) => {
                tracing::error!(peer = %there, %detail, "a recognised peer's proof failed");
                metrics::counter!("charter_peer_proof_failures_total").increment(1);
                fail(detail)
            }
        })
    }

    /// By whose word the recognition is followed; `None` where it takes the peer's, which shows none.
    async fn both_sides(
        &self,
        peer: &Peer,
        endpoint: &PeerEndpoint,
        budget: &Budget,
        times: (Timestamp, Timestamp),
    ) -> Result<Option<By>, Failure> {
        if peer.statement.one_sided {
            return Ok(Some(By::Ours));
        }
        let counter = self.counter(&peer.statement, endpoint, budget.time_left(), times).await?;
        Ok(counter.map(By::Both))
    }

    /// Verifies a peer's yes or no with the keys and the scope that we recognise, and adds both sides' links.
    fn believed(
        &self,
        view: &RegistryView,
        (peer, by): (&Peer, &By),
        query: &Query,
        mut answer: Answer,
        (at, now): (Timestamp, Timestamp),
    ) -> Result<Answer, String> {
        answer.basis = Basis::Recognized;
        answer.referrals.clear();
        let (there, sides) = (&peer.statement.peer_id, by.sides(&peer.statement));
        let changes = sides.iter().flat_map(|side| &side.valid).filter_map(|i| i.next_change(at));
        verdict::reached(&mut answer, there, changes.min())?;
        for step in &mut answer.path {
            // Nobody polls a peer, so its epochs say nothing here.
            (step.epoch, step.published) = (0, 0);
        }
        if answer.outcome() == Outcome::Indeterminate {
            return Ok(verdict::undecided(view, there, answer, now));
        }
        let (entity_id, authority) = (&view.registry.entity_identifier, &view.registry.authority);
        let own = Issuer::new(entity_id.clone(), authority.clone(), view.keys.clone());
        let issuer = own.recognise(&peer.statement).map_err(|(code, detail)| format!("{code}: {detail}"))?;
        let good_until = verdict::proven(&issuer, query, &mut answer, (at, now), &self.seen)?;
        let longest = if answer.outcome() == Outcome::Yes { POSITIVE } else { NEGATIVE };
        let ends = sides.iter().map(|side| Timestamp::from_secs(side.exp));
        answer.expires_at = ends.fold(now.plus(longest).min(good_until), Timestamp::min);
        if let By::Both(counter) = by {
            answer.chain.push(counter.token.clone());
        }
        answer.chain.push(peer.document.clone());
        Ok(answer)
    }
}

/// The question asks this registry, itself, to follow, and nothing at hand settles it. One that another registry has
/// passed on is not followed, whatever it says: that would be a second hop.
fn may_follow(view: &RegistryView, request: &Request, own: &Answer) -> bool {
    let query = &request.query;
    let asks = query.context.follow_recognition
        && query.kind == Kind::Authorization
        && query.authority == view.registry.authority
        && query.context.known_at.is_none();
    let first = request.mode == Mode::Recurse && request.budget.visited.is_empty();
    asks && first && (own.reason.is_unknown() || own.reason == Reason::NotListed)
}

/// Peers whose recognition may be followed at `at`, covers the question and has not expired by `now`; the one that the
/// question's locator names, if it names one.
fn peers(
    view: &RegistryView,
    documents: Vec<String>,
    query: &Query,
    (at, now): (Timestamp, Timestamp),
) -> Vec<Peer> {
    let read = |document: String| match RecognitionStatement::parse_verified(&document, &view.keys) {
        Ok(statement) => Some(Peer { statement, document }),
        Err(error) => {
            tracing::error!(registry = %view.registry.authority, %error, "an own recognition does not verify");
            None
        }
    };
    let place = query.context.jurisdiction.as_ref();
    let covers = |s: &RecognitionStatement| {
        s.may_follow
            && s.exp > now.secs()
            && s.valid.iter().any(|i| i.contains(at))
            && s.scope.covers(&query.action, &query.resource, place, at)
    };
    let mut peers: Vec<Peer> =
        documents.into_iter().filter_map(read).filter(|p| covers(&p.statement)).collect();
    let named = query.context.locator.as_ref();
    if let Some(named) = named.filter(|n| peers.iter().any(|p| p.statement.peer_id == **n)) {
        peers.retain(|p| p.statement.peer_id == *named);
    }
    peers
}

/// The question as the peer is asked: of it as a whole, and not to be followed further. The rest stays as it is: a no is
/// signed for the question as it was put.
fn across(query: &Query, statement: &RecognitionStatement) -> Query {
    let context = Context {
        evidence: EvidenceLevel::Chain,
        follow_recognition: false,
        max_staleness: None,
        ..query.context.clone()
    };
    Query { authority: statement.peer_id.clone(), context, ..query.clone() }
}
