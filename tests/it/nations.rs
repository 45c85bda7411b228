//! The full file as a federation of 401 registries, three levels deep over five real processes: every row is asked about
//! at the root over gRPC. `bench --federation` says how fast.

mod served;

use std::time::{Duration, Instant};

use charter_domain::{Context, Kind, Outcome, Query, Reason, scope::Jurisdiction, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify};
use charter_proto::trqp::v2::{
    AuthorizationRequest, trust_registry_query_service_client::TrustRegistryQueryServiceClient,
};
use charter_server::clock::WallClock;
use charter_tests::{
    Rest,
    ask::{self, Said},
    nations::education,
    universities,
};
use futures::{StreamExt, stream};
use tonic::transport::{Channel, Endpoint};

use self::served::{ByCountry, DEGREE, Federation, ROOT};

/// Questions under way at once: with more, this build answers the last of them too late.
const IN_FLIGHT: usize = 8;
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

/// Asks until each has a decision: who was late on a busy machine is asked again, as a caller does who is told so.
async fn decisions(client: &Client, questions: Vec<Question>) -> Vec<(Question, Said)> {
    let (begun, count) = (Instant::now(), questions.len());
    let (mut left, mut decided, mut again) = (questions, Vec::new(), 0);
    while !left.is_empty() {
        assert!(begun.elapsed() < LIMIT, "{} of {count} without a decision after {LIMIT:?}", left.len());
        let said: Vec<_> = stream::iter(left.drain(..))
            .map(|question| ask(client, question))
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await;
        for (question, said) in said {
            if matches!(said.status, 503 | 504) {
                left.push(question);
            } else {
                decided.push((question, said));
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
    decided
}

/// The first of each country.
fn samples(countries: &ByCountry) -> impl Iterator<Item = Question> {
    countries.iter().map(|(country, list)| Question::new(list[0].identifier(), country))
}

fn anchored(anchors: &AnchorSet, question: &Question, said: &Said) {
    let jurisdiction = Some(Jurisdiction::parse(&question.country).expect("a country"));
    let context = Context { jurisdiction, ..Context::default() };
    let query = Query::parse(Kind::Authorization, (ROOT, &question.entity, "issue", DEGREE), context);
    let chain = Chain::new(said.chain.clone()).expect("a chain");
    // The entity's statement, two delegations, the root's configuration.
    assert_eq!(chain.links().len(), 4, "{question:?}");
    let now = WallClock.now();
    verify(&chain, &query.expect("a question"), anchors, now, now, None).expect("proven");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_the_file_is_decided_rightly_at_the_root_of_401_registries() {
    let Some(rows) = universities::all().expect("the file of CHARTER_SHARED") else {
        println!("CHARTER_SHARED is not set: the federation of 401 registries is not tested");
        return;
    };
    let questions: Vec<Question> = rows.iter().map(|u| Question::new(u.identifier(), &u.country)).collect();
    let mut countries = ByCountry::new();
    for university in rows {
        countries.entry(university.country.clone()).or_default().push(university);
    }
    assert_eq!((questions.len(), countries.len()), (10_251, 200));
    let federation = Federation::start(&countries).await;
    let channel = Endpoint::from_shared(federation.root().url()).expect("a URL").connect_lazy();
    let client = Client::new(channel);

    for (question, said) in decisions(&client, questions).await {
        let found = (said.line(), said.basis.as_str(), said.decided_by.clone());
        let sector = education(&question.country);
        assert_eq!(found, ("200 yes ACTIVE".to_owned(), "DELEGATED", sector), "{question:?}");
    }
    let proofs = samples(&countries).map(|question| Question { evidence: true, ..question }).collect();
    let anchors = Rest::new(federation.root().address).get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    for (question, said) in decisions(&client, proofs).await {
        assert_eq!(said.line(), "200 yes ACTIVE", "{question:?}");
        anchored(&anchors, &question, &said);
    }
    // Which of 200 nations could know, the root has heard from their feeds.
    let anywhere = samples(&countries).map(|question| Question { within: false, ..question }).collect();
    for (question, said) in decisions(&client, anywhere).await {
        let found = (said.line(), said.decided_by.clone());
        assert_eq!(found, ("200 yes ACTIVE".to_owned(), education(&question.country)), "{question:?}");
    }
    let elsewhere = countries.keys().cycle().skip(1);
    let abroad =
        samples(&countries).zip(elsewhere).map(|(q, country)| Question { country: country.clone(), ..q });
    for (question, said) in decisions(&client, abroad.collect()).await {
        assert_eq!(said.line(), "404 UNKNOWN_ENTITY", "{question:?}");
    }
    let verifying = samples(&countries).map(|question| Question { action: "verify", ..question }).collect();
    for (question, said) in decisions(&client, verifying).await {
        let outcome = Reason::parse(&said.reason).map(Reason::outcome);
        assert_eq!((said.yes, outcome), (false, Some(Outcome::No)), "{question:?} {}", said.line());
    }
}
