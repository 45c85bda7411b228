//! An address that leads to a server, as that of a site does, until the site is lost.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// Hands connections on; known before the server is.
pub struct Front {
    address: SocketAddr,
    to: Arc<OnceLock<SocketAddr>>,
    running: AbortHandle,
}

impl Front {
    pub async fn new() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("bound");
        let to = Arc::<OnceLock<SocketAddr>>::default();
        let behind = Arc::clone(&to);
        let running = tokio::spawn(async move {
            // With this task its connections end.
            let mut connections = JoinSet::new();
            while let Ok((mut outside, _)) = socket.accept().await {
                while connections.try_join_next().is_some() {}
                let behind = Arc::clone(&behind);
                connections.spawn(async move {
                    let mut inside = TcpStream::connect(*behind.get()?).await.ok()?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok()
                });
            }
        });
        Self { address, to, running: running.abort_handle() }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it leads from now on.
    pub fn leads(&self, to: SocketAddr) {
        self.to.set(to).expect("it leads nowhere yet");
    }

    /// The site is lost: nobody listens, and open connections end.
    pub fn falls(&self) {
        self.running.abort();
    }
}
