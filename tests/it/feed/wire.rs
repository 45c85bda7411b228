//! What stands between two servers, and can be cut.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Wire {
    pub url: String,
    whole: watch::Sender<bool>,
}

impl Wire {
    /// A wire to an address.
    pub async fn to(address: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("bound"));
        let (whole, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((outside, _)) = socket.accept().await {
                tokio::spawn(carry(outside, address, state.clone()));
            }
        });
        Self { url, whole }
    }

    /// Ends all connections, and each new one at once.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut outside: TcpStream, address: SocketAddr, mut state: watch::Receiver<bool>) {
    let carried = async {
        let mut inside = TcpStream::connect(address).await.ok()?;
        tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok()
    };
    let cut = async { state.wait_for(|whole| !whole).await.is_ok() };
    tokio::select! {
        biased;
        _ = cut => {}
        _ = carried => {}
    }
}
