//! What stands between two servers, and can be cut or fall silent.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Connections stay, and are opened, and nothing comes over them.
    Silent,
    Cut,
}

pub struct Wire {
    pub address: SocketAddr,
    pub url: String,
    state: watch::Sender<State>,
}

impl Wire {
    /// A wire to an address.
    pub async fn to(to: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("bound");
        let (state, seen) = watch::channel(State::Whole);
        tokio::spawn(async move {
            while let Ok((outside, _)) = socket.accept().await {
                tokio::spawn(carry(outside, to, seen.clone()));
            }
        });
        Self { address, url: format!("http://{address}"), state }
    }

    /// Ends all connections, and each new one at once.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Takes everything and answers nothing.
    pub fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Carries new connections again; those that were silent end.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn carry(mut outside: TcpStream, address: SocketAddr, mut state: watch::Receiver<State>) {
    let carried = async {
        let mut inside = TcpStream::connect(address).await.ok()?;
        tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok()
    };
    let disturbed = async { state.wait_for(|state| *state != State::Whole).await.is_ok() };
    tokio::select! {
        biased;
        _ = disturbed => {}
        _ = carried => return,
    }
    let _changed = state.wait_for(|state| *state != State::Silent).await.is_ok();
}
