//! Histories that people made by proposals answer through the doors as the replay of their events does, at any
//! instant and as of any epoch.

use std::{collections::BTreeMap, time::Duration};

use charter_domain::{
    Context, Kind, Outcome, Query, Timestamp, decide,
    replay::{self, Recorded},
    time::Clock,
};
use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, propose_request::Change, renew::Target as Renewed,
};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, status},
};
use futures::future::join_all;

use crate::{kept::Dice, life::wire};

const HISTORIES: u64 = 20;
const ROUNDS: u64 = 12;
const QUESTIONS: u64 = 50;
const DAY: Duration = Duration::from_secs(86_400);

/// One entity on its way through time, and what its last proposals made.
struct Life {
    dice: Dice,
    entity: String,
    alias: String,
    has_alias: bool,
    ground: String,
    statements: Vec<i64>,
    refused: u32,
}

fn days(n: u64) -> Duration {
    DAY * u32::try_from(n).expect("small")
}

impl Life {
    fn new(n: u64) -> Self {
        Self {
            dice: Dice::new(n),
            entity: format!("did:web:e{n}.example"),
            alias: format!("did:web:alias{n}.example"),
            has_alias: false,
            ground: String::new(),
            statements: Vec::new(),
            refused: 0,
        }
    }

    /// The first three steps make an entity that may do something; then anything may happen.
    fn wish(&mut self, round: u64, now: Timestamp) -> Change {
        match (round, self.dice.below(10)) {
            (0, _) => Change::RegisterEntity(pb::RegisterEntity {
                identifier: self.entity.clone(),
                names: [("en".to_owned(), "A name".to_owned())].into(),
                country: "FI".to_owned(),
                ..pb::RegisterEntity::default()
            }),
            (1, _) => self.accredited(now),
            (2, _) | (_, 0) => self.stated(now),
            (_, 1 | 2) => self.renewed(now),
            (_, 3) => self.accreditation_corrected(now),
            (_, 4) => self.alias(),
            _ => self.status(now),
        }
    }

    /// Some days from now, or no end.
    fn until(&mut self, now: Timestamp) -> Option<Timestamp> {
        (self.dice.below(3) > 0).then(|| now.plus(days(1 + self.dice.below(9))))
    }

    fn accredited(&mut self, now: Timestamp) -> Change {
        let valid_until = self.until(now).map_or_else(String::new, |t| t.to_string());
        let body = "Ministry".to_owned();
        let accreditation = pb::ImportAccreditation { body, valid_until, ..Default::default() };
        let (entity_id, accreditation) = (self.entity.clone(), Some(accreditation));
        Change::GrantAccreditation(pb::GrantAccreditation { entity_id, accreditation })
    }

    fn stated(&mut self, now: Timestamp) -> Change {
        let resource = *self.dice.pick(&["Degree", "Degree", "Diploma"]);
        let kind = *self.dice.pick(&["", "", "recognition"]);
        let later = self.dice.below(4) == 0;
        let authorization = pb::ImportAuthorization {
            kind: kind.to_owned(),
            action: "issue".to_owned(),
            resource: resource.to_owned(),
            valid_from: if later { now.plus(DAY).to_string() } else { String::new() },
            valid_until: self.until(now.plus(DAY)).map_or_else(String::new, |t| t.to_string()),
            ..pb::ImportAuthorization::default()
        };
        Change::MakeStatement(pb::MakeStatement {
            entity_id: self.entity.clone(),
            authorization: Some(authorization),
            accreditation_id: self.ground.clone(),
        })
    }

    fn renewed(&mut self, now: Timestamp) -> Change {
        let target = match self.dice.below(2) {
            0 => Renewed::AccreditationId(self.ground.clone()),
            _ => Renewed::StatementId(*self.dice.pick(&self.statements)),
        };
        let valid_until = Some(wire(now.plus(days(5 + self.dice.below(15)))));
        Change::Renew(pb::Renew { target: Some(target), valid_until })
    }

    fn accreditation_corrected(&mut self, now: Timestamp) -> Change {
        let at = now.plus(days(self.dice.below(10))).minus(days(4));
        let (mut valid_from, mut valid_until) = (Some(wire(at)), None);
        if self.dice.below(2) == 0 {
            (valid_from, valid_until) = (valid_until, valid_from);
        }
        let accreditation_id = self.ground.clone();
        Change::CorrectAccreditation(pb::CorrectAccreditation {
            accreditation_id,
            valid_from,
            valid_until,
            ..Default::default()
        })
    }

    fn alias(&mut self) -> Change {
        let mut correct = pb::CorrectEntity { entity_id: self.entity.clone(), ..Default::default() };
        if self.has_alias {
            correct.end_identifiers.push(self.alias.clone());
        } else {
            let (r#type, value) = ("did".to_owned(), self.alias.clone());
            correct.add_identifiers.push(pb::ImportIdentifier { r#type, value });
        }
        Change::CorrectEntity(correct)
    }

    fn status(&mut self, now: Timestamp) -> Change {
        let target = match self.dice.below(3) {
            0 => Target::EntityId(self.entity.clone()),
            1 => Target::AccreditationId(self.ground.clone()),
            _ => Target::StatementId(*self.dice.pick(&self.statements)),
        };
        // A revocation is final: few of them, or nothing more would happen.
        let states = ["SUSPENDED", "ACTIVE", "SUSPENDED", "ACTIVE", "ENDED", "REVOKED"];
        let state = *self.dice.pick(&states);
        let mut change = status("", state);
        if let Change::ChangeStatus(c) = &mut change {
            c.target = Some(target);
            match (state, self.dice.below(4)) {
                ("REVOKED", 0) => c.reach = "AB_INITIO".to_owned(),
                ("REVOKED", 1 | 2) => {
                    c.reach = "FROM".to_owned();
                    c.effective_from = Some(wire(now.minus(days(1 + self.dice.below(4)))));
                }
                (_, 0) => c.effective_from = Some(wire(now.plus(days(1 + self.dice.below(4))))),
                _ => {}
            }
            if !c.reach.is_empty() {
                c.legal_basis = "Act 1, section 2".to_owned();
            }
        }
        change
    }

    /// Proposed and approved, or refused as not allowed: that too is a history.
    async fn goes_on(&mut self, g: &Governed, round: u64) {
        let wish = self.wish(round, g.app.clock.now());
        let Ok(draft) = g.person("olga").proposes(wish.clone()).await else {
            self.refused += 1;
            return;
        };
        let mut done = g.person("anna").approves(&draft).await;
        if draft.quorum == 3 && done.is_ok() {
            done = g.person("arvo").approves(&draft).await;
        }
        let Ok(done) = done else {
            self.refused += 1;
            return;
        };
        assert_eq!(done.state, "EXECUTED");
        match wish {
            Change::GrantAccreditation(_) => self.ground = crate::life::accreditation_id(&done),
            Change::MakeStatement(_) => self.statements.push(done.seq),
            Change::CorrectEntity(_) => self.has_alias = !self.has_alias,
            _ => {}
        }
    }
}

async fn events(g: &Governed) -> Vec<Recorded> {
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served");
    let bodies = g.app.app.store.event_bodies(id, 0, i64::MAX).await.expect("events");
    bodies.iter().map(|b| Recorded::parse(b).expect("readable")).collect()
}

/// Asks about one life through the doors, and compares each answer with the replay.
async fn compare(g: &Governed, life: &mut Life, events: &[Recorded], start: Timestamp) {
    let now = g.app.clock.now();
    for n in 0..QUESTIONS {
        let dice = &mut life.dice;
        let entity = dice.pick(&[life.entity.clone(), life.entity.clone(), life.alias.clone()]).clone();
        let kind = *dice.pick(&[Kind::Authorization, Kind::Authorization, Kind::Recognition]);
        let resource = *dice.pick(&["Degree", "Degree", "Diploma"]);
        let last = events.len() as u64;
        let known_at = (dice.below(2) == 0).then(|| i64::try_from(dice.below(last + 1)).expect("small"));
        let time = (dice.below(4) > 0).then(|| start.plus(days(dice.below(20))).minus(days(4)).plus(DAY / 3));
        let terms = (AUTHORITY, entity.as_str(), "issue", resource);
        let query =
            Query::parse(kind, terms, Context { known_at, ..Context::default() }).expect("a question");
        let replayed = decide(&query, &replay::facts(events, &query), time.unwrap_or(now));

        let mut asking = g.app.anonymous().asks(&entity, "issue", resource);
        asking.kind = kind;
        if let Some(epoch) = known_at {
            asking = asking.with("known_at", &epoch.to_string());
        }
        if let Some(time) = time {
            asking = asking.at(time);
        }
        let said = if n % 2 == 0 { asking.rest().await } else { asking.grpc().await };
        let expected = (replayed.reason.code(), replayed.outcome() == Outcome::Yes);
        assert_eq!((said.reason.as_str(), said.yes), expected, "{}", asking.json());
    }
}

#[tokio::test]
async fn twenty_governed_histories_answer_a_thousand_questions_as_their_replay_does() {
    let g = Governed::start().await;
    let start = g.app.clock.now();
    let mut lives: Vec<Life> = (0..HISTORIES).map(Life::new).collect();
    for round in 0..ROUNDS {
        join_all(lives.iter_mut().map(|life| life.goes_on(&g, round))).await;
        g.app.clock.advance(DAY / 2);
    }
    // One person alone, until it lapses.
    let _ = g.person("olga").suspends_at_once(&lives[0].entity).await;
    g.app.clock.advance(DAY / 2);
    charter_server::tasks::renewal::once(&g.app.app).await;
    let events = events(&g).await;
    for life in &mut lives {
        compare(&g, life, &events, start).await;
    }
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for event in &events {
        *kinds.entry(event.change.kind()).or_default() += 1;
    }
    let refused: u32 = lives.iter().map(|life| life.refused).sum();
    println!("{} questions; {} events {kinds:?}, {refused} refused", HISTORIES * QUESTIONS, events.len());
    for kind in ["StatusChanged", "Renewed", "AccreditationCorrected", "EntityCorrected", "StatementMade"] {
        assert!(kinds.get(kind).is_some_and(|n| *n >= 5), "{kind} in {kinds:?}");
    }
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || charter_store::rebuild::run(&url, true));
    for one in all.await.expect("no panic").expect("rebuilt") {
        assert_eq!((one.differing, one.fault), (Vec::new(), None));
    }
}
