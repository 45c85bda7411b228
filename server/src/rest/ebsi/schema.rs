//! The Trusted Schemas Registry, v3.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use charter_domain::Timestamp;
use serde_json::{Value, json};

use super::{JSON, Read, Shown, page};
use crate::app::ebsi::{
    Fault, Listed, TSR,
    schema::{self, Form},
};

impl From<Form> for Shown {
    fn from(form: Form) -> Self {
        Self { kind: JSON, body: Bytes::from(form.bytes), etag: None }
    }
}

impl Read {
    /// The URL of the schema that is asked for, under the id that it was asked for by.
    fn schema(&self, id: &str) -> Result<String, Fault> {
        Ok(format!("{}{TSR}/schemas/{id}", self.base()?))
    }
}

/// `GET /schemas`: items `{schemaId, href}`.
pub async fn list(read: Read) -> Response<Body> {
    let found = read.within(async {
        let page = read.page()?;
        let list = schema::list(&read.app, read.here.registry, page).await?;
        let item =
            |id: &String| -> Result<Value, Fault> { Ok(json!({ "schemaId": id, "href": read.schema(id)? })) };
        let items = list.items.iter().map(item).collect::<Result<Vec<Value>, Fault>>()?;
        Ok(page::envelope(&format!("{}{TSR}/schemas", read.base()?), "", page, &list, &items))
    });
    read.answer(found.await)
}

/// `GET /schemas/{schemaId}`: the schema itself.
pub async fn one(read: Read) -> Response<Body> {
    let found = read.within(async {
        let [] = crate::rest::query::parameters(&read.uri, [])?;
        schema::newest(&read.app, read.here.registry, &read.segment(1)?).await
    });
    read.answer(found.await)
}

/// `GET /schemas/{schemaId}/revisions`: items `{schemaRevisionId, href}`.
pub async fn revisions(read: Read) -> Response<Body> {
    let found = read.within(async {
        let ([at], page) = page::parameters(&read.uri, ["valid-at"])?;
        if !at.is_empty() && Timestamp::parse(&at).is_err() {
            return Err(Fault::Instant);
        }
        let id = read.segment(1)?;
        let forms = schema::forms(&read.app, read.here.registry, &id).await?;
        let url = format!("{}/revisions", read.schema(&id)?);
        let ids: Vec<String> = forms.iter().map(|form| format!("0x{}", form.sha256)).collect();
        let shown = Listed { total: ids.len(), items: page.of(ids.into_iter()) };
        let item = |id: &String| json!({ "schemaRevisionId": id, "href": format!("{url}/{id}") });
        let items: Vec<Value> = shown.items.iter().map(item).collect();
        Ok(page::envelope(&url, "", page, &shown, &items))
    });
    read.answer(found.await)
}

impl Read {
    async fn form(&self) -> Result<Form, Fault> {
        schema::revision(&self.app, self.here.registry, &self.segment(1)?, &self.segment(3)?).await
    }
}

/// `GET /schemas/{schemaId}/revisions/{schemaRevisionId}`
pub async fn revision(read: Read) -> Response<Body> {
    let found = read.within(read.form());
    read.answer(found.await)
}

/// `GET /schemas/{schemaId}/revisions/{schemaRevisionId}/metadata`: items `{metadataId, href}`; there is one.
pub async fn metadata_list(read: Read) -> Response<Body> {
    let found = read.within(async {
        let (page, form) = (read.page()?, read.form().await?);
        let url = format!("{}/revisions/0x{}/metadata", read.schema(&read.segment(1)?)?, form.sha256);
        let id = format!("0x{}", form.metadata_id());
        let item = json!({ "metadataId": id, "href": format!("{url}/{id}") });
        let list = Listed { total: 1, items: Vec::new() };
        Ok(page::envelope(&url, "", page, &list, &page.of(std::iter::once(item))))
    });
    read.answer(found.await)
}

/// `GET /schemas/{schemaId}/revisions/{schemaRevisionId}/metadata/{metadataId}`
pub async fn metadata(read: Read) -> Response<Body> {
    let found = read.within(async {
        let (form, id) = (read.form().await?, read.segment(5)?);
        let same = id.strip_prefix("0x").unwrap_or(&id).eq_ignore_ascii_case(&form.metadata_id());
        if same { Ok(form.metadata) } else { Err(Fault::Metadata(id)) }
    });
    read.answer(found.await)
}
