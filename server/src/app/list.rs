//! What the lists can be filtered by.

use charter_domain::{Invalid, govern::proposal::ProposalState, staff::StaffId, status::State};
use charter_store::{
    find::{Accreditations, Entities},
    proposal::Sought,
};
use uuid::Uuid;

use crate::{Error, filter::Filter};

pub fn entities(filter: &str) -> Result<Entities, Error> {
    let mut filter = Filter::parse(filter)?;
    let found = Entities {
        country: filter.equal("country")?,
        state: filter.parsed("status.state", State::parse)?,
        registered_at: filter.between("registered_at")?,
        identifier: filter.has("identifiers")?,
        action: filter.has("statements.action")?,
        resource: filter.has("statements.resource")?,
    };
    filter.done()?;
    Ok(found)
}

pub fn accreditations(filter: &str) -> Result<Accreditations, Error> {
    let mut filter = Filter::parse(filter)?;
    let id = |text: &str| Uuid::parse_str(text).map_err(|_| Invalid::new("entity_id", "must be a UUID"));
    let found = Accreditations {
        entity_id: filter.parsed("entity_id", id)?,
        body: filter.equal("body")?,
        valid_until: filter.between("valid_until")?,
    };
    filter.done()?;
    Ok(found)
}

/// `state` may be given beside the filter, and not twice.
pub fn proposals(state: &str, filter: &str) -> Result<Sought, Error> {
    let mut filter = Filter::parse(filter)?;
    let number =
        |text: &str| text.parse().map(StaffId).map_err(|_| Invalid::new("proposer", "must be a number"));
    let mut sought = Sought {
        state: filter.parsed("state", ProposalState::parse)?,
        proposer: filter.parsed("proposer", number)?,
        created_at: filter.between("created_at")?,
    };
    filter.done()?;
    if !state.is_empty() {
        let beside = ProposalState::parse(state).map_err(|e| e.at("state"))?;
        if sought.state.replace(beside).is_some() {
            return Err(Invalid::new("state", "is in the filter too: give one of them").into());
        }
    }
    Ok(sought)
}
