//! Who is in the demo: registries, the processes that serve them, what is delegated to whom.

use std::fmt::Write;

use super::{
    ebsi,
    witnesses::{self, Known},
};

/// A registry of the demo.
#[derive(Debug, Clone)]
pub struct Member {
    pub authority: &'static str,
    pub slug: &'static str,
    pub name: &'static str,
    pub jurisdiction: &'static str,
    /// Offset from the base port (7100).
    offset: u16,
    pub port: u16,
    pub superior: Option<&'static str>,
    /// Resources that the superior delegates; `*` at a national level.
    pub resources: &'static [&'static str],
    /// Records: a CSV file built into the program.
    pub records: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Process {
    pub name: &'static str,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub processes: Vec<Process>,
    /// Where staff sign in.
    pub issuer_port: u16,
}

pub const ROOT: &str = "did:web:eu-trust.example";
pub const FINLAND: &str = "did:web:trust.fi.example";
pub const HEALTH: &str = "did:web:health.trust.fi.example";
pub const GERMANY: &str = "did:web:trust.de.example";
pub const EDUCATION: &str = "did:web:education.trust.fi.example";
/// An invented authority that is no part of the EU.
pub const ATOLL: &str = "did:web:trust.atoll.example";
/// An invented root that accredits as EBSI's do; only its reads of EBSI are asked for.
pub const EBSI: &str = "did:web:ebsi.example";
/// The `acr` of a sign-in with a second factor.
pub const STEP_UP: &str = "urn:charter:mfa";
const ISSUER_OFFSET: u16 = 50;

const DEGREES: &[&str] = &["UniversityDegreeCredential"];
const FINNISH_DEGREES: &[&str] = &["UniversityDegreeCredential", "DiplomaCredential"];
const HEALTH_CREDENTIALS: &[&str] = &["HealthProfessionalCredential", "PrescriptionCredential"];
const BUSINESS: &[&str] = &["CompanyRegistrationCredential", "PowerOfRepresentationCredential"];
const GOVERNMENT: &[&str] = &["PersonIdentificationCredential", "ResidencePermitCredential"];
const ALL: &[&str] = &["*"];

macro_rules! member {
    ($authority:expr, $slug:literal, $name:literal, $place:literal, $offset:literal, $superior:expr, $resources:expr, $records:expr) => {
        Member {
            authority: $authority,
            slug: $slug,
            name: $name,
            jurisdiction: $place,
            offset: $offset,
            port: 0,
            superior: $superior,
            resources: $resources,
            records: $records,
        }
    };
}

fn processes() -> Vec<Process> {
    let process = |name, members| Process { name, members };
    let germany = Some(GERMANY);
    let estonia = Some("did:web:trust.ee.example");
    let sweden = Some("did:web:trust.se.example");
    let (root, finland) = (Some(ROOT), Some(FINLAND));
    vec![
        process("eu", vec![member!(ROOT, "eu", "EU root", "EU", 0, None, ALL, None)]),
        process(
            "atoll",
            vec![
                member!(
                    ATOLL,
                    "atoll",
                    "Atoll (invented)",
                    "XX",
                    350,
                    None,
                    DEGREES,
                    Some(include_str!("data/atoll.csv"))
                ),
                member!(
                    EBSI,
                    "ebsi",
                    "Root in the manner of EBSI (invented)",
                    "EU",
                    360,
                    None,
                    DEGREES,
                    None
                ),
            ],
        ),
        process("fi", vec![member!(FINLAND, "fi", "Finland", "FI", 100, root, ALL, None)]),
        process(
            "fi-education",
            vec![member!(
                EDUCATION,
                "fi-education",
                "Finland, education",
                "FI",
                110,
                finland,
                FINNISH_DEGREES,
                Some(include_str!("data/fi-education.csv"))
            )],
        ),
        process(
            "fi-sectors",
            vec![
                member!(
                    HEALTH,
                    "fi-health",
                    "Finland, health",
                    "FI",
                    120,
                    finland,
                    HEALTH_CREDENTIALS,
                    Some(include_str!("data/fi-health.csv"))
                ),
                member!(
                    "did:web:business.trust.fi.example",
                    "fi-business",
                    "Finland, business",
                    "FI",
                    130,
                    finland,
                    BUSINESS,
                    Some(include_str!("data/fi-business.csv"))
                ),
                member!(
                    "did:web:government.trust.fi.example",
                    "fi-government",
                    "Finland, government",
                    "FI",
                    140,
                    finland,
                    GOVERNMENT,
                    Some(include_str!("data/fi-government.csv"))
                ),
            ],
        ),
        process(
            "neighbours",
            vec![
                member!(GERMANY, "de", "Germany", "DE", 200, root, ALL, None),
                member!(
                    "did:web:education.trust.de.example",
                    "de-education",
                    "Germany, education",
                    "DE",
                    210,
                    germany,
                    DEGREES,
                    Some(include_str!("data/de-education.csv"))
                ),
                member!("did:web:trust.ee.example", "ee", "Estonia", "EE", 300, root, ALL, None),
                member!(
                    "did:web:education.trust.ee.example",
                    "ee-education",
                    "Estonia, education",
                    "EE",
                    310,
                    estonia,
                    DEGREES,
                    Some(include_str!("data/ee-education.csv"))
                ),
                member!("did:web:trust.se.example", "se", "Sweden", "SE", 400, root, ALL, None),
                member!(
                    "did:web:education.trust.se.example",
                    "se-education",
                    "Sweden, education",
                    "SE",
                    410,
                    sweden,
                    DEGREES,
                    Some(include_str!("data/se-education.csv"))
                ),
            ],
        ),
    ]
}

impl Plan {
    pub fn new(base_port: u16) -> anyhow::Result<Self> {
        let port = |offset| {
            base_port.checked_add(offset).ok_or_else(|| {
                anyhow::anyhow!("--base-port {base_port} is too high: ports go up to base + 410")
            })
        };
        let mut processes = processes();
        for member in processes.iter_mut().flat_map(|p| &mut p.members) {
            member.port = port(member.offset)?;
        }
        Ok(Self { processes, issuer_port: port(ISSUER_OFFSET)? })
    }

    /// The provider where staff sign in, as tokens name it.
    pub fn issuer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.issuer_port)
    }

    pub fn registries(&self) -> impl Iterator<Item = &Member> {
        self.processes.iter().flat_map(|p| &p.members)
    }

    pub fn member(&self, authority: &str) -> Option<&Member> {
        self.registries().find(|m| m.authority == authority)
    }
}

impl Member {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    fn language(&self) -> &'static str {
        match self.jurisdiction {
            "FI" => "fi",
            "DE" => "de",
            "EE" => "et",
            "SE" => "sv",
            _ => "en",
        }
    }
    pub fn https(&self) -> String {
        self.authority.replace("did:web:", "https://")
    }
}

impl Process {
    /// The configuration file of this process; without `keys`, logs have no witnesses.
    pub fn config(&self, database_url: &str, dir: &std::path::Path, plan: &Plan, keys: &Known) -> String {
        let dir = dir.display();
        // Whatever else the machine has to do: a demonstration is patient. Its entities have names of real institutions,
        // which are not asked.
        let mut text = format!(
            "[database]\nurl = \"{database_url}\"\n\n[keys]\nkek_file = \"{dir}/kek\"\n\n[bootstrap]\n\
             token_file = \"{dir}/bootstrap-token\"\n\n[log_store]\ndir = \"{dir}/log\"\n\n[log]\nfilter = \"warn\"\n\n\
             [limits]\ndeadline_ms = 10000\n\n[dids]\nresolve = \"off\"\n"
        );
        if self.members.iter().any(|m| m.authority == EDUCATION) {
            let issuer = plan.issuer_url();
            let _ = write!(
                text,
                "\n[[oidc]]\nissuer = \"{issuer}\"\naudience = \"charter\"\napprove_acr = [\"{STEP_UP}\"]\n"
            );
        }
        for m in &self.members {
            let superiors = m.superior.map(|s| {
                let endpoint = plan.member(s).map(Member::url).unwrap_or_default();
                let id = s.replace("did:web:", "https://");
                format!(
                    "superiors = [\"{id}\"]
superior_endpoint = \"{endpoint}\"
"
                )
            });
            let _ = write!(
                text,
                "\n[[registries]]\nauthority_id = \"{}\"\nslug = \"{}\"\nname = \"{}\"\njurisdiction = \"{}\"\nlanguage = \"{}\"\n\
                 public_url = \"{}\"\ngovernance_framework = \"{}/governance\"\n{}{}{}\n\
                 [[listeners]]\naddress = \"127.0.0.1:{}\"\nregistry = \"{}\"\n",
                m.authority,
                m.slug,
                m.name,
                m.jurisdiction,
                m.language(),
                m.url(),
                m.https(),
                superiors.unwrap_or_default(),
                witnesses::settings(m.authority, plan, keys),
                ebsi::settings(m.authority, plan),
                m.port,
                m.authority,
            );
        }
        text
    }
}
