//! What both formats say of the registry and of an entity.

use charter_domain::{event::LanguageMap, scope::Jurisdiction};
use charter_store::entity::EntityView;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::hosted::Tenant;

/// Characters that stand in a part of a path or of a URN as they are (RFC 3986, 2.3).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The registry, as its lists name it.
pub(super) struct About {
    /// Where it is reached; all addresses begin with it.
    pub url: String,
    pub authority: String,
    pub name: String,
    /// BCP 47.
    pub language: String,
    /// Two letters: a list is for a country.
    pub territory: String,
    /// The same, where it is one.
    pub jurisdiction: Option<Jurisdiction>,
    pub framework: Option<String>,
}

impl About {
    pub fn of(tenant: &Tenant) -> Self {
        let (registry, config) = (&tenant.registry, &tenant.config);
        let territory: String = registry.jurisdiction.chars().take(2).collect();
        Self {
            url: config.public_url.trim_end_matches('/').to_owned(),
            authority: registry.authority.to_string(),
            name: registry.name.clone(),
            language: config.language.clone(),
            jurisdiction: Jurisdiction::parse(&territory).ok(),
            territory,
            framework: config.governance_framework.clone(),
        }
    }

    /// The name in the registry's language, else the first.
    pub fn name_of<'a>(&self, names: &'a LanguageMap) -> Option<&'a String> {
        names.get(&self.language).or_else(|| names.values().next())
    }

    /// Where the record of an entity is read.
    pub fn record_of(&self, entity: &EntityView) -> String {
        format!("{}/api/v1/issuers/{}", self.url, part(entity.canonical()))
    }
}

/// One part of a path or URN, whatever the text.
pub(super) fn part(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, PART)
}
