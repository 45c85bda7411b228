//! The proof file, `application/json`: everything that proves one answer, in one file.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{LogEvidence, event};
use crate::{Chain, Error, chain, strict};

/// Longest proof file, in bytes: a chain, an event, a tlog-proof and a configuration at their longest.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A chain, and the evidence from the log of the registry that made its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    pub chain: Chain,
    pub evidence: LogEvidence,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    /// Compact JWS, leaf first.
    chain: Vec<String>,
    /// The event's public bytes, base64url without padding.
    event: String,
    /// C2SP tlog-proof.
    log_proof: String,
    /// Compact JWS.
    configuration: String,
}

impl ProofFile {
    /// Strict JSON: unknown, doubled and missing members are refused.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let refused = |why: String| Error::ProofFile(why);
        if file.len() > MAX_BYTES {
            return Err(refused(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let members: Members = strict::parse(file).map_err(refused)?;
        let event = BASE64_URL_SAFE_NO_PAD
            .decode(&members.event)
            .map_err(|_| refused("event must be base64url without padding".to_owned()))?;
        if event.len() > event::MAX_BYTES || members.configuration.len() > chain::MAX_BYTES {
            return Err(refused("its event or its configuration is too long".to_owned()));
        }
        let Members { log_proof, configuration, .. } = members;
        let chain = Chain::new(members.chain)?;
        Ok(Self { chain, evidence: LogEvidence { event, log_proof, configuration } })
    }

    /// Indented, with a new line at the end.
    pub fn to_json(&self) -> Result<String, Error> {
        let members = Members {
            chain: self.chain.links().to_vec(),
            event: BASE64_URL_SAFE_NO_PAD.encode(&self.evidence.event),
            log_proof: self.evidence.log_proof.clone(),
            configuration: self.evidence.configuration.clone(),
        };
        let json = serde_json::to_string_pretty(&members).map_err(|e| Error::ProofFile(e.to_string()))?;
        Ok(json + "\n")
    }
}
