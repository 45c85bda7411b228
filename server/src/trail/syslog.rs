//! Syslog (RFC 5424) over TCP (RFC 6587, octet counting) or TLS (RFC 5425).
//!
//! A receiver of syslog answers nothing. A message counts as arrived when the connection that it was written to is alive
//! some seconds later: bytes that the other side has not acknowledged by then end a connection. What a connection that ended
//! may have lost is told again over the next one; a receiver knows it by its number.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use charter_store::trail::Stream;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, WriteHalf},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::Message;
use crate::{config::Trail, tls};

/// To connect, and to write a page.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are not acknowledged for so long end the connection.
const UNHEARD: Duration = Duration::from_secs(3);
/// What was written so long ago has arrived, or the connection has ended.
const SETTLED: Duration = Duration::from_secs(5);
/// Octets that a receiver over TLS should take (RFC 5425, 4.3.1): of a message that is longer the event itself is left out.
const LONGEST: usize = 8_192;
/// `log audit`, `security/authorization` (RFC 5424, table 1).
const FACILITIES: (u8, u8) = (13, 10);
/// `notice`, `warning` (table 2).
const SEVERITIES: (u8, u8) = (5, 4);

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

pub struct Syslog {
    to: WriteHalf<Box<dyn Both>>,
    from: JoinHandle<()>,
    ended: Arc<AtomicBool>,
    host: String,
    /// When what was written up to which number.
    written: VecDeque<(Instant, i64)>,
    arrived: Option<i64>,
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.from.abort();
    }
}

impl Syslog {
    pub async fn connect(settings: &Trail) -> Result<Self, String> {
        let failed = |why: String| format!("syslog: {why}");
        let both = timeout(PATIENCE, connected(settings)).await;
        let both = both.map_err(|_| failed("no connection in time".to_owned()))?.map_err(failed)?;
        let (mut from, to) = tokio::io::split(both);
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let from = tokio::spawn(async move {
            let mut nothing = [0_u8; 512];
            while from.read(&mut nothing).await.is_ok_and(|read| read > 0) {}
            seen.store(true, Ordering::Release);
        });
        Ok(Self { to, from, ended, host: host_name(), written: VecDeque::new(), arrived: None })
    }

    pub async fn tell(&mut self, messages: &[Message]) -> Result<(), String> {
        self.alive()?;
        let mut frames = String::new();
        for message in messages {
            let text = text(message, &self.host);
            let _ = write!(frames, "{} {text}", text.len());
        }
        let write = async {
            self.to.write_all(frames.as_bytes()).await?;
            self.to.flush().await
        };
        let written = timeout(PATIENCE, write).await;
        written
            .map_err(|_| "syslog: nothing is taken".to_owned())?
            .map_err(|why| format!("syslog: {why}"))?;
        self.written.extend(messages.last().map(|message| (Instant::now(), message.seq)));
        Ok(())
    }

    pub fn arrived(&mut self) -> Result<Option<i64>, String> {
        self.alive()?;
        while let Some((_, seq)) = self.written.pop_front_if(|(at, _)| at.elapsed() >= SETTLED) {
            self.arrived = Some(seq);
        }
        Ok(self.arrived)
    }

    fn alive(&self) -> Result<(), String> {
        let ended = self.ended.load(Ordering::Acquire);
        if ended { Err("syslog: the receiver has ended the connection".to_owned()) } else { Ok(()) }
    }
}

async fn connected(settings: &Trail) -> Result<Box<dyn Both>, String> {
    let to = settings.target().ok_or("trail.syslog names no receiver")?;
    let stream = TcpStream::connect((to.host, to.port)).await.map_err(|why| why.to_string())?;
    let socket = SockRef::from(&stream);
    let alive = TcpKeepalive::new().with_time(UNHEARD).with_interval(UNHEARD);
    socket.set_tcp_keepalive(&alive).map_err(|why| why.to_string())?;
    socket.set_tcp_user_timeout(Some(UNHEARD)).map_err(|why| why.to_string())?;
    if !to.tls {
        return Ok(Box::new(stream));
    }
    let trusted = Some(settings.ca_file.as_str()).filter(|file| !file.is_empty());
    let connector = TlsConnector::from(Arc::new(tls::client(trusted)?));
    let name = ServerName::try_from(to.host.to_owned()).map_err(|why| why.to_string())?;
    let stream = connector.connect(name, stream).await.map_err(|why| why.to_string())?;
    Ok(Box::new(stream))
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// HEADER, STRUCTURED-DATA and MSG (RFC 5424, 6). The private enterprise number is that of documentation (RFC 5612).
fn text(message: &Message, host: &str) -> String {
    let (facility, severity) = match message.stream {
        Stream::Audit => (FACILITIES.0, SEVERITIES.0),
        Stream::Security => (FACILITIES.1, SEVERITIES.1),
    };
    let (priority, process) = (facility * 8 + severity, std::process::id());
    let id: String = message.kind.chars().filter(char::is_ascii_graphic).take(32).collect();
    let head = format!(
        "<{priority}>1 {} {host} charterd {process} {id} [charter@32473 registry=\"{}\" stream=\"{}\" seq=\"{}\"",
        message.at,
        escaped(&message.authority.to_string()),
        message.stream.code(),
        message.seq,
    );
    let whole = format!("{head}] \u{feff}{}", message.body);
    if whole.len() <= LONGEST { whole } else { format!("{head} left-out=\"{}\"]", message.body.len()) }
}

/// A PARAM-VALUE (6.3.3).
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

#[cfg(test)]
mod tests {
    use charter_domain::{AuthorityId, Timestamp};

    use super::*;

    fn message(body: &str) -> Message {
        Message {
            authority: AuthorityId::parse("did:web:edu.example").expect("an authority"),
            stream: Stream::Audit,
            seq: 7,
            at: Timestamp::from_secs(1_800_000_000),
            kind: "StatusChanged".to_owned(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_message_has_the_form_of_rfc_5424() {
        let text = text(&message(r#"{"name":"Höyry"}"#), "node-1");
        let process = std::process::id();
        let expected = format!(
            "<109>1 2027-01-15T08:00:00Z node-1 charterd {process} StatusChanged [charter@32473 \
             registry=\"did:web:edu.example\" stream=\"AUDIT\" seq=\"7\"] \u{feff}{{\"name\":\"Höyry\"}}"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn of_what_is_too_long_the_number_is_told() {
        let text = text(&message(&"x".repeat(LONGEST)), "node-1");
        assert!(text.ends_with("seq=\"7\" left-out=\"8192\"]"), "{text}");
    }

    #[test]
    fn what_ends_a_value_is_escaped() {
        assert_eq!(escaped(r#"a"b]c\d"#), r#"a\"b\]c\\d"#);
    }
}
