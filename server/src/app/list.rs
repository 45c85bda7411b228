//! What the lists can be filtered by.

use charter_domain::{AuthorityId, Invalid, govern::proposal::ProposalState, staff::StaffId, status::State};
use charter_store::{
    find::{Accreditations, CredentialTypes, Delegations, Entities, Schemas},
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

pub fn delegations(filter: &str) -> Result<Delegations, Error> {
    let mut filter = Filter::parse(filter)?;
    let found = Delegations {
        subordinate: filter.parsed("subordinate_id", AuthorityId::parse)?,
        state: filter.parsed("status.state", State::parse)?,
        valid_until: filter.between("valid_until")?,
    };
    filter.done()?;
    Ok(found)
}

/// `resource` may be given beside the filter, and not twice.
pub fn schemas(resource: &str, filter: &str) -> Result<Schemas, Error> {
    let mut filter = Filter::parse(filter)?;
    let truth = |text: &str| {
        text.parse::<bool>().map_err(|_| Invalid::new("deprecated", "must be `true` or `false`"))
    };
    let mut found = Schemas {
        resource: filter.equal("resource")?,
        deprecated: filter.parsed("deprecated", truth)?,
        published_at: filter.between("published_at")?,
    };
    filter.done()?;
    if !resource.is_empty() && found.resource.replace(resource.to_owned()).is_some() {
        return Err(Invalid::new("resource", "is in the filter too: give one of them").into());
    }
    Ok(found)
}

pub fn credential_types(filter: &str) -> Result<CredentialTypes, Error> {
    let mut filter = Filter::parse(filter)?;
    let found = CredentialTypes {
        resource: filter.equal("resource")?,
        vc_type: filter.equal("vc_type")?,
        vct: filter.equal("vct")?,
        doc_type: filter.equal("doc_type")?,
        schema_id: filter.equal("schema_id")?,
        equivalent: filter.has("equivalents")?,
        defined_at: filter.between("defined_at")?,
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
