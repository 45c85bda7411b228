//! Asks and takes down what was found. Every exchange is also put to the checks that hold for all of them: the shape of
//! answers, and that of refusals.

use std::collections::BTreeMap;

use charter_domain::{Kind, Timestamp};
use hyper::Method;

use super::{
    catalogue::Check,
    question::Question,
    report::{Finding, Outcome},
    shape,
    wire::{self, Ask, Exchange, JSON, Reply, Seen, Target},
};
use crate::http::Http;

/// Checks that every exchange is put to.
const OF_ALL: [Check; 8] = [
    Check::AuthorizationMembers,
    Check::AuthorizationEcho,
    Check::AuthorizationMedia,
    Check::RecognitionMembers,
    Check::RecognitionEcho,
    Check::RecognitionMedia,
    Check::Problem,
    Check::ProblemMedia,
];

/// How one of these stands: the last exchange, or the first with a fault.
#[derive(Default)]
struct Standing {
    last: Exchange,
    fault: Option<(String, Exchange)>,
}

/// A question that the registry has answered, and what it decided.
#[derive(Debug, Clone)]
pub struct Answered {
    pub question: Question,
    pub decided: bool,
}

pub struct Probe<'a> {
    http: &'a Http,
    pub target: Target,
    pub authority: String,
    pub now: Timestamp,
    /// Of each kind, where there is one.
    pub answered: Vec<Answered>,
    found: Vec<Finding>,
    standing: BTreeMap<Check, Standing>,
    step: &'a dyn Fn(),
}

impl<'a> Probe<'a> {
    pub fn new(
        http: &'a Http,
        target: Target,
        authority: String,
        now: Timestamp,
        step: &'a dyn Fn(),
    ) -> Self {
        let (answered, found, standing) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { http, target, authority, now, answered, found, standing, step }
    }

    pub async fn send(&mut self, ask: &Ask) -> Seen {
        let seen = wire::send(self.http, &self.target, ask).await;
        if let Ok(reply) = &seen.reply {
            self.put(ask, reply, &seen.exchange);
        }
        seen
    }

    fn put(&mut self, ask: &Ask, reply: &Reply, exchange: &Exchange) {
        let Some(kind) = ask.kind.filter(|_| ask.method != Method::HEAD) else { return };
        let mut judged = Vec::new();
        if reply.status == 200 && ask.method == Method::POST {
            let [members, echo, media] = of(kind);
            judged.push((members, shape::members(kind, reply)));
            judged.push((media, shape::media(reply, JSON)));
            if let Some(question) = &ask.question {
                judged.push((echo, shape::echo(question, reply)));
            }
        } else if reply.status >= 400 {
            judged.push((Check::Problem, shape::problem(reply)));
            judged.push((Check::ProblemMedia, shape::media(reply, "application/problem+json")));
        }
        for (check, judged) in judged {
            let standing = self.standing.entry(check).or_default();
            standing.last = exchange.clone();
            if let Err(fault) = judged
                && standing.fault.is_none()
            {
                standing.fault = Some((fault, exchange.clone()));
            }
        }
    }

    /// Takes down what a check came to, by one exchange.
    pub fn note(&mut self, check: Check, judged: Result<(), String>, exchange: Exchange) {
        let (outcome, reason) = match judged {
            Ok(()) => (Outcome::Pass, String::new()),
            Err(fault) => (Outcome::Fail, fault),
        };
        self.take(check, outcome, reason, exchange);
    }

    pub fn skip(&mut self, check: Check, reason: &str) {
        self.take(check, Outcome::Skipped, reason.to_owned(), Exchange::default());
    }

    fn take(&mut self, check: Check, outcome: Outcome, reason: String, exchange: Exchange) {
        self.found.push(Finding::new(check, outcome, reason, exchange));
        (self.step)();
    }

    /// Sends each; the first whose answer is not right is what is taken down.
    pub async fn each(&mut self, check: Check, asks: Vec<Ask>, judge: impl Fn(&Reply) -> Result<(), String>) {
        let mut last = Exchange::default();
        for ask in asks {
            let seen = self.send(&ask).await;
            last = seen.exchange;
            let judged = seen.reply.map_err(|fault| format!("no answer: {fault}")).and_then(|r| judge(&r));
            if let Err(fault) = judged {
                return self.note(check, Err(fault), last);
            }
        }
        self.note(check, Ok(()), last);
    }

    /// A question that is known to be answered, of any kind.
    pub fn any(&self) -> Option<Answered> {
        self.answered.first().cloned()
    }

    /// The same, or what the checks would be skipped for.
    pub fn some(&mut self, checks: &[Check]) -> Option<Answered> {
        let found = self.any();
        if found.is_none() {
            for check in checks {
                self.skip(*check, "no question is known that this registry answers: give --known");
            }
        }
        found
    }

    /// One of any content: for what is refused before its terms are looked at.
    pub fn template(&self) -> Question {
        let (authority, name) = (self.authority.clone(), |name: &str| name.to_owned());
        self.any().map_or_else(
            || Question {
                kind: Kind::Authorization,
                authority,
                entity: name("did:web:somebody.example"),
                action: name("issue"),
                resource: name("Something"),
                context: BTreeMap::new(),
            },
            |answered| answered.question,
        )
    }

    /// All that was found, in the order of the catalogue.
    pub fn end(mut self) -> Vec<Finding> {
        for check in OF_ALL {
            match self.standing.remove(&check) {
                None => self.skip(check, "nothing of the kind was seen"),
                Some(Standing { fault: Some((fault, exchange)), .. }) => {
                    self.note(check, Err(fault), exchange);
                }
                Some(Standing { last, .. }) => self.note(check, Ok(()), last),
            }
        }
        self.found.sort_by_key(|finding| finding.check);
        self.found
    }
}

/// The checks of every answer of a kind.
const fn of(kind: Kind) -> [Check; 3] {
    match kind {
        Kind::Authorization => {
            [Check::AuthorizationMembers, Check::AuthorizationEcho, Check::AuthorizationMedia]
        }
        Kind::Recognition => [Check::RecognitionMembers, Check::RecognitionEcho, Check::RecognitionMedia],
    }
}

/// Judges by status alone.
pub fn one_of(wanted: &'static [u16]) -> impl Fn(&Reply) -> Result<(), String> {
    move |reply: &Reply| {
        if wanted.contains(&reply.status) {
            return Ok(());
        }
        let words: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        Err(format!("{} in the place of {}", reply.status, words.join(" or ")))
    }
}

/// Judges by the decision: a 200 that says so.
pub fn decides(kind: Kind, wanted: bool) -> impl Fn(&Reply) -> Result<(), String> {
    move |reply: &Reply| match shape::decision(kind, reply)? {
        decided if decided == wanted => Ok(()),
        decided => Err(format!("{decided} in the place of {wanted}")),
    }
}
