//! Events of schemas.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPublished {
    /// The resource that the schema describes.
    pub resource: Resource,
    pub uri: String,
    pub sha256: String,
    pub schema: Value,
}
