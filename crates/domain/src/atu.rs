//! Jurisdictions as EBSI writes them: URIs of the authority table "administrative territorial unit" of the Publications
//! Office of the EU, with countries under their ISO 3166-1 alpha-3 codes and the Union as `EUR`.

use crate::scope::Jurisdiction;

/// Where the table's URIs begin; both schemes are met.
const BASES: [&str; 2] = [
    "https://publications.europa.eu/resource/authority/atu/",
    "http://publications.europa.eu/resource/authority/atu/",
];

/// The Union, its members, the EEA, and the countries of Europe that take part in its programmes.
const CODES: &[(&str, &str)] = &[
    ("EU", "EUR"),
    ("AD", "AND"),
    ("AL", "ALB"),
    ("AT", "AUT"),
    ("BA", "BIH"),
    ("BE", "BEL"),
    ("BG", "BGR"),
    ("CH", "CHE"),
    ("CY", "CYP"),
    ("CZ", "CZE"),
    ("DE", "DEU"),
    ("DK", "DNK"),
    ("EE", "EST"),
    ("ES", "ESP"),
    ("FI", "FIN"),
    ("FR", "FRA"),
    ("GB", "GBR"),
    ("GE", "GEO"),
    ("GR", "GRC"),
    ("HR", "HRV"),
    ("HU", "HUN"),
    ("IE", "IRL"),
    ("IS", "ISL"),
    ("IT", "ITA"),
    ("LI", "LIE"),
    ("LT", "LTU"),
    ("LU", "LUX"),
    ("LV", "LVA"),
    ("MC", "MCO"),
    ("MD", "MDA"),
    ("ME", "MNE"),
    ("MK", "MKD"),
    ("MT", "MLT"),
    ("NL", "NLD"),
    ("NO", "NOR"),
    ("PL", "POL"),
    ("PT", "PRT"),
    ("RO", "ROU"),
    ("RS", "SRB"),
    ("SE", "SWE"),
    ("SI", "SVN"),
    ("SK", "SVK"),
    ("SM", "SMR"),
    ("TR", "TUR"),
    ("UA", "UKR"),
    ("VA", "VAT"),
];

/// The URI of a country or of the Union. `None` for what has none here: other countries, and parts of one (`FI-01`),
/// which the country's URI would widen.
pub fn uri(country: &Jurisdiction) -> Option<String> {
    let (_, code) = CODES.iter().find(|(two, _)| *two == country.as_str())?;
    let base = BASES.first()?;
    Some(format!("{base}{code}"))
}

/// What such a URI names; `None` for any other text, so that whoever reads it limits more and never less.
pub fn country(uri: &str) -> Option<Jurisdiction> {
    let code = BASES.iter().find_map(|base| uri.strip_prefix(base))?;
    let (two, _) = CODES.iter().find(|(_, three)| *three == code)?;
    Jurisdiction::parse(two).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn place(code: &str) -> Jurisdiction {
        Jurisdiction::parse(code).expect("a jurisdiction")
    }

    #[test]
    fn every_country_has_one_uri_and_comes_back() {
        let two: BTreeSet<_> = CODES.iter().map(|(two, _)| two).collect();
        let three: BTreeSet<_> = CODES.iter().map(|(_, three)| three).collect();
        assert_eq!((two.len(), three.len()), (CODES.len(), CODES.len()));
        for (code, _) in CODES {
            let uri = uri(&place(code)).expect("in the table");
            assert_eq!(country(&uri), Some(place(code)));
        }
    }

    #[test]
    fn the_members_of_the_union_and_of_the_eea_are_there() {
        let all = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK IS LI NO";
        assert_eq!(all.split(' ').filter(|code| uri(&place(code)).is_some()).count(), 30);
        let finland = "https://publications.europa.eu/resource/authority/atu/FIN";
        assert_eq!(uri(&place("FI")).as_deref(), Some(finland));
        assert_eq!(country(&finland.replace("https", "http")), Some(place("FI")));
    }

    #[test]
    fn what_has_no_uri_is_not_widened_to_one_that_has() {
        assert_eq!(uri(&place("FI-01")), None);
        assert_eq!(uri(&place("ZZ")), None);
        let base = "https://publications.europa.eu/resource/authority/atu/";
        let others = ["", "fin", "FIN_1", "FIN/", "FIN#x", "XXX", "FI"].map(|code| format!("{base}{code}"));
        for bad in others.iter().map(String::as_str).chain(["FIN", "https://evil.example/FIN", "EUR"]) {
            assert_eq!(country(bad), None, "{bad}");
        }
    }
}
