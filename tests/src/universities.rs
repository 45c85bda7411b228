//! The file of universities that the whole federation is tested and measured with.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// A row of the file.
#[derive(Debug, Clone, Deserialize)]
pub struct University {
    pub name: String,
    domains: Vec<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(rename = "alpha_two_code")]
    pub country: String,
}

impl University {
    pub fn invented(name: &str, domain: &str, country: &str) -> Self {
        let domains = vec![domain.to_owned()];
        Self { name: name.to_owned(), domains, country: country.to_owned() }
    }

    /// Two rows may be about one entity.
    pub fn identifier(&self) -> String {
        format!("did:web:{}", self.domains.first().map_or("", String::as_str))
    }
}

/// All rows in the order of the file, or nothing where `CHARTER_SHARED` names no folder that has it.
pub fn all() -> anyhow::Result<Option<Vec<University>>> {
    let Some(shared) = std::env::var_os("CHARTER_SHARED").filter(|folder| !folder.is_empty()) else {
        return Ok(None);
    };
    let path = Path::new(&shared).join("data/universities.json");
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let mut rows: Vec<University> = serde_json::from_slice(&text)?;
    for row in &mut rows {
        row.name = mended(&row.name);
    }
    Ok(Some(rows))
}

/// Four names have quotation marks as Windows-1252 numbers them, which Unicode reads as control characters: a loader
/// mends them, the registry refuses them.
fn mended(name: &str) -> String {
    name.replace('\u{93}', "\u{201c}").replace('\u{94}', "\u{201d}")
}
