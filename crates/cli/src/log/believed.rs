//! Which log is meant, by which key and witnesses it is believed, and its newest checkpoint.

use std::{path::Path, sync::Arc, time::Duration};

use charter_domain::Timestamp;
use charter_tlog::{
    checkpoint::SignedCheckpoint,
    cosign::Cosigned,
    note::Vkey,
    policy::{Policy, Unmet},
};
use serde::Serialize;

use super::{
    configured,
    source::{Fault, Source},
    walk::Trouble,
};
use crate::{
    args::{Connection, LogSource},
    clock,
    exit::{Exit, Failure},
};

/// A log with what it is verified by.
pub struct Believed {
    pub source: Arc<Source>,
    /// The keys that a checkpoint may be signed with, one of which must be of its origin.
    keys: Vec<Vkey>,
    pub policy: Option<Policy>,
}

/// A checkpoint whose signatures are verified.
#[derive(Clone)]
pub struct Seen {
    pub signed: SignedCheckpoint,
    /// The key that it is signed with.
    pub key: Vkey,
    /// The witnesses of the policy that cosigned it; none without a policy.
    pub witnesses: Vec<Witnessed>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Witnessed {
    pub name: String,
    pub at: Timestamp,
}

impl Seen {
    pub fn size(&self) -> u64 {
        self.signed.checkpoint().size()
    }

    /// When a witness of the policy last saw it.
    pub fn cosigned_at(&self) -> Option<Timestamp> {
        self.witnesses.iter().map(|w| w.at).max()
    }
}

impl Believed {
    /// The log that the options name. A registry is asked for its configuration where they name an anchor set.
    pub async fn open(to: &Connection, args: &LogSource) -> Result<Self, Failure> {
        let policy = args.policy.as_deref().map(read_policy).transpose()?;
        let configured = match &args.anchor {
            Some(anchor) => Some(configured::log(to, args, anchor).await?),
            None => None,
        };
        let named = args.vkey.as_deref().or(configured.as_ref().map(|log| log.vkey.as_str()));
        let keys = keys(named, policy.as_ref())?;
        let source = match (&args.dir, &args.log, &configured) {
            (Some(dir), _, _) => Source::in_directory(dir),
            (None, Some(url), _) => Source::at(to, url)?,
            (None, None, Some(log)) => Source::at(to, &log.url)?,
            (None, None, None) => Source::at(to, &format!("{}/log", to.server.trim_end_matches('/')))?,
        };
        Ok(Self { source: Arc::new(source), keys, policy })
    }

    /// The newest checkpoint. With `max_age`, cosignatures that are older do not count.
    pub async fn checkpoint(&self, max_age: Option<Duration>) -> Result<Seen, Trouble> {
        let signed = self.source.checkpoint().await?;
        let origin = signed.checkpoint().origin();
        let key = self.keys.iter().find(|key| key.name().as_str() == origin).ok_or_else(|| {
            let names: Vec<_> = self.keys.iter().map(|key| key.name().as_str()).collect();
            Trouble::Contradiction(format!(
                "the checkpoint is of the log `{origin}`, not of `{}`",
                names.join("`, `")
            ))
        })?;
        signed.verify_log(key).map_err(|e| Trouble::Contradiction(format!("the checkpoint: {e}")))?;
        let witnesses = self.witnesses(&signed, key, max_age)?;
        Ok(Seen { key: key.clone(), signed, witnesses })
    }

    /// Those who cosigned it, if the policy is content with them.
    fn witnesses(
        &self,
        signed: &SignedCheckpoint,
        key: &Vkey,
        max_age: Option<Duration>,
    ) -> Result<Vec<Witnessed>, Trouble> {
        let Some(policy) = &self.policy else { return Ok(Vec::new()) };
        let all = policy.quorum_met(signed).map_err(|why| unmet(&why))?.witnesses;
        let Some(max_age) = max_age else { return Ok(all.iter().map(witnessed).collect()) };
        let oldest = clock::at_or_now(None).minus(max_age);
        let fresh: Vec<_> = all.iter().filter(|w| witnessed(w).at >= oldest).map(|w| &w.name).collect();
        let known = policy.witnesses().iter().map(|w| &w.vkey).filter(|vkey| fresh.contains(&vkey.name()));
        let keys: Vec<Vkey> = known.chain([key]).cloned().collect();
        let left = signed.only(&keys).map_err(|e| Trouble::Contradiction(e.to_string()))?;
        let met = policy.quorum_met(&left).ok().filter(|met| !met.witnesses.is_empty());
        let met = met.ok_or_else(|| {
            let age = humantime::format_duration(max_age);
            Fault::Unwitnessed(format!("too few witnesses cosigned it within the last {age}"))
        })?;
        Ok(met.witnesses.iter().map(witnessed).collect())
    }
}

fn unmet(why: &Unmet) -> Trouble {
    match why {
        Unmet::Missing { .. } => Fault::Unwitnessed(why.to_string()).into(),
        Unmet::UnknownLog { .. } | Unmet::Note(_) => Trouble::Contradiction(format!("the checkpoint: {why}")),
    }
}

fn witnessed(cosigned: &Cosigned) -> Witnessed {
    let at = Timestamp::from_secs(i64::try_from(cosigned.time_secs).unwrap_or(i64::MAX));
    Witnessed { name: cosigned.name.to_string(), at }
}

/// The key that is named, which a policy that lists logs must list too; else those that the policy lists.
fn keys(named: Option<&str>, policy: Option<&Policy>) -> Result<Vec<Vkey>, Failure> {
    let listed: Vec<Vkey> =
        policy.iter().flat_map(|policy| policy.logs()).map(|log| log.vkey.clone()).collect();
    let Some(text) = named else {
        let unknown = || {
            Failure::usage("nothing says by which key the log is believed")
                .hint("--vkey, --anchor, or a --policy with its line `log`")
        };
        return if listed.is_empty() { Err(unknown()) } else { Ok(listed) };
    };
    let key: Vkey = text.parse().map_err(|e| Failure::usage(format!("`{text}` is no key of a log: {e}")))?;
    if !listed.is_empty() && !listed.contains(&key) {
        let text = format!("the policy lists other logs than `{}`", key.name());
        return Err(Failure::new(Exit::CannotVerify, text));
    }
    Ok(vec![key])
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let unusable = |why: String| Failure::new(Exit::CannotVerify, format!("`{}`: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
    Policy::parse(&bytes).map_err(|e| unusable(e.to_string()))
}
