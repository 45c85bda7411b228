//! Any two officers open a backup, nobody alone, and nobody one that was changed.

use super::*;

fn key() -> TransportKey {
    TransportKey::generate().expect("a key")
}

fn secrets() -> Secrets {
    [("kek", "one"), ("token", "two")].map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

fn sealed(officers: &[&TransportKey]) -> anyhow::Result<Backup> {
    let officers: Vec<Recipient> = officers.iter().map(|key| key.recipient().clone()).collect();
    Backup::seal(secrets(), ("print".to_owned(), true), &officers, Timestamp::BEGINNING)
}

/// The same key again: keys are not cloned.
fn again(key: &TransportKey) -> TransportKey {
    let own = Kek::generate();
    TransportKey::from_sealed(&key.to_sealed(&own).expect("kept"), &own).expect("found")
}

fn why<T>(result: anyhow::Result<T>, part: &str) {
    let said = result.err().map(|e| format!("{e:#}")).unwrap_or_default();
    assert!(said.contains(part), "{part}: {said}");
}

#[test]
fn any_two_of_three_open_it_in_either_order_and_nobody_alone() {
    let (all, stranger) = ([key(), key(), key()], key());
    let backup = sealed(&[&all[0], &all[1], &all[2]]).expect("sealed");
    let backup = Backup::parse(backup.to_text().expect("a text").as_bytes()).expect("read");
    let two = |a: usize, b: usize| backup.open(&[again(&all[a]), again(&all[b])]);
    for (a, b) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        assert_eq!(two(a, b).expect("opens"), secrets(), "{a} and {b}");
    }
    for one in &all {
        why(backup.open(&[again(one), again(one)]), "the same officer");
        why(backup.open(&[again(one)]), "of 2 officers, and not of 1");
        why(backup.open(&[again(one), again(&stranger)]), "not for the officer");
    }
    why(backup.open(&all), "not of 3");
}

#[test]
fn it_is_for_two_to_eight_different_officers() {
    let keys: Vec<TransportKey> = (0..9).map(|_| key()).collect();
    let all: Vec<&TransportKey> = keys.iter().collect();
    why(sealed(&all[..1]), "2 to 8 officers");
    why(sealed(&all), "2 to 8 officers");
    why(sealed(&[&keys[0], &keys[1], &keys[0]]), "named twice");
    let most = sealed(&all[..8]).expect("sealed").to_text().expect("short enough");
    assert!(most.len() < MAX_BYTES / 4 * 3, "{} bytes", most.len());
}

#[test]
fn no_changed_byte_is_read() {
    let keys = [key(), key()];
    let text = sealed(&[&keys[0], &keys[1]]).expect("sealed").to_text().expect("a text");
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        assert!(Backup::parse(&changed).is_err(), "byte {at}");
    }
    for cut in 0..text.len() {
        assert!(Backup::parse(&text.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    assert!(Backup::parse(format!("{text} ").as_bytes()).is_err(), "more than the file");
}

/// Whoever changes it makes its hash anew: what is under the seals tells.
#[test]
fn what_it_says_of_itself_cannot_be_changed() {
    let keys = [key(), key(), key()];
    let good = sealed(&[&keys[0], &keys[1], &keys[2]]).expect("sealed");
    let other = sealed(&[&keys[0], &keys[1], &keys[2]]).expect("sealed");
    let opened = |mut changed: Backup| {
        changed.sha256 = whole(&changed.body, &changed.sealed).expect("a hash");
        let read = Backup::parse(changed.to_text()?.as_bytes())?;
        read.open(&[again(&keys[0]), again(&keys[1])])
    };
    assert_eq!(opened(good.clone()).expect("opens"), secrets());
    let changes: [fn(&mut Backup, &Backup); 7] = [
        |b, _| b.body.key = "another".to_owned(),
        |b, _| b.body.at = b.body.at.plus(std::time::Duration::from_secs(1)),
        |b, _| b.body.token = false,
        |b, _| b.body.holds.truncate(1),
        |b, other| b.body.pairs.clone_from(&other.body.pairs),
        |b, other| b.sealed.clone_from(&other.sealed),
        // A pair that these two do not need.
        |b, other| b.body.pairs[2].key.clone_from(&other.body.pairs[2].key),
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed, &other);
        assert!(opened(changed).is_err(), "change {n}");
    }
    let without = |change: fn(&mut Body)| {
        let mut changed = good.clone();
        change(&mut changed.body);
        why(opened(changed), "no backup that two of several officers open");
    };
    without(|body| body.officers.truncate(1));
    without(|body| body.pairs.truncate(2));
    without(|body| body.officers.reverse());
}
