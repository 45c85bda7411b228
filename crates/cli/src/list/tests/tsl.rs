//! XML lists, signed here over canonical bytes that were written by hand: no code of ours makes what it verifies.

use openssl::hash::{MessageDigest, hash};

use super::*;

const DS: &str = " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
const XADES: &str = " xmlns:xades=\"http://uri.etsi.org/01903/v1.3.2#\"";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

fn digest(text: &str) -> String {
    STANDARD.encode(hash(MessageDigest::sha256(), text.as_bytes()).expect("a digest"))
}

/// The list without its signature and in canonical form already; the comment and the empty tag of `shown` are not.
fn body(service: &str) -> String {
    format!(
        "<TrustServiceStatusList xmlns=\"http://uri.etsi.org/02231/v2#\" Id=\"list\" TSLTag=\"t\"><SchemeInformation>\
         <TSLVersionIdentifier>5</TSLVersionIdentifier><TSLSequenceNumber>7</TSLSequenceNumber>\
         <SchemeOperatorName><Name xml:lang=\"en\">Registry of Degrees</Name></SchemeOperatorName>\
         <SchemeTerritory>FI</SchemeTerritory><ListIssueDateTime>2026-11-01T00:00:00Z</ListIssueDateTime>\
         <NextUpdate><dateTime>2027-01-01T00:00:00Z</dateTime></NextUpdate></SchemeInformation>\
         <TrustServiceProviderList><TrustServiceProvider><TSPInformation>\
         <TSPName><Name xml:lang=\"en\">A &amp; B</Name></TSPName>\
         <TSPTradeName><Name xml:lang=\"en\">VATFI-12345678</Name></TSPTradeName>\
         <TSPAddress><PostalAddresses><PostalAddress xml:lang=\"en\"><CountryName>SE</CountryName></PostalAddress>\
         </PostalAddresses></TSPAddress></TSPInformation><TSPServices><TSPService><ServiceInformation>\
         <ServiceTypeIdentifier>http://types.example/CA</ServiceTypeIdentifier>\
         <ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus>\
         <StatusStartingTime>2026-03-01T00:00:00Z</StatusStartingTime>{service}</ServiceInformation></TSPService>\
         </TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>"
    )
}

/// How a list is signed; tests change a part.
struct Form {
    method: &'static str,
    /// Of the reference to the whole list.
    transforms: String,
    uri: &'static str,
    /// Between the two references.
    more: &'static str,
    target: &'static str,
}

impl Default for Form {
    fn default() -> Self {
        let transform = |name: &str| format!("<ds:Transform Algorithm=\"{name}\"></ds:Transform>");
        let enveloped = transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature");
        Self {
            method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            transforms: enveloped + &transform(EXCLUSIVE),
            uri: "",
            more: "",
            target: "#sig",
        }
    }
}

impl Form {
    /// The element `Signature` over a body, by a scheme.
    fn signature(&self, scheme: &Scheme, body: &str) -> String {
        let certificate = STANDARD.encode(hash(MessageDigest::sha256(), &scheme.der()).expect("a digest"));
        let properties = |own: &str, ds: &str| {
            format!(
                "<xades:SignedProperties{own} Id=\"sp\"><xades:SignedSignatureProperties>\
                 <xades:SigningTime>2026-11-01T00:00:00Z</xades:SigningTime><xades:SigningCertificateV2><xades:Cert>\
                 <xades:CertDigest><ds:DigestMethod{ds} Algorithm=\"{SHA256}\"></ds:DigestMethod>\
                 <ds:DigestValue{ds}>{certificate}</ds:DigestValue></xades:CertDigest></xades:Cert>\
                 </xades:SigningCertificateV2></xades:SignedSignatureProperties></xades:SignedProperties>"
            )
        };
        let method = format!("<ds:DigestMethod Algorithm=\"{SHA256}\"></ds:DigestMethod>");
        let own = digest(&properties(XADES, DS));
        let info = |ds: &str| {
            format!(
                "<ds:SignedInfo{ds}><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
                 <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
                 <ds:Reference URI=\"{}\"><ds:Transforms>{}</ds:Transforms>{method}\
                 <ds:DigestValue>{}</ds:DigestValue></ds:Reference>{}\
                 <ds:Reference Type=\"http://uri.etsi.org/01903#SignedProperties\" URI=\"#sp\"><ds:Transforms>\
                 <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>{method}\
                 <ds:DigestValue>{own}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
                self.method,
                self.uri,
                self.transforms,
                digest(body),
                self.more,
            )
        };
        let value = STANDARD.encode(scheme.signs(info(DS).as_bytes()));
        format!(
            "<ds:Signature{DS} Id=\"sig\">{}<ds:SignatureValue>{value}</ds:SignatureValue><ds:Object>\
             <xades:QualifyingProperties{XADES} Target=\"{}\">{}</xades:QualifyingProperties></ds:Object></ds:Signature>",
            info(""),
            self.target,
            properties("", ""),
        )
    }

    /// The whole file.
    fn file(&self, scheme: &Scheme, service: &str) -> String {
        let body = body(service);
        let signature = self.signature(scheme, &body);
        let end = "</TrustServiceStatusList>";
        let inside = body.strip_suffix(end).expect("it ends so");
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{inside}{signature}{end}")
    }
}

fn taken(text: &str, signer: &Pinned) -> Result<(Vec<RawRecord>, Report), Refused> {
    reads(text.as_bytes(), Format::Tsl, signer)
}

/// The element as it stands in a file: an ECDSA signature is never the same again.
fn signature_in(file: &str) -> &str {
    let (from, end) = (file.find("<ds:Signature").expect("its beginning"), "</ds:Signature>");
    let until = file.find(end).expect("its end") + end.len();
    &file[from..until]
}

#[test]
fn an_xml_list_becomes_records() {
    let scheme = Scheme::new();
    let file = Form::default().file(&scheme, "");
    // What the canonical form does not see may be another.
    let shown = file
        .replace("<SchemeTerritory>", "<!-- a remark --><SchemeTerritory >")
        .replace("Id=\"list\" TSLTag=\"t\"", "TSLTag = 't'\n Id='list'");
    for text in [&file, &shown] {
        let (records, report) = taken(text, &scheme.pinned()).expect("read");
        assert_eq!((report.sequence, report.entities, report.notes.len()), (7, 1, 0), "{:?}", report.notes);
        let record = &records[0];
        assert_eq!((record.identifier.as_str(), record.country.as_str()), ("VATFI-12345678", "SE"));
        assert_eq!(record.names["en"], "A & B");
        let one = &record.authorizations[0];
        let said =
            (one.action.as_str(), one.resource.as_str(), one.valid_from.as_str(), one.valid_until.as_str());
        assert_eq!(said, ("issue", "Certificate", "2026-03-01T00:00:00Z", ""));
    }
    let remarked = file.replace("VATFI-12345678", "VATFI-1234<!-- -->5678");
    let (records, _) = taken(&remarked, &scheme.pinned()).expect("no comment is signed");
    assert_eq!(records[0].identifier, "VATFI-12345678", "nor does it cut a text short");
    let whole = Form { uri: "#list", ..Form::default() };
    assert!(taken(&whole.file(&scheme, ""), &scheme.pinned()).is_ok(), "the list by its identifier");
}

#[test]
fn a_service_without_a_status_is_not_in_force_for_that() {
    let scheme = Scheme::new();
    let (granted, end) =
        ("http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted", "</TrustServiceStatusList>");
    let body = body("").replace(granted, "");
    let signature = Form::default().signature(&scheme, &body);
    let file = body.replace(end, &format!("{signature}{end}"));
    assert!(matches!(taken(&file, &scheme.pinned()), Err(Refused::Form(_))));
}

#[test]
fn another_signer_and_another_byte_are_refused() {
    let (scheme, other) = (Scheme::new(), Scheme::new());
    let file = Form::default().file(&scheme, "");
    let is_signature =
        |text: &str, signer: &Pinned| matches!(taken(text, signer), Err(Refused::Signature(_)));
    assert!(is_signature(&file, &other.pinned()));
    for (from, to) in [
        ("VATFI-12345678", "VATFI-12345679"),
        ("Svcstatus/granted", "Svcstatus/granter"),
        ("<TSLSequenceNumber>7", "<TSLSequenceNumber>8"),
        ("<SchemeTerritory>FI", "<SchemeTerritory> FI"),
        ("SigningTime>2026-11-01", "SigningTime>2026-11-02"),
        (" TSLTag=\"t\"", ""),
    ] {
        let altered = file.replacen(from, to, 1);
        assert_ne!(altered, file, "{from}");
        assert!(is_signature(&altered, &scheme.pinned()), "{from}");
    }
    // The certificate that is named is covered too.
    let theirs = Form::default().signature(&other, &body(""));
    assert!(is_signature(&file.replace(signature_in(&file), &theirs), &scheme.pinned()));
}

#[test]
fn a_signature_of_less_than_the_list_is_refused() {
    let scheme = Scheme::new();
    let transform = |name: &str| format!("<ds:Transform Algorithm=\"{name}\"></ds:Transform>");
    let enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    let other = "<ds:Reference URI=\"#other\"></ds:Reference>";
    for (form, why) in [
        (Form { transforms: transform(enveloped), ..Form::default() }, "not exclusive"),
        (Form { transforms: transform(EXCLUSIVE), ..Form::default() }, "not enveloped"),
        (
            Form {
                transforms: transform(enveloped) + &transform(xpath) + &transform(EXCLUSIVE),
                ..Form::default()
            },
            "a path",
        ),
        (Form { uri: "#sp", ..Form::default() }, "the properties alone"),
        (Form { uri: "http://lists.example/list.xml", ..Form::default() }, "somewhere else"),
        (Form { more: other, ..Form::default() }, "a third reference"),
        (Form { target: "#other", ..Form::default() }, "properties of another"),
        (Form { method: "http://www.w3.org/2000/09/xmldsig#hmac-sha1", ..Form::default() }, "no key at all"),
        (
            Form { method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", ..Form::default() },
            "another kind of key",
        ),
    ] {
        let file = form.file(&scheme, "");
        assert!(matches!(taken(&file, &scheme.pinned()), Err(Refused::Signature(_))), "{why}");
    }
    let file = Form::default().file(&scheme, "");
    let signature = signature_in(&file);
    // Wrapped: the signed list within another one.
    let inner = file.split_once("?>\n").expect("a declaration").1;
    let outer = format!(
        "<TrustServiceStatusList xmlns=\"http://uri.etsi.org/02231/v2#\">{inner}</TrustServiceStatusList>"
    );
    for bad in
        [outer, file.replace(signature, ""), file.replace(signature, &format!("{signature}{signature}"))]
    {
        assert!(taken(&bad, &scheme.pinned()).is_err());
    }
}

#[test]
fn entities_a_dtd_and_other_xml_are_refused_before_anything_is_verified() {
    let scheme = Scheme::new();
    let file = Form::default().file(&scheme, "");
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    for dtd in [
        "<!DOCTYPE TrustServiceStatusList>",
        "<!DOCTYPE t [<!ENTITY a \"b\">]>",
        "<!DOCTYPE t SYSTEM \"file:///etc/passwd\">",
    ] {
        let bad = file.replacen(declaration, &format!("{declaration}{dtd}"), 1);
        assert!(matches!(taken(&bad, &scheme.pinned()), Err(Refused::Form(_))), "{dtd}");
    }
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    for bad in [file.replace("A &amp; B", "&e;"), "<a/>".to_owned(), deep, String::new()] {
        assert!(matches!(taken(&bad, &scheme.pinned()), Err(Refused::Form(_))));
    }
}

#[test]
fn what_must_be_understood_is_not_carried_and_strange_elements_refuse_the_list() {
    let scheme = Scheme::new();
    let extension = |critical: &str| {
        format!(
            "<ServiceInformationExtensions><Extension Critical=\"{critical}\"></Extension></ServiceInformationExtensions>"
        )
    };
    let (records, report) =
        taken(&Form::default().file(&scheme, &extension("true")), &scheme.pinned()).expect("read");
    assert_eq!(records, []);
    assert!(report.counts.iter().any(|c| c.reason.contains("understood")), "{:?}", report.counts);
    let (records, _) =
        taken(&Form::default().file(&scheme, &extension("false")), &scheme.pinned()).expect("read");
    assert_eq!(records.len(), 1);
    let strange = Form::default().file(&scheme, "<Nonsense></Nonsense>");
    assert!(matches!(taken(&strange, &scheme.pinned()), Err(Refused::Form(_))));
}
