//! The verbs as a table, and the emergency's conditions.

use super::*;
use crate::staff::Role;

const REGISTRY: RegistryId = RegistryId(1);

fn staff(roles: &[Role]) -> Staff {
    Staff {
        id: crate::staff::StaffId(1),
        roles: roles.iter().copied().collect(),
        service: false,
        stepped_up: true,
        only: None,
    }
}

fn cell<V: Verb>(caller: &Caller, phase: Phase) -> String {
    let answer = permit::<V>(caller, REGISTRY, phase);
    format!("{}={}", V::NAME, answer.map_or_else(|e| format!("{e:?}"), |_| "yes".to_owned()))
}

fn line(name: &str, caller: &Caller, phase: Phase) -> String {
    let cells = [
        cell::<Load>(caller, phase),
        cell::<Open>(caller, phase),
        cell::<Read>(caller, phase),
        cell::<Init>(caller, phase),
    ];
    format!("{name} {} {}\n", phase.code(), cells.join(" "))
}

#[test]
fn rights_are_this_table() {
    let callers =
        [("Anonymous", Caller::Anonymous), ("Bootstrap", Caller::Bootstrap), ("System", Caller::System)];
    let mut table = String::new();
    for (name, caller) in &callers {
        for phase in [Phase::Bootstrap, Phase::Governed] {
            table += &line(name, caller, phase);
        }
    }
    assert_eq!(
        table,
        "Anonymous BOOTSTRAP load=Unauthenticated open=Unauthenticated read=yes init=Unauthenticated\n\
         Anonymous GOVERNED load=Unauthenticated open=Unauthenticated read=yes init=Unauthenticated\n\
         Bootstrap BOOTSTRAP load=yes open=Denied read=yes init=yes\n\
         Bootstrap GOVERNED load=Sealed open=Denied read=yes init=Sealed\n\
         System BOOTSTRAP load=Denied open=yes read=yes init=yes\n\
         System GOVERNED load=Denied open=yes read=yes init=Sealed\n"
    );
}

#[test]
fn no_caller_is_permitted_to_execute_or_to_act_in_an_emergency() {
    for caller in [Caller::Anonymous, Caller::Bootstrap, Caller::System] {
        for phase in [Phase::Bootstrap, Phase::Governed] {
            assert!(permit::<Execute>(&caller, REGISTRY, phase).is_err());
            assert!(permit::<Emergency>(&caller, REGISTRY, phase).is_err());
        }
    }
}

#[test]
fn a_credential_is_revoked_by_a_security_officer_in_person_after_step_up() {
    let revoke = |staff: &Staff, phase| revoke_credential(staff, REGISTRY, phase).map(|p| p.origin());
    let officer = staff(&[Role::SecurityOfficer]);
    assert_eq!(revoke(&officer, Phase::Governed), Ok("emergency"));
    assert_eq!(revoke(&officer, Phase::Bootstrap), Err(Refusal::NotGoverned));
    assert_eq!(revoke(&staff(&[Role::Officer]), Phase::Governed), Err(Refusal::Denied));
    let plain = Staff { stepped_up: false, ..officer.clone() };
    assert_eq!(revoke(&plain, Phase::Governed), Err(Refusal::StepUpNeeded));
    let service = Staff { service: true, ..officer };
    assert_eq!(revoke(&service, Phase::Governed), Err(Refusal::ServiceMayNotApprove));
}

#[test]
fn an_emergency_is_declared_by_a_person_with_the_role_and_not_twice_in_30_days() {
    let now = Timestamp::from_secs(100 * 86_400);
    let declare = |staff: &Staff, phase, last: Option<i64>| {
        let last = last.map(Timestamp::from_secs);
        emergency(staff, REGISTRY, phase, last, now).map(|p| p.origin())
    };
    let officer = staff(&[Role::Officer]);
    assert_eq!(declare(&officer, Phase::Governed, None), Ok("emergency"));
    assert_eq!(declare(&officer, Phase::Governed, Some(70 * 86_400)), Ok("emergency"));
    assert_eq!(declare(&officer, Phase::Governed, Some(70 * 86_400 + 1)), Err(Refusal::RepeatedEmergency));
    assert_eq!(declare(&officer, Phase::Governed, Some(101 * 86_400)), Err(Refusal::RepeatedEmergency));
    assert_eq!(declare(&officer, Phase::Bootstrap, None), Err(Refusal::NotGoverned));
    assert_eq!(declare(&staff(&[Role::Approver]), Phase::Governed, None), Err(Refusal::Denied));
    let weak = Staff { stepped_up: false, ..officer.clone() };
    assert_eq!(declare(&weak, Phase::Governed, None), Err(Refusal::StepUpNeeded));
    let service = Staff { service: true, ..officer };
    assert_eq!(declare(&service, Phase::Governed, None), Err(Refusal::ServiceMayNotApprove));
}

#[test]
fn breaking_glass_takes_the_signatures_of_two() {
    let [one, two] = ["a", "b"].map(str::to_owned);
    let origin = |signers: &[String]| breakglass(REGISTRY, signers).map(|p| p.origin());
    assert_eq!(origin(&[one.clone(), two]), Ok("breakglass"));
    for few in [vec![], vec![one.clone()], vec![one.clone(), one]] {
        assert_eq!(origin(&few), Err(Refusal::Denied), "{few:?}");
    }
}
