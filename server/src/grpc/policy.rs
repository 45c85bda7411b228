//! `charter.registry.v1.PolicyService`.

use charter_proto::charter::registry::v1::{self as pb, policy_service_server::PolicyService};
use tonic::{Request, Response};

use super::{Doorway, Reply};
use crate::app::registry_policy;

#[tonic::async_trait]
impl PolicyService for Doorway {
    async fn get_policy(&self, request: Request<pb::GetPolicyRequest>) -> Reply<pb::GetPolicyResponse> {
        let here = self.here(&request)?;
        let registry = self.named(&here, &request.get_ref().registry_id)?;
        let policy = registry_policy::get(&self.app, registry).await?;
        let policy = pb::Policy {
            quorums: registry_policy::quorums(&policy).into_iter().collect(),
            hearing: policy.hearing.code().to_owned(),
            reply_days: policy.reply_days.into(),
            languages: policy.languages.into_iter().collect(),
        };
        Ok(Response::new(pb::GetPolicyResponse { policy: Some(policy) }))
    }
}
