//! What a request is called in its answer and in the log: as its caller says, else by a number of our own.

use http::{HeaderMap, HeaderName, HeaderValue};

pub const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones are as if there were none.
const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: RequestId;
}

#[derive(Debug, Clone)]
pub enum RequestId {
    Given(HeaderValue),
    Ours(u128),
}

impl RequestId {
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(&NAME).filter(|id| id.len() <= LONGEST).cloned();
        given.map_or_else(|| Self::Ours(rand::random()), Self::Given)
    }

    /// For the answer: that of the caller, and our own where something went wrong.
    pub fn told(&self, failed: bool) -> Option<HeaderValue> {
        match self {
            Self::Given(id) => Some(id.clone()),
            Self::Ours(id) if failed => HeaderValue::from_str(&format!("{id:032x}")).ok(),
            Self::Ours(_) => None,
        }
    }

    /// For the log: hexadecimal digits and hyphens, as UUIDs and trace ids have. Other ids of callers may name somebody.
    pub fn logged(&self) -> Option<String> {
        match self {
            Self::Given(id) => {
                let id = id.to_str().ok()?;
                id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-').then(|| id.to_owned())
            }
            Self::Ours(id) => Some(format!("{id:032x}")),
        }
    }

    /// Runs what belongs to the request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// Of the request that this belongs to, for the log.
pub fn current() -> Option<String> {
    CURRENT.try_with(RequestId::logged).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &'static str) -> RequestId {
        RequestId::of(&HeaderMap::from_iter([(NAME, HeaderValue::from_static(text))]))
    }

    #[tokio::test]
    async fn it_is_the_callers_or_ours_and_the_log_has_no_words_of_callers() {
        let uuid = given("bfe9eb29-ab87-4ca3-be83-a1d5d8305716");
        assert_eq!(uuid.told(false).as_ref().and_then(|id| id.to_str().ok()), uuid.logged().as_deref());
        let named = given("did:web:helsinki.fi");
        assert_eq!((named.told(false).is_some(), named.logged()), (true, None));
        let ours = RequestId::of(&HeaderMap::new());
        assert!(ours.told(false).is_none());
        let told = ours.told(true).expect("an id");
        assert_eq!(Some(told.to_str().expect("digits")), ours.logged().as_deref());
        assert_eq!(current(), None);
        assert_eq!(ours.clone().scope(async { current() }).await, ours.logged());
    }
}
