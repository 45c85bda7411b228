//! EBSI's registries as they are read.

use super::Operation;

/// All of them fail in EBSI's words.
const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::get(path, id, summary).fails("EbsiProblem", "application/problem+json")
}

const PAGE: &[&str] = &["page[after]", "page[size]"];

pub(super) const OPERATIONS: &[Operation] = &[
    get("/trusted-issuers-registry/v5/issuers", "tirIssuers", "EBSI: who may issue, by DID.").asks(PAGE),
    get("/trusted-issuers-registry/v5/issuers/{did}", "tirIssuer", "EBSI: one issuer.").asks(&["version"]),
    get(
        "/trusted-issuers-registry/v5/issuers/{did}/attributes",
        "tirAttributes",
        "EBSI: what is stated of an issuer.",
    )
    .asks(PAGE),
    get(
        "/trusted-issuers-registry/v5/issuers/{did}/attributes/{id}",
        "tirAttribute",
        "EBSI: one accreditation, signed.",
    ),
    get(
        "/trusted-issuers-registry/v5/issuers/{did}/attributes/{id}/revisions",
        "tirRevisions",
        "EBSI: the revisions of an attribute; there is one.",
    )
    .asks(&["page[after]", "page[size]", "version"]),
    get(
        "/trusted-issuers-registry/v5/issuers/{did}/attributes/{id}/revisions/{revision}",
        "tirRevision",
        "EBSI: one revision of an attribute.",
    ),
    get(
        "/trusted-issuers-registry/v5/issuers/{did}/proxies",
        "tirProxies",
        "EBSI: proxies of an issuer; there are none.",
    )
    .asks(PAGE),
    get("/trusted-issuers-registry/v5/issuers/{did}/proxies/{proxy}", "tirProxy", "EBSI: no proxy."),
    get("/trusted-schemas-registry/v3/schemas", "tsrSchemas", "EBSI: published schemas.").asks(PAGE),
    get("/trusted-schemas-registry/v3/schemas/{id}", "tsrSchema", "EBSI: one schema."),
    get(
        "/trusted-schemas-registry/v3/schemas/{id}/revisions",
        "tsrRevisions",
        "EBSI: the forms of a schema that have its id.",
    )
    .asks(&["page[after]", "page[size]", "valid-at"]),
    get(
        "/trusted-schemas-registry/v3/schemas/{id}/revisions/{revision}",
        "tsrRevision",
        "EBSI: one form of a schema.",
    ),
    get(
        "/trusted-schemas-registry/v3/schemas/{id}/revisions/{revision}/metadata",
        "tsrMetadataList",
        "EBSI: what is known of one form; there is one entry.",
    )
    .asks(PAGE),
    get(
        "/trusted-schemas-registry/v3/schemas/{id}/revisions/{revision}/metadata/{metadata}",
        "tsrMetadata",
        "EBSI: the credential type, the revision, and whether it is deprecated.",
    ),
    get(
        "/did-registry/v5/identifiers",
        "didrIdentifiers",
        "EBSI: DIDs of the authority and its subordinates.",
    )
    .asks(&["page[after]", "page[size]", "controller"]),
    get(
        "/did-registry/v5/identifiers/{did}",
        "didrIdentifier",
        "EBSI: the DID document of one of them, bare.",
    )
    .asks(&["valid-at"])
    .gives("", "application/did+ld+json"),
];
