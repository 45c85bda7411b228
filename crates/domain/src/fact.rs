//! Everything one registry knows that bears on one question: what the hot read returns, and what `decide` takes.

use serde::Deserialize;

use crate::{
    Interval, Timestamp,
    scope::{Conditions, Jurisdiction},
    status::{State, Status},
};

/// Facts about (kind, entity, action, resource) in one registry at one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub epoch: i64,
    pub known_entity: bool,
    pub known_action: bool,
    pub known_resource: bool,
    pub entity: Vec<Status>,
    pub statements: Vec<StatementFact>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementFact {
    pub id: i64,
    pub valid: Interval,
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    pub statuses: Vec<Status>,
    pub accreditation: Option<AccreditationFact>,
    /// Compact JWS, as signed when written or renewed.
    pub document: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccreditationFact {
    pub id: String,
    pub valid: Interval,
    pub statuses: Vec<Status>,
}

/// The wire form that the SQL function `facts` builds: instants are microseconds, bounds may be absent.
#[derive(Deserialize)]
struct Wire {
    epoch: i64,
    e: bool,
    a: bool,
    r: bool,
    #[serde(default)]
    es: Option<Vec<WireStatus>>,
    #[serde(default)]
    st: Option<Vec<WireStatement>>,
}
#[derive(Deserialize)]
struct WireStatus {
    s: State,
    f: Option<i64>,
    u: Option<i64>,
}
#[derive(Deserialize)]
struct WireStatement {
    id: i64,
    f: Option<i64>,
    u: Option<i64>,
    j: Vec<Jurisdiction>,
    c: Conditions,
    ss: Option<Vec<WireStatus>>,
    acc: Option<WireAccreditation>,
    d: Option<String>,
}
#[derive(Deserialize)]
struct WireAccreditation {
    id: String,
    f: Option<i64>,
    u: Option<i64>,
    ss: Option<Vec<WireStatus>>,
}

fn interval(from: Option<i64>, until: Option<i64>) -> Interval {
    Interval { from: from.map(Timestamp::from_micros), until: until.map(Timestamp::from_micros) }
}

fn statuses(wire: Option<Vec<WireStatus>>) -> Vec<Status> {
    let status = |w: WireStatus| Status { state: w.s, effective: interval(w.f, w.u) };
    wire.unwrap_or_default().into_iter().map(status).collect()
}

impl Facts {
    /// Reads the wire form. A fault here is a fault of ours, never an answer.
    pub fn from_wire(json: &str) -> Result<Self, serde_json::Error> {
        let wire: Wire = serde_json::from_str(json)?;
        let accreditation = |a: WireAccreditation| AccreditationFact {
            id: a.id,
            valid: interval(a.f, a.u),
            statuses: statuses(a.ss),
        };
        let statement = |s: WireStatement| StatementFact {
            id: s.id,
            valid: interval(s.f, s.u),
            jurisdictions: s.j,
            conditions: s.c,
            statuses: statuses(s.ss),
            accreditation: s.acc.map(accreditation),
            document: s.d,
        };
        Ok(Self {
            epoch: wire.epoch,
            known_entity: wire.e,
            known_action: wire.a,
            known_resource: wire.r,
            entity: statuses(wire.es),
            statements: wire.st.unwrap_or_default().into_iter().map(statement).collect(),
        })
    }
}
