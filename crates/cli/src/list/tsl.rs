//! ETSI TS 119 612 in XML: a trusted list whose signature covers all of it. Elements at places that the standard gives to
//! others refuse the list.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use charter_domain::Timestamp;
use roxmltree::{Document, Node, ParsingOptions};

use super::{
    Refused,
    model::{Entity, List, Service, State},
    signer::Pinned,
    xades,
};

const TSL: &str = "http://uri.etsi.org/02231/v2#";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Elements, texts and comments of one list; the largest national ones have some hundred thousand.
const MAX_NODES: u32 = 4_000_000;

/// Verifies and reads.
pub(super) fn read(bytes: &[u8], signer: &Pinned) -> Result<List, Refused> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| Refused::form("the list is not UTF-8 text"))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|e| Refused::form(format!("the list is not acceptable as XML: {e}")))?;
    let root = document.root_element();
    if !root.has_tag_name((TSL, "TrustServiceStatusList")) {
        return Err(Refused::form("the list is not of ETSI TS 119 612"));
    }
    xades::verify(&document, signer)?;
    list(root)
}

fn places(node: Node<'_, '_>, known: &[&str]) -> Result<(), Refused> {
    let strange = node.children().filter(Node::is_element).find(|child| {
        let name = child.tag_name();
        !(name.namespace() == Some(TSL) && known.contains(&name.name()))
    });
    strange.map_or(Ok(()), |child| {
        let (outer, inner) = (node.tag_name().name(), child.tag_name().name());
        Err(Refused::form(format!("`{inner:.64}` has no place in `{outer}`")))
    })
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name((TSL, name)))
}

fn children<'a, 'i>(node: Option<Node<'a, 'i>>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.into_iter().flat_map(move |node| node.children().filter(move |c| c.has_tag_name((TSL, name))))
}

fn text(node: Node<'_, '_>) -> String {
    xades::content(node).trim().to_owned()
}

fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    child(node, name).map(text).filter(|text| !text.is_empty())
}

fn time(text: &str) -> Result<Timestamp, Refused> {
    Timestamp::parse(text).map_err(|_| Refused::form(format!("`{text:.40}` is no time")))
}

/// Texts with their languages, as in `<Name xml:lang="en">`.
fn names(node: Option<Node<'_, '_>>) -> Vec<(String, String)> {
    let lang = |node: Node<'_, '_>| node.attribute((XML, "lang")).unwrap_or("und").to_owned();
    children(node, "Name").map(|name| (lang(name), text(name))).collect()
}

fn left(node: Node<'_, '_>, names: &[&str]) -> Vec<String> {
    names.iter().filter(|name| child(node, name).is_some()).map(|name| (*name).to_owned()).collect()
}

const SCHEME: [&str; 17] = [
    "TSLVersionIdentifier",
    "TSLSequenceNumber",
    "TSLType",
    "SchemeOperatorName",
    "SchemeOperatorAddress",
    "SchemeName",
    "SchemeInformationURI",
    "StatusDeterminationApproach",
    "SchemeTypeCommunityRules",
    "SchemeTerritory",
    "PolicyOrLegalNotice",
    "HistoricalInformationPeriod",
    "PointersToOtherTSL",
    "ListIssueDateTime",
    "NextUpdate",
    "DistributionPoints",
    "SchemeExtensions",
];

fn list(root: Node<'_, '_>) -> Result<List, Refused> {
    let strange = root.children().filter(Node::is_element).find(|child| {
        !child.has_tag_name((TSL, "SchemeInformation"))
            && !child.has_tag_name((TSL, "TrustServiceProviderList"))
            && !child.has_tag_name((DSIG, "Signature"))
    });
    if let Some(child) = strange {
        return Err(Refused::form(format!("`{:.64}` has no place in the list", child.tag_name().name())));
    }
    let missing = |name: &str| Refused::form(format!("the list has no `{name}`"));
    let scheme = child(root, "SchemeInformation").ok_or_else(|| missing("SchemeInformation"))?;
    places(scheme, &SCHEME)?;
    let version = text_of(scheme, "TSLVersionIdentifier").unwrap_or_default();
    if !["5", "6"].contains(&version.as_str()) {
        return Err(Refused::form(format!("version `{version:.20}` of the format is not known")));
    }
    let issued = text_of(scheme, "ListIssueDateTime").ok_or_else(|| missing("ListIssueDateTime"))?;
    let sequence = text_of(scheme, "TSLSequenceNumber").and_then(|text| text.parse().ok());
    let next = child(scheme, "NextUpdate").and_then(|next| text_of(next, "dateTime"));
    let providers = child(root, "TrustServiceProviderList");
    let uri = |name: &str| children(child(scheme, name), "URI").map(text).next();
    Ok(List {
        operator: names(child(scheme, "SchemeOperatorName")).into_iter().collect(),
        territory: text_of(scheme, "SchemeTerritory"),
        sequence: sequence.ok_or_else(|| missing("TSLSequenceNumber"))?,
        issued: time(&issued)?,
        next_update: next.as_deref().map(time).transpose()?,
        location: uri("DistributionPoints").or_else(|| uri("SchemeInformationURI")),
        entities: children(providers, "TrustServiceProvider").map(entity).collect::<Result<_, _>>()?,
        left: left(
            scheme,
            &[
                "TSLType",
                "SchemeOperatorAddress",
                "SchemeName",
                "StatusDeterminationApproach",
                "SchemeTypeCommunityRules",
                "PolicyOrLegalNotice",
                "HistoricalInformationPeriod",
                "PointersToOtherTSL",
                "SchemeExtensions",
            ],
        ),
    })
}

fn entity(provider: Node<'_, '_>) -> Result<Entity, Refused> {
    places(provider, &["TSPInformation", "TSPServices"])?;
    let missing = || Refused::form("a `TrustServiceProvider` has no `TSPInformation`");
    let information = child(provider, "TSPInformation").ok_or_else(missing)?;
    let known = ["TSPName", "TSPTradeName", "TSPAddress", "TSPInformationURI", "TSPInformationExtensions"];
    places(information, &known)?;
    let address = child(information, "TSPAddress").and_then(|address| child(address, "PostalAddresses"));
    let country = children(address, "PostalAddress").find_map(|postal| text_of(postal, "CountryName"));
    let services = child(provider, "TSPServices");
    Ok(Entity {
        names: names(child(information, "TSPName")),
        registered: names(child(information, "TSPTradeName")).into_iter().map(|(_, name)| name).collect(),
        country,
        services: children(services, "TSPService").map(service).collect::<Result<_, _>>()?,
        left: left(information, &["TSPAddress", "TSPInformationURI", "TSPInformationExtensions"]),
    })
}

fn service(service: Node<'_, '_>) -> Result<Service, Refused> {
    places(service, &["ServiceInformation", "ServiceHistory"])?;
    let missing = || Refused::form("a `TSPService` has no `ServiceInformation`");
    let information = child(service, "ServiceInformation").ok_or_else(missing)?;
    let known = [
        "ServiceTypeIdentifier",
        "ServiceName",
        "ServiceDigitalIdentity",
        "ServiceStatus",
        "StatusStartingTime",
        "SchemeServiceDefinitionURI",
        "ServiceSupplyPoints",
        "TSPServiceDefinitionURI",
        "ServiceInformationExtensions",
    ];
    places(information, &known)?;
    let history = child(service, "ServiceHistory");
    let mut states = vec![state(information)?];
    for past in children(history, "ServiceHistoryInstance") {
        states.push(state(past)?);
    }
    // The kind of the service itself is that of what is in force.
    let kind = states.first_mut().and_then(|state| state.kind.take());
    let extensions = child(information, "ServiceInformationExtensions");
    let is_critical = |node: &Node<'_, '_>| matches!(node.attribute("Critical"), Some("true" | "1"));
    let critical = children(extensions, "Extension").find(is_critical);
    let of = |name: &'static str| {
        let identity = child(information, "ServiceDigitalIdentity");
        children(identity, "DigitalId").filter_map(move |id| child(id, name))
    };
    let der = |node: Node<'_, '_>| {
        let text: String = xades::content(node).split_ascii_whitespace().collect();
        STANDARD.decode(text).map_err(|_| Refused::form("a certificate in the list is not base64"))
    };
    let mut left = left(
        information,
        &[
            "SchemeServiceDefinitionURI",
            "ServiceSupplyPoints",
            "TSPServiceDefinitionURI",
            "ServiceInformationExtensions",
        ],
    );
    let identities = ["X509Certificate", "X509SubjectName", "X509SKI", "KeyValue", "Other"];
    left.extend(identities.into_iter().filter(|name| of(name).next().is_some()).map(str::to_owned));
    Ok(Service {
        kind,
        name: names(child(information, "ServiceName")).into_iter().map(|(_, name)| name).next(),
        others: Vec::new(),
        certificates: of("X509Certificate").map(der).collect::<Result<_, _>>()?,
        states,
        valid_until: None,
        jurisdictions: Vec::new(),
        critical: critical.map(|_| "ServiceInformationExtensions".to_owned()),
        left,
    })
}

/// The standard asks for a status of each: what has none is not in force for that.
fn state(node: Node<'_, '_>) -> Result<State, Refused> {
    let status = text_of(node, "ServiceStatus");
    Ok(State {
        kind: text_of(node, "ServiceTypeIdentifier"),
        status: Some(status.ok_or_else(|| Refused::form("a service has no `ServiceStatus`"))?),
        since: text_of(node, "StatusStartingTime").as_deref().map(time).transpose()?,
    })
}
