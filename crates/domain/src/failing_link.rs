//! Where the way down to an answer ends, where it fails.

use serde::{Deserialize, Serialize};

use crate::{AuthorityId, delegation::MAX_DEPTH};

/// The link that a question did not get past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingLink {
    /// Links down from the asked registry, which is 0: it would not go on itself.
    pub index: u8,
    /// Who could not be asked, was not believed, or may not speak.
    pub authority_id: AuthorityId,
}

impl FailingLink {
    pub fn new(index: u8, authority_id: &AuthorityId) -> Self {
        Self { index, authority_id: authority_id.clone() }
    }

    /// As whoever asked from one link above sees it; `None` where no way is as long.
    #[must_use]
    pub fn one_further(self) -> Option<Self> {
        // A recognition comes on top of the deepest way, and a registry that was met before below it.
        let longest = MAX_DEPTH + 2;
        (self.index < longest).then(|| Self { index: self.index + 1, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_link_further_from_above_up_to_the_longest_way() {
        let id = AuthorityId::parse("did:web:a.example").expect("a DID");
        let one = FailingLink::new(0, &id).one_further();
        assert_eq!(one, Some(FailingLink::new(1, &id)));
        assert_eq!(FailingLink::new(MAX_DEPTH + 2, &id).one_further(), None);
        assert_eq!(FailingLink::new(u8::MAX, &id).one_further(), None);
    }
}
