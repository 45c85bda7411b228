//! `charter staff credential`: keys and certificates of services. A key is made here and written to a file; the server
//! learns its hash.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::credential::{CredentialKind, KEY_PREFIX};
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    server::ParsedCertificate,
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    args::{Bind, Call, Connection, Credential, Format, ListFormat, RevokeCredential},
    command::propose,
    confirm::confirm,
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    credential_id: String,
    staff_id: i64,
    credential: String,
    sha256: String,
    scopes: Vec<String>,
    valid_until: Option<String>,
    revoked: bool,
    last_used: String,
}

impl From<pb::Credential> for View {
    fn from(c: pb::Credential) -> Self {
        Self {
            credential_id: c.credential_id,
            staff_id: c.staff_id,
            credential: c.credential,
            sha256: c.sha256,
            scopes: c.scopes,
            valid_until: output::time(c.valid_until),
            revoked: c.revoked,
            last_used: c.last_used,
        }
    }
}

impl View {
    fn row(&self) -> Vec<String> {
        let revoked = if self.revoked { "revoked" } else { "" };
        vec![
            self.credential_id.clone(),
            self.staff_id.to_string(),
            self.credential.clone(),
            self.scopes.join(", "),
            self.valid_until.clone().unwrap_or_default(),
            self.last_used.clone(),
            revoked.to_owned(),
        ]
    }
}

pub async fn run(to: &Connection, command: Credential) -> Result<Exit, Failure> {
    match command {
        Credential::Bind(args) => bind(to, args).await,
        Credential::List { call, output } => list(to, call, output).await,
        Credential::Revoke(args) => revoke(to, args).await,
    }
}

async fn bind(to: &Connection, args: Bind) -> Result<Exit, Failure> {
    let file = args.what.key_file.filter(|_| !args.draft.dry_run);
    let (kind, sha256) = match &args.what.certificate {
        Some(path) => (CredentialKind::Certificate, public_key(path)?),
        None => (CredentialKind::ApiKey, key(file.as_deref())?),
    };
    let change = Change::BindCredential(pb::BindCredential {
        staff_id: args.number,
        credential: kind.code().to_owned(),
        sha256,
        scopes: args.scopes,
        valid_until: Some(prost_types::Timestamp { seconds: args.valid_until.secs(), nanos: 0 }),
    });
    let done = propose::send(to, args.draft, args.why, change).await;
    if let (Err(_), Some(file)) = (&done, &file) {
        // Nobody will ever approve it.
        let _ = std::fs::remove_file(file);
    }
    done
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A new key in a new file, and its hash.
fn key(file: Option<&Path>) -> Result<String, Failure> {
    let secret = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let key = format!("{KEY_PREFIX}{secret}");
    if let Some(path) = file {
        let refused = |e| Failure::usage(format!("cannot make the key's file `{}`: {e}", path.display()));
        let mut options = std::fs::OpenOptions::new();
        let mut made = options.write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
        writeln!(made, "{key}").and_then(|()| made.sync_all()).map_err(refused)?;
    }
    Ok(hex(key.as_bytes()))
}

/// SHA-256 of the SubjectPublicKeyInfo: a certificate that is renewed for the same key stays bound.
fn public_key(path: &Path) -> Result<String, Failure> {
    let refused = |e: &dyn std::fmt::Display| {
        Failure::usage(format!("`{}` is not a certificate in PEM: {e}", path.display()))
    };
    let der = CertificateDer::from_pem_file(path).map_err(|e| refused(&e))?;
    let parsed = ParsedCertificate::try_from(&der).map_err(|e| refused(&e))?;
    Ok(hex(&parsed.subject_public_key_info()))
}

async fn list(to: &Connection, call: Call, format: ListFormat) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let request = pb::ListCredentialsRequest { registry_id: desk.registry_id() };
    let found = desk.credentials().list_credentials(desk.request(request)).await?.into_inner().credentials;
    let views: Vec<_> = found.into_iter().map(View::from).collect();
    let headings = ["ID", "SERVICE", "CREDENTIAL", "SCOPES", "UNTIL", "LAST USED", "REMARKS"];
    output::list(format, ("credentials", None), &views, &headings, View::row)?;
    Ok(Exit::Ok)
}

async fn revoke(to: &Connection, args: RevokeCredential) -> Result<Exit, Failure> {
    let what = format!("credential `{}`", args.id);
    if !args.yes && !args.dry_run {
        confirm(&format!("{what} is revoked at once and for good, reason {}", args.reason)).await?;
    }
    let desk = Desk::open(to, args.call).await?;
    let request = pb::RevokeCredentialRequest {
        registry_id: desk.registry_id(),
        credential_id: args.id,
        code: args.reason,
        request_id: desk.request_id(),
        validate_only: args.dry_run,
    };
    let epoch = desk.credentials().revoke_credential(desk.request(request)).await?.into_inner().epoch;
    match args.output {
        Format::Json => output::json(&json!({ "epoch": epoch }))?,
        Format::Table if args.dry_run => output::text(&format!("{what} would be revoked"))?,
        Format::Table => output::text(&format!("{what} is revoked (epoch {epoch})"))?,
    };
    Ok(Exit::Ok)
}
