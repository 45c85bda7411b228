//! What can be wrong with a document, a chain file or an anchor set taken by itself.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The envelope: form, type, key or signature.
    #[error(transparent)]
    Token(#[from] charter_signing::Error),
    /// The signature holds, but the claims cannot be accepted.
    #[error("the document is refused: {0}")]
    Document(String),
    #[error("the chain file is refused: {0}")]
    Chain(String),
    #[error("the anchor set is refused: {0}")]
    AnchorSet(String),
    #[error("the proof file is refused: {0}")]
    ProofFile(String),
}

/// Foreign text for a message or a drawing: bounded, and nothing that moves a terminal's cursor or turns the
/// direction of writing.
pub(crate) fn shown(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().take(200).map(|c| if c.is_control() || turns(c) { '?' } else { c }).collect()
}
