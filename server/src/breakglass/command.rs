//! `charterd emergency`: a denial is signed by two security officers, each on a machine of their own if they like. Files
//! in, files out: no configuration, no database, no network; no file is ever overwritten.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use charter_domain::{AuthorityId, EntityId, Timestamp};
use charter_proof::breakglass::{EmergencyDenial, MAX_LIFE, THRESHOLD, Terms};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::tell;
use crate::ceremony::{
    files::{Input, PUBLIC, create},
    key::{self, Place},
};

#[derive(Subcommand)]
pub enum EmergencyCommand {
    /// Make a key pair for a security officer; the public half goes into `emergency.officers`.
    Key(key::Make),
    /// Deny an entity for a day at most, or add a second officer's signature.
    Deny(Deny),
    /// Print what a denial says and who has signed it.
    Show { file: PathBuf },
}

#[derive(Args)]
pub struct Deny {
    /// The entity, by the identifiers by which it is asked about: at most 8, all of the same one.
    #[arg(value_name = "ID", required_unless_present = "from", conflicts_with = "from", value_parser = entity)]
    entity: Vec<EntityId>,
    /// The registry's authority.
    #[arg(long, value_name = "DID", required_unless_present = "from", conflicts_with = "from", value_parser = authority)]
    registry: Option<AuthorityId>,
    /// Why, as a code in UPPER_SNAKE.
    #[arg(long, value_name = "CODE", required_unless_present = "from", conflicts_with = "from")]
    reason: Option<String>,
    /// When it is over (RFC 3339), at most 24 hours from now.
    #[arg(long, value_name = "TIME", required_unless_present = "from", conflicts_with = "from", value_parser = time)]
    until: Option<Timestamp>,
    /// A denial that another officer has signed, to sign too.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The officer's key, as `charterd emergency key` made it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    place: Place,
    /// File for the signed denial.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

fn entity(text: &str) -> Result<EntityId, String> {
    EntityId::parse(text).map_err(|e| e.to_string())
}

fn authority(text: &str) -> Result<AuthorityId, String> {
    AuthorityId::parse(text).map_err(|e| e.to_string())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|e| e.to_string())
}

/// Does what was asked; `now` is the time on this machine's clock.
pub fn run(command: &EmergencyCommand, now: Timestamp) -> anyhow::Result<()> {
    match command {
        EmergencyCommand::Key(args) => {
            let (jwk, public) = key::made(args)?;
            println!("key {} ({})", jwk.kid(), jwk.algorithm());
            println!("its file stays with the officer, {} goes into emergency.officers", public.display());
            Ok(())
        }
        EmergencyCommand::Deny(args) => deny(args, now),
        EmergencyCommand::Show { file } => {
            print!("{}", told(&read(file)?)?);
            Ok(())
        }
    }
}

fn read(path: &Path) -> anyhow::Result<EmergencyDenial> {
    let input = Input::read(path)?;
    EmergencyDenial::parse(&input.bytes).with_context(|| format!("`{}`", path.display()))
}

fn deny(args: &Deny, now: Timestamp) -> anyhow::Result<()> {
    let draft = match &args.from {
        Some(path) => {
            let draft = read(path)?;
            let ends = draft.terms().ends();
            ensure!(ends > now, "`{}` is over since {ends}: begin a new one", path.display());
            draft
        }
        None => EmergencyDenial::new(terms(args, now)?)?,
    };
    let signer = args.place.signer(&args.key)?;
    let kid = signer.key().kid().to_owned();
    ensure!(
        !draft.signed_by()?.contains(&kid),
        "key `{kid}` has signed this denial already: another officer must"
    );
    let signed = draft.sign(signer.as_ref())?;
    create(&args.to, signed.to_bytes(), PUBLIC)?;
    print!("{}", told(&signed)?);
    let count = signed.signed_by()?.len();
    if count < THRESHOLD {
        println!("next: another officer signs it with --from {}", args.to.display());
    } else {
        println!("next: drop it into emergency.dir of a server, or post it to {} of any", tell::PATH);
    }
    Ok(())
}

fn terms(args: &Deny, now: Timestamp) -> anyhow::Result<Terms> {
    let (Some(authority), Some(reason), Some(until)) = (&args.registry, &args.reason, args.until) else {
        bail!("name the registry, a reason and until when; or a denial to sign with --from");
    };
    ensure!(until > now, "--until {until} is over already");
    let longest = now.plus(MAX_LIFE);
    ensure!(until <= longest, "--until {until} is more than 24 hours from now: at most {longest}");
    Ok(Terms {
        authority_id: authority.clone(),
        entity_ids: args.entity.clone(),
        reason: reason.clone(),
        iat: now.secs(),
        until: until.secs(),
        jti: Uuid::now_v7().to_string(),
    })
}

/// What a denial says, for the officer who is to sign it.
fn told(denial: &EmergencyDenial) -> anyhow::Result<String> {
    let terms = denial.terms();
    let ids: Vec<String> = terms.entity_ids.iter().map(ToString::to_string).collect();
    let by = denial.signed_by()?;
    let by = if by.is_empty() { "nobody".to_owned() } else { by.join(", ") };
    Ok(format!(
        "denies      {}\nunder       {}\nreason      {}\nsigned at   {}\nuntil       {}\nnumber      {}\nsigned by   {by}\n",
        ids.join(", "),
        terms.authority_id,
        terms.reason,
        terms.begins(),
        terms.ends(),
        terms.jti,
    ))
}
