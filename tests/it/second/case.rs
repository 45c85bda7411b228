//! A case: what a verifier is given, and what ours says of it; and the comparison with the second verifier.

use std::{path::PathBuf, process::Stdio};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use charter_domain::{Context, Kind, Query, Timestamp, scope::Jurisdiction};
use charter_proof::{
    AnchorSet, Chain, Denied, Fault, FaultCode, LogEvidence, LogProven, Verified, document::AUTHORITY_DENIAL,
    log::Policy, verify, verify_denial, verify_log,
};
use charter_tests::program;
use serde_json::{Value, json};
use tokio::process::Command;

/// The evidence from a log, each part as bytes: a verifier is given files.
#[derive(Clone)]
pub struct LogCase {
    pub event: Vec<u8>,
    pub log_proof: Vec<u8>,
    pub configuration: Vec<u8>,
    pub policy: Option<Vec<u8>>,
    pub max_age: Option<u64>,
}

#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub chain: Vec<u8>,
    pub anchors: Vec<u8>,
    pub query: Query,
    pub at: Timestamp,
    pub now: Timestamp,
    pub max_age: Option<u64>,
    pub log: Option<LogCase>,
}

/// The code of a fault and the link that fails, from the leaf, which is 0; none where a file cannot be read at all.
pub type Refused = (&'static str, Option<usize>);

fn refused(fault: &Fault) -> Refused {
    (fault.code.as_str(), Some(fault.link))
}

/// A question about an authorization.
pub fn query(authority: &str, entity: &str, action: &str, resource: &str) -> Query {
    Query::parse(Kind::Authorization, (authority, entity, action, resource), Context::default())
        .expect("a question")
}

fn secs(max: Option<u64>) -> Option<std::time::Duration> {
    max.map(std::time::Duration::from_secs)
}

impl Case {
    /// The same under another name, with something changed.
    pub fn with(&self, name: impl Into<String>, change: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self { name: name.into(), ..self.clone() };
        change(&mut case);
        case
    }

    /// The same with something changed in the evidence from the log.
    pub fn logged(&self, name: impl Into<String>, change: impl FnOnce(&mut LogCase)) -> Self {
        self.with(name, |case| change(case.log.as_mut().expect("evidence from a log")))
    }

    /// What this project's verifier says: the facts, or the fault.
    pub fn verdict(&self) -> Result<Value, Refused> {
        let malformed = |_| (FaultCode::Malformed.as_str(), None);
        let chain = Chain::parse(&self.chain).map_err(malformed)?;
        let anchors = AnchorSet::parse(&self.anchors).map_err(malformed)?;
        if is_denial(&chain) {
            let denied = verify_denial(&chain, &self.query, &anchors, self.at, self.now, secs(self.max_age));
            return denied.map(|denied| denied_facts(&denied)).map_err(|f| refused(&f));
        }
        let verified = verify(&chain, &self.query, &anchors, self.at, self.now, secs(self.max_age))
            .map_err(|f| refused(&f))?;
        let proven = self.log.as_ref().map(|log| self.prove(&verified, log)).transpose()?;
        Ok(facts(&verified, proven.as_ref()))
    }

    /// Evidence from a log is of the statement, whatever is wrong with it.
    fn prove(&self, verified: &Verified, log: &LogCase) -> Result<LogProven, Refused> {
        let policy = log.policy.as_deref().map(Policy::parse).transpose().map_err(|_| ("POLICY", Some(0)))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
        let evidence = LogEvidence {
            event: log.event.clone(),
            log_proof: text(&log.log_proof).map_err(|_| (FaultCode::LogProof.as_str(), Some(0)))?,
            configuration: String::from_utf8_lossy(&log.configuration).into_owned(),
        };
        verify_log(verified, &evidence, policy.as_ref(), self.now, secs(log.max_age)).map_err(|f| refused(&f))
    }

    fn to_json(&self) -> Value {
        let file = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        let q = &self.query;
        json!({
            "name": self.name, "chain": file(&self.chain), "anchors": file(&self.anchors),
            "query": {
                "kind": q.kind, "authority": q.authority, "entity": q.entity, "action": q.action,
                "resource": q.resource, "conditions": q.context.conditions,
                "jurisdiction": q.context.jurisdiction.as_ref().map(Jurisdiction::as_str),
                "time": q.context.time.map(Timestamp::micros), "locator": q.context.locator,
                "follow_recognition": q.context.follow_recognition,
            },
            "at": self.at.micros(), "now": self.now.micros(), "max_age": self.max_age,
            "log": self.log.as_ref().map(|log| json!({
                "event": file(&log.event), "log_proof": file(&log.log_proof),
                "configuration": file(&log.configuration), "policy": log.policy.as_deref().map(file),
                "max_age": log.max_age,
            })),
            "verdict": match self.verdict() {
                Ok(said) => json!({ "ok": true, "said": said }),
                Err((code, link)) => json!({ "ok": false, "code": code, "link": link }),
            },
        })
    }
}

/// What a chain is, its leaf says: both verifiers refuse it where the leaf says another type than it is.
fn is_denial(chain: &Chain) -> bool {
    let header = chain.links()[0].split('.').next().unwrap_or_default();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    serde_json::from_slice::<Value>(&header).is_ok_and(|header| header["typ"] == AUTHORITY_DENIAL)
}

fn denied_facts(denied: &Denied) -> Value {
    json!({
        "decided_by": denied.decided_by, "reason": denied.reason, "as_of": denied.as_of.micros(),
        "good_until": denied.good_until.micros(),
    })
}

fn facts(verified: &Verified, proven: Option<&LogProven>) -> Value {
    let log = proven.map(|p| {
        let mut witnesses: Vec<_> = p.witnesses.iter().map(|w| (w.name.clone(), w.at.secs())).collect();
        witnesses.sort();
        json!({
            "origin": p.origin, "size": p.size, "index": p.index, "witnesses": witnesses,
            "newest": p.newest.map(Timestamp::secs), "event_until": p.event_until.map(Timestamp::micros),
        })
    });
    json!({
        "decided_by": verified.decided_by, "as_of": verified.as_of.micros(),
        "good_until": verified.good_until.micros(), "valid_until": verified.valid_until.map(Timestamp::micros),
        "unstated": verified.unstated, "log": log,
    })
}

/// What the comparison came to.
pub struct Agreed {
    pub cases: usize,
    pub accepted: usize,
}

/// Whether the second verifier says otherwise: of the facts, of what is wrong, or at which link.
fn differs(ours: &Value, theirs: &Value) -> bool {
    ["ok", "said", "code", "link"].into_iter().any(|member| ours.get(member) != theirs.get(member))
}

/// Writes the cases to `.run/corpus/<name>.json`, and has both verifiers judge each.
pub async fn compare(name: &str, cases: &[Case]) -> Agreed {
    let ours: Vec<Value> = cases.iter().map(Case::to_json).collect();
    let path = write(name, &ours);
    let output = Command::new("python3")
        .arg(program::root().join("tests/second/judge.py"))
        .arg(&path)
        .stderr(Stdio::piped())
        .output()
        .await
        .expect("python3 runs: `scripts/setup test`");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let theirs: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && theirs.len() == ours.len(), "{} judged: {fault}", theirs.len());
    let mut agreed = Agreed { cases: ours.len(), accepted: 0 };
    let mut differ = Vec::new();
    for (our, their) in ours.iter().zip(&theirs) {
        let verdict = &our["verdict"];
        assert_eq!(our["name"], their["name"]);
        if differs(verdict, their) {
            differ.push(format!("{}: ours {verdict}, theirs {their}", our["name"]));
        }
        agreed.accepted += usize::from(verdict["ok"] == true);
    }
    assert!(
        differ.is_empty(),
        "{} of {} cases in {}:\n{}",
        differ.len(),
        ours.len(),
        path.display(),
        differ[..differ.len().min(20)].join("\n")
    );
    agreed
}

fn write(name: &str, cases: &[Value]) -> PathBuf {
    let dir = program::root().join(".run/corpus");
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = dir.join(format!("{name}.json"));
    std::fs::write(&path, json!({ "cases": cases }).to_string()).expect("written");
    path
}
