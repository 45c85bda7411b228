//! What stands between two servers, and lets one byte a second through on the way back.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

const EACH: Duration = Duration::from_secs(1);

/// The URL of a way to an address.
pub async fn to(address: SocketAddr) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", socket.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((outside, _)) = socket.accept().await {
            tokio::spawn(carry(outside, address));
        }
    });
    url
}

async fn carry(outside: TcpStream, address: SocketAddr) {
    let Ok(inside) = TcpStream::connect(address).await else { return };
    let (mut from_outside, mut to_outside) = outside.into_split();
    let (mut from_inside, mut to_inside) = inside.into_split();
    let back = async {
        while let Ok(byte) = from_inside.read_u8().await {
            tokio::time::sleep(EACH).await;
            if to_outside.write_u8(byte).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(back, async { copy(&mut from_outside, &mut to_inside).await.ok() });
}
