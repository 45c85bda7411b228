//! Tables of the walk.

use charter_domain::{Context, HttpsId, Interval, NamingConstraints, Reason, Scope, SpkiPins};

use super::*;

fn id(name: &str) -> AuthorityId {
    AuthorityId::parse(&format!("did:web:{name}.example")).expect("valid")
}
fn query(authority: &str) -> Query {
    let authority = id(authority);
    let terms = (authority.as_str(), "did:web:e.example", "issue", "Degree");
    Query::parse(Kind::Authorization, terms, Context::default()).expect("valid")
}
fn delegation(name: &str, resource: &str) -> Delegation {
    let grant = format!(r#"[{{"actions":["issue"],"resources":["{resource}"]}}]"#);
    Delegation {
        id: 1,
        subordinate: id(name),
        entity_identifier: HttpsId::parse(&format!("https://{name}.example")).expect("valid"),
        jwks: String::new(),
        endpoint: String::new(),
        tls_spki_sha256: SpkiPins::default(),
        scope: serde_json::from_str::<Scope>(&grant).expect("valid"),
        max_path_length: None,
        naming_constraints: NamingConstraints::default(),
        answers_as_own: true,
        valid: Interval::ALWAYS,
        statuses: vec![],
        document: None,
    }
}
fn answer(by: &str, reason: Reason, links: usize) -> Answer {
    let t = Timestamp::from_secs(1);
    Answer { chain: vec![String::new(); links], ..Answer::of(&id(by), 1, reason, t, t) }
}
const NOW: Timestamp = Timestamp::from_secs(100);

#[test]
fn only_delegations_whose_scope_covers_the_question_are_asked() {
    let list = [delegation("edu", "Degree"), delegation("health", "Prescription")];
    let Next::Ask(Whom { asked, .. }) = next(&id("fi"), &query("fi"), NOW, &list, None) else {
        unreachable!("one covers")
    };
    assert_eq!(asked.len(), 1);
    assert_eq!(next(&id("fi"), &query("fi"), NOW, &list[1..], None), Next::Nobody);
}

#[test]
fn a_locator_narrows_and_too_many_need_one() {
    let list: Vec<Delegation> = (0..9).map(|n| delegation(&format!("c{n}"), "*")).collect();
    assert_eq!(next(&id("eu"), &query("eu"), NOW, &list, None), Next::TooMany(9));
    let mut located = query("eu");
    located.context.locator = Some(id("c3"));
    let Next::Ask(Whom { asked, .. }) = next(&id("eu"), &located, NOW, &list, None) else {
        unreachable!("located")
    };
    assert_eq!(asked[0].subordinate, id("c3"));
}

#[test]
fn delegations_that_are_over_do_not_count_as_many() {
    let over = |n: u8| Delegation {
        valid: Interval { from: None, until: Some(NOW) },
        ..delegation(&format!("old{n}"), "*")
    };
    let mut list: Vec<Delegation> = (0..20).map(over).collect();
    list.push(delegation("new", "*"));
    let Next::Ask(Whom { asked, .. }) = next(&id("eu"), &query("eu"), NOW, &list, None) else {
        unreachable!("one is in force")
    };
    assert_eq!(asked.len(), 21, "the others say that they are over");
}

#[test]
fn who_lacks_the_entity_is_not_asked_and_not_counted() {
    let list: Vec<Delegation> = (0..20).map(|n| delegation(&format!("c{n}"), "*")).collect();
    let all: Vec<AuthorityId> = list.iter().map(|d| d.subordinate.clone()).collect();
    let those = |list: &[AuthorityId]| list.iter().cloned().map(Arc::new).collect::<BTreeSet<_>>();
    let counts = |list: &[Delegation], lacking: &[AuthorityId], query: &Query| match next(
        &id("eu"),
        query,
        NOW,
        list,
        Some(&those(lacking)),
    ) {
        Next::Ask(whom) => (whom.asked.len(), whom.spared.len(), whom.second().len()),
        other => unreachable!("{other:?}"),
    };
    let plain = query("eu");
    assert_eq!(counts(&list, &all[1..], &plain), (1, 19, 0));
    assert_eq!(counts(&list, &all, &plain), (0, 20, 0), "nobody has it");
    assert_eq!(next(&id("eu"), &plain, NOW, &list, Some(&those(&all[9..]))), Next::TooMany(9));
    assert_eq!(counts(&list[..3], &all[1..], &plain), (1, 2, 2), "few may be asked after all");
    assert_eq!(counts(&list[..3], &all, &plain), (3, 0, 0));
    let mut located = query("eu");
    located.context.locator = Some(id("c3"));
    assert_eq!(counts(&list, &all, &located), (1, 0, 0), "whoever is named is asked");
}

#[test]
fn recognition_is_not_followed_but_reaches_the_authority_it_names() {
    let list = [delegation("fi", "*")];
    let mut asked = query("eu");
    asked.kind = Kind::Recognition;
    assert_eq!(next(&id("eu"), &asked, NOW, &list, None), Next::Nobody);
    asked.authority = id("fi");
    assert!(matches!(next(&id("eu"), &asked, NOW, &list, None), Next::Ask(_)));
}

#[test]
fn composition_follows_the_order_of_the_design() {
    use Reason as R;
    let outcome = |list: &[(&str, R, usize)]| {
        let composed = compose(list.iter().map(|(by, r, n)| answer(by, *r, *n)).collect()).expect("answers");
        (composed.reason, composed.decided_by.to_string(), composed.path.len())
    };
    let yes = |n| ("b", R::Active, n);
    assert_eq!(outcome(&[yes(1), ("a", R::Revoked, 0)]).0, R::Revoked, "deny overrides");
    assert_eq!(outcome(&[yes(1), ("a", R::Suspended, 0)]).0, R::Suspended);
    assert_eq!(outcome(&[yes(1), ("a", R::Expired, 0)]).0, R::Active, "an expired one denies nothing");
    assert_eq!(outcome(&[yes(1), ("a", R::Unverifiable, 0)]).0, R::Active);
    assert_eq!(outcome(&[("a", R::NotListed, 0), ("b", R::Unverifiable, 0)]).0, R::Unverifiable);
    assert_eq!(outcome(&[("a", R::UnknownEntity, 0), ("b", R::NotListed, 0)]).0, R::NotListed);
    assert_eq!(outcome(&[("a", R::UnknownResource, 0), ("b", R::UnknownEntity, 0)]).0, R::UnknownEntity);
    assert_eq!(
        outcome(&[("c", R::Active, 2), ("b", R::Active, 1), ("a", R::Active, 1)]).1,
        "did:web:a.example"
    );
    assert_eq!(outcome(&[yes(1), ("a", R::UnknownEntity, 0)]).2, 2, "every registry asked is on the path");
    assert!(compose(vec![]).is_none());
}
