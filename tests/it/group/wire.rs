//! A way to Postgres that loses one COMMIT: before it arrives, or its answer.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use charter_tests::database::{CLUSTER, told};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

const SOCKET: &str = ".s.PGSQL.5432";
/// Simple queries as libpq sends them: type, length, text (PostgreSQL, 55.7).
const BEGIN: &[u8] = b"Q\0\0\0\x0aBEGIN\0";
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// What is lost, with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    Commit,
    Answer,
}

#[derive(Default)]
struct Plan {
    /// Of the next transaction that says this.
    lose: Option<(Lost, String)>,
    /// All that the transaction said before the COMMIT that was lost.
    said: Option<Vec<u8>>,
}

impl Plan {
    fn takes(&mut self, said: &[u8]) -> Option<Lost> {
        let holds = |text: &str| said.windows(text.len()).any(|part| part == text.as_bytes());
        let (lost, _) = self.lose.take_if(|(_, text)| holds(text.as_str()))?;
        self.said = Some(said.to_vec());
        Some(lost)
    }
}

pub struct Wire {
    dir: TempDir,
    plan: Arc<Mutex<Plan>>,
    accepting: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Wire {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(dir.path().join(SOCKET)).expect("a socket");
        let plan = Arc::<Mutex<Plan>>::default();
        let shared = Arc::clone(&plan);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let plan = Arc::clone(&shared);
                // Either side may end it at any time.
                tokio::spawn(async move { relay(client, &plan).await.ok() });
            }
        });
        Self { dir, plan, accepting }
    }

    /// Where its socket is.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Of the next transaction that says `text`.
    pub fn loses(&self, lost: Lost, text: &str) {
        *self.plan.lock().expect("not poisoned") = Plan { lose: Some((lost, text.to_owned())), said: None };
    }

    /// What the transaction said whose COMMIT was lost; none when none was.
    pub fn said(&self) -> Option<Vec<u8>> {
        self.plan.lock().expect("not poisoned").said.clone()
    }
}

async fn relay(mut client: UnixStream, plan: &Mutex<Plan>) -> io::Result<()> {
    let mut server = UnixStream::connect(Path::new(&told(CLUSTER)).join(SOCKET)).await?;
    let (mut up, mut down, mut said) = (vec![0; 65_536], vec![0; 65_536], Vec::new());
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let chunk = &up[..read?];
                if chunk.is_empty() {
                    return Ok(());
                }
                if chunk == COMMIT {
                    let lost = plan.lock().expect("not poisoned").takes(&said);
                    if lost == Some(Lost::Answer) {
                        server.write_all(chunk).await?;
                        server.readable().await?;
                    }
                    if lost.is_some() {
                        return Ok(());
                    }
                }
                if chunk == BEGIN {
                    said.clear();
                }
                said.extend_from_slice(chunk);
                server.write_all(chunk).await?;
            }
            read = server.read(&mut down) => {
                let chunk = &down[..read?];
                if chunk.is_empty() {
                    return Ok(());
                }
                client.write_all(chunk).await?;
            }
        }
    }
}
