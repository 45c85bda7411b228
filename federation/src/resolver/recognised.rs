//! Following a recognition: one hop to a peer, where its statement and the question both say so.
//!
//! The peer is asked as its own anchor. What it proves is believed under the keys and inside the scope of our statement
//! about it, which becomes the next link of the chain. Nothing of it is kept: the peer's epochs are not polled.

use std::time::Duration;

use charter_domain::{Context, EvidenceLevel, Kind, Outcome, Query, Reason, Timestamp};
use charter_proof::{Issuer, RecognitionStatement, verify_counter};
use futures::future::{join, join_all};

use super::{Mode, NEGATIVE_TTL, Request, Resolver};
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
/// How long the peer has to show what it states of us.
const COUNTER: Duration = Duration::from_secs(1);

/// A peer that may be asked, by our statement about it.
struct Peer {
    statement: RecognitionStatement,
    document: String,
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
            Ok(Answer::of(here, 0, reason, at, now.plus(NEGATIVE_TTL)).with_detail(detail))
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
        let mut answers = join_all(asked).await;
        answers.push(own.clone());
        Ok(walk::compose(answers).unwrap_or(own))
    }

    /// What a peer says, believed only as far as its proof goes.
    async fn beside(
        &self,
        view: &RegistryView,
        peer: &Peer,
        request: &Request,
        budget: &Budget,
        at: Timestamp,
        now: Timestamp,
    ) -> Answer {
        let (here, there) = (&view.registry.authority, &peer.statement.peer_id);
        let fail = |why: String| {
            Answer::of(here, 0, Reason::Unverifiable, at, now.plus(NEGATIVE_TTL))
                .with_detail(format!("{here} -> {there} (recognised): {why}"))
        };
        let (url, pins) = (peer.statement.endpoint.clone(), peer.statement.tls_spki_sha256.clone());
        let endpoint = PeerEndpoint { url, pins };
        let query = across(&request.query, &peer.statement);
        let within = budget.time_left().min(COUNTER);
        let (asked, counter) = join(
            self.protocol.resolve(&endpoint, there, &query, budget),
            self.protocol.recognitions(&endpoint, there, here, within),
        )
        .await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(failure) => {
                tracing::warn!(peer = %there, %failure, "a recognised peer could not be asked");
                metrics::counter!("charter_peer_failures_total").increment(1);
                return fail(failure.to_string());
            }
        };
        // What was signed while we waited is not from the future.
        let now = self.local.now().max(now);
        match self.believed(view, peer, &query, answer, (at, now)) {
            Ok(answer) if answer.outcome() == Outcome::Yes => {
                answer.with_detail(in_turn(view, &peer.statement, counter, (at, now)))
            }
            Ok(answer) => answer,
            Err(detail) => {
                tracing::error!(peer = %there, %detail, "a recognised peer's proof failed");
                metrics::counter!("charter_peer_proof_failures_total").increment(1);
                fail(detail)
            }
        }
    }

    /// Verifies a peer's yes or no with the keys and the scope that we recognise, and adds our own link.
    fn believed(
        &self,
        view: &RegistryView,
        peer: &Peer,
        query: &Query,
        mut answer: Answer,
        (at, now): (Timestamp, Timestamp),
    ) -> Result<Answer, String> {
        answer.basis = Basis::Recognized;
        answer.referrals.clear();
        let (there, valid) = (&peer.statement.peer_id, &peer.statement.valid);
        verdict::reached(&mut answer, there, valid.iter().filter_map(|i| i.next_change(at)).min())?;
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
        let expiry = Timestamp::from_secs(peer.statement.exp);
        let longest = if answer.outcome() == Outcome::Yes { POSITIVE } else { NEGATIVE };
        answer.expires_at = now.plus(longest).min(good_until).min(expiry);
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
    let context =
        Context { evidence: EvidenceLevel::Chain, follow_recognition: false, ..query.context.clone() };
    Query { authority: statement.peer_id.clone(), context, ..query.clone() }
}

/// Whether the peer recognises us in turn, in words.
fn in_turn(
    view: &RegistryView,
    own: &RecognitionStatement,
    shown: Result<Vec<String>, Failure>,
    (at, now): (Timestamp, Timestamp),
) -> String {
    let (here, there) = (&view.registry.authority, &own.peer_id);
    match shown {
        Ok(list) if list.iter().any(|token| verify_counter(token, own, at, now).is_ok()) => {
            format!("{here} and {there} recognise each other")
        }
        Ok(_) => {
            format!(
                "one-sided: {here} recognises {there}, which shows no recognition in turn that is in force"
            )
        }
        Err(failure) => {
            format!("{here} recognises {there}; whether it does so in turn could not be had: {failure}")
        }
    }
}
