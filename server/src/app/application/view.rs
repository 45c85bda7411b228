//! An application as its applicant and as staff see it.

use charter_domain::{NamingConstraints, Scope, SpkiPins, Timestamp};
use charter_proof::EntityConfiguration;
use charter_store::application::Application;
use uuid::Uuid;

use super::signed::{Says, Signed};

/// What the applicant is told.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub id: Uuid,
    pub purpose: &'static str,
    pub state: &'static str,
    pub expires_at: Timestamp,
    /// Why it was refused.
    pub reason: String,
    /// The event that it became; 0 before.
    pub seq: i64,
}

impl Receipt {
    pub(super) fn of(kept: &Application, now: Timestamp) -> Self {
        Self {
            id: kept.id,
            purpose: kept.purpose.code(),
            state: kept.state(now).code(),
            expires_at: kept.expires_at,
            reason: kept.refused_why.clone(),
            seq: kept.seq.unwrap_or_default(),
        }
    }
}

/// What staff see.
#[derive(Debug, Clone)]
pub struct Shown {
    pub receipt: Receipt,
    pub applicant: String,
    pub entity_identifier: String,
    pub name: String,
    /// RFC 7638, of the key that signed it: it is its `kid` too.
    pub thumbprint: String,
    pub jwks: String,
    pub endpoint: String,
    pub tls_spki_sha256: SpkiPins,
    pub scope: Scope,
    pub max_path_length: Option<u8>,
    pub naming_constraints: NamingConstraints,
    pub answers_as_own: bool,
    pub valid_until: Option<Timestamp>,
    pub contact: String,
    pub code: String,
    pub left_seq: i64,
    pub received_at: Timestamp,
    pub proposal: Option<Uuid>,
    pub signed: String,
}

impl Shown {
    pub(super) fn of(kept: &Application, signed: Signed, of: EntityConfiguration, now: Timestamp) -> Self {
        let registry = of.metadata.trust_registry;
        let mut shown = Self {
            receipt: Receipt::of(kept, now),
            applicant: kept.applicant.to_string(),
            entity_identifier: kept.entity_identifier.to_string(),
            name: of.metadata.federation_entity.organization_name.chars().take(200).collect(),
            thumbprint: kept.kid.clone(),
            jwks: of.jwks.to_json(),
            endpoint: registry.grpc_endpoint,
            tls_spki_sha256: registry.tls_spki_sha256,
            scope: Scope::default(),
            max_path_length: None,
            naming_constraints: NamingConstraints::default(),
            answers_as_own: false,
            valid_until: None,
            contact: String::new(),
            code: String::new(),
            left_seq: 0,
            received_at: kept.received_at,
            proposal: kept.proposal,
            signed: kept.signed.clone(),
        };
        match signed.says {
            Says::Join(wish) => {
                shown.scope = Scope(wish.scope);
                shown.max_path_length = wish.max_path_length;
                shown.naming_constraints = wish.naming_constraints;
                shown.answers_as_own = wish.answers_as_own;
                shown.valid_until = wish.valid_until;
                shown.contact = wish.contact;
            }
            Says::Leave(notice) => {
                shown.code = notice.code;
                shown.left_seq = notice.seq;
            }
            Says::Inquire(_) => {}
        }
        shown
    }
}
