//! One principal with every role, at random through both doors: nothing ever becomes anything but open.

use charter_domain::{Timestamp, time::Clock as _};
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::governed::{Governed, ISSUER, Person, status, waived};
use serde_json::{Value, json};

use crate::{governance::said, kept::Dice};

const SEQUENCES: u64 = 500;
const CALLS: u64 = 4;
const STATES: [&str; 4] = ["SUSPENDED", "REVOKED", "ENDED", "ACTIVE"];

/// What there is to act on: a procedure, a decision, a colleague.
struct There {
    procedure: i64,
    decision: i64,
    colleague: i64,
    reply_by: Timestamp,
}

impl There {
    /// What two persons made before.
    async fn made(g: &Governed) -> Self {
        let colleague = g.appoints("carl", &["AUDITOR"], false).await;
        let two = async |change| {
            let draft = g.person("olga").proposes(change).await.expect("proposed");
            g.person("anna").approves(&draft).await.expect("approved").seq
        };
        let decision = two(status(ISSUER, "SUSPENDED")).await;
        two(status(ISSUER, "ACTIVE")).await;
        let mut there = Self { procedure: 0, decision, colleague, reply_by: Timestamp::BEGINNING };
        there.reply_by = g.app.clock.now().plus(std::time::Duration::from_secs(20 * 86_400));
        there.procedure = two(there.opens().0).await;
        there
    }

    fn opens(&self) -> (Change, Value) {
        let (state, code, legal_basis) = ("REVOKED".to_owned(), "TESTED".to_owned(), "Act 1".to_owned());
        let json = json!({ "open_procedure": { "entity_id": ISSUER, "state": state, "code": code,
            "legal_basis": legal_basis, "reply_by": self.reply_by } });
        let target = Some(pb::open_procedure::Target::EntityId(ISSUER.to_owned()));
        let reply_by = Some(prost_types::Timestamp { seconds: self.reply_by.secs(), nanos: 0 });
        let open = pb::OpenProcedure { target, state, code, legal_basis, reply_by, ..Default::default() };
        (Change::OpenProcedure(open), json)
    }

    /// The same wish for either door.
    fn wish(&self, dice: &mut Dice) -> (Change, Value) {
        let (procedure_id, decision, code) = (self.procedure, self.decision, "TESTED".to_owned());
        match dice.below(8) {
            0 => self.opens(),
            1 => {
                let json = json!({ "hear_procedure": { "procedure_id": procedure_id, "reply": "no" } });
                let hear = pb::HearProcedure { procedure_id, reply: "no".to_owned(), received_on: None };
                (Change::HearProcedure(hear), json)
            }
            2 => {
                let json = json!({ "close_procedure": { "procedure_id": procedure_id, "code": code } });
                (Change::CloseProcedure(pb::CloseProcedure { procedure_id, code }), json)
            }
            3 => {
                let ruling = (*dice.pick(&["STAYED", "OVERTURNED"])).to_owned();
                let (court, case_number) = ("Court".to_owned(), "1/26".to_owned());
                let json = json!({ "court_ruling": { "decision": decision, "ruling": ruling, "court": court,
                    "case_number": case_number } });
                (
                    Change::CourtRuling(pb::CourtRuling { decision, ruling, court, case_number, from: None }),
                    json,
                )
            }
            4 => {
                let hearing = "NOT_REQUIRED".to_owned();
                let json = json!({ "set_policy": { "hearing": hearing } });
                (Change::SetPolicy(pb::Policy { hearing, ..Default::default() }), json)
            }
            5 => {
                let json = json!({ "dismiss": { "staff_id": self.colleague } });
                (Change::Dismiss(pb::DismissStaff { staff_id: self.colleague }), json)
            }
            _ => {
                let state = *dice.pick(&STATES);
                let spared = waived(state);
                let json = json!({ "change_status": { "entity_id": ISSUER, "state": state, "code": code,
                    "hearing_waived": spared.hearing_waived, "legal_basis": spared.legal_basis } });
                (status(ISSUER, state), json)
            }
        }
    }
}

fn proposal(json: &Value) -> pb::Proposal {
    let text = |name: &str| json[name].as_str().expect(name).to_owned();
    let (proposal_id, hash, etag) = (text("proposal_id"), text("hash"), text("etag"));
    pb::Proposal { proposal_id, hash, etag, ..Default::default() }
}

async fn proposes(me: &Person<'_>, rest: bool, (change, json): (Change, Value)) -> Option<pb::Proposal> {
    if !rest {
        return me.proposes(change).await.ok();
    }
    let etag = me.etag_of(&change).await.expect("read");
    let seen = [("if-match", etag.as_str())];
    let seen = if etag.is_empty() { &[][..] } else { &seen[..] };
    let body = json!({ "reason": "as tested", "change": json }).to_string();
    let reply = me.sends_with(seen, "POST", "/api/v1/proposals", body).await;
    (reply.status == 200).then(|| proposal(&reply.json()))
}

async fn amends(
    me: &Person<'_>,
    rest: bool,
    of: &pb::Proposal,
    (change, json): (Change, Value),
) -> Option<pb::Proposal> {
    if !rest {
        return me.amends(of, change).await.ok();
    }
    let body = json!({ "reason": "better so", "change": json }).to_string();
    let path = format!("/api/v1/proposals/{}:amend", of.proposal_id);
    let reply = me.sends_with(&[("if-match", of.etag.as_str())], "POST", &path, body).await;
    (reply.status == 200).then(|| proposal(&reply.json()))
}

/// Tries to decide one's own proposal; what the refusal says.
async fn decides(me: &Person<'_>, rest: bool, verb: &str, of: &pb::Proposal) -> String {
    if rest {
        let body = if verb == "approve" { json!({ "hash": of.hash }) } else { json!({ "reason": "no" }) };
        let path = format!("/api/v1/proposals/{}:{verb}", of.proposal_id);
        let (status, code) = me.sends("POST", &path, &body).await.problem();
        return format!("{status} {code}");
    }
    let tried = if verb == "approve" { me.approves(of).await } else { me.refuses(of, "no").await };
    said(&tried.expect_err("refused"))
}

#[tokio::test]
async fn five_hundred_random_sequences_of_one_person_activate_nothing() {
    let g = Governed::start().await;
    let there = There::made(&g).await;
    let all = ["OFFICER", "APPROVER", "SECURITY_OFFICER", "SECTOR_ADMIN"];
    let number = g.appoints("mona", &all, false).await;
    let (me, mut dice) = (g.person("mona"), Dice::new(7));
    let before = g.person("aino").reads_events("").await.expect("read").len();
    let (mut proposed, mut amended, mut tried) = (0, 0, 0);
    for _ in 0..SEQUENCES {
        let mut mine: Option<pb::Proposal> = None;
        for _ in 0..CALLS {
            let (rest, call) = (dice.below(2) == 0, dice.below(8));
            match (&mine, call) {
                (None, _) => {
                    mine = proposes(&me, rest, there.wish(&mut dice)).await;
                    proposed += u32::from(mine.is_some());
                }
                (Some(open), 0 | 1) => {
                    if let Some(next) = amends(&me, rest, open, there.wish(&mut dice)).await {
                        (mine, amended) = (Some(next), amended + 1);
                    }
                }
                (Some(open), 2) => {
                    me.withdraws(open).await.expect("one's own");
                    mine = None;
                }
                (Some(open), _) => {
                    let verb = if call == 3 { "refuse" } else { "approve" };
                    assert_eq!(decides(&me, rest, verb, open).await, "403 SELF_APPROVAL_FORBIDDEN");
                    tried += 1;
                }
            }
        }
    }
    assert!(proposed > 400 && amended > 20 && tried > 300, "{proposed} {amended} {tried}");
    assert_eq!(g.person("aino").reads_events("").await.expect("read").len(), before);
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
    let executed = g.person("aino").lists("EXECUTED").await.expect("read");
    assert!(executed.iter().all(|p| p.proposer != number));
}
