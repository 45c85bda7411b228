//! Lists of trusted entities that others have signed: ETSI TS 119 602 (JSON) and TS 119 612 (XML). What their signature
//! covers becomes records; what a record has no place for is reported, and nothing else is believed.

mod c14n;
mod jws;
mod lote;
mod mapping;
mod model;
mod report;
mod signer;
mod tsl;
mod xades;

#[cfg(test)]
mod tests;

use charter_domain::{Timestamp, record::RawRecord};

pub use self::{
    mapping::{Types, service_type},
    report::Report,
    signer::Pinned,
};

/// A list with its signature: as much as a registry of ours writes.
pub const MAX_BYTES: usize = 48 * 1024 * 1024;
/// Clocks may differ by this much.
const SKEW: std::time::Duration = std::time::Duration::from_secs(600);

/// How a list is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// ETSI TS 119 602: JSON, compact JAdES.
    Lote,
    /// ETSI TS 119 612: XML, enveloped XAdES.
    Tsl,
}

/// Why a list is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is not what it should be.
    Form(String),
    /// It cannot be believed.
    Signature(String),
    /// It was to be replaced by now.
    Expired(String),
}

impl Refused {
    fn form(text: impl Into<String>) -> Self {
        Self::Form(text.into())
    }
    fn signature(text: impl Into<String>) -> Self {
        Self::Signature(text.into())
    }
    pub fn text(&self) -> &str {
        match self {
            Self::Form(text) | Self::Signature(text) | Self::Expired(text) => text,
        }
    }
}

/// How a list is read.
pub struct Reading<'a> {
    pub format: Format,
    pub signer: &'a Pinned,
    /// What services are called here.
    pub types: &'a Types,
    pub now: Timestamp,
    /// Take one that was to be replaced by now, or that is closed.
    pub accept_expired: bool,
}

/// The records of a list, and what became of everything else.
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<(Vec<RawRecord>, Report), Refused> {
    if bytes.len() > MAX_BYTES {
        return Err(Refused::form("the list has more than 48 MiB"));
    }
    let list = match reading.format {
        Format::Lote => lote::read(&jws::payload(bytes, reading.signer)?)?,
        Format::Tsl => tsl::read(bytes, reading.signer)?,
    };
    reading.signer.was_valid(list.issued)?;
    if list.issued > reading.now.plus(SKEW) {
        return Err(Refused::form(format!(
            "the list says that it is issued at {}, which is yet to come",
            list.issued
        )));
    }
    match list.next_update {
        _ if reading.accept_expired => {}
        None => return Err(Refused::Expired("the list is closed: it has no next update".to_owned())),
        Some(next) if next <= reading.now => {
            return Err(Refused::Expired(format!("the list was to be replaced by {next}")));
        }
        Some(_) => {}
    }
    Ok(mapping::map(&list, reading, bytes))
}
