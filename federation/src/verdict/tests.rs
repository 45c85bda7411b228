//! What is believed of an answer is what its proof says, not what was written around it.

use charter_domain::{Interval, NamingConstraints};

use super::*;
use crate::testing::{HOUR, NOW, Party, party, query};

const AT: Timestamp = Timestamp::from_secs(NOW);

/// A yes of the sector as its registry would send it, and what the root makes of it.
fn believed(change: impl FnOnce(&mut charter_proof::AuthorityStatement)) -> Result<Answer, String> {
    let (root, sector): (Party, Party) = (party("root"), party("sector"));
    let (delegation, query) = (root.delegation(&sector), query(&sector));
    let mut statement = sector.states(&query, NOW);
    change(&mut statement);
    let far = AT.plus(std::time::Duration::from_secs(300));
    let mut answer = Answer::of(&sector.id, 3, charter_domain::Reason::Active, AT, far);
    answer.chain = vec![statement.sign(&sector.signer).expect("signs")];
    let view = root.view(vec![delegation.clone()]);
    believe(&view, &delegation, &query, answer, (AT, AT), &Seen::default())
}

#[test]
fn a_yes_ends_with_its_statement_whatever_is_said_of_its_next_change() {
    let end = Timestamp::from_secs(NOW + 10);
    let valid = vec![Interval { from: None, until: Some(end) }];
    let answer = believed(|statement| statement.valid = valid).expect("proven");
    assert_eq!(answer.next_change, Some(end), "kept for five minutes, it would be a yes beyond its end");
    let endless = believed(|_| {}).expect("proven");
    assert_eq!((endless.next_change, endless.expires_at), (None, AT.plus(POSITIVE_TTL)));
    let short = believed(|statement| statement.exp = NOW + 20).expect("proven");
    assert_eq!(short.expires_at, Timestamp::from_secs(NOW + 20));
    assert!(believed(|statement| statement.iat = NOW + HOUR / 2).is_err(), "not issued yet");
}

#[test]
fn conditions_of_a_statement_cannot_be_left_out_of_the_answer() {
    let limited = |statement: &mut charter_proof::AuthorityStatement| {
        statement.conditions = [("eqf_level".to_owned(), ["7".to_owned()].into())].into();
    };
    assert_eq!(believed(limited).expect("proven").unstated, ["eqf_level"]);
}

#[test]
fn a_name_that_the_own_delegation_does_not_permit_is_not_believed() {
    let (root, sector, school) = (party("root"), party("sector"), party("school"));
    let query = query(&sector);
    let far = AT.plus(std::time::Duration::from_secs(300));
    let believed = |permitted: &[&str]| {
        let permitted = permitted.iter().map(|name| (*name).to_owned()).collect();
        let naming_constraints = NamingConstraints { permitted, excluded: vec![] };
        let delegation = Delegation { naming_constraints, ..root.delegation(&sector) };
        let mut answer = Answer::of(&school.id, 3, charter_domain::Reason::Active, AT, far);
        let statement = school.states(&query, NOW).sign(&school.signer).expect("signs");
        answer.chain = vec![statement, sector.delegates(&school)];
        believe(&root.view(vec![delegation.clone()]), &delegation, &query, answer, (AT, AT), &Seen::default())
    };
    assert!(believed(&[]).is_ok());
    assert!(believed(&["sector.example", "school.example"]).is_ok());
    let fault = believed(&["sector.example"]).expect_err("the school's name");
    assert!(fault.contains("https://school.example"), "{fault}");
    let fault = believed(&["school.example"]).expect_err("the sector's own name");
    assert!(fault.contains("https://sector.example"), "{fault}");
}

/// An accreditation to attest beside one to accredit for something else: only the latter is passed on.
#[test]
fn what_an_accredited_party_may_not_pass_on_counts_where_it_speaks_itself() {
    let (root, sector, school) = (party("root"), party("sector"), party("school"));
    let query = query(&sector);
    let far = AT.plus(std::time::Duration::from_secs(300));
    let believed = |may_delegate: bool, by: &Party| {
        let scope = serde_json::json!([
            { "actions": ["issue"], "resources": ["Degree"], "may_delegate": may_delegate },
            { "actions": ["issue"], "resources": ["Law"], "may_delegate": true },
        ]);
        let scope = serde_json::from_value(scope).expect("a scope");
        let member = Delegation { scope, document: None, ..root.delegation(&sector) };
        let mut answer = Answer::of(&by.id, 3, charter_domain::Reason::Active, AT, far);
        answer.chain = vec![by.states(&query, NOW).sign(&by.signer).expect("signs")];
        if by.id != sector.id {
            answer.chain.push(sector.delegates(by));
        }
        accredited(&root.view(Vec::new()), &member, &query, answer, (AT, AT), &Seen::default())
    };
    assert!(believed(true, &school).is_ok());
    let own = believed(false, &sector).expect("its own word");
    assert!(own.outside && own.expires_at == AT.plus(UNPOLLED_YES));
    assert!(believed(false, &school).is_err(), "it may attest, and accredit nobody for it");
}
