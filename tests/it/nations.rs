//! The full file as a federation of 401 registries, three levels deep over five real processes: every row is asked about
//! at the root over gRPC, and its chain verified. `bench --federation` says how fast.

mod proofs;
mod served;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use charter_domain::{Outcome, Reason};
use charter_proof::AnchorSet;
use charter_proto::trqp::v2::{
    AuthorizationRequest, trust_registry_query_service_client::TrustRegistryQueryServiceClient,
};
use charter_tests::{
    Rest,
    ask::{self, Said},
    nations::education,
    universities::{self, University},
};
use futures::{StreamExt, stream};
use tonic::transport::{Channel, Endpoint};

use self::{
    proofs::Proofs,
    served::{ByCountry, DEGREE, Federation, ROOT},
};
use crate::kept::whole;

/// Questions under way at once: with more, this build answers the last of them too late.
const IN_FLIGHT: usize = 8;
/// Of so many rows one is asked about with proof, and each with `WHOLE=1`; the first of each country always is.
const PROVEN_ONE_IN: usize = 8;
/// All rows of the file, answered by a build that is not optimized.
const LIMIT: Duration = Duration::from_secs(300);

/// Who may do what, and where it is asked about.
#[derive(Debug, Clone)]
struct Question {
    entity: String,
    action: &'static str,
    country: String,
    /// Whether it names the country.
    within: bool,
    evidence: bool,
}

impl Question {
    fn new(entity: String, country: &str) -> Self {
        Self { entity, action: "issue", country: country.to_owned(), within: true, evidence: false }
    }

    fn message(&self) -> AuthorizationRequest {
        let said =
            [(self.within, "jurisdiction", self.country.as_str()), (self.evidence, "evidence", "chain")];
        let context = said.into_iter().filter(|(said, ..)| *said);
        AuthorizationRequest {
            entity_id: self.entity.clone(),
            authority_id: ROOT.to_owned(),
            action: self.action.to_owned(),
            resource: DEGREE.to_owned(),
            context: context.map(|(_, name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }
}

type Client = TrustRegistryQueryServiceClient<Channel>;

async fn ask(client: &Client, question: Question) -> (Question, Said) {
    let said = match client.clone().authorization(question.message()).await {
        Ok(reply) => ask::authorized(reply.into_inner()),
        Err(status) => ask::error(&status),
    };
    (question, said)
}

/// Asks until each has a decision, and checks it: who was late on a busy machine is asked again, as a caller does who is
/// told so.
async fn decisions(client: &Client, questions: Vec<Question>, mut check: impl FnMut(&Question, &Said)) {
    let (begun, count) = (Instant::now(), questions.len());
    let (mut left, mut again) = (questions, 0);
    while !left.is_empty() {
        assert!(begun.elapsed() < LIMIT, "{} of {count} without a decision after {LIMIT:?}", left.len());
        let asking = stream::iter(std::mem::take(&mut left)).map(|question| ask(client, question));
        let mut asked = asking.buffer_unordered(IN_FLIGHT);
        while let Some((question, said)) = asked.next().await {
            if matches!(said.status, 503 | 504) {
                left.push(question);
            } else {
                check(&question, &said);
            }
        }
        again += left.len();
    }
    let took = begun.elapsed();
    println!(
        "{count} questions decided in {took:.1?}, {:.0} a second; {again} asked again",
        count as f64 / took.as_secs_f64()
    );
    assert!(took < LIMIT, "{took:?}");
}

/// The first of each country.
fn samples(countries: &ByCountry) -> impl Iterator<Item = Question> {
    countries.iter().map(|(country, list)| Question::new(list[0].identifier(), country))
}

/// A yes of the country's education registry, with its proof.
fn is_proven(proofs: &mut Proofs, question: &Question, said: &Said) {
    let found = (said.line(), said.basis.as_str(), said.decided_by.as_str());
    let sector = education(&question.country);
    assert_eq!(found, ("200 yes ACTIVE".to_owned(), "DELEGATED", sector.as_str()), "{question:?}");
    if question.evidence {
        proofs.verify(question, &said.chain);
    }
}

/// One about each row.
fn of_all(rows: &[University]) -> Vec<Question> {
    let (mut countries, one_in) = (HashSet::new(), if whole() { 1 } else { PROVEN_ONE_IN });
    let questions = rows.iter().enumerate().map(|(n, row)| {
        let evidence = countries.insert(&row.country) || n % one_in == 0;
        Question { evidence, ..Question::new(row.identifier(), &row.country) }
    });
    questions.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_the_file_is_decided_rightly_at_the_root_of_401_registries() {
    let Some(rows) = universities::all().expect("the file of CHARTER_SHARED") else {
        println!("CHARTER_SHARED is not set: the federation of 401 registries is not tested");
        return;
    };
    let questions = of_all(&rows);
    let mut countries = ByCountry::new();
    for university in rows {
        countries.entry(university.country.clone()).or_default().push(university);
    }
    assert_eq!((questions.len(), countries.len()), (10_251, 200));
    let federation = Federation::start(&countries).await;
    let channel = Endpoint::from_shared(federation.root().url()).expect("a URL").connect_lazy();
    let client = Client::new(channel);

    let anchors = Rest::new(federation.root().address).get("/.well-known/trust-anchors").await;
    let mut proofs = Proofs::new(AnchorSet::parse(&anchors.body).expect("an anchor set"));
    decisions(&client, questions, |question, said| is_proven(&mut proofs, question, said)).await;
    assert_eq!(proofs.countries(), 200, "each from the anchor down");
    // Which of 200 nations could know, the root has heard from their feeds.
    let anywhere = samples(&countries).map(|question| Question { within: false, evidence: true, ..question });
    decisions(&client, anywhere.collect(), |question, said| is_proven(&mut proofs, question, said)).await;
    let elsewhere = countries.keys().cycle().skip(1);
    let abroad =
        samples(&countries).zip(elsewhere).map(|(q, country)| Question { country: country.clone(), ..q });
    decisions(&client, abroad.collect(), |question, said| {
        assert_eq!(said.line(), "404 UNKNOWN_ENTITY", "{question:?}");
    })
    .await;
    let verifying = samples(&countries).map(|question| Question { action: "verify", ..question });
    decisions(&client, verifying.collect(), |question, said| {
        let outcome = Reason::parse(&said.reason).map(Reason::outcome);
        assert_eq!((said.yes, outcome), (false, Some(Outcome::No)), "{question:?} {}", said.line());
    })
    .await;
}
