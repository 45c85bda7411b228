//! What does not count: one officer, somebody else, other bytes, another time, another registry.

use charter_domain::time::Clock as _;
use charter_proof::breakglass::{EmergencyDenial, Terms};
use charter_tests::{AUTHORITY, TestApp};

use super::{ISSUER, OTHER, Office, PATH, asks, listed, posts, started, terms};

fn text(denial: &EmergencyDenial) -> String {
    String::from_utf8(denial.to_bytes().to_vec()).expect("text")
}

async fn is_refused(app: &TestApp, body: &str, status: u16, why: &str) {
    let reply = app.rest().post_text(PATH, body.to_owned()).await;
    let said = reply.text();
    assert!(reply.status == status && said.contains(why), "{} for {why}: {said}", reply.status);
}

#[tokio::test]
async fn what_two_officers_have_not_signed_for_now_and_here_is_refused() {
    let office = Office::open();
    let app = started(&office).await;
    let [one, two] = [&office.officers[0], &office.officers[1]];
    let now = app.clock.now().secs();
    let draft = || terms(&app.clock, AUTHORITY, ISSUER);
    let good = text(&office.denies(&app.clock, AUTHORITY, ISSUER));
    let by = |keys: &[&charter_signing::SoftwareSigner]| text(&office.signed(draft(), keys));
    let at = |iat: i64, until: i64| text(&office.signed(Terms { iat, until, ..draft() }, &[one, two]));
    let elsewhere = text(&office.denies(&app.clock, "did:web:elsewhere.example", ISSUER));
    for (body, why) in [
        (by(&[]), "signatures of 0"),
        (by(&[one]), "signatures of 1"),
        (by(&[one, &office.stranger]), "signatures of 1"),
        (by(&[&office.stranger]), "signatures of 0"),
        (good.replace(ISSUER, OTHER), "does not hold"),
        (good.replace("KEY_COMPROMISE", "FRAUD"), "does not hold"),
        (at(now - 7_200, now - 3_600), "over since"),
        (at(now - 3_600, now), "over since"),
        (at(now + 120, now + 3_600), "later than now"),
        (elsewhere, "neither served here"),
        (format!("{good}\n"), "canonical form"),
        (good.replacen("\"until\"", "\"until\":1,\"until\"", 1), "refused"),
        (good.replacen("{\"denial\"", "{\"also\":[],\"denial\"", 1), "refused"),
        ("{}".to_owned(), "refused"),
        ("[]".to_owned(), "refused"),
    ] {
        is_refused(&app, &body, 400, why).await;
    }
    is_refused(&app, &format!("{good}{}", " ".repeat(17_000)), 413, "larger").await;
    // One signature under another key's name, and one signature twice.
    let (first, second) = (by(&[one]), by(&[two]));
    let signature = |text: &str| text.split("..").nth(1).and_then(|s| s.split('"').next()).map(str::to_owned);
    let swapped =
        second.replace(&signature(&second).expect("a signature"), &signature(&first).expect("a signature"));
    is_refused(&app, &swapped, 400, "does not hold").await;
    let whole = first.rsplit_once('[').and_then(|(_, list)| list.split_once(']')).expect("a list").0;
    let twice = first.replace(whole, &format!("{whole},{whole}"));
    is_refused(&app, &twice, 400, "twice").await;
    assert_eq!(listed(&app).await["total"], 0);
    for entity in [ISSUER, OTHER] {
        assert_eq!(asks(&app, entity).both().await.line(), "200 yes ACTIVE", "{entity}");
    }
}

#[tokio::test]
async fn the_same_counts_once_its_number_for_nothing_else_and_not_after_its_end() {
    let office = Office::open();
    let app = started(&office).await;
    let denial = office.denies(&app.clock, AUTHORITY, ISSUER);
    for new in [true, false, false] {
        assert_eq!(posts(&app, &denial).await.json()["new"], new);
    }
    let jti = denial.terms().jti.clone();
    let other = Terms { jti, ..terms(&app.clock, AUTHORITY, OTHER) };
    let other = office.signed(other, &[&office.officers[0], &office.officers[1]]);
    assert_eq!(posts(&app, &other).await.problem(), (409, "CONFLICT".to_owned()));
    assert_eq!(asks(&app, OTHER).both().await.line(), "200 yes ACTIVE");
    app.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(posts(&app, &denial).await.problem(), (400, "INVALID".to_owned()), "replayed");
}

#[tokio::test]
async fn a_registry_without_officers_takes_none() {
    let office = Office::open();
    let app = TestApp::start().await;
    let body = text(&office.denies(&app.clock, AUTHORITY, ISSUER));
    is_refused(&app, &body, 400, "no emergency officers").await;
}

#[tokio::test]
async fn files_that_do_not_count_are_left_alone() {
    let office = Office::open();
    let app = started(&office).await;
    let folder = office.folder();
    std::fs::write(folder.join("bad.json"), b"{").expect("written");
    std::fs::write(folder.join("long.json"), vec![b' '; 100_000]).expect("written");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link.json")).expect("linked");
    office.drops("one.json", &office.signed(terms(&app.clock, AUTHORITY, ISSUER), &[&office.officers[0]]));
    office.drops("hidden", &office.denies(&app.clock, AUTHORITY, ISSUER));
    office.drops("good.json", &office.denies(&app.clock, AUTHORITY, OTHER));
    super::says(&app, OTHER, "200 no SUSPENDED").await;
    assert_eq!(listed(&app).await["total"], 1);
    assert_eq!(asks(&app, ISSUER).both().await.line(), "200 yes ACTIVE");
    assert!(folder.join("bad.json").exists() && folder.join("one.json").exists());
}
