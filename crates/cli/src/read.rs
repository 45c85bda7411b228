//! What is read before it is changed: the server refuses a change of anything that has changed since.

use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, propose_request::Change, renew,
};

use crate::{desk::Desk, exit::Failure};

/// The etag of what a change is about; empty for something new.
pub async fn etag(desk: &Desk, change: &Change) -> Result<String, Failure> {
    match (member(change), touched(change)) {
        (Some(staff_id), _) => of_member(desk, staff_id).await,
        (None, Some(target)) => of(desk, target).await,
        (None, None) => Ok(String::new()),
    }
}

/// The member of staff whom a change is about.
const fn member(change: &Change) -> Option<i64> {
    match change {
        Change::Dismiss(c) => Some(c.staff_id),
        Change::BindCredential(c) => Some(c.staff_id),
        _ => None,
    }
}

async fn of_member(desk: &Desk, staff_id: i64) -> Result<String, Failure> {
    let request = desk.request(pb::ListStaffRequest { registry_id: desk.registry_id() });
    let staff = desk.client().list_staff(request).await?.into_inner().staff;
    Ok(staff.into_iter().find(|m| m.staff_id == staff_id).map(|m| m.etag).unwrap_or_default())
}

fn touched(change: &Change) -> Option<Target> {
    match change {
        Change::ChangeStatus(c) => c.target.clone(),
        Change::CorrectEntity(c) => Some(Target::EntityId(c.entity_id.clone())),
        Change::CorrectAccreditation(c) => Some(Target::AccreditationId(c.accreditation_id.clone())),
        Change::CorrectDelegation(c) => Some(Target::SubordinateId(c.subordinate_id.clone())),
        Change::Renew(c) => c.target.clone().map(|target| match target {
            renew::Target::SubordinateId(id) => Target::SubordinateId(id),
            renew::Target::AccreditationId(id) => Target::AccreditationId(id),
            renew::Target::StatementId(number) => Target::StatementId(number),
        }),
        _ => None,
    }
}

async fn of(desk: &Desk, target: Target) -> Result<String, Failure> {
    let (mut client, registry_id) = (desk.registry(), desk.registry_id());
    let found = match target {
        Target::EntityId(entity_id) => {
            let request = desk.plain(pb::GetEntityRequest { registry_id, entity_id, ..Default::default() });
            client.get_entity(request).await?.into_inner().entity.map(|e| e.etag)
        }
        Target::AccreditationId(accreditation_id) => {
            let request = desk.plain(pb::GetAccreditationRequest { registry_id, accreditation_id });
            client.get_accreditation(request).await?.into_inner().accreditation.map(|a| a.etag)
        }
        Target::StatementId(statement_id) => {
            let request = desk.plain(pb::GetStatementRequest { registry_id, statement_id });
            client.get_statement(request).await?.into_inner().statement.map(|s| s.etag)
        }
        Target::SubordinateId(subordinate_id) => {
            let request = desk.plain(pb::GetDelegationRequest { registry_id, subordinate_id });
            client.get_delegation(request).await?.into_inner().delegation.map(|d| d.etag)
        }
    };
    Ok(found.unwrap_or_default())
}
