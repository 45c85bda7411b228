//! Policies: the specification's example, what is refused and on which line, and quorums.

mod quorums;

use proptest::prelude::*;

use super::*;
use crate::{note, testing::Key};

fn log(seed: u8) -> Vkey {
    Key::log(seed).vkey
}

fn witness(seed: u8) -> Vkey {
    Key::witness(seed).vkey
}

/// The example of C2SP tlog-policy.
fn example() -> String {
    let witnesses = |letter: char, first: u8| {
        let line = |number: u8| format!("witness {letter}{} {}\n", number + 1, witness(first + number));
        (0..3).map(line).collect::<String>()
    };
    format!(
        "log {}\n\n{}group X-witnesses 2 X1 X2 X3\n\n{}group Y-witnesses any Y1 Y2 Y3\n\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        log(1),
        witnesses('X', 10),
        witnesses('Y', 20),
    )
}

#[test]
fn the_example_is_read() {
    let policy = Policy::parse(example().as_bytes()).expect("a policy");
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    let groups: Vec<_> = policy.groups().iter().map(|group| (group.threshold, group.members.len())).collect();
    assert_eq!(groups, [(2, 3), (1, 3), (2, 2)]);
    assert_eq!(policy.quorum(), Some(Member::Group(2)));
    assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
}

#[test]
fn spaces_comments_and_urls_are_as_specified() {
    let text = format!(
        "# comment\n \t# another, in Latin-1: \u{fc}\n\n \t \nlog\t{}  https://log.example/ \n  witness  w  {}\n\
         witness W {} https://w.example/\n#quorum w\nquorum none",
        log(1),
        witness(2),
        witness(3)
    );
    let latin = text.replace('\u{fc}', "?").into_bytes();
    let latin: Vec<u8> = latin.into_iter().map(|byte| if byte == b'?' { 0xfc } else { byte }).collect();
    for bytes in [text.as_bytes(), &latin] {
        let policy = Policy::parse(bytes).expect("a policy");
        assert_eq!(policy.logs()[0].url.as_deref(), Some("https://log.example/"));
        assert_eq!(policy.witnesses()[0].url, None);
        assert_eq!(policy.witnesses()[1].url.as_deref(), Some("https://w.example/"));
        assert_eq!(policy.quorum(), None);
        assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    }
}

/// Names are bytes: a Kelvin sign is no K, and what is no UTF-8 is a name all the same.
#[test]
fn names_are_compared_as_bytes() {
    let [a, b, c] = [1, 2, 3].map(|seed| witness(seed).to_string().into_bytes());
    let line = |name: &[u8], key: &[u8]| [&b"witness "[..], name, b" ", key, b"\n"].concat();
    let kelvin = "\u{212a}".as_bytes();
    let text = [line(b"K", &a), line(kelvin, &b), line(b"\xff\xfe", &c)].concat();
    let whole = [&text[..], b"group g 3 \xff\xfe ", kelvin, b" K\nquorum g\n"].concat();
    let policy = Policy::parse(&whole).expect("a policy");
    assert_eq!(policy.groups()[0].members, [2, 1, 0].map(Member::Witness));
    assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    let missing = [&text[..], b"quorum k\n"].concat();
    assert!(matches!(Policy::parse(&missing), Err(Error::Line { line: 4, fault: Fault::Undefined(_) })));
}

fn name(text: &str) -> Name {
    Name(text.as_bytes().to_vec())
}

#[test]
fn a_fault_is_told_with_its_line() {
    let (l, a, b) = (log(1), witness(2), witness(3));
    let renamed = Key::of(2, "elsewhere.example", note::KeyKind::CosignatureV1).vkey;
    let start = format!("log {l}\nwitness a {a}\n");
    for (line, fault) in [
        ("Log x".to_owned(), Fault::Keyword(name("Log"))),
        ("log".to_owned(), Fault::Form("log <vkey> [<url>]")),
        (format!("log {l} u v"), Fault::Form("log <vkey> [<url>]")),
        (format!("log {l}"), Fault::SameKey(Box::new(l.clone()))),
        (format!("log {b}"), Fault::NotALog(Box::new(b.clone()))),
        (format!("log {l}x"), Fault::Key(note::Error::Vkey)),
        ("witness b".to_owned(), Fault::Form("witness <name> <vkey> [<url>]")),
        (format!("witness b {b} u v"), Fault::Form("witness <name> <vkey> [<url>]")),
        (format!("witness b {l}"), Fault::NotAWitness(Box::new(l.clone()))),
        (format!("witness a {b}"), Fault::Defined(name("a"))),
        (format!("witness none {b}"), Fault::None),
        (format!("witness b {a}"), Fault::SameKey(Box::new(a.clone()))),
        (format!("witness b {renamed}"), Fault::SameKey(Box::new(renamed.clone()))),
        ("group g any".to_owned(), Fault::Form("group <name> any|all|<number> <name>...")),
        ("group g a".to_owned(), Fault::Form("group <name> any|all|<number> <name>...")),
        ("group a any a".to_owned(), Fault::Defined(name("a"))),
        ("group none any a".to_owned(), Fault::None),
        ("group g any none".to_owned(), Fault::None),
        ("group g any b".to_owned(), Fault::Undefined(name("b"))),
        ("group g any g".to_owned(), Fault::Undefined(name("g"))),
        ("group g any a a".to_owned(), Fault::Member(name("a"))),
        ("group g 0 a".to_owned(), Fault::Threshold { members: 1, given: name("0") }),
        ("group g 2 a".to_owned(), Fault::Threshold { members: 1, given: name("2") }),
        ("group g 01 a".to_owned(), Fault::Threshold { members: 1, given: name("01") }),
        ("group g ANY a".to_owned(), Fault::Threshold { members: 1, given: name("ANY") }),
        (
            "group g 18446744073709551617 a".to_owned(),
            Fault::Threshold { members: 1, given: name("18446744073709551617") },
        ),
        ("quorum".to_owned(), Fault::Form("quorum <name>")),
        ("quorum a a".to_owned(), Fault::Form("quorum <name>")),
        ("quorum b".to_owned(), Fault::Undefined(name("b"))),
        ("quorum a\r".to_owned(), Fault::Characters),
        ("# \u{1b}[2J".to_owned(), Fault::Characters),
        ("# \u{7f}".to_owned(), Fault::Characters),
    ] {
        let text = format!("{start}{line}\nquorum none\n");
        assert_eq!(Policy::parse(text.as_bytes()), Err(Error::Line { line: 3, fault }), "{line:?}");
    }
    let twice = format!("{start}quorum a\nquorum a\n");
    let fault = Fault::SecondQuorum;
    assert_eq!(Policy::parse(twice.as_bytes()), Err(Error::Line { line: 4, fault }));
    assert_eq!(Policy::parse(start.as_bytes()), Err(Error::NoQuorum));
    assert_eq!(Policy::parse(b""), Err(Error::NoQuorum));
    assert_eq!(Policy::parse(&[b'\n'; MAX_BYTES + 1]), Err(Error::TooLong(MAX_BYTES + 1)));
    let told = Error::Line { line: 3, fault: Fault::Undefined(name("b")) }.to_string();
    assert_eq!(told, "line 3: `b` is not defined on a line before");
}

#[test]
fn a_name_is_a_member_of_one_group() {
    let text = format!("witness a {}\ngroup g any a\ngroup h any a\nquorum h\n", witness(2));
    let fault = Fault::Member(name("a"));
    assert_eq!(Policy::parse(text.as_bytes()), Err(Error::Line { line: 3, fault }));
}

#[test]
fn there_are_32_of_each() {
    let logs = |count: u8| (0..count).map(|i| format!("log {}\n", log(i))).collect::<String>();
    let witnesses =
        |count: u8| (0..count).map(|i| format!("witness w{i} {}\n", witness(i))).collect::<String>();
    let groups = |count: u8| (0..count).map(|i| format!("group g{i} any w{i}\n")).collect::<String>();
    let parse = |text: String| Policy::parse(text.as_bytes());
    assert!(parse(format!("{}{}{}quorum g31\n", logs(32), witnesses(32), groups(32))).is_ok());
    let too_many = |line| Err(Error::Line { line, fault: Fault::TooMany });
    assert_eq!(parse(logs(33) + "quorum none\n"), too_many(33));
    assert_eq!(parse(witnesses(33) + "quorum none\n"), too_many(33));
    assert_eq!(
        parse(format!("{}{}group more any g0\nquorum none\n", witnesses(32), groups(32))),
        too_many(65)
    );
}

#[test]
fn k_of_n_is_a_policy_with_one_group() {
    let keys: Vec<Vkey> = (10..13).map(witness).collect();
    let policy = Policy::k_of_n(&[log(1)], &keys, 2).expect("a policy");
    assert_eq!((policy.groups()[0].threshold, policy.groups()[0].members.len()), (2, 3));
    assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    assert_eq!(Policy::k_of_n(&[log(1)], &keys, 0).expect("a policy").quorum(), None);
    assert_eq!(Policy::k_of_n(&[log(1)], &[], 0).expect("a policy").quorum(), None);
    assert!(matches!(Policy::k_of_n(&[log(1)], &keys, 4), Err(Fault::Threshold { members: 3, .. })));
    assert!(matches!(Policy::k_of_n(&[log(1)], &[], 1), Err(Fault::Threshold { members: 0, .. })));
    assert!(matches!(Policy::k_of_n(&keys, &keys, 1), Err(Fault::NotALog(_))));
    let twice = [keys[0].clone(), keys[0].clone()];
    assert!(matches!(Policy::k_of_n(&[log(1)], &twice, 1), Err(Fault::SameKey(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Policy::parse(&bytes).is_err());
    }

    #[test]
    fn any_lines_are_read_and_come_back(lines in prop::collection::vec(
        ("(log|witness|group|quorum|#|x)", prop::collection::vec("[abg]|any|all|none|[0-3]|KEY|LOG", 0..5)), 0..12,
    )) {
        let mut text = String::new();
        for (at, (first, words)) in lines.iter().enumerate() {
            let keys = [witness(at as u8).to_string(), log(at as u8).to_string()];
            let words = words.iter().map(|word| match word.as_str() {
                "KEY" => &keys[0],
                "LOG" => &keys[1],
                _ => word,
            });
            let words: Vec<&str> = words.map(String::as_str).collect();
            text += &format!("{first} {}\n", words.join(" "));
        }
        if let Ok(policy) = Policy::parse(text.as_bytes()) {
            prop_assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
        }
    }
}
