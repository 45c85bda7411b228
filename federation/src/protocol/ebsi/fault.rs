//! Why an accreditation does not count: which one, and what was broken.

use std::fmt;

use charter_domain::AuthorityId;

/// What an accreditation fails by. Names are those of EBSI's interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clause {
    /// The registry did not give what was asked for.
    Unreachable,
    /// It gave something that cannot be read.
    Malformed,
    /// `issuerType`: revoked, or not one that may accredit.
    Role,
    /// `hash` is not that of `body`.
    Hash,
    /// No key that the accreditor had then made the signature.
    Signature,
    /// `sub`, `iss`, `tao` or the DID document name different parties.
    Parties,
    /// Not valid at the instant asked about.
    Validity,
    /// It gives a schema or type that its accreditor does not have.
    Scope,
    /// It is limited less than its accreditor.
    Jurisdiction,
    /// `termsOfUse` leads nowhere, or elsewhere.
    TermsOfUse,
    /// It ends at another root.
    Root,
    Cycle,
    /// More links, requests or pages than are followed.
    Bound,
}

impl Clause {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
            Self::Role => "role",
            Self::Hash => "hash",
            Self::Signature => "signature",
            Self::Parties => "parties",
            Self::Validity => "validity",
            Self::Scope => "scope",
            Self::Jurisdiction => "jurisdiction",
            Self::TermsOfUse => "terms_of_use",
            Self::Root => "root",
            Self::Cycle => "cycle",
            Self::Bound => "bound",
        }
    }
}

/// The accreditation that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// 0 is the subject's own.
    pub link: usize,
    pub subject: AuthorityId,
    /// Its id in the registry; empty where it is not about one.
    pub attribute: String,
    pub clause: Clause,
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}, {}", self.link, self.subject)?;
        if !self.attribute.is_empty() {
            write!(f, ", attribute {}", self.attribute)?;
        }
        write!(f, ": {} ({})", self.detail, self.clause.name())
    }
}

impl std::error::Error for Fault {}

/// A fault before it is known which link it is of.
pub(super) type Broken = (Clause, String);

pub(super) fn broken<T>(clause: Clause, detail: impl Into<String>) -> Result<T, Broken> {
    Err((clause, detail.into()))
}

/// Foreign text for a message: printable ASCII and short.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
