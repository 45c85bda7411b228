//! The optional routes of the Ayra profile.

use super::{JSON, Operation, get};

pub(super) const OPERATIONS: &[Operation] =
    &[
        get("/entities", "ayraEntities", "Ayra: entities, or those that may do something at a time.")
            .asks(&["authority_id", "action", "resource", "time", "limit", "offset"]),
        get("/entities/{entity_id}", "ayraEntity", "Ayra: what is recorded of an entity."),
        get("/entities/{entity_id}/authorizations", "ayraAuthorizations", "Ayra: each as it is answered.")
            .asks(&["time"])
            .gives("[]", JSON),
        get("/ecosystems/{ecosystem_id}", "ayraEcosystem", "Ayra: this authority, or one below it."),
        get("/ecosystems/{ecosystem_id}/recognitions", "ayraRecognitions", "Ayra: each as it is answered.")
            .asks(&["time"])
            .gives("[]", JSON),
        get("/lookups/assuranceLevels", "ayraLevels", "Ayra: none are recorded.")
            .asks(&["authority_id"])
            .gives("[]", JSON),
        get("/lookups/authorizations", "ayraActions", "Ayra: what may be asked about.")
            .asks(&["authority_id"])
            .gives("[]", JSON),
        get("/lookups/didMethods", "ayraMethods", "Ayra: methods of identifiers.")
            .asks(&["authority_id"])
            .gives("[]", JSON),
    ];
