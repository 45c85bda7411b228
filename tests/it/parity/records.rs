//! What the records of a registry are asked for; nobody signs in for it.

use charter_proto::charter::registry::v1 as pb;
use charter_tests::governed::ISSUER;
use serde_json::json;

use super::{BELOW, Case, Ids, posts, reads};

pub(super) fn cases(ids: &Ids) -> Vec<Case> {
    let entity = |id: &str| pb::GetEntityRequest { entity_id: id.to_owned(), ..Default::default() };
    let entities = |filter: &str, page_size| pb::ListEntitiesRequest {
        filter: filter.to_owned(),
        page_size,
        ..Default::default()
    };
    let accreditation =
        |id: &str| pb::GetAccreditationRequest { accreditation_id: id.to_owned(), ..Default::default() };
    let delegation =
        |id: &str| pb::GetDelegationRequest { subordinate_id: id.to_owned(), ..Default::default() };
    let delegations =
        |filter: &str| pb::ListDelegationsRequest { filter: filter.to_owned(), ..Default::default() };
    let statement = |statement_id| pb::GetStatementRequest { statement_id, ..Default::default() };
    let mask = prost_types::FieldMask { paths: vec!["names".to_owned(), "etag".to_owned()] };
    let masked = pb::GetEntityRequest { read_mask: Some(mask), ..entity(ISSUER) };
    vec![
        reads("RegistryService/GetRegistry", "", &pb::GetRegistryRequest::default(), "/api/v1/registry"),
        reads(
            "RegistryService/ListRegistries",
            "",
            &pb::ListRegistriesRequest::default(),
            "/api/v1/registries",
        ),
        reads("RegistryService/GetEntity", "", &entity(ISSUER), format!("/api/v1/entities/{ISSUER}")),
        reads(
            "RegistryService/GetEntity",
            "",
            &masked,
            format!("/api/v1/entities/{ISSUER}?fields=names,etag"),
        ),
        reads(
            "RegistryService/GetEntity",
            "",
            &entity("did:web:nobody.example"),
            "/api/v1/entities/did:web:nobody.example",
        ),
        reads("RegistryService/GetEntity", "", &entity("nobody"), "/api/v1/entities/nobody"),
        reads("RegistryService/ListEntities", "", &entities("", 1), "/api/v1/entities?page_size=1"),
        reads(
            "RegistryService/ListEntities",
            "",
            &entities("country = FI", 0),
            "/api/v1/entities?filter=country%20%3D%20FI",
        ),
        reads(
            "RegistryService/ListEntities",
            "",
            &entities("nothing = 1", 0),
            "/api/v1/entities?filter=nothing%20%3D%201",
        ),
        reads("RegistryService/ListEntities", "", &entities("", -1), "/api/v1/entities?page_size=-1"),
        reads(
            "RegistryService/ListAccreditations",
            "",
            &pb::ListAccreditationsRequest::default(),
            "/api/v1/accreditations",
        ),
        reads(
            "RegistryService/GetAccreditation",
            "",
            &accreditation(&ids.accreditation),
            format!("/api/v1/accreditations/{}", ids.accreditation),
        ),
        reads("RegistryService/GetAccreditation", "", &accreditation("7"), "/api/v1/accreditations/7"),
        reads(
            "RegistryService/GetStatement",
            "",
            &statement(ids.statement),
            format!("/api/v1/statements/{}", ids.statement),
        ),
        reads("RegistryService/GetStatement", "", &statement(999_999), "/api/v1/statements/999999"),
        reads(
            "RegistryService/ListDelegations",
            "",
            &pb::ListDelegationsRequest::default(),
            "/api/v1/delegations",
        ),
        reads(
            "RegistryService/ListDelegations",
            "",
            &delegations("status.state = ACTIVE"),
            "/api/v1/delegations?filter=status.state%20%3D%20ACTIVE",
        ),
        reads(
            "RegistryService/ListDelegations",
            "",
            &delegations("nothing = 1"),
            "/api/v1/delegations?filter=nothing%20%3D%201",
        ),
        reads(
            "RegistryService/GetDelegation",
            "",
            &delegation(BELOW),
            format!("/api/v1/delegations/{BELOW}"),
        ),
        reads(
            "RegistryService/GetDelegation",
            "",
            &delegation("did:web:no.example"),
            "/api/v1/delegations/did:web:no.example",
        ),
        reads("RegistryService/ListSchemas", "", &pb::ListSchemasRequest::default(), "/api/v1/schemas"),
        reads(
            "RegistryService/ListSchemas",
            "",
            &pb::ListSchemasRequest { filter: "nothing = 1".to_owned(), ..Default::default() },
            "/api/v1/schemas?filter=nothing%20%3D%201",
        ),
        reads(
            "RegistryService/GetSchema",
            "",
            &pb::GetSchemaRequest { resource: "Degree".to_owned(), ..Default::default() },
            "/api/v1/schemas/Degree",
        ),
        reads(
            "SchemaService/ListCredentialTypes",
            "",
            &pb::ListCredentialTypesRequest::default(),
            "/api/v1/credential-types",
        ),
        reads(
            "SchemaService/ListCredentialTypes",
            "",
            &pb::ListCredentialTypesRequest { filter: "nothing = 1".to_owned(), ..Default::default() },
            "/api/v1/credential-types?filter=nothing%20%3D%201",
        ),
        reads(
            "SchemaService/GetCredentialType",
            "",
            &pb::GetCredentialTypeRequest { resource: "Degree".to_owned(), ..Default::default() },
            "/api/v1/credential-types/Degree",
        ),
        posts(
            "SchemaService/ValidateDocument",
            "",
            &pb::ValidateDocumentRequest {
                resource: "Degree".to_owned(),
                document_json: "{}".to_owned(),
                ..Default::default()
            },
            ("/api/v1/schemas:validate", json!({ "resource": "Degree", "document_json": "{}" }), ""),
        ),
        reads("KeyService/ListKeys", "", &pb::ListKeysRequest::default(), "/api/v1/keys"),
        reads(
            "KeyService/CheckKey",
            "",
            &pb::CheckKeyRequest { kid: "none".to_owned(), ..Default::default() },
            "/api/v1/keys:check?kid=none",
        ),
    ]
}
