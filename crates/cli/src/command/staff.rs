//! `charter staff`: who may act, as numbers, and proposals to change that.

mod credential;

use charter_domain::staff::Role;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use serde::Serialize;

use crate::{
    args::{Appoint, Call, Connection, ListFormat, Staff},
    command::propose,
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    staff_id: i64,
    roles: Vec<String>,
    service: bool,
    dismissed: bool,
    you: bool,
}

impl From<pb::StaffMember> for View {
    fn from(m: pb::StaffMember) -> Self {
        Self { staff_id: m.staff_id, roles: m.roles, service: m.service, dismissed: m.dismissed, you: m.you }
    }
}

impl View {
    fn row(&self) -> Vec<String> {
        let marks = [(self.service, "service"), (self.dismissed, "dismissed"), (self.you, "you")];
        let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        vec![self.staff_id.to_string(), self.roles.join(", "), marks.join(", ")]
    }
}

pub async fn run(to: &Connection, command: Staff) -> Result<Exit, Failure> {
    match command {
        Staff::List { call, output } => list(to, call, output).await,
        Staff::Appoint(args) => appoint(to, args).await,
        Staff::Credential(command) => credential::run(to, command).await,
        Staff::Dismiss { number, why, draft } => {
            let change = Change::Dismiss(pb::DismissStaff { staff_id: number });
            propose::send(to, draft, why, change).await
        }
    }
}

async fn list(to: &Connection, call: Call, format: ListFormat) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let request = pb::ListStaffRequest { registry_id: desk.registry_id() };
    let staff = desk.client().list_staff(desk.request(request)).await?.into_inner().staff;
    print(format, staff)?;
    Ok(Exit::Ok)
}

pub fn print(format: ListFormat, staff: Vec<pb::StaffMember>) -> Result<(), Failure> {
    let views: Vec<_> = staff.into_iter().map(View::from).collect();
    output::list(format, ("staff", None), &views, &["NUMBER", "ROLES", "REMARKS"], View::row)
}

async fn appoint(to: &Connection, args: Appoint) -> Result<Exit, Failure> {
    let role = |role: &Role| role.code().to_owned();
    let person_key = match &args.person_key_file {
        Some(path) => propose::text(path)?.trim().to_owned(),
        None => String::new(),
    };
    let change = Change::Appoint(pb::AppointStaff {
        issuer: args.issuer,
        subject: args.subject,
        roles: args.role.iter().map(role).collect(),
        service: args.service,
        person_key,
    });
    propose::send(to, args.draft, args.why, change).await
}
