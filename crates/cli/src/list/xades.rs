//! The signature of an XML list: XAdES baseline B (ETSI EN 319 132-1), enveloped, in the one form that ETSI TS 119 612 asks
//! for. Everything that could let a signature cover less than the whole list is refused: other transforms, other
//! references, a second signature, an identifier that leads elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::{Document, Node};

use super::{
    Refused, c14n,
    signer::{Curve, Hash, Method, Pinned},
};

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";

fn bad(why: impl std::fmt::Display) -> Refused {
    Refused::signature(format!("the signature is not of the form that lists have: {why}"))
}

/// The one child of this name.
fn only<'a, 'i>(node: Node<'a, 'i>, (space, name): (&str, &str)) -> Result<Node<'a, 'i>, Refused> {
    let mut found = node.children().filter(|child| child.has_tag_name((space, name)));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(bad(format_args!("it must have one `{name}`"))),
    }
}

fn algorithm<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, Refused> {
    let method = only(node, (DSIG, name))?;
    if method.children().any(|child| child.is_element()) {
        return Err(bad(format_args!("`{name}` has parameters")));
    }
    method.attribute("Algorithm").ok_or_else(|| bad(format_args!("`{name}` names no algorithm")))
}

/// All of the text in an element: a comment in it, which no signature covers, must not cut it short.
pub(super) fn content(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|part| part.text()).collect()
}

fn decoded(node: Node<'_, '_>) -> Result<Vec<u8>, Refused> {
    let text: String = content(node).split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| bad("a value is not base64"))
}

/// That the whole document, but for the signature in it, is signed with the pinned certificate.
pub(super) fn verify<'i>(document: &Document<'i>, signer: &Pinned) -> Result<(), Refused> {
    let root = document.root_element();
    let all: Vec<Node<'_, 'i>> =
        document.descendants().filter(|node| node.has_tag_name((DSIG, "Signature"))).collect();
    let [signature] = all.as_slice() else { return Err(bad("there must be one signature")) };
    let signature = *signature;
    if signature.parent() != Some(root) {
        return Err(bad("it must stand directly in the list"));
    }
    let info = only(signature, (DSIG, "SignedInfo"))?;
    if algorithm(info, "CanonicalizationMethod")? != EXCLUSIVE {
        return Err(bad("its own canonical form must be exclusive, without comments"));
    }
    let properties = properties(signature, signer)?;
    references(document, (root, signature, info), properties)?;
    let method = method(algorithm(info, "SignatureMethod")?, signer)?;
    let value = decoded(only(signature, (DSIG, "SignatureValue"))?)?;
    signer.verify(method, &c14n::element(info)?, &value)
}

/// The way of signing, if it is one of the key's.
fn method(name: &str, signer: &Pinned) -> Result<Method, Refused> {
    let more = name.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#");
    let pss = name.strip_prefix("http://www.w3.org/2007/05/xmldsig-more#");
    let method = match (more, pss, signer.curve()) {
        (Some("ecdsa-sha256"), _, Some(curve)) => Method::Ecdsa(curve, Hash::Sha256),
        (Some("ecdsa-sha384"), _, Some(curve)) if curve != Curve::P256 => Method::Ecdsa(curve, Hash::Sha384),
        (Some("ecdsa-sha512"), _, Some(curve)) => Method::Ecdsa(curve, Hash::Sha512),
        (Some("rsa-sha256"), _, None) => Method::RsaPkcs1(Hash::Sha256),
        (Some("rsa-sha384"), _, None) => Method::RsaPkcs1(Hash::Sha384),
        (Some("rsa-sha512"), _, None) => Method::RsaPkcs1(Hash::Sha512),
        (_, Some("sha256-rsa-MGF1"), None) => Method::RsaPss(Hash::Sha256),
        (_, Some("sha384-rsa-MGF1"), None) => Method::RsaPss(Hash::Sha384),
        (_, Some("sha512-rsa-MGF1"), None) => Method::RsaPss(Hash::Sha512),
        _ => {
            let shown: String = name.chars().take(100).collect();
            return Err(Refused::signature(format!("algorithm `{shown}` is none of the key of --signer")));
        }
    };
    Ok(method)
}

fn digest(name: &str) -> Result<Hash, Refused> {
    match name {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(Hash::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(Hash::Sha384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(Hash::Sha512),
        other => Err(bad(format_args!("digest `{other:.100}` is not SHA-256, SHA-384 or SHA-512"))),
    }
}

/// `SignedProperties`, which must be of this signature and name the pinned certificate.
fn properties<'a, 'i>(signature: Node<'a, 'i>, signer: &Pinned) -> Result<Node<'a, 'i>, Refused> {
    let mut objects = signature.children().filter(|child| child.has_tag_name((DSIG, "Object")));
    let object = objects.next().filter(|_| objects.next().is_none());
    let object = object.ok_or_else(|| bad("it must have one `Object`"))?;
    let qualifying = only(object, (XADES, "QualifyingProperties"))?;
    let target = qualifying.attribute("Target").unwrap_or_default();
    if signature.attribute("Id").is_none_or(|id| target.strip_prefix('#') != Some(id)) {
        return Err(bad("its properties must be about it (`Target`)"));
    }
    let properties = only(qualifying, (XADES, "SignedProperties"))?;
    let signed = only(properties, (XADES, "SignedSignatureProperties"))?;
    let named = |name| signed.children().find(|child| child.has_tag_name((XADES, name)));
    let certificates = named("SigningCertificateV2").or_else(|| named("SigningCertificate"));
    let certificates = certificates.ok_or_else(|| bad("its properties name no certificate"))?;
    let first = certificates.children().find(|child| child.has_tag_name((XADES, "Cert")));
    let first = first.ok_or_else(|| bad("its properties name no certificate"))?;
    let named = only(first, (XADES, "CertDigest"))?;
    let value = decoded(only(named, (DSIG, "DigestValue"))?)?;
    if digest(algorithm(named, "DigestMethod")?)?.of(signer.der())? != value {
        return Err(Refused::signature("the list names another signer than --signer"));
    }
    Ok(properties)
}

/// One reference to the whole list, and one to the properties.
fn references<'a, 'i>(
    document: &'a Document<'i>,
    (root, signature, info): (Node<'a, 'i>, Node<'a, 'i>, Node<'a, 'i>),
    properties: Node<'a, 'i>,
) -> Result<(), Refused> {
    let all = info.children().filter(|child| child.has_tag_name((DSIG, "Reference")));
    let (own, others): (Vec<Node<'a, 'i>>, Vec<Node<'a, 'i>>) =
        all.partition(|node| node.attribute("Type") == Some(SIGNED_PROPERTIES));
    let (&[own], &[whole]) = (own.as_slice(), others.as_slice()) else {
        return Err(bad("it must refer to the list and to its properties, and to nothing else"));
    };
    let id = properties.attribute("Id").unwrap_or_default();
    // The element itself was found by its place: that another has the same identifier leads nobody astray.
    if id.is_empty() || own.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
        return Err(bad("a reference does not lead to its properties"));
    }
    transforms(own, &[EXCLUSIVE])?;
    same(own, &c14n::element(properties)?)?;
    transforms(whole, &[ENVELOPED, EXCLUSIVE])?;
    let content = match (whole.attribute("URI"), root.attribute("Id")) {
        (Some(""), _) => c14n::document(document, Some(signature))?,
        (Some(uri), Some(id)) if uri.strip_prefix('#') == Some(id) => c14n::without(root, signature)?,
        _ => return Err(bad("a reference does not lead to the list")),
    };
    same(whole, &content)
}

/// Exactly these transforms, in this order and without parameters.
fn transforms(reference: Node<'_, '_>, wanted: &[&str]) -> Result<(), Refused> {
    let list = only(reference, (DSIG, "Transforms"))?;
    let plain = |node: Node<'_, '_>| {
        node.has_tag_name((DSIG, "Transform")) && !node.children().any(|child| child.is_element())
    };
    let found: Vec<Node<'_, '_>> = list.children().filter(Node::is_element).collect();
    let named = found.iter().map(|node| node.attribute("Algorithm").unwrap_or_default());
    if found.iter().all(|node| plain(*node)) && named.eq(wanted.iter().copied()) {
        return Ok(());
    }
    Err(bad("a reference has other transforms than those of lists"))
}

fn same(reference: Node<'_, '_>, content: &[u8]) -> Result<(), Refused> {
    let hash = digest(algorithm(reference, "DigestMethod")?)?;
    if hash.of(content)? == decoded(only(reference, (DSIG, "DigestValue"))?)? {
        return Ok(());
    }
    Err(Refused::signature("the list was altered: a digest is another"))
}
