//! Events of a registry's policy.

use serde::{Deserialize, Serialize};

use crate::registry_policy::RegistryPolicy;

/// The whole policy from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    #[serde(flatten)]
    pub policy: RegistryPolicy,
}
