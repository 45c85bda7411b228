//! The file in which a registry travels, or registries are copied: one line that says to whom it is sealed, then chunks, each sealed under a key
//! of this file. It is written and read chunk by chunk, whatever its size.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail, ensure};
use charter_signing::{Chunks, Kek, Recipient, TransportKey};
use charter_store::rehome::{Row, Subject, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::durable;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One registry, which leaves.
    Move,
    /// Registries of a deployment, which go on there.
    Copy,
}

impl Form {
    /// What this version writes and reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Move => "charter-rehome/1",
            Self::Copy => "charter-export/1",
        }
    }

    /// RFC 7515, 4.1.9, of its manifests: one of a copy is none of a move.
    pub fn typ(self) -> &'static str {
        match self {
            Self::Move => "charter-rehome+jwt",
            Self::Copy => "charter-export+jwt",
        }
    }

    fn made_by(self) -> &'static str {
        match self {
            Self::Move => "charterd rehome export",
            Self::Copy => "charterd export",
        }
    }

    fn ends_with(self, piece: &Piece) -> bool {
        match self {
            Self::Move => matches!(piece, Piece::Manifest(_)),
            Self::Copy => matches!(piece, Piece::End),
        }
    }
}

/// Longest first line, in bytes.
const MAX_HEAD: u64 = 16 * 1024;
/// Longest chunk, in bytes: a hundred rows of the longest kind.
const MAX_CHUNK: usize = 64 * 1024 * 1024;

/// The first line, for everybody.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub format: String,
    /// Of a move, whose registry it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Thumbprint of the receiving site's key.
    pub recipient: String,
    /// The key of this file, sealed to it.
    pub key: String,
}

/// What one chunk says.
#[derive(Serialize, Deserialize)]
#[serde(tag = "piece", content = "body", rename_all = "snake_case")]
pub enum Piece {
    Move(Move),
    Registry(Subject),
    Table(Table),
    Rows(Vec<Row>),
    /// The last of a registry: signed by it.
    Manifest(String),
    /// The first of a copy.
    Copied(Copied),
    /// The last of a copy.
    End,
}

/// What the move is known by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    pub rehome: Uuid,
    pub receipt: String,
    pub release_sha256: String,
}

/// What the copy is known by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    pub export: Uuid,
    /// Starts the registries where they arrive.
    pub release: String,
    /// Whose registries follow, in this order.
    pub authorities: Vec<String>,
}

/// A file being written, under another name until it is whole.
pub struct Writer {
    form: Form,
    file: BufWriter<File>,
    chunks: Chunks,
    beside: PathBuf,
    path: PathBuf,
}

impl Writer {
    /// For one recipient. `kek` is used for this file alone.
    pub fn new(
        path: &Path,
        (form, authority): (Form, Option<&str>),
        recipient: &Recipient,
        kek: &Kek,
    ) -> anyhow::Result<Self> {
        ensure!(!path.exists(), "`{}` is there: it is not overwritten", path.display());
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let mut file = BufWriter::new(file.with_context(|| format!("cannot write `{}`", beside.display()))?);
        let head = Head {
            format: form.name().to_owned(),
            authority: authority.map(str::to_owned),
            recipient: recipient.thumbprint().to_owned(),
            key: recipient.seal(kek)?,
        };
        let line = format!("{}\n", serde_json::to_string(&head)?);
        file.write_all(line.as_bytes())?;
        let chunks = Chunks::new(kek, &Sha256::digest(line.as_bytes()))?;
        Ok(Self { form, file, chunks, beside, path: path.to_owned() })
    }

    pub fn put(&mut self, piece: &Piece) -> anyhow::Result<()> {
        let last = self.form.ends_with(piece);
        let sealed = self.chunks.seal(&serde_json::to_vec(piece)?, last)?;
        ensure!(sealed.len() <= MAX_CHUNK, "a chunk is too long");
        self.file.write_all(&u32::try_from(sealed.len())?.to_be_bytes())?;
        Ok(self.file.write_all(&sealed)?)
    }

    /// After the last piece: the file is whole, and on the disk under its name.
    pub fn close(self) -> anyhow::Result<()> {
        let file = self.file.into_inner().map_err(|e| anyhow!("{e}"))?;
        file.sync_all()?;
        Ok(durable::rename(&self.beside, &self.path)?)
    }
}

/// A file being read.
pub struct Reader {
    pub form: Form,
    file: BufReader<File>,
    chunks: Chunks,
    pub head: Head,
    /// What secrets within it are sealed with.
    pub kek: Kek,
}

impl Reader {
    /// Opens a file of this form that is sealed to this site.
    pub fn open(path: &Path, form: Form, own: &TransportKey) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        file.by_ref().take(MAX_HEAD).read_until(b'\n', &mut line)?;
        let head: Head = serde_json::from_slice(&line)
            .with_context(|| format!("this is no file of `{}`", form.made_by()))?;
        ensure!(
            head.format == form.name(),
            "the file is of the form `{:.40}`; `{}` is read here, as `{}` writes it",
            head.format,
            form.name(),
            form.made_by()
        );
        let site = own.recipient().thumbprint();
        ensure!(
            head.recipient == site,
            "the file is sealed to another site than this one, which is `{site}`"
        );
        let kek = own.open(&head.key)?;
        let chunks = Chunks::new(&kek, &Sha256::digest(&line))?;
        Ok(Self { form, file, chunks, head, kek })
    }

    /// The next piece; after the last there is none.
    pub fn piece(&mut self) -> anyhow::Result<Piece> {
        let cut = || "the file ends in the middle: copy it again";
        let mut length = [0; 4];
        self.file.read_exact(&mut length).with_context(cut)?;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        ensure!(length <= MAX_CHUNK, "a chunk is too long: the file was changed");
        let mut sealed = vec![0; length];
        self.file.read_exact(&mut sealed).with_context(cut)?;
        let last = self.file.fill_buf()?.is_empty();
        let piece: Piece = serde_json::from_slice(&self.chunks.open(&sealed, last)?)?;
        if last != self.form.ends_with(&piece) {
            bail!("the file does not end with its last piece");
        }
        Ok(piece)
    }
}
