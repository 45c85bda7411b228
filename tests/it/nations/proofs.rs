//! The chain of each row, verified under the root's anchors. What stands above the statements of a country is the same for
//! all of them, and verified once.

use std::collections::BTreeMap;

use charter_domain::{Context, Kind, Query, scope::Jurisdiction, time::Clock as _};
use charter_proof::{AnchorSet, Chain, Issuer, Verified, verify, verify_under};
use charter_server::clock::WallClock;
use charter_tests::nations::education;

use super::{DEGREE, Question, ROOT};

pub struct Proofs {
    anchors: AnchorSet,
    /// By country: two delegations and the root's configuration, and who stands below them.
    above: BTreeMap<String, (Vec<String>, Issuer)>,
}

impl Proofs {
    pub fn new(anchors: AnchorSet) -> Self {
        Self { anchors, above: BTreeMap::new() }
    }

    /// Of which a whole chain was verified.
    pub fn countries(&self) -> usize {
        self.above.len()
    }

    /// Verifies the chain of a yes for its question.
    pub fn verify(&mut self, question: &Question, links: &[String]) {
        let chain = Chain::new(links.to_vec()).expect("a chain");
        // The entity's statement, two delegations, the root's configuration.
        assert_eq!(chain.links().len(), 4, "{question:?}");
        let verified = self.leaf(question, &chain).unwrap_or_else(|| self.whole(question, &chain));
        assert_eq!(verified.decided_by.as_str(), education(&question.country), "{question:?}");
    }

    /// The statement alone, where what stands above it was verified before.
    fn leaf(&self, question: &Question, chain: &Chain) -> Option<Verified> {
        let (above, issuer) = self.above.get(&question.country)?;
        let (leaf, rest) = chain.links().split_at(1);
        let now = WallClock.now();
        let verified = || verify_under(leaf, issuer, &query(question), now, now).expect("proven");
        (above.as_slice() == rest).then(verified)
    }

    fn whole(&mut self, question: &Question, chain: &Chain) -> Verified {
        let now = WallClock.now();
        let verified = verify(chain, &query(question), &self.anchors, now, now, None).expect("proven");
        let above = (chain.links()[1..].to_vec(), verified.issuer.clone());
        self.above.insert(question.country.clone(), above);
        verified
    }
}

fn query(question: &Question) -> Query {
    let country = || Jurisdiction::parse(&question.country).expect("a country");
    let context = Context { jurisdiction: question.within.then(country), ..Context::default() };
    let terms = (ROOT, question.entity.as_str(), "issue", DEGREE);
    Query::parse(Kind::Authorization, terms, context).expect("a question")
}
