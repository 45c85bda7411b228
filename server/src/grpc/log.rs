//! `charter.registry.v1.LogService`.

use charter_proto::charter::registry::v1::{self as pb, log_service_server::LogService};
use charter_tlog::Hash;
use tokio::time::Instant;
use tonic::{Request, Response};

use super::{Doorway, Reply, convert::time};
use crate::{
    Error,
    app::log::{
        self, proof,
        receipt::{self, State, Wish},
    },
};

/// Taken off a caller's deadline, so that the answer is there before it.
const MARGIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Sizes and indexes are below 2^63.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

#[tonic::async_trait]
impl LogService for Doorway {
    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Reply<pb::GetCheckpointResponse> {
        let here = self.here(&request)?;
        let registry = self.named_whatever_holds(&here, &request.into_inner().registry_id)?;
        let published = log::published(&self.app, registry)?;
        Ok(Response::new(pb::GetCheckpointResponse {
            checkpoint: published.text.clone(),
            origin: published.checkpoint.checkpoint().origin().to_owned(),
            size: signed(published.size),
            root: published.root.to_string(),
            published_at: Some(time(published.at)),
        }))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<pb::GetInclusionProofRequest>,
    ) -> Reply<pb::GetInclusionProofResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named_whatever_holds(&here, &r.registry_id)?;
        let index = proof::place(r.seq, r.index)?;
        let found = proof::inclusion(&self.app, registry, index, r.size).await?;
        Ok(Response::new(pb::GetInclusionProofResponse {
            index: signed(found.index),
            size: signed(found.size),
            leaf_hash: log::hex(&found.leaf),
            hashes: texts(&found.hashes),
            root: found.root.to_string(),
            log_proof: found.text.unwrap_or_default(),
        }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<pb::GetConsistencyProofRequest>,
    ) -> Reply<pb::GetConsistencyProofResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named_whatever_holds(&here, &r.registry_id)?;
        let found = proof::consistency(&self.app, registry, r.old, r.new).await?;
        Ok(Response::new(pb::GetConsistencyProofResponse {
            old: signed(found.old),
            new: signed(found.new),
            hashes: texts(&found.hashes),
            old_root: found.old_root.to_string(),
            new_root: found.new_root.to_string(),
        }))
    }

    async fn get_entries(&self, request: Request<pb::GetEntriesRequest>) -> Reply<pb::GetEntriesResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named_whatever_holds(&here, &r.registry_id)?;
        let page = log::entries(&self.app, registry, r.start, r.limit).await?;
        Ok(Response::new(pb::GetEntriesResponse {
            start: page.start,
            entries: page.entries,
            published_size: signed(page.published),
        }))
    }

    async fn get_receipt(&self, request: Request<pb::GetReceiptRequest>) -> Reply<pb::GetReceiptResponse> {
        let here = self.here(&request)?;
        // The door gives every call two seconds where the caller sets no time; here the message says how long.
        let until = request.metadata().get("grpc-timeout").map(|_| here.deadline.checked_sub(MARGIN));
        let until = until.map(|until| until.unwrap_or_else(Instant::now));
        let r = request.into_inner();
        let registry = self.named_whatever_holds(&here, &r.registry_id)?;
        let wait = State::parse(&r.wait).map_err(Error::from)?;
        let wish = Wish { seq: r.seq, wait, timeout: r.timeout_ms };
        let receipt = receipt::receipt(&self.app, registry, wish, until).await?;
        Ok(Response::new(pb::GetReceiptResponse {
            seq: receipt.seq,
            leaf_hash: receipt.leaf_hash,
            state: receipt.state.code().to_owned(),
            published_size: signed(receipt.published),
            log_proof: receipt.proof,
        }))
    }
}
