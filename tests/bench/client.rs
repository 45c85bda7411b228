//! Our own HTTP/1.1 client: for correctness passes, and for latency at a fixed rate (open loop).

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::mpsc};

use crate::question::{Asking, Question};

/// Connections of the open loop: enough that none has to wait for an answer.
const OPEN: usize = 64;

/// One keep-alive connection.
pub struct Connection {
    send: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { send, host: address.to_string() })
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<(u16, Bytes)> {
        let request = Request::get(path).header(header::HOST, &self.host).body(Full::default())?;
        self.exchange(request).await
    }

    pub async fn post(&mut self, path: &str, body: Bytes) -> anyhow::Result<(u16, Bytes)> {
        let request = Request::post(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        self.exchange(request).await
    }

    /// Asks, and checks what the answer says; how long the answer took.
    async fn ask(&mut self, question: &Question, asking: Asking) -> anyhow::Result<Duration> {
        let asked = Instant::now();
        let (status, answer) = self.post(&question.path, question.body(asking)).await?;
        let took = asked.elapsed();
        question
            .check(asking, status, &answer)
            .with_context(|| format!("{status} {}", String::from_utf8_lossy(&answer)))?;
        Ok(took)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(u16, Bytes)> {
        self.send.ready().await?;
        let response = self.send.send_request(request).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// Asks every question once, over `connections`, and checks what each answer says.
pub async fn ask_all(
    address: SocketAddr,
    questions: &Arc<Vec<Question>>,
    asking: Asking,
    connections: usize,
) -> anyhow::Result<()> {
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..connections {
        let questions = Arc::clone(questions);
        workers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            for question in questions.iter().skip(worker).step_by(connections) {
                connection.ask(question, asking).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// How long the first question about each of so many entities takes, one after the other, every answer checked.
pub async fn firsts(
    address: SocketAddr,
    questions: &[Question],
    count: usize,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let mut seen = BTreeSet::new();
    let mut latencies = Vec::new();
    for question in questions.iter().filter(|q| seen.insert(&q.entity)).take(count) {
        latencies.push(connection.ask(question, Asking::Plain).await?);
    }
    ensure!(latencies.len() == count, "too few entities");
    Ok(latencies)
}

/// Requests at a fixed rate, whatever the answers do; each latency counts from when its request was due.
pub async fn open_loop(
    address: SocketAddr,
    questions: &Arc<Vec<Question>>,
    asking: Asking,
    rate: u32,
    lasting: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut workers = tokio::task::JoinSet::new();
    let mut due = Vec::new();
    for _ in 0..OPEN {
        let (send, mut receive) = mpsc::unbounded_channel::<(Instant, usize)>();
        due.push(send);
        let questions = Arc::clone(questions);
        workers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latencies = Vec::new();
            while let Some((at, n)) = receive.recv().await {
                let question = &questions[n % questions.len()];
                let (status, _) = connection.post(&question.path, question.body(asking)).await?;
                latencies.push(at.elapsed());
                ensure!(status == 200, "an answer with status {status}");
            }
            anyhow::Ok(latencies)
        });
    }
    // A thread of its own: the runtime's timers are too coarse.
    #[expect(clippy::disallowed_methods, reason = "a thread of its own, which blocks no worker")]
    let clock = tokio::task::spawn_blocking(move || {
        let (start, step) = (Instant::now(), Duration::from_secs(1) / rate);
        let count = (lasting.as_secs_f64() * f64::from(rate)) as u32;
        for n in 0..count {
            let at = start + step * n;
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let _ = due[n as usize % OPEN].send((at, n as usize));
        }
    });
    clock.await?;
    let mut all = Vec::new();
    while let Some(done) = workers.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}

/// The value that 99 of 100 do not exceed, in milliseconds.
pub fn p99(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort_unstable();
    let at = (latencies.len() * 99 / 100).min(latencies.len().saturating_sub(1));
    latencies.get(at).map_or(f64::NAN, |l| l.as_secs_f64() * 1e3)
}
