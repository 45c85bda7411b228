//! `charter schema`: schemas and credential types, read, proposed, and documents validated.

mod view;

use std::path::Path;

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use self::view::{TypeView, View};
use crate::{
    args::{Connection, DefineType, Draft, Format, ListFormat, ListSchemas, Publish, Schema},
    command::propose,
    connect::{Server, Token},
    exit::{Exit, Failure},
    output,
};

/// The server takes less; this bounds what is read before it says so.
const MAX_FILE: u64 = 1024 * 1024;

pub async fn run(to: &Connection, command: Schema) -> Result<Exit, Failure> {
    match command {
        Schema::List(args) => list(to, args).await,
        Schema::Show { schema, registry, output } => {
            show(to, &schema, registry.map_or_else(String::new, Into::into), output).await
        }
        Schema::Publish(args) => publish(to, args).await,
        Schema::Deprecate { resource, revision, reason, replaced_by, why, draft } => {
            let change = Change::DeprecateSchema(pb::DeprecateSchema {
                resource: resource.into(),
                revision,
                code: reason,
                replaced_by: replaced_by.unwrap_or_default(),
            });
            propose::send(to, draft, why, change).await
        }
        Schema::Validate { schema, file, registry, output } => {
            let registry_id = registry.map_or_else(String::new, Into::into);
            validate(to, &schema, &read(&file).await?, registry_id, output).await
        }
        Schema::DefineType(args) => define(to, args).await,
        Schema::Types { filter, registry, output } => {
            types(to, registry.map_or_else(String::new, Into::into), filter, output).await
        }
    }
}

async fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        tokio::io::stdin().take(MAX_FILE).read_to_string(&mut text).await
    } else {
        match tokio::fs::File::open(path).await {
            Ok(file) => file.take(MAX_FILE).read_to_string(&mut text).await,
            Err(error) => Err(error),
        }
    };
    read.map_err(|e| Failure::usage(format!("cannot read `{}`: {e}", path.display())))?;
    Ok(text)
}

/// An id, a resource, or `resource@revision`: as the members of a request.
fn named(word: &str) -> (String, String, u32) {
    if word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return (word.to_ascii_lowercase(), String::new(), 0);
    }
    let revision = word.rsplit_once('@').and_then(|(r, n)| Some((r, n.parse::<u32>().ok()?)));
    match revision.filter(|(resource, n)| !resource.is_empty() && *n > 0) {
        Some((resource, n)) => (String::new(), resource.to_owned(), n),
        None => (String::new(), word.to_owned(), 0),
    }
}

async fn show(to: &Connection, word: &str, registry_id: String, format: ListFormat) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let (schema_id, resource, revision) = named(word);
    let request = pb::GetSchemaRequest { registry_id, resource, schema_id, revision };
    let found = server.registry().get_schema(server.request(request)).await?.into_inner().schema;
    let found = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no schema"))?;
    let view = View::from(found);
    output::one(format, &view, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

async fn list(to: &Connection, asked: ListSchemas) -> Result<Exit, Failure> {
    let (resource, filter, args) = (asked.resource.unwrap_or_default(), asked.filter, asked.list);
    let server = Server::connect(to).await?;
    let registry_id = args.registry.map_or_else(String::new, String::from);
    let (mut page_token, mut views) = (args.page_token, Vec::new());
    loop {
        let request = pb::ListSchemasRequest {
            registry_id: registry_id.clone(),
            page_size: args.page_size,
            page_token,
            resource: resource.clone(),
            filter: filter.clone(),
        };
        let page = server.registry().list_schemas(server.request(request)).await?.into_inner();
        views.extend(page.schemas.into_iter().map(View::from));
        page_token = page.next_page_token;
        if page_token.is_empty() || !args.all {
            break;
        }
    }
    output::list(args.output, ("schemas", Some(&page_token)), &views, &View::HEADINGS, View::row)?;
    if !page_token.is_empty() {
        output::note(&format!("more: --all, or --page-token {page_token}"));
    }
    Ok(Exit::Ok)
}

async fn publish(to: &Connection, args: Publish) -> Result<Exit, Failure> {
    let request = pb::PutSchemaRequest {
        registry_id: args.call.registry.clone().map_or_else(String::new, Into::into),
        resource: args.resource.to_string(),
        uri: args.uri.clone(),
        schema_json: read(&args.file).await?,
        request_id: args.call.request_id.clone().unwrap_or_default(),
        validate_only: args.dry_run && !args.propose,
    };
    if args.propose {
        let draft = Draft { amend: None, dry_run: args.dry_run, call: args.call, output: args.output };
        return propose::send(to, draft, args.why.unwrap_or_default(), Change::Schema(request)).await;
    }
    if args.why.is_some() {
        return Err(Failure::usage("--why is for proposals: add --propose, or leave it out"));
    }
    let token = Token::read(args.call.token.token_file.as_deref())?;
    let server = Server::connect(to).await?;
    let done = server.import().put_schema(token.attach(server.request(request))).await?.into_inner();
    match args.output {
        Format::Json => output::json(&json!({ "sha256": done.sha256, "epoch": done.epoch }))?,
        Format::Table if args.dry_run => output::text(&format!("would publish, content {}", done.sha256))?,
        Format::Table => output::text(&format!("published, content {} (epoch {})", done.sha256, done.epoch))?,
    };
    Ok(Exit::Ok)
}

async fn validate(
    to: &Connection,
    word: &str,
    document: &str,
    registry_id: String,
    format: Format,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let (schema_id, resource, revision) = named(word);
    let document_json = document.to_owned();
    let request = pb::ValidateDocumentRequest { registry_id, resource, revision, schema_id, document_json };
    let answer = server.schema().validate_document(server.request(request)).await?.into_inner();
    let exit = if answer.valid { Exit::Ok } else { Exit::Negative };
    if answer.deprecated {
        output::note("this revision is deprecated");
    }
    match format {
        Format::Json => {
            let fault = |f: &pb::SchemaFault| json!({ "instance": f.instance, "schema": f.schema, "message": f.message });
            let faults: Vec<_> = answer.faults.iter().map(fault).collect();
            output::json(&json!({
                "valid": answer.valid, "faults": faults, "schema_id": answer.schema_id, "resource": answer.resource,
                "revision": answer.revision, "deprecated": answer.deprecated,
            }))?;
        }
        Format::Table if answer.valid => {
            let name = output::clean(&answer.resource);
            output::text(&format!("VALID against {name}@{}", answer.revision))?;
        }
        Format::Table => {
            let rows = answer.faults.into_iter().map(|f| vec![f.instance, f.schema, f.message]);
            output::text(&format!("NOT VALID\n{}", output::table(&["AT", "SCHEMA", "FAULT"], rows)))?;
        }
    }
    Ok(exit)
}

async fn define(to: &Connection, args: DefineType) -> Result<Exit, Failure> {
    let change = Change::DefineCredentialType(pb::DefineCredentialType {
        resource: args.resource.into(),
        vc_type: args.vc_type,
        vct: args.vct,
        doc_type: args.doc_type,
        schema_id: args.schema.unwrap_or_default(),
        equivalents: args.equivalent,
    });
    propose::send(to, args.draft, args.why, change).await
}

async fn types(
    to: &Connection,
    registry_id: String,
    filter: String,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let (mut page_token, mut views) = (String::new(), Vec::new());
    loop {
        let request = pb::ListCredentialTypesRequest {
            registry_id: registry_id.clone(),
            page_size: 1_000,
            page_token,
            filter: filter.clone(),
        };
        let page = server.schema().list_credential_types(server.request(request)).await?.into_inner();
        views.extend(page.credential_types.into_iter().map(TypeView::from));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    output::list(format, ("credential_types", None), &views, &TypeView::HEADINGS, TypeView::row)?;
    Ok(Exit::Ok)
}
