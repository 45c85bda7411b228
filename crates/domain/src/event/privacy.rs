//! Events of personal data.

use serde::{Deserialize, Serialize};

use crate::privacy::DataSubject;

/// What was held about somebody is gone; the events that committed to it stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalDataErased {
    pub subject: DataSubject,
    /// The events whose restricted part was erased, in order.
    pub seqs: Vec<i64>,
    /// The law that demands or allows it.
    pub basis: String,
}
