//! `GET /oidf/resolve?sub=&trust_anchor=[&entity_type=]` (OpenID Federation 1.0, 8.3), for anybody: from what is known
//! here. `trust_anchor` and `entity_type` may be repeated.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Extension, extract::State, http::Uri};
use charter_domain::HttpsId;

use super::{
    Signed,
    error::{Fault, Refused},
    parameters::Parameters,
    signed,
};
use crate::{
    App,
    app::oidf::resolve::{self as entity, Unresolved, Wish},
    door::Here,
};

const MEDIA_TYPE: &str = "application/resolve-response+jwt";

pub async fn resolve(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Signed, Refused> {
    let wish = wish(&Parameters::of_query(&uri)?)?;
    let done = tokio::time::timeout_at(here.deadline, entity::resolve(&app, here.registry, &wish)).await;
    let late = || Refused::new(Fault::TemporarilyUnavailable, "the deadline passed; try again");
    Ok(signed(MEDIA_TYPE, done.map_err(|_| late())?.map_err(refused)?))
}

fn wish(parameters: &Parameters) -> Result<Wish, Refused> {
    let sub = parameters.required("sub")?;
    let sub =
        HttpsId::parse(sub).map_err(|e| Refused::new(Fault::InvalidSubject, e.at("sub").to_string()))?;
    let mut anchors: Vec<HttpsId> = Vec::new();
    for given in parameters.all("trust_anchor") {
        let anchor = HttpsId::parse(given)
            .map_err(|e| Refused::new(Fault::InvalidTrustAnchor, e.at("trust_anchor").to_string()))?;
        if !anchors.contains(&anchor) {
            anchors.push(anchor);
        }
    }
    if anchors.is_empty() {
        return Err(Refused::invalid("`trust_anchor` is needed"));
    }
    let types: BTreeSet<String> = parameters.all("entity_type").map(str::to_owned).collect();
    Ok(Wish { sub, anchors, types })
}

fn refused(why: Unresolved) -> Refused {
    let (fault, description) = match why {
        Unresolved::Subject(text) => (Fault::InvalidSubject, text),
        Unresolved::Anchor(text) => (Fault::InvalidTrustAnchor, text),
        Unresolved::Chain(text) => (Fault::InvalidTrustChain, text),
        Unresolved::Metadata(text) => (Fault::InvalidMetadata, text),
        Unresolved::Later(text) => (Fault::TemporarilyUnavailable, text),
        Unresolved::Failed(error) => return error.into(),
    };
    Refused::new(fault, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Wish, Refused> {
        let uri: Uri = format!("/oidf/resolve?{query}").parse().expect("a path");
        wish(&Parameters::of_query(&uri)?)
    }

    #[test]
    fn anchors_and_types_may_be_repeated_and_the_subject_not() {
        let of = read(
            "sub=https://a.example&trust_anchor=https://b.example&trust_anchor=https://c.example\
             &trust_anchor=https://b.example&entity_type=x&entity_type=x&unknown=1&unknown=2",
        );
        let of = of.expect("a wish");
        let anchors: Vec<&str> = of.anchors.iter().map(HttpsId::as_str).collect();
        assert_eq!(
            (of.sub.as_str(), anchors),
            ("https://a.example", vec!["https://b.example", "https://c.example"])
        );
        assert_eq!(of.types.len(), 1);
        for (query, fault) in [
            ("trust_anchor=https://b.example", Fault::InvalidRequest),
            ("sub=https://a.example", Fault::InvalidRequest),
            ("sub=https://a.example&trust_anchor=", Fault::InvalidRequest),
            (
                "sub=https://a.example&sub=https://a.example&trust_anchor=https://b.example",
                Fault::InvalidRequest,
            ),
            ("sub=did:web:a.example&trust_anchor=https://b.example", Fault::InvalidSubject),
            ("sub=http://a.example&trust_anchor=https://b.example", Fault::InvalidSubject),
            ("sub=https://a.example&trust_anchor=b", Fault::InvalidTrustAnchor),
        ] {
            assert_eq!(read(query).expect_err(query).fault, fault, "{query}");
        }
    }
}
