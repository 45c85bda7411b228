//! Commands to copy.

use super::{
    plan::{EBSI, EDUCATION, FINLAND, Plan, ROOT},
    process::Federation,
};

pub fn commands(plan: &Plan, federation: &Federation) {
    let (Some(root), Some(education)) = (plan.member(ROOT), plan.member(EDUCATION)) else {
        return;
    };
    let charter = std::env::current_exe()
        .ok()
        .and_then(|p| Some(p.parent()?.join("charter")))
        .filter(|p| p.is_file())
        .map_or_else(|| "charter".to_owned(), |p| relative(&p));
    let anchor = relative(&federation.dir.join("trust-anchors.json"));
    let chain = relative(&federation.dir.join("helsinki.chain.json"));
    let (url, port, issuer) = (root.url(), root.port, plan.issuer_url());
    let body = format!(
        r#"{{"authority_id":"{ROOT}","entity_id":"did:web:helsinki.fi","action":"issue","resource":"UniversityDegreeCredential"}}"#
    );
    println!("\nTry it:");
    println!(
        "  {charter} check did:web:helsinki.fi issue UniversityDegreeCredential --server {url} --anchor {anchor}"
    );
    println!("  {charter} chain verify {chain} --anchor {anchor} --offline");
    println!("  curl -s {url}/authorization -H 'Content-Type: application/json' -d '{body}'");
    println!(
        "  grpcurl -plaintext -d '{body}' 127.0.0.1:{port} trqp.v2.TrustRegistryQueryService/Authorization"
    );
    println!("  curl -s {}/api/v1/issuers/did:web:helsinki.fi", education.url());
    println!("  curl -s {}/log/checkpoint", education.url());
    println!("  {charter} entity list --server {}", education.url());
    if let Some(ebsi) = plan.member(EBSI).map(super::plan::Member::url) {
        println!("  curl -s {ebsi}/trusted-issuers-registry/v5/issuers/{FINLAND}/attributes");
        println!("  {charter}d ebsi judge --registry {ebsi} --did {FINLAND} --root {EBSI}");
    }
    println!(
        "\nFour eyes: sign in as Aino and propose, sign in as Björn (with a second factor) and approve."
    );
    println!("  export CHARTER_SERVER={} CHARTER_ISSUER={issuer}", education.url());
    println!("  {charter} login --profile aino");
    println!(
        "  {charter} entity suspend did:web:aalto.fi --reason UNDER_REVIEW --hearing-waived URGENT --legal-basis 'Act 1' --propose --why 'a complaint' --profile aino"
    );
    println!("  {charter} login --profile bjorn --step-up");
    println!("  {charter} approval approve ID --profile bjorn     # ID: as printed by the proposal");
    println!("  {charter} check did:web:aalto.fi issue UniversityDegreeCredential");
}

/// As seen from here, where that is shorter.
fn relative(path: &std::path::Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.and_then(|h| path.strip_prefix(h).ok().map(std::path::Path::to_path_buf));
    short.unwrap_or_else(|| path.to_path_buf()).display().to_string()
}
