//! Who is asked for documents of those below, and what of them counts.

use super::*;

fn node(name: &str, above: usize, via: &[&str]) -> Node {
    let authority = |name: &str| AuthorityId::parse(&format!("did:web:{name}.example")).expect("valid");
    Node {
        via: via.iter().map(|name| authority(name)).collect(),
        authority: authority(name),
        id: HttpsId::parse(&format!("https://{name}.example")).expect("valid"),
        above,
        statement: (!via.is_empty()).then(|| format!("{name} is stated").into()),
        configuration: name.into(),
        epoch: 1,
        heard: BootInstant::now(),
    }
}

fn branch(nodes: Vec<Node>) -> Branch {
    Branch {
        registry: RegistryId(1),
        subordinate: nodes[0].authority.clone(),
        naming: NamingConstraints::default(),
        nodes,
        partial: false,
        read: BootInstant::now(),
    }
}

fn below(branches: Vec<Branch>) -> Below {
    let below = Below::default();
    below.put(Known { revision: 1, branches, partial: false });
    below
}

#[test]
fn a_direct_subordinate_is_shown_before_its_namesake_further_down() {
    let forged = Node { configuration: "forged".into(), ..node("b", 0, &["b"]) };
    let below = below(vec![branch(vec![node("x", 0, &[]), forged]), branch(vec![node("b", 0, &[])])]);
    let b = AuthorityId::parse("did:web:b.example").expect("valid");
    assert_eq!(below.configuration(&b).as_deref(), Some("b"));
    let known = below.known();
    let id = HttpsId::parse("https://b.example").expect("valid");
    assert_eq!(known.named(&id).collect::<Vec<_>>(), [(0, 1), (1, 0)], "whoever resolves sees both");
}

#[test]
fn statements_that_were_not_confirmed_are_not_shown() {
    let (a, b) = (node("a", 0, &[]), node("b", 0, &["b"]));
    let stated = |a: Node| {
        below(vec![branch(vec![a, b.clone()])]).statement(&node("a", 0, &[]).authority, &b.authority)
    };
    assert_eq!(stated(a.clone()).as_deref(), Some("b is stated"));
    assert_eq!(stated(Node { epoch: -1, ..a.clone() }), None, "nobody knows at which epoch it is");
    let late = BootInstant::now().earlier(LEASE);
    assert_eq!(stated(Node { heard: late, ..a }), None, "it was not heard for too long");
}

#[test]
fn what_is_claimed_differently_further_down_is_not_shown() {
    let (a, x) = (node("a", 0, &[]), node("x", 0, &[]));
    let real = node("b", 0, &["b"]);
    let two = |forged: Node| {
        let below = below(vec![branch(vec![a.clone(), real.clone()]), branch(vec![x.clone(), forged])]);
        (below.configuration(&real.authority), below.statement(&a.authority, &real.authority))
    };
    let same = two(real.clone());
    assert_eq!((same.0.as_deref(), same.1.as_deref()), (Some("b"), Some("b is stated")));
    let (configuration, statement) = two(Node { configuration: "forged".into(), ..real.clone() });
    assert_eq!(
        (configuration, statement.as_deref()),
        (None, Some("b is stated")),
        "each superior says its own"
    );
    // A second superior of that name, which states something else.
    let below = below(vec![
        branch(vec![x.clone(), node("c", 0, &["c"]), node("b", 1, &["c", "b"])]),
        branch(vec![
            a.clone(),
            node("c", 0, &["c"]),
            Node { statement: Some("else".into()), ..node("b", 1, &["c", "b"]) },
        ]),
    ]);
    assert_eq!(below.statement(&node("c", 0, &[]).authority, &real.authority), None);
}

#[test]
fn only_a_partial_branch_hides_and_only_names_that_it_may_have() {
    let id = HttpsId::parse("https://c.example").expect("valid");
    let whole = branch(vec![node("a", 0, &[])]);
    assert!(!whole.may_hide(&id));
    let partial = Branch { partial: true, ..whole };
    assert!(partial.may_hide(&id));
    let naming = NamingConstraints { permitted: vec![".a.example".to_owned()], excluded: Vec::new() };
    let narrow = Branch { naming, ..partial };
    assert!(!narrow.may_hide(&id));
    let known = |partial: bool| Known { revision: 1, branches: vec![narrow.clone()], partial };
    assert!(!known(false).may_hide(&id));
    assert!(known(true).may_hide(&id), "of those at whom nobody looked nothing is known");
}
