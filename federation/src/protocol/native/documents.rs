//! Signed documents of registries below, as a subordinate shows them: its own, and those that it keeps of its own
//! subordinates. Fetched in the background: nobody waits for them, and a silence says nothing of the endpoint.

use std::time::Duration;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1 as pb;
use futures::future::BoxFuture;
use tonic::{Response, Status};

use super::{Failure, Native, PeerEndpoint, addressed, said, timed};

/// For one document.
const WITHIN: Duration = Duration::from_secs(2);

impl Native {
    /// The entity configuration of `of`, which is `authority` or stands below it. It is not verified here.
    pub async fn configuration(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        of: &AuthorityId,
    ) -> Result<String, Failure> {
        let message = &pb::GetEntityConfigurationRequest { authority_id: of.to_string() };
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut client = self.awake(&to)?;
                let asked =
                    client.get_entity_configuration(addressed(timed(message.clone(), left), authority));
                within(left, asked).await
            })
        };
        Ok(self.over((endpoint, authority), WITHIN, ask).await?.entity_configuration)
    }

    /// What `superior`, which is `authority` or stands below it, states of a subordinate. It is not verified here.
    pub async fn statement(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        (superior, subordinate): (&AuthorityId, &AuthorityId),
    ) -> Result<String, Failure> {
        let message = &pb::GetSubordinateStatementRequest {
            authority_id: superior.to_string(),
            subordinate_id: subordinate.to_string(),
        };
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut client = self.awake(&to)?;
                let asked =
                    client.get_subordinate_statement(addressed(timed(message.clone(), left), authority));
                within(left, asked).await
            })
        };
        Ok(self.over((endpoint, authority), WITHIN, ask).await?.subordinate_statement)
    }

    /// An endpoint that rests is left alone.
    fn awake(&self, endpoint: &PeerEndpoint) -> Result<super::Client, Failure> {
        match self.resting(endpoint) {
            Some(resting) => Err(Failure::Resting(resting)),
            None => self.client(endpoint),
        }
    }
}

async fn within<T>(
    left: Duration,
    asked: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    tokio::time::timeout(left, said(asked)).await.map_err(|_| Failure::Late)?
}
