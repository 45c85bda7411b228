//! Changes in the sealed registry: one person alone changes nothing, two do, and the EU root answers accordingly.

use std::time::{Duration, Instant};

use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};

use super::{
    ask::{self, Said, Terms},
    office::Office,
    plan::{EDUCATION, Plan, ROOT},
    walk::{DEGREE, Score, describe, terms},
};

const LIVE: &str = "did:web:live-university.example";
const DIPLOMA: &str = "DiplomaCredential";
/// Across the federation a change is seen within this: it takes a second or two, and on a busy machine some more.
const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// The two registries that are asked, by their addresses.
struct Asked {
    home: String,
    root: String,
}

pub(super) async fn walk(score: &mut Score, plan: &Plan, office: &Office) -> anyhow::Result<()> {
    let url = |authority| plan.member(authority).map(super::plan::Member::url).unwrap_or_default();
    let asked = Asked { home: url(EDUCATION), root: url(ROOT) };
    println!("\nFour eyes in Finland's education registry, which is sealed:");
    let proposal = office.propose("aino", authorization(), "inspected").await?;
    asked.at_home(score, "after Aino's proposal", DIPLOMA, (Some(false), "NOT_LISTED")).await?;
    let own = office.approve("aino", &proposal).await?;
    let code = own.err().map_or_else(|| "approved".to_owned(), |refused| refused.0);
    score.mark("Aino approves it herself", code == "SELF_APPROVAL_FORBIDDEN", &code);
    let done = office.approve("bjorn", &proposal).await??;
    score.mark("Björn approves it", done.state == "EXECUTED", &done.state);
    asked.at_home(score, "its first answer after that", DIPLOMA, (Some(true), "ACTIVE")).await?;
    asked.at_root(score, DIPLOMA, (Some(true), "ACTIVE")).await?;

    println!("\nA revocation made live:");
    asked.at_home(score, "before", DEGREE, (Some(true), "ACTIVE")).await?;
    let proposal = office.propose("aino", revocation(), "decision 17").await?;
    let done = office.approve("bjorn", &proposal).await??;
    score.mark("Aino proposes it, Björn approves it", done.state == "EXECUTED", &done.state);
    asked.at_home(score, "its first answer after that", DEGREE, (Some(false), "REVOKED")).await?;
    asked.at_root(score, DEGREE, (Some(false), "REVOKED")).await
}

fn authorization() -> Change {
    Change::MakeStatement(pb::MakeStatement {
        entity_id: LIVE.to_owned(),
        authorization: Some(pb::ImportAuthorization {
            kind: "authorization".to_owned(),
            action: "issue".to_owned(),
            resource: DIPLOMA.to_owned(),
            // The superior delegated for Finland alone: a statement for everywhere would be believed by nobody above.
            jurisdictions: vec!["FI".to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn revocation() -> Change {
    Change::ChangeStatus(pb::ChangeStatus {
        target: Some(Target::EntityId(LIVE.to_owned())),
        state: "REVOKED".to_owned(),
        code: "ACCREDITATION_WITHDRAWN".to_owned(),
        legal_basis: "Act 1, section 9".to_owned(),
        hearing_waived: "URGENT".to_owned(),
        ..Default::default()
    })
}

fn is(said: &Said, (authorized, code): (Option<bool>, &str)) -> bool {
    said.authorized == authorized && said.code == code
}

impl Asked {
    async fn at_home(
        &self,
        score: &mut Score,
        what: &str,
        resource: &str,
        expected: (Option<bool>, &str),
    ) -> anyhow::Result<()> {
        let said = ask::by_rest(&self.home, Terms { authority: EDUCATION, ..terms(LIVE, resource) }).await?;
        score.mark(&format!("the registry, {what}"), is(&said, expected), &describe(&said));
        Ok(())
    }

    /// Asks through both doors until they say so, or too long.
    async fn at_root(
        &self,
        score: &mut Score,
        resource: &str,
        expected: (Option<bool>, &str),
    ) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let grpc = ask::by_grpc(&self.root, terms(LIVE, resource)).await?;
            let rest = ask::by_rest(&self.root, terms(LIVE, resource)).await?;
            let good = grpc == rest && is(&grpc, expected);
            if good || since.elapsed() > SEEN_WITHIN {
                let got = format!("{}, seen {:.1} s after", describe(&grpc), since.elapsed().as_secs_f64());
                score.mark("the EU root", good, &got);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
