//! The Trusted Issuers Registry, v5.

use axum::{body::Body, response::Response};
use serde_json::{Value, json};

use super::{JSON, Read, Shown, page};
use crate::app::ebsi::{self, Fault, Listed, Signed, TIR};

/// Which form is asked for: of this version, or of the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Latest,
    Deprecated,
}

fn form(text: &str) -> Result<Form, Fault> {
    match text {
        "" | "latest" => Ok(Form::Latest),
        "deprecated" => Ok(Form::Deprecated),
        _ => Err(Fault::Query("[\"version must be one of the following values: latest, deprecated\"]")),
    }
}

impl Read {
    fn did(&self) -> Result<String, Fault> {
        self.segment(1)
    }

    /// The URL of an issuer.
    fn issuer(&self, did: &str) -> Result<String, Fault> {
        Ok(format!("{}{TIR}/issuers/{did}", self.base()?))
    }

    /// That nothing is asked in the query.
    fn plainly(&self) -> Result<(), Fault> {
        let [] = crate::rest::query::parameters(&self.uri, [])?;
        Ok(())
    }
}

/// `GET /issuers`: items `{did, href}`.
pub async fn list(read: Read) -> Response<Body> {
    let found = read.within(async {
        let page = read.page()?;
        let list = ebsi::issuers(&read.app, read.here.registry, page).await?;
        let item =
            |did: &String| -> Result<Value, Fault> { Ok(json!({ "did": did, "href": read.issuer(did)? })) };
        let items = list.items.iter().map(item).collect::<Result<Vec<Value>, Fault>>()?;
        Ok(page::envelope(&format!("{}{TIR}/issuers", read.base()?), "", page, &list, &items))
    });
    read.answer(found.await)
}

/// `GET /issuers/{did}?version=`
pub async fn one(read: Read) -> Response<Body> {
    let found = read.within(async {
        let [version] = crate::rest::query::parameters(&read.uri, ["version"])?;
        let (did, registry) = (read.did()?, read.here.registry);
        if form(&version)? == Form::Deprecated {
            let all = ebsi::bodies(&read.app, registry, &did).await?;
            let attributes: Vec<&Value> = all.iter().map(|signed| &signed.attribute).collect();
            return Ok(json!({ "did": did, "attributes": attributes }));
        }
        let has = !ebsi::attributes(&read.app, registry, &did).await?.is_empty();
        let url = format!("{}/attributes", read.issuer(&did)?);
        Ok(json!({ "did": did, "attributes": url, "hasAttributes": has }))
    });
    read.answer(found.await)
}

/// `GET /issuers/{did}/attributes`: items `{id, href}`.
pub async fn attributes(read: Read) -> Response<Body> {
    let found = read.within(async {
        let (page, did) = (read.page()?, read.did()?);
        let ids = ebsi::attributes(&read.app, read.here.registry, &did).await?;
        let url = format!("{}/attributes", read.issuer(&did)?);
        let shown = Listed { total: ids.len(), items: page.of(ids.into_iter()) };
        let items: Vec<Value> =
            shown.items.iter().map(|id| json!({ "id": id, "href": format!("{url}/{id}") })).collect();
        Ok(page::envelope(&url, "", page, &shown, &items))
    });
    read.answer(found.await)
}

impl From<&Signed> for Shown {
    fn from(signed: &Signed) -> Self {
        Self { kind: JSON, body: signed.answer.clone(), etag: Some(signed.etag.clone()) }
    }
}

/// `GET /issuers/{did}/attributes/{attributeId}`: the latest revision.
pub async fn attribute(read: Read) -> Response<Body> {
    let found = read.within(async {
        read.plainly()?;
        let (did, id) = (read.did()?, read.segment(3)?);
        Ok(Shown::from(&*ebsi::attribute(&read.app, read.here.registry, &did, &id).await?))
    });
    read.answer(found.await)
}

/// `GET /issuers/{did}/attributes/{attributeId}/revisions?version=`: there is one, whose id is the attribute's.
pub async fn revisions(read: Read) -> Response<Body> {
    let found = read.within(async {
        let ([version], page) = page::parameters(&read.uri, ["version"])?;
        let (did, id) = (read.did()?, read.segment(3)?);
        let signed = ebsi::attribute(&read.app, read.here.registry, &did, &id).await?;
        let url = format!("{}/attributes/{}/revisions", read.issuer(&did)?, signed.id);
        let (item, more) = match form(&version)? {
            Form::Latest => (json!({ "id": signed.id, "href": format!("{url}/{}", signed.id) }), ""),
            Form::Deprecated => (signed.attribute.clone(), "&version=deprecated"),
        };
        let list = Listed { total: 1, items: Vec::new() };
        Ok(page::envelope(&url, more, page, &list, &page.of(std::iter::once(item))))
    });
    read.answer(found.await)
}

/// `GET /issuers/{did}/attributes/{attributeId}/revisions/{revisionId}`
pub async fn revision(read: Read) -> Response<Body> {
    let found = read.within(async {
        read.plainly()?;
        let (did, id, revision) = (read.did()?, read.segment(3)?, read.segment(5)?);
        let signed = ebsi::attribute(&read.app, read.here.registry, &did, &id).await?;
        let same = revision.strip_prefix("0x").unwrap_or(&revision).eq_ignore_ascii_case(&signed.id);
        if same { Ok(Shown::from(&*signed)) } else { Err(Fault::Revision(revision)) }
    });
    read.answer(found.await)
}

/// `GET /issuers/{did}/proxies`: there are none.
pub async fn proxies(read: Read) -> Response<Body> {
    let found = read.within(async {
        let (page, did) = (read.page()?, read.did()?);
        ebsi::attributes(&read.app, read.here.registry, &did).await?;
        let list = Listed { total: 0, items: Vec::new() };
        Ok(page::envelope(&format!("{}/proxies", read.issuer(&did)?), "", page, &list, &[]))
    });
    read.answer(found.await)
}

/// `GET /issuers/{did}/proxies/{proxyId}`
pub async fn proxy(read: Read) -> Response<Body> {
    let found: Result<Value, Fault> = read
        .within(async {
            let (did, id) = (read.did()?, read.segment(3)?);
            ebsi::attributes(&read.app, read.here.registry, &did).await?;
            Err(Fault::Proxy(did, id))
        })
        .await;
    read.answer(found)
}
