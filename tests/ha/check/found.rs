//! Reads what is recorded in the end: by SQL at the leader, by questions to a server, and by the server's own check.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use charter_tlog::Hash;
use futures::{StreamExt as _, stream};
use tokio::process::Command;
use tokio_postgres::{Client, NoTls};

use super::{Found, LEASE, Violation};
use crate::{
    history::{self, FIRST, Outcome},
    lab::Lab,
    load::{Attempt, CHANGED, Recorded, answer, question},
};

/// Of the entities that a run registered, how many are asked about; all are looked for in the events.
const ASKED: usize = 2_000;
const AT_ONCE: usize = 32;
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// A full burst of a client address is answered after so long again (`limits.per_address_rps`).
const TRIES: u32 = 50;
/// A log of an hour has a million leaves.
const FSCK_WITHIN: Duration = Duration::from_secs(600);

/// What is recorded, and what is wrong with that already.
pub async fn read(lab: &Lab, recorded: &Recorded) -> anyhow::Result<(Found, Vec<Violation>)> {
    let client = connect(&lab.node_url(lab.leader().await?)).await?;
    let registry = registry(&client, lab.authority()).await?;
    let events = events(&client, registry, recorded).await?;
    let mut wrong = whole(&client, registry, recorded.epoch).await?;
    let leaves = leaves(&client, registry).await?;
    let answers = answers(recorded).await?;
    wrong.extend(fsck(lab).await?);
    Ok((Found { events, answers, leaves }, wrong))
}

/// A connection; what it cannot do is said by what is asked of it.
pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let connecting = tokio_postgres::connect(url, NoTls);
    let (client, connection) =
        tokio::time::timeout(ANSWERED_WITHIN, connecting).await.context("no connection in time")??;
    tokio::spawn(connection);
    Ok(client)
}

/// Its number; what is read after this is of this registry.
async fn registry(client: &Client, authority: &str) -> anyhow::Result<i32> {
    let sql = "select registry_id from registries where authority_id = $1";
    let registry: i32 = client.query_one(sql, &[&authority]).await?.try_get(0)?;
    client.execute("select set_config('app.registry', $1, false)", &[&registry.to_string()]).await?;
    Ok(registry)
}

/// The events of the run's operations, found by the names and reasons that they were given.
async fn events(
    client: &Client,
    registry: i32,
    recorded: &Recorded,
) -> anyhow::Result<BTreeMap<u32, Vec<i64>>> {
    let sql = "select seq, substring(convert_from(body, 'UTF8') from $3::text) from events \
               where registry_id = $1 and seq > $2 and kind in ('EntityRegistered', 'StatusChanged')";
    let pattern = format!("([rR]{}[-_][0-9]+)", recorded.run);
    let mut all: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for row in client.query(sql, &[&registry, &recorded.epoch, &pattern]).await? {
        let (seq, name): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let number = name.as_deref().and_then(history::numbers).map(|(_, number)| number);
        if let Some(number) = number.filter(|number| *number >= FIRST) {
            all.entry(number).or_default().push(seq);
        }
    }
    Ok(all)
}

/// Events are numbered without a gap, their hashes are those of their bytes, and the epoch is the last of them.
async fn whole(client: &Client, registry: i32, since: i64) -> anyhow::Result<Vec<Violation>> {
    let sql = "select count(*), coalesce(max(seq), 0), \
               count(*) filter (where seq > $2 and leaf_hash <> sha256('\\x00'::bytea || body)), \
               (select epoch from registry_epochs where registry_id = $1) from events where registry_id = $1";
    let row = client.query_one(sql, &[&registry, &since]).await?;
    let (count, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (other, epoch): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
    let mut wrong = Vec::new();
    if count != last || last != epoch {
        wrong.push(Violation::Other(format!("{count} events, the last is {last}, the epoch is {epoch}")));
    }
    if other > 0 {
        wrong.push(Violation::Other(format!("{other} events do not hash to their leaves")));
    }
    Ok(wrong)
}

async fn leaves(client: &Client, registry: i32) -> anyhow::Result<Vec<Hash>> {
    let rows = client
        .query("select leaf_hash from events where registry_id = $1 order by seq", &[&registry])
        .await?;
    let hashes = rows.iter().map(|row| {
        let hash: [u8; 32] = row.try_get::<_, &[u8]>(0)?.try_into()?;
        anyhow::Ok(Hash::new(hash))
    });
    hashes.collect()
}

/// What is answered about entities whose status was changed, and about some of those registered: first those that nobody
/// was sure of.
async fn answers(recorded: &Recorded) -> anyhow::Result<BTreeMap<u32, bool>> {
    let mut fresh: Vec<_> = recorded.entries.iter().filter(|e| e.op == history::Op::Register).collect();
    fresh.sort_by_key(|entry| (entry.outcome == Outcome::Done, entry.attempts == 1, entry.number));
    // What was acknowledged last is seen by every server after a lease.
    tokio::time::sleep(Duration::from_micros(LEASE)).await;
    let entities: Vec<u32> = (0..CHANGED).chain(fresh.iter().take(ASKED).map(|e| e.number)).collect();
    let asked = stream::iter(entities).map(|entity| asked(recorded, entity)).buffer_unordered(AT_ONCE);
    let answers: Vec<anyhow::Result<(u32, bool)>> = asked.collect().await;
    answers.into_iter().collect()
}

async fn asked(recorded: &Recorded, entity: u32) -> anyhow::Result<(u32, bool)> {
    let body = question(&recorded.endpoints.authority, recorded.run, entity);
    for _ in 0..TRIES {
        let sent = recorded.endpoints.post(0, "/authorization", body.clone(), None, ANSWERED_WITHIN).await;
        if let Attempt::Answered(reply) = sent
            && let Some(said) = answer(&reply)
        {
            return Ok((entity, said.yes));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("`{}` does not answer about entity {entity}", recorded.endpoints.name(0))
}

/// The server of the same build as this program.
pub fn charterd() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("charterd");
    ensure!(path.is_file(), "`{}` is missing: `make ha-test` builds it", path.display());
    Ok(path)
}

/// `charterd log fsck`.
async fn fsck(lab: &Lab) -> anyhow::Result<Vec<Violation>> {
    let server = lab.servers().into_iter().next().context("there are no servers")?;
    let mut command = Command::new(charterd()?);
    command.arg("--config").arg(lab.config(&server.name)).args(["log", "fsck", "--registry"]);
    let output = command.arg(lab.authority()).kill_on_drop(true).output();
    let output =
        tokio::time::timeout(FSCK_WITHIN, output).await.context("`charterd log fsck` does not end")??;
    if output.status.success() {
        return Ok(Vec::new());
    }
    let said = [output.stdout, output.stderr].concat();
    Ok(vec![Violation::Other(format!("charterd log fsck: {}", String::from_utf8_lossy(&said).trim()))])
}
