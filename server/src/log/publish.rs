//! Publishing: the newest head is signed, cosigned by as many witnesses as configured, its entries are at the mirrors,
//! the file and the row say so, and only then does anybody else see it.

use charter_store::log::Published as Row;
use charter_tlog::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    policy::Policy,
};

use super::{Published, fault::Point, file, halt::Halt, held::Held, tree::Tiles};
use crate::{mirror, witness::client};

impl Held {
    /// One publication of the newest head: it may be no larger than the one before.
    pub async fn publish(&self) -> Result<(), Halt> {
        let at = self.next_time()?;
        let signed = self.sign().await?;
        let signed = self.cosigned(signed).await?;
        let faults = &self.app.logs.faults;
        faults.at(Point::Quorum, async { self.quorum(&signed) }).await?;
        let pushing = async {
            let pushed = mirror::push(&self.app, self.registry, &signed).await;
            pushed.map_err(|e| Halt::Later(format!("a mirror has not the entries: {e}")))
        };
        faults.at(Point::Push, pushing).await?;
        faults.at(Point::WriteFile, self.write_file(signed.clone())).await?;
        let published = Published::parse(&signed.to_string(), at).map_err(|e| Halt::Stop(e.to_string()))?;
        self.write_row(&published).await?;
        self.signed_at(at);
        let telling = async {
            self.app.logs.set_published(self.registry, published);
            Ok::<(), Halt>(())
        };
        faults.at(Point::Tell, telling).await
    }

    /// Signs the newest head with the log's key. The key may be in a token, which blocks.
    async fn sign(&self) -> Result<SignedCheckpoint, Halt> {
        let (head, key) = (self.head(), self.key.clone());
        let signing = async {
            let sign = move || {
                let checkpoint = Checkpoint::new(key.vkey.name(), head.size, head.root);
                let checkpoint = checkpoint.map_err(|e| Halt::Stop(e.to_string()))?;
                checkpoint
                    .sign(&key.signer())
                    .map_err(|e| Halt::Later(format!("the checkpoint is not signed: {e}")))
            };
            tokio::task::spawn_blocking(sign).await?
        };
        self.app.logs.faults.at(Point::Sign, signing).await
    }

    /// With the cosignatures of those witnesses that answered.
    async fn cosigned(&self, signed: SignedCheckpoint) -> Result<SignedCheckpoint, Halt> {
        let asked = !self.tenant()?.config.log.witnesses.is_empty();
        let asking = async {
            if !asked {
                return Ok(Vec::new());
            }
            let tiles = Tiles { store: &self.app.log_store, registry: self.registry };
            Ok::<_, Halt>(client::collect(&self.app, self.registry, &signed, &tiles).await)
        };
        let lines = self.app.logs.faults.at(Point::Cosign, asking).await?;
        if let Some(ahead) =
            self.app.logs.known_ahead(self.registry).filter(|a| a.size > signed.checkpoint().size())
        {
            // What was published decides: it is looked at again with that in mind.
            return Err(Halt::Reload(format!("`{}` has {} leaves of this log", ahead.who, ahead.size)));
        }
        signed.with_signatures(&lines).map_err(|e| Halt::Later(e.to_string()))
    }

    /// Whether as many witnesses as configured have seen it.
    fn quorum(&self, signed: &SignedCheckpoint) -> Result<(), Halt> {
        let log = &self.tenant()?.config.log;
        let keys: Vec<_> = log.witnesses.iter().map(|witness| witness.vkey.clone()).collect();
        let policy = Policy::k_of_n(std::slice::from_ref(&self.key.vkey), &keys, log.quorum);
        let policy = policy.map_err(|e| Halt::Stop(format!("log.witnesses: {e}")))?;
        policy.verify(signed).map(drop).map_err(|e| Halt::Later(format!("it is not witnessed: {e}")))
    }

    async fn write_file(&self, signed: SignedCheckpoint) -> Result<(), Halt> {
        let (path, key) = (self.file()?, self.key.vkey.clone());
        let write = move || file::write(&path, &key, &signed);
        Ok(tokio::task::spawn_blocking(write).await??)
    }

    async fn write_row(&self, published: &Published) -> Result<(), Halt> {
        let row = Row { size: published.size, checkpoint: published.text.clone(), at: published.at };
        let _turn = self.turn().await?;
        let writing = self.app.log_store.publish_log(self.registry, self.term, row);
        let faults = &self.app.logs.faults;
        let done = faults.at(Point::PublishRow, async { writing.await.map_err(Halt::from) }).await?;
        if done { Ok(()) } else { Err(Halt::Over) }
    }
}
