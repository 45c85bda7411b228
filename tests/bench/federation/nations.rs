//! The full file as a federation: a root, a national registry for each country and an education registry below each, in
//! five processes; entities chosen by chance are asked about at the root.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use charter_tests::nations::{education, https, nation};
use futures::{StreamExt, TryStreamExt, stream};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    Pace,
    client::Connection,
    grpc, load,
    memory::{Countries, countries, pair},
    process::{Process, addresses, stop},
    question::{Asking, Question},
    report::Samples,
    site::{Registry, Server, Site},
};

const ROOT: &str = "did:web:root.trust.example";
/// Questions of one measurement.
const ASKED: usize = 10_000;
/// Questions under way at once, over one connection: fewer than a registry looks up at once.
const STREAMS: usize = 32;
/// All feeds are open by then, or something is wrong.
const HEARD_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(50);
/// Delegations recorded at once.
const AT_ONCE: usize = 16;
/// A superior follows each of its subordinates, and those of one process have one address.
const LIMITS: &str = "max_watchers = 1000\nmax_watchers_per_address = 1000\n";
const NAMES: [&str; 5] = ["nations_root", "nations_even", "nations_odd", "sectors_even", "sectors_odd"];

struct Nations {
    countries: Countries,
    root: Server,
    /// Every other country each.
    nations: [Server; 2],
    sectors: [Server; 2],
}

pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let nations = Nations::plan()?;
    nations.load(site).await?;
    let all: Vec<Question> = nations.questions().collect();
    let mut random = StdRng::seed_from_u64(20_261_122);
    let drawn = |random: &mut StdRng| all[random.random_range(0..all.len())].clone();
    for round in 1..=pace.rounds {
        println!("{} countries, round {round} of {}", nations.countries.len(), pace.rounds);
        let chosen: Vec<Question> = (0..ASKED).map(|_| drawn(&mut random)).collect();
        let chosen = Arc::new(chosen);
        let limit = limit(site, &chosen, pace).await?;
        nations.round(site, (&chosen, &Arc::new(all.clone())), samples).await?;
        samples.add("nations_limit", limit);
        samples.add("nations_ratio", samples.last("nations_cold") / limit);
    }
    Ok(())
}

impl Nations {
    fn plan() -> anyhow::Result<Self> {
        let (countries, at) = (countries()?, addresses::<5>()?);
        let server = |n: usize, registries| Server {
            name: NAMES[n],
            address: at[n],
            registries,
            sequence: true,
            limits: LIMITS,
        };
        let above = https(ROOT);
        let half = |odd: usize, which: usize| {
            let codes = countries.keys().skip(odd).step_by(2);
            codes.flat_map(|code| pair(code, Some(&above)).into_iter().nth(which)).collect()
        };
        let root = server(0, vec![Registry::new(ROOT, "root", "EU", None)]);
        let nations = [server(1, half(0, 0)), server(2, half(1, 0))];
        let sectors = [server(3, half(0, 1)), server(4, half(1, 1))];
        Ok(Self { root, nations, sectors, countries })
    }

    /// From the bottom up.
    fn servers(&self) -> impl Iterator<Item = &Server> {
        self.sectors.iter().chain(&self.nations).chain([&self.root])
    }

    async fn start(&self, site: &Site) -> anyhow::Result<Vec<Process>> {
        let mut running = Vec::new();
        for server in self.servers() {
            running.push(site.serve(server).await?);
        }
        Ok(running)
    }

    async fn load(&self, site: &Site) -> anyhow::Result<()> {
        for server in self.servers() {
            site.prepare(server)?;
        }
        let running = self.start(site).await?;
        let begun = Instant::now();
        let [even, odd] = [0, 1].map(|half| load::records(site, &self.sectors[half], self.records(half)));
        let (even, odd) = tokio::try_join!(even, odd)?;
        println!("{} entities loaded in {:.1} s", even + odd, begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let made =
            stream::iter(self.countries.keys().enumerate()).map(|(n, code)| self.delegate(site, n % 2, code));
        made.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        println!("{} delegations made in {:.1} s", 2 * self.countries.len(), begun.elapsed().as_secs_f64());
        stop(running).await;
        for server in self.servers() {
            site.analyze(server).await?;
        }
        Ok(())
    }

    fn records(
        &self,
        half: usize,
    ) -> BTreeMap<String, Vec<charter_proto::charter::registry::v1::ImportRecord>> {
        let records = |code: &str, list: &BTreeMap<String, String>| {
            let each = list.iter().enumerate().map(|(n, (did, name))| {
                let mut record = load::record(n + 1, did, name, code, false);
                for authorization in &mut record.authorizations {
                    authorization.jurisdictions = vec![code.to_owned()];
                }
                record
            });
            each.collect()
        };
        let countries = self.countries.iter().skip(half).step_by(2);
        countries.map(|(code, list)| (education(code), records(code, list))).collect()
    }

    async fn delegate(&self, site: &Site, half: usize, code: &str) -> anyhow::Result<()> {
        let (national, sector) = (nation(code), education(code));
        let (above, below) = (&self.nations[half], &self.sectors[half]);
        load::delegate(site, (above, &national), (below, &sector), (0, &[code])).await?;
        load::delegate(site, (&self.root, ROOT), (above, &national), (1, &[code])).await
    }

    fn questions(&self) -> impl Iterator<Item = Question> {
        self.countries.iter().flat_map(|(code, list)| {
            let sector = education(code);
            list.keys().map(move |did| Question::new("/authorization", ROOT, did, true, &sector))
        })
    }

    /// Those chosen by chance, from cold and again, then everybody.
    async fn round(
        &self,
        site: &Site,
        (chosen, all): (&Arc<Vec<Question>>, &Arc<Vec<Question>>),
        samples: &mut Samples,
    ) -> anyhow::Result<()> {
        let running = self.start(site).await?;
        let root = running.last().context("a root")?.address;
        knows_whom_to_ask(root).await?;
        for figure in ["nations_cold", "nations_warm"] {
            let begun = Instant::now();
            grpc::ask_all(root, chosen, STREAMS).await?;
            samples.add(figure, chosen.len() as f64 / begun.elapsed().as_secs_f64());
        }
        grpc::ask_all(root, all, STREAMS).await?;
        ensure!(running.len() == NAMES.len(), "a process is missing");
        let (mut resident, mut proportional) = (0.0, 0.0);
        for process in &running {
            resident += process.resident()?;
            proportional += process.proportional()?;
        }
        samples.add("nations_resident", resident);
        samples.add("nations_proportional", proportional);
        samples.add("nations_postgres", site.postgres_memory()?);
        stop(running).await;
        Ok(())
    }
}

/// Questions a second that bare tonic answers, asked in the same way: how fast this machine is.
async fn limit(site: &Site, chosen: &Arc<Vec<Question>>, pace: Pace) -> anyhow::Result<f64> {
    let [address] = addresses()?;
    let limit = site.limit("limit-tonic", address).await?;
    let asked = (chosen, STREAMS);
    grpc::closed_loop(limit.address, asked, pace.warming()).await?;
    let begun = Instant::now();
    let answered = grpc::closed_loop(limit.address, asked, pace.lasting()).await?;
    let rate = answered as f64 / begun.elapsed().as_secs_f64();
    limit.stop().await;
    Ok(rate)
}

/// Which of its subordinates keeps an entity, the root hears from their feeds; before, all of them could, which are too
/// many to be asked. Of somebody who is in none it says so by itself then.
async fn knows_whom_to_ask(root: SocketAddr) -> anyhow::Result<()> {
    let begun = Instant::now();
    let nobody = Question::new("/authorization", ROOT, "did:web:nobody.example", true, ROOT);
    let mut connection = Connection::open(root).await?;
    while connection.post(&nobody.path, nobody.body(Asking::Plain)).await?.0 != 404 {
        ensure!(begun.elapsed() < HEARD_WITHIN, "the root has not heard its subordinates' feeds");
        tokio::time::sleep(LOOK).await;
    }
    println!("the root knows whom to ask after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}
