//! DID resolution and DID documents.

use super::{Operation, get};

pub(super) const OPERATIONS: &[Operation] = &[
    get("/1.0/identifiers/{did}", "resolveDid", "The document of a DID, with what is known of it.")
        .asks(&["versionTime", "noCache"])
        .gives("DidResult", "application/did-resolution")
        .fails("DidResult", "application/did-resolution"),
    get("/e/{name}/did.json", "hostedDidDocument", "The document of an entity without a site of its own."),
    get("/did.json", "didDocumentUnderPath", "The DID document of an authority whose did:web has a path."),
    get("/api/v1/dids", "listDids", "What was found last of the DIDs of entities.").asks(&["changed"]),
];
