//! The way to a node for the driver that pipelines, and its encryption: what libpq calls `sslmode=verify-full`.

use std::{fmt, time::Duration};

use tokio_postgres::{
    Client, Config, NoTls, Socket,
    config::{SslMode, TargetSessionAttrs},
    tls::{MakeTlsConnect, TlsConnect},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// By whose word the nodes' certificates count, for both drivers alike.
#[derive(Clone)]
pub struct Tls {
    ca_file: String,
    connector: MakeRustlsConnect,
}

impl Tls {
    /// `trusted` is made of the authorities in `ca_file` (PEM), which libpq reads itself.
    pub fn new(ca_file: String, trusted: rustls::ClientConfig) -> Self {
        Self { ca_file, connector: MakeRustlsConnect::new(trusted) }
    }

    pub(crate) fn ca_file(&self) -> &str {
        &self.ca_file
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.ca_file).finish()
    }
}

pub(crate) struct Way {
    config: Config,
    tls: Option<Tls>,
}

impl Way {
    /// By a connection string that says nothing of encryption where `tls` does.
    pub(crate) fn new(url: &str, tls: Option<Tls>) -> Result<Self, Error> {
        let mut config = parse(url)?;
        if tls.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        Ok(Self { config, tls })
    }

    /// To a node that takes writes, or to none.
    pub(crate) fn that_writes(mut self) -> Self {
        self.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        self
    }

    pub(crate) async fn connect(&self) -> Result<Client, Error> {
        match &self.tls {
            Some(tls) => open(&self.config, tls.connector.clone()).await,
            None => open(&self.config, NoTls).await,
        }
    }
}

pub(crate) fn parse(url: &str) -> Result<Config, Error> {
    let mut config: Config =
        url.parse().map_err(|e: tokio_postgres::Error| Error::Unavailable(e.to_string()))?;
    config.connect_timeout(Duration::from_secs(2)).tcp_user_timeout(Duration::from_secs(3));
    Ok(config)
}

async fn open<T>(config: &Config, tls: T) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket>,
    T::TlsConnect: Send,
    T::Stream: Send + 'static,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = %error, "a database connection ended");
        }
    });
    Ok(client)
}
