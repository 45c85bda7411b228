//! Chains, proofs from the log and anchor sets: reading their files, verifying, and looking into a chain without verifying it.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::{AuthorityId, Query, Timestamp};
use charter_proof::{
    AnchorSet, Chain, Fault, FaultCode, LogEvidence, ProofFile, Verified, chain::MAX_BYTES, log::Policy,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::{
    answer::Answer,
    clock,
    exit::{Exit, Failure},
    question::Question,
};

pub fn read_anchors(path: &Path) -> Result<AnchorSet, Failure> {
    let json = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    AnchorSet::parse(&json)
        .map_err(|e| Failure::new(Exit::CannotVerify, format!("`{}`: {e}", path.display())))
}

/// Reads a chain file, or standard input for `-`.
pub async fn read_chain(path: &Path) -> Result<Chain, Failure> {
    let file = read(path, MAX_BYTES).await?;
    Chain::parse(&file).map_err(|e| {
        let failure = Failure::new(Exit::CannotVerify, e.to_string());
        let newline = file.last().is_some_and(u8::is_ascii_whitespace);
        if newline { failure.hint("a chain file does not end with a new line") } else { failure }
    })
}

/// Parses a proof file.
pub fn parse_proof(file: &[u8]) -> Result<ProofFile, Failure> {
    ProofFile::parse(file).map_err(|e| Failure::new(Exit::CannotVerify, e.to_string()))
}

/// Which logs are believed, and which witnesses are asked for.
pub fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let file = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    Policy::parse(&file).map_err(|e| Failure::new(Exit::CannotVerify, format!("`{}`: {e}", path.display())))
}

/// At most one byte more than `longest`: that tells a file that is too long.
pub async fn read(path: &Path, longest: usize) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    let mut file = Vec::new();
    let read = if path == Path::new("-") {
        tokio::io::stdin().take(limit).read_to_end(&mut file).await
    } else {
        match tokio::fs::File::open(path).await {
            Ok(opened) => opened.take(limit).read_to_end(&mut file).await,
            Err(error) => Err(error),
        }
    };
    read.map_err(|e| unreadable(path, &e))?;
    Ok(file)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::CannotVerify, format!("cannot read `{}`: {error}", path.display()))
}

/// The chain of an answer.
pub fn chain_of(answer: &Answer) -> Result<Chain, Failure> {
    Chain::new(answer.chain.clone()).map_err(|e| Failure::new(Exit::CannotVerify, e.to_string()))
}

/// The evidence from the log of an answer, where the server gave any.
pub fn log_of(answer: &Answer) -> Result<LogEvidence, Failure> {
    let refused = |why: &str| Failure::new(Exit::CannotVerify, why);
    let given = answer.log_evidence.as_ref().ok_or_else(|| {
        refused("the server gave no proof from its log")
            .hint("does it keep one? Without --prove the chain is verified")
    })?;
    if given.pending || given.log_proof.is_empty() {
        return Err(refused("the statement is not in the published log yet").hint("ask again in a second"));
    }
    Ok(LogEvidence {
        event: given.event.clone(),
        log_proof: given.log_proof.clone(),
        configuration: given.configuration.clone(),
    })
}

/// Verifies the chain of a yes for the question that was asked, and that it is of the authority named as deciding.
pub fn verify_answer(answer: &Answer, question: &Question, anchors: &AnchorSet) -> Result<Verified, Failure> {
    let chain = chain_of(answer)?;
    let refused = |detail: String| Failure::new(Exit::CannotVerify, detail);
    let decided_by = answer.decided_by.as_deref().unwrap_or_default();
    let decided_by =
        AuthorityId::parse(decided_by).map_err(|e| refused(format!("the answer's decided_by: {e}")))?;
    let query = question.query(decided_by.clone());
    let now = clock::at_or_now(None);
    let verified = charter_proof::verify(&chain, &query, anchors, question.at(), now, None)
        .map_err(|fault| refused(fault.to_string()))?;
    if verified.decided_by == decided_by {
        Ok(verified)
    } else {
        Err(refused(format!("the answer names `{decided_by}`, the chain is of `{}`", verified.decided_by)))
    }
}

/// A chain that is whole but not in force at the instant asked about is a no; all else proves nothing.
pub fn failure(fault: &Fault) -> Failure {
    let exit = if fault.code == FaultCode::NotInForce { Exit::Negative } else { Exit::CannotVerify };
    Failure::new(exit, fault.to_string())
}

/// A link's header and payload as they claim to be.
#[derive(Debug, Serialize)]
pub struct Opened {
    pub header: Value,
    pub payload: Value,
}

/// Header (0) or payload (1) of a token, **unverified**.
pub fn part<T: DeserializeOwned>(token: &str, n: usize) -> Option<T> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(n)?).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Decodes the links, **unverified**.
pub fn open(chain: &Chain) -> Result<Vec<Opened>, Failure> {
    let link = |(n, token): (usize, &String)| match (part(token, 0), part(token, 1)) {
        (Some(header), Some(payload)) => Ok(Opened { header, payload }),
        _ => Err(Failure::new(Exit::CannotVerify, format!("link {n} is not a signed JSON document"))),
    };
    chain.links().iter().enumerate().map(link).collect()
}

/// What the leaf claims to be about, to verify a chain by itself.
#[derive(Deserialize)]
pub struct Claimed {
    pub authority_id: String,
    pub sub: String,
    pub kind: charter_domain::Kind,
    pub action: String,
    pub resource: String,
}

impl Claimed {
    pub fn read(chain: &Chain) -> Result<Self, Failure> {
        let claimed = chain.links().first().and_then(|token| part(token, 1));
        claimed.ok_or_else(|| {
            Failure::new(Exit::CannotVerify, "MALFORMED at link 0: it is not an authority statement")
        })
    }

    pub fn query(&self, at: Option<Timestamp>) -> Result<Query, Failure> {
        let terms =
            (self.authority_id.as_str(), self.sub.as_str(), self.action.as_str(), self.resource.as_str());
        let context = charter_domain::Context { time: at, ..Default::default() };
        Query::parse(self.kind, terms, context)
            .map_err(|e| Failure::new(Exit::CannotVerify, format!("MALFORMED at link 0: {e}")))
    }
}
