//! The steps of a plan, each with what is looked at before and after. Run again after an interruption, it goes on.

use std::time::Duration;

use anyhow::{anyhow, bail};
use charter_domain::{Timestamp, time::Clock as _};
use tokio::time::{Instant, sleep};

use super::{
    log::Logs,
    patroni::{Api, Change},
    plan::{self, Plan},
    view::View,
};
use crate::{Config, clock::WallClock};

/// Until a member leads, and until another follows it.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(500);

pub struct Act<'a> {
    api: &'a Api,
    servers: &'a [String],
    logs: Logs,
}

fn say(text: &str) {
    eprintln!("{text}");
}

/// A refusal (412) is final; without a clear answer what happens is looked at.
fn asked(answer: Result<String, String>) -> anyhow::Result<()> {
    match answer {
        Ok(said) => say(&said),
        Err(said) if said.starts_with('4') => bail!("Patroni refuses: {said}"),
        Err(said) => say(&format!("no clear answer ({said}); looking at what happens")),
    }
    Ok(())
}

impl<'a> Act<'a> {
    pub fn new(config: &'a Config, api: &'a Api) -> anyhow::Result<Self> {
        Ok(Self { api, servers: &config.standby.servers, logs: Logs::new(config)? })
    }

    pub async fn run(&self, plan: &Plan) -> anyhow::Result<()> {
        match &plan.from {
            Some(from) => {
                self.before().await?;
                self.hand_over(from, &plan.to).await?;
            }
            None => self.take_over(&plan.to).await?,
        }
        let handed_over = WallClock.now();
        self.leads(&plan.to).await?;
        if let Some(from) = &plan.from {
            self.follows(from).await?;
        }
        self.afterwards(&plan.to, Some(handed_over)).await
    }

    async fn view(&self) -> View {
        View::of(self.api.seen().await, WallClock.now())
    }

    async fn unready(&self) -> Vec<String> {
        let mut unready = Vec::new();
        for server in self.servers {
            if let Some(why) = self.api.unready(server).await {
                unready.push(format!("`{server}` is not ready ({why})"));
            }
        }
        unready
    }

    async fn before(&self) -> anyhow::Result<()> {
        say("looking at servers and logs");
        let mut wrong = self.unready().await;
        wrong.extend(self.logs.silent(None).await?);
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("nothing was done, since {}", wrong.join("; "))
    }

    async fn hand_over(&self, from: &str, to: &str) -> anyhow::Result<()> {
        // Somebody may have been faster, since the plan was made.
        let view = self.view().await;
        if view.leader() == Some(to) {
            return Ok(());
        }
        if let Err(why) | Ok(plan::Way::Done(why)) = plan::switchover(&view, Some(to)) {
            bail!("nothing was done: {why}");
        }
        let (url, _) = view.own(from).ok_or_else(|| anyhow!("`{from}` does not answer: nothing was done"))?;
        say(&format!("asking `{from}` to hand over to `{to}`"));
        let named = Some(to).filter(|_| !plan::is_first(&view, to));
        asked(self.api.hand_over(url, Change::Switchover { from, to: named }).await)
    }

    /// Once the lock is gone; Patroni may have chosen by itself by then.
    async fn take_over(&self, to: &str) -> anyhow::Result<()> {
        say("waiting until the lock of the old leader has lapsed");
        let end = Instant::now() + DEADLINE;
        loop {
            let view = self.view().await;
            match (view.leader(), view.primaries().first()) {
                (Some(leader), _) if leader == to => return Ok(()),
                (Some(leader), Some(primary)) if leader == *primary => bail!(
                    "`{leader}` has taken over by itself: `charterd standby switchover --to {to}` is next, if \
                     `{to}` is to lead"
                ),
                _ => {}
            }
            match plan::may_take_over(&view, to) {
                Ok(()) => {
                    let (url, _) = view.own(to).ok_or_else(|| anyhow!("`{to}` does not answer"))?;
                    say(&format!("asking `{to}` to take over"));
                    return asked(self.api.hand_over(url, Change::Failover { to }).await);
                }
                Err(why) if Instant::now() >= end => bail!("nothing was done: {why}"),
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    async fn leads(&self, to: &str) -> anyhow::Result<()> {
        say(&format!("waiting until `{to}` leads and takes writes"));
        let end = Instant::now() + DEADLINE;
        loop {
            let view = self.view().await;
            if view.leader() == Some(to) && view.primaries() == [to] {
                return Ok(());
            }
            if Instant::now() >= end {
                let leader = view.leader().unwrap_or("nobody");
                bail!("`{to}` does not lead after {} s: {leader} does; run it again", DEADLINE.as_secs());
            }
            sleep(LOOK).await;
        }
    }

    async fn follows(&self, from: &str) -> anyhow::Result<()> {
        say(&format!("waiting until `{from}` follows"));
        let end = Instant::now() + DEADLINE;
        while !self.view().await.member(from).is_some_and(super::patroni::Member::streams) {
            if Instant::now() >= end {
                bail!("`{from}` does not stream after {} s: look at its log", DEADLINE.as_secs());
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// That the logs publish under the new leader, and servers are ready. What is at a lost site stays away: it is said,
    /// and is no fault of a promotion.
    pub async fn afterwards(&self, leader: &str, since: Option<Timestamp>) -> anyhow::Result<()> {
        say(&format!("waiting until the logs publish again under `{leader}`"));
        let end = Instant::now() + self.logs.silence().max(DEADLINE);
        loop {
            let silent = match self.logs.silent(since).await {
                Ok(silent) if silent.is_empty() => break,
                Ok(silent) => silent.join("; "),
                Err(e) => e.to_string(),
            };
            if Instant::now() >= end {
                bail!("`{leader}` leads, but {silent}: run it again, or see /readyz of a server");
            }
            sleep(LOOK).await;
        }
        for unready in self.unready().await {
            say(&unready);
        }
        Ok(())
    }
}
