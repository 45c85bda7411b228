//! Whether what is drafted about keys may still happen.

use std::time::Duration;

use charter_domain::{
    Timestamp,
    event::Change,
    key::{self, Key},
    policy::Refusal,
};
use uuid::Uuid;

use crate::hosted::Tenant;

/// Whose keys a change is about; none: the registry's own.
pub fn entity(change: &Change) -> Option<Uuid> {
    match change {
        Change::EntityKeyAdded(k) => Some(k.entity_id),
        Change::EntityKeyRevoked(k) => Some(k.entity_id),
        _ => None,
    }
}

/// A key that a registry below another announces.
pub fn held_down(tenant: &Tenant, change: &Change, now: Timestamp) -> Result<(), Refusal> {
    match change {
        Change::KeyAdded(k) if !tenant.above().hints.is_empty() => {
            key::held_down(k.active_from, Duration::from_secs(tenant.config.key_hold_down_secs), now)
        }
        _ => Ok(()),
    }
}

/// `history` is of that party, as it is recorded now.
pub fn may(change: &Change, history: &[Key], now: Timestamp) -> Result<(), Refusal> {
    match change {
        Change::KeyAdded(k) => key::may_rotate(history, &k.kid, k.active_from, now),
        Change::KeyRetired(k) => key::may_retire(history, &k.kid, k.from, now),
        Change::KeyRevoked(k) => key::may_revoke(history, (&k.kid, k.reason, k.compromised_since), now),
        Change::EntityKeyAdded(k) => {
            key::may_add_entity_key(history, &k.kid, (k.valid_from, k.valid_until), now)
        }
        Change::EntityKeyRevoked(k) => {
            key::may_revoke_entity_key(history, (&k.kid, k.reason, k.compromised_since), now)
        }
        _ => Ok(()),
    }
}
