//! The limit for gRPC: bare tonic with the same service, answering from the question alone.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use charter_domain::{Reason, Timestamp, time::Clock};
use charter_proto::trqp::v2::{
    self as pb,
    trust_registry_query_service_server::{TrustRegistryQueryService, TrustRegistryQueryServiceServer},
};
use charter_server::{clock::WallClock, serve::parent_gone};
use tonic::{Request, Response, Status, transport::Server};

struct Limit;

fn time(t: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: t.secs(), nanos: 0 })
}

#[tonic::async_trait]
impl TrustRegistryQueryService for Limit {
    async fn authorization(
        &self,
        request: Request<pb::AuthorizationRequest>,
    ) -> Result<Response<pb::AuthorizationResponse>, Status> {
        let question = request.into_inner();
        let now = WallClock.now();
        let meta = pb::Meta {
            reason: Reason::Active.code().to_owned(),
            basis: "DIRECT".to_owned(),
            decided_by: question.authority_id.clone(),
            epoch: 30_001,
            expires_at: time(now.plus(Duration::from_secs(60))),
            ..pb::Meta::default()
        };
        Ok(Response::new(pb::AuthorizationResponse {
            entity_id: question.entity_id,
            authority_id: question.authority_id,
            action: question.action,
            resource: question.resource,
            authorized: true,
            time_evaluated: time(now),
            message: Reason::Active.text().to_owned(),
            meta: Some(meta),
            ..pb::AuthorizationResponse::default()
        }))
    }

    async fn recognition(
        &self,
        _: Request<pb::RecognitionRequest>,
    ) -> Result<Response<pb::RecognitionResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    async fn batch_authorization(
        &self,
        _: Request<pb::BatchAuthorizationRequest>,
    ) -> Result<Response<pb::BatchAuthorizationResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address: SocketAddr = std::env::args().nth(1).context("usage: limit-tonic ADDRESS")?.parse()?;
    let service = TrustRegistryQueryServiceServer::new(Limit);
    Server::builder().add_service(service).serve_with_shutdown(address, parent_gone()).await?;
    Ok(())
}
