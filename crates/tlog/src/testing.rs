//! What the tests of several modules share.

use std::convert::Infallible;

use crate::{
    hash::{self, Hash},
    proof::HashReader,
    tree::{self, Node},
};

/// Hashes of leaves, from which those of all complete subtrees are computed.
pub(crate) struct Leaves(pub Vec<Hash>);

impl Leaves {
    pub(crate) fn of(size: u64) -> Self {
        Self((0..size).map(|i| hash::leaf(&i.to_be_bytes())).collect())
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        tree::root_of(&self.0[..size as usize])
    }
}

impl HashReader for Leaves {
    type Error = Infallible;

    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, Infallible> {
        let hash = |node: &Node| {
            let start = (node.index << node.level) as usize;
            tree::root_of(&self.0[start..start + (1 << node.level)])
        };
        Ok(nodes.iter().map(hash).collect())
    }
}
