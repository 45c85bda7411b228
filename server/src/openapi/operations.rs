//! What each route is for. A route without a row here is not described, and a test says so.

mod authzen;
mod ayra;
mod did;
mod ebsi;
mod list;
mod oidf;

use crate::rest::{application, log, record, route::Route, snapshot, transcode::Method, witness};

#[derive(Debug)]
pub struct Operation {
    pub method: &'static str,
    /// As a caller writes it; one route may take several verbs after its last parameter.
    pub path: &'static str,
    pub id: &'static str,
    pub summary: &'static str,
    pub query: &'static [&'static str],
    pub headers: &'static [&'static str],
    /// Names of schemas; empty is any object, `[]` a list, `text` no JSON, `any` bytes, `form` members of a form.
    pub body: Option<&'static str>,
    pub answer: &'static str,
    pub kind: &'static str,
    /// How it fails where that is not, or not only, a `Problem`: a schema and its media type.
    pub faults: Option<(&'static str, &'static str)>,
    /// Parameters and answer are those of a gRPC method.
    pub reads: Option<Method>,
}

const JSON: &str = "application/json";

const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let method = "GET";
    Operation {
        method,
        path,
        id,
        summary,
        query: &[],
        headers: &[],
        body: None,
        answer: "",
        kind: JSON,
        faults: None,
        reads: None,
    }
}

const fn post(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    (body, answer): (&'static str, &'static str),
) -> Operation {
    Operation { method: "POST", body: Some(body), answer, ..get(path, id, summary) }
}

const fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation { method: "DELETE", ..get(path, id, summary) }
}

impl Operation {
    const fn asks(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }
    /// Loads something: it may be named.
    const fn loads(self) -> Self {
        Self { headers: &["Idempotency-Key"], ..self }
    }
    /// A schema, or something else than JSON.
    const fn gives(self, answer: &'static str, kind: &'static str) -> Self {
        Self { answer, kind, ..self }
    }
    const fn fails(self, name: &'static str, kind: &'static str) -> Self {
        Self { faults: Some((name, kind)), ..self }
    }
    const fn reads(self, method: Method) -> Self {
        Self { reads: Some(method), ..self }
    }
    /// Changes something: it may be named, and names what was read.
    const fn changes(self) -> Self {
        Self { headers: &["Idempotency-Key", "If-Match"], ..self }
    }
}

/// Routes with handlers of their own whose parameters and answers are those of these methods.
const fn same(service: &'static str, name: &'static str, segment: Option<&'static str>) -> Method {
    Method { service, name, segment }
}
const RECORDS: &str = "charter.registry.v1.RegistryService";
const TERMS: &str = "charter.registry.v1.SchemaService";
const SCHEMAS: Method = same(RECORDS, "ListSchemas", None);
const SCHEMA: Method = same(RECORDS, "GetSchema", None);
const TYPES: Method = same(TERMS, "ListCredentialTypes", None);
const TYPE: Method = same(TERMS, "GetCredentialType", Some("resource"));
const STATEMENT: &str = "application/entity-statement+jwt";

const OPERATIONS: &[Operation] = &[
    get("/livez", "live", "Whether the process runs.").gives("text", "text/plain"),
    get("/readyz", "ready", "Whether it may be asked, and if not, why."),
    get(
        "/api/v1/emergency-denials",
        "listEmergencyDenials",
        "Denials by security officers that are in force on this server.",
    ),
    post(
        "/api/v1/emergency-denials",
        "takeEmergencyDenial",
        "Denies an entity: a file that two security officers have signed.",
        ("", ""),
    ),
    get("/openapi.json", "openApi", "This document."),
    get("/docs", "docs", "Leads to the page below.").gives("text", "text/html"),
    get("/docs/", "docsPage", "This document, for people.").gives("text", "text/html"),
    get("/docs/{file}", "docsFile", "A file of that page.").gives("text", "application/octet-stream"),
    get(
        "/.well-known/trust-anchors",
        "trustAnchors",
        "Anchors that a verifier may configure: the newest version.",
    )
    .asks(&["version"]),
    get("/.well-known/trust-anchors/{version}", "trustAnchorsVersion", "One version of them, signed."),
    get("/.well-known/openid-federation", "entityConfiguration", "Signed.").gives("text", STATEMENT),
    get("/.well-known/openid-federation-historical-keys", "historicalKeys", "Keys used no longer, signed.")
        .gives("text", "application/jwk-set+jwt"),
    get("/.well-known/did.json", "didDocument", "The authority's DID document."),
    get("/snapshot", "snapshot", "All signed documents of the registry: a signed index of the files.")
        .gives("text", snapshot::INDEX),
    get("/snapshot/{sha256}", "snapshotFile", "One of these files: a document a line.")
        .gives("text", charter_proof::snapshot::MEDIA_TYPE),
    get(
        "/federation",
        "federationPage",
        "The registries below this one, and the way of one question, for people.",
    )
    .asks(&["authority_id", "entity_id", "action", "resource"])
    .gives("text", "text/html")
    .fails("text", "text/html"),
    post(
        "/authorization",
        "authorization",
        "TRQP: may this entity do this under this authority?",
        ("AuthorizationRequest", "AuthorizationResponse"),
    ),
    post(
        "/recognition",
        "recognition",
        "TRQP: does this authority recognise that one?",
        ("RecognitionRequest", "RecognitionResponse"),
    ),
    get("/metadata", "metadata", "Ayra: what the registry is."),
    get("/.well-known/trqp-metadata", "trqpMetadata", "What a TRQP client needs to know."),
    get("/api/v1/issuers/{did}", "checkIssuer", "What is recorded of an issuer.").asks(&["at"]),
    post("/api/v1/issuers:batchCheck", "checkIssuers", "The same of up to 100 issuers.", ("", "")),
    get("/api/v1/watch", "watch", "Events as they are committed.")
        .asks(&["after", "kinds", "entity_id"])
        .gives("any", "text/event-stream"),
    get("/log/checkpoint", "logCheckpoint", "C2SP tlog-tiles: the newest published checkpoint.")
        .gives("text", "text/plain"),
    get("/log/tile/{*path}", "logTile", "C2SP tlog-tiles: hashes (`<L>/<N>`) or entries (`entries/<N>`).")
        .gives("text", "application/octet-stream"),
    get("/api/v1/log/checkpoint", "getCheckpoint", "The newest published checkpoint, with its parts.")
        .reads(log::CHECKPOINT),
    get("/api/v1/log/proof", "getInclusionProof", "That an event is in the log.").reads(log::INCLUSION),
    get("/api/v1/log/consistency", "getConsistencyProof", "That the log only grew.").reads(log::CONSISTENCY),
    get("/api/v1/log/entries", "getEntries", "Events as they are in the log.").reads(log::ENTRIES),
    get("/api/v1/log/receipts/{seq}", "getReceipt", "How far an event has come.").reads(log::RECEIPT),
    post("/api/v1/resolve", "resolve", "The decision with its path and chain.", ("", "")),
    post("/witness/add-checkpoint", "addCheckpoint", "C2SP tlog-witness: a cosignature.", ("text", "text"))
        .gives("text", "text/plain"),
    get("/witness/evidence", "witnessEvidence", "Logs that showed two histories, each with the proof."),
    get("/witness/{hash}/checkpoint", "witnessedCheckpoint", "What was cosigned last of a log.")
        .gives("text", "text/plain"),
    post(
        "/witness/add-entries",
        "addEntries",
        "C2SP tlog-mirror: entries of a log that is copied.",
        ("text", "text"),
    )
    .gives("text", "text/plain"),
    get(
        "/mirror/{hash}/{*path}",
        "mirrored",
        "C2SP tlog-mirror: the copy of a log, as the log serves itself.",
    )
    .gives("text", "application/octet-stream"),
    get("/api/v1/witnessed-logs", "listWitnessedLogs", "How the logs of others stand with this witness.")
        .reads(witness::LOGS),
    get("/api/v1/registries", "listRegistries", "The registries of this process.").reads(record::REGISTRIES),
    get("/api/v1/registry", "getRegistry", "The registry that the address names.").reads(record::REGISTRY),
    get("/api/v1/entities", "listEntities", "Entities, in the order of their registration.")
        .reads(record::ENTITIES),
    get("/api/v1/entities/{entity_id}", "getEntity", "An entity, by any of its identifiers.")
        .reads(record::ENTITY),
    get("/api/v1/accreditations", "listAccreditations", "Grounds of authorizations.")
        .reads(record::ACCREDITATIONS),
    get("/api/v1/accreditations/{accreditation_id}", "getAccreditation", "One of them.")
        .reads(record::ACCREDITATION),
    get("/api/v1/statements/{statement_id}", "getStatement", "What is asserted of an entity.")
        .reads(record::STATEMENT),
    get("/api/v1/delegations", "listDelegations", "Whom this authority has delegated to.")
        .reads(record::DELEGATIONS),
    get("/api/v1/delegations/{subordinate_id}", "getDelegation", "The one in force, else the last.")
        .reads(record::DELEGATION),
    get("/api/v1/schemas", "listSchemas", "Schemas of credential types, or the revisions of one.")
        .reads(SCHEMAS),
    get("/api/v1/schemas/{name}", "getSchema", "By id, resource, or resource@revision.").reads(SCHEMA),
    post("/api/v1/schemas:validate", "validateDocument", "A document against a schema.", ("", "")),
    get("/api/v1/credential-types", "listCredentialTypes", "What types are called elsewhere.").reads(TYPES),
    get("/api/v1/credential-types/{name}", "getCredentialType", "By any of its names.").reads(TYPE),
    get("/metrics", "metrics", "Prometheus metrics.").gives("text", "text/plain"),
    get("/api/v1/proposals", "listProposals", "Proposals, newest first.").asks(&[
        "state",
        "filter",
        "page_size",
        "page_token",
    ]),
    post("/api/v1/proposals", "propose", "Drafts one change.", ("Propose", "Proposal")).changes(),
    get("/api/v1/proposals/{id}", "getProposal", "One proposal.").gives("Proposal", JSON),
    post(
        "/api/v1/proposals/{id}:approve",
        "approve",
        "Approves exactly what `hash` says.",
        ("Act", "Decided"),
    )
    .changes(),
    post("/api/v1/proposals/{id}:amend", "amend", "Another draft in its place.", ("Propose", "Proposal"))
        .changes(),
    post("/api/v1/proposals/{id}:refuse", "refuse", "Ends it without a change.", ("Act", "Proposal"))
        .changes(),
    post("/api/v1/proposals/{id}:withdraw", "withdraw", "Ends one's own.", ("Act", "Proposal")).changes(),
    post(
        "/api/v1/emergency-suspensions",
        "suspendInEmergency",
        "Suspends an entity at once, for 24 hours.",
        ("Emergency", "Suspended"),
    )
    .changes(),
    get(
        "/api/v1/privacy/records",
        "showPersonalData",
        "What is held about somebody, or NDJSON of all of it.",
    )
    .asks(&["subject"]),
    post(
        "/api/v1/applications:submit",
        "submitApplication",
        "Applies to this registry, or tells it that a subordinate leaves: signed by the applicant.",
        ("", ""),
    ),
    post(
        "/api/v1/applications:inquire",
        "inquireApplication",
        "What has become of an application, for the key that signed it.",
        ("", ""),
    ),
    post(
        "/api/v1/applications:sign",
        "signApplication",
        "Signs what is to be submitted to a superior.",
        ("", ""),
    ),
    get("/api/v1/applications", "listApplications", "What other registries have applied for, newest first.")
        .reads(application::LIST),
    get("/api/v1/applications/{application_id}", "getApplication", "One of them.").reads(application::GET),
    post(
        "/api/v1/applications/{application_id}:accept",
        "acceptApplication",
        "Makes the proposal that is applied for.",
        ("", ""),
    ),
    post(
        "/api/v1/applications/{application_id}:refuse",
        "refuseApplication",
        "Ends it without a proposal.",
        ("", ""),
    ),
    get("/api/v1/staff", "listStaff", "Who may act, as numbers."),
    get("/api/v1/credentials", "listCredentials", "Keys and certificates of services.").reads(same(
        "charter.registry.v1.CredentialService",
        "ListCredentials",
        None,
    )),
    post(
        "/api/v1/credentials/{id}:revoke",
        "revokeCredential",
        "Takes one away at once, for good.",
        ("", ""),
    )
    .changes(),
    get("/api/v1/events", "listEvents", "What was done, by whom, when and why; or NDJSON of all of it.")
        .asks(&[
            "subject",
            "actor",
            "kind",
            "origin",
            "from",
            "until",
            "after",
            "before",
            "order",
            "view",
            "page_size",
        ]),
    get("/api/v1/accesses", "listAccesses", "Who has read the audit or personal data.").asks(&[
        "by",
        "before",
        "page_size",
    ]),
    get("/api/v1/webhooks", "listWebhooks", "Where events are sent.").reads(same(
        "charter.registry.v1.WebhookService",
        "ListWebhooks",
        None,
    )),
    post("/api/v1/webhooks", "createWebhook", "The secret is in this answer and never again.", ("", ""))
        .changes(),
    get("/api/v1/webhooks/{id}", "getWebhook", "One of them, and who changed it.").reads(same(
        "charter.registry.v1.WebhookService",
        "GetWebhook",
        Some("webhook_id"),
    )),
    delete("/api/v1/webhooks/{id}", "deleteWebhook", "Nothing is sent there any more.").changes(),
    post("/api/v1/webhooks/{id}:update", "updateWebhook", "URL, filters, or active again.", ("", ""))
        .changes(),
    post("/api/v1/webhooks/{id}:test", "testWebhook", "Sends a message that is no event.", ("", ""))
        .changes(),
    post("/api/v1/webhooks/{id}:replay", "replayWebhook", "Sends events again.", ("", "")).changes(),
    post(
        "/api/v1/webhooks/{id}:rotateSecret",
        "rotateWebhookSecret",
        "For 24 h both secrets sign.",
        ("", ""),
    )
    .changes(),
    get("/api/v1/webhooks/{id}/deliveries", "listDeliveries", "The last attempts, newest first.")
        .asks(&["page_size", "page_token"]),
    get("/api/v1/keys", "listKeys", "Every key there is or was, oldest first.").reads(same(
        "charter.registry.v1.KeyService",
        "ListKeys",
        None,
    )),
    get("/api/v1/keys:check", "checkKey", "Whether a signature counts that says when it was made.")
        .reads(same("charter.registry.v1.KeyService", "CheckKey", None)),
    get("/api/v1/policy", "getPolicy", "What this registry asks of its staff.").reads(same(
        "charter.registry.v1.PolicyService",
        "GetPolicy",
        None,
    )),
    get("/api/v1/procedures", "listProcedures", "Procedures before negative measures, newest first.")
        .reads(same("charter.registry.v1.ProcedureService", "ListProcedures", None)),
    get("/api/v1/procedures/{id}", "getProcedure", "One of them.").reads(same(
        "charter.registry.v1.ProcedureService",
        "GetProcedure",
        Some("procedure_id"),
    )),
    post("/api/v1/import/records", "importRecords", "Loads up to 1,000 records, or checks them.", ("", ""))
        .loads(),
    post("/api/v1/import/delegations", "putDelegation", "Makes a delegation.", ("", "")).loads(),
    post("/api/v1/import/schemas", "putSchema", "Publishes a schema.", ("", "")).loads(),
    post("/api/v1/import/status", "setStatus", "Changes the state of something loaded.", ("", "")).loads(),
    post("/api/v1/import/seal", "sealRegistry", "Ends loading and appoints two administrators.", ("", ""))
        .loads(),
];

/// All of them: Charter's own interface, and the same records as other standards ask for them.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [
        OPERATIONS,
        ayra::OPERATIONS,
        oidf::OPERATIONS,
        authzen::OPERATIONS,
        ebsi::OPERATIONS,
        did::OPERATIONS,
        list::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

/// The operations of a route: one, or one for each verb that it takes.
pub fn of(route: &Route) -> impl Iterator<Item = &'static Operation> {
    let (method, path) = (route.method, route.path);
    all().filter(move |o| {
        let verb = path.ends_with('}') && o.path.strip_prefix(path).is_some_and(|rest| rest.starts_with(':'));
        o.method == method && (o.path == path || verb)
    })
}
