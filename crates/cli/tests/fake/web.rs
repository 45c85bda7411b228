//! The smallest server of files: what a log is behind, and what misbehaves in its place.

use std::path::{Path, PathBuf};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What is answered.
#[derive(Clone)]
pub enum Web {
    Files(PathBuf),
    /// A checkpoint that never ends.
    Endless,
    /// Nothing, ever.
    Silent,
    /// An error for the first so many requests, then files.
    Busy(std::sync::Arc<std::sync::atomic::AtomicU32>, PathBuf),
}

impl Web {
    pub fn files(dir: &Path) -> Self {
        Self::Files(dir.to_owned())
    }

    pub async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let web = self.clone();
                tokio::spawn(async move { web.answer(stream).await });
            }
        });
        format!("http://{address}/log")
    }

    /// One request a connection; a client that leaves ends it.
    async fn answer(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        if stream.read_line(&mut line).await.is_err() {
            return;
        }
        // What is left unread would make the end of the connection a reset.
        let mut header = String::new();
        while stream.read_line(&mut header).await.is_ok_and(|n| n > 2) {
            header.clear();
        }
        let path = line.split(' ').nth(1).unwrap_or_default().trim_start_matches("/log/").to_owned();
        match self {
            Self::Files(dir) => file(stream, &dir.join(path)).await,
            Self::Endless => endless(stream).await,
            Self::Silent => {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            Self::Busy(left, dir) => {
                use std::sync::atomic::Ordering::SeqCst;
                if left.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok() {
                    let text = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                    let _ = stream.write_all(text.as_bytes()).await;
                } else {
                    file(stream, &dir.join(path)).await;
                }
            }
        }
    }
}

async fn file(mut stream: BufReader<TcpStream>, path: &Path) {
    let (status, body) = match std::fs::read(path) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}

async fn endless(mut stream: BufReader<TcpStream>) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
    while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
}
