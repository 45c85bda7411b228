//! Under a root in the manner of EBSI: it accredits Finland once more, Germany's registry knows it, and the question about
//! the Finnish university is answered through it. Nothing but its reads of EBSI is asked for.

use std::time::Instant;

use anyhow::Context;
use charter_domain::{AuthorityId, time::Clock};
use charter_federation::protocol::ebsi::{Registry, judge};

use super::{
    ask::{self, Terms},
    facts::delegate,
    plan::{EBSI, FINLAND, GERMANY, Member, Plan},
    process::Federation,
    walk::{DEGREE, HELSINKI, Score, describe},
};
use crate::{clock::WallClock, ebsi_parent::Web};

const HEALTH: &str = "HealthProfessionalCredential";

/// What Germany's registry is told of the root, in TOML; nothing for others.
pub fn settings(authority: &str, plan: &Plan) -> String {
    let url = |authority| plan.member(authority).map(Member::url).unwrap_or_default();
    if authority != GERMANY {
        return String::new();
    }
    let member = format!("{{ did = \"{FINLAND}\", endpoint = \"{}\" }}", url(FINLAND));
    let base = url(EBSI);
    format!("ebsi_parents = [ {{ base_url = \"{base}\", root = \"{EBSI}\", members = [{member}] }} ]\n")
}

/// The root lets Finland speak for degrees, and for nothing else.
pub async fn load(plan: &Plan, federation: &Federation) -> anyhow::Result<()> {
    let (root, finland) = plan.member(EBSI).zip(plan.member(FINLAND)).context("no root of EBSI")?;
    delegate(root, finland, &[DEGREE], federation).await
}

pub(super) async fn walk(score: &mut Score, plan: &Plan) -> anyhow::Result<()> {
    println!(
        "\nA root in the manner of EBSI, which accredits Finland too, asked about through Germany's registry:"
    );
    let (root, germany) = plan.member(EBSI).zip(plan.member(GERMANY)).context("no root of EBSI")?;
    judged(score, &root.url()).await?;
    let asked =
        |entity, resource| Terms { authority: EBSI, entity, action: "issue", resource, follow: false };
    for (what, asked, authorized, code) in [
        ("the University of Helsinki", asked(HELSINKI, DEGREE), Some(true), "ACTIVE"),
        ("a suspended one", asked("did:web:suspended-university.example", DEGREE), Some(false), "SUSPENDED"),
        ("what the root does not accredit for", asked(HELSINKI, HEALTH), None, "UNVERIFIABLE"),
    ] {
        let (grpc, rest) =
            (ask::by_grpc(&germany.url(), asked).await?, ask::by_rest(&germany.url(), asked).await?);
        let good = grpc == rest && grpc.authorized == authorized && grpc.code == code;
        score.mark(what, good, &describe(&grpc));
    }
    Ok(())
}

/// Finland's accreditations, as anybody may judge them (`charterd ebsi judge`).
async fn judged(score: &mut Score, base: &str) -> anyhow::Result<()> {
    let web = Web::new(base, None).map_err(anyhow::Error::msg)?;
    let registry = Registry { base: base.to_owned(), root: AuthorityId::parse(EBSI)? };
    let started = Instant::now();
    let found = judge(&web, &registry, &AuthorityId::parse(FINLAND)?, WallClock.now()).await;
    let took = started.elapsed().as_secs_f64() * 1e3;
    let got = match &found {
        Ok(judged) => {
            let links = judged.accredited.iter().map(|one| one.links.len()).max().unwrap_or_default();
            format!("{links} links, each signature verified ({took:.1} ms)")
        }
        Err(fault) => fault.to_string(),
    };
    score.mark("the accreditations of Finland, up to the root", found.is_ok(), &got);
    Ok(())
}
