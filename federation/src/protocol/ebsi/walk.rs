//! Fetching what is judged: the subject's accreditations, then each one's ground, up to the root.
//!
//! What is known to be needed is asked for at once: a ground together with the DID document of whoever signed. Bounded
//! by requests, links, accreditations side by side, and pages; the deadline is the caller's.

use std::sync::atomic::{AtomicUsize, Ordering};

use charter_domain::{AuthorityId, Interval, Timestamp};
use futures::future::{BoxFuture, FutureExt as _, join_all};

use super::{
    Accredited, FAN_OUT, Fault, Fetch, Judged, Link, MAX_LINKS, MAX_PAGES, MAX_REQUESTS, Registry,
    check::Entry,
    fault::{Broken, Clause, broken},
    wire::{Document, Page, Role, attribute_id, did, read},
};

const JSON: &str = "application/json";
/// DIDR answers 406 to a bare `application/json`.
const DID_JSON: &str = "application/did+ld+json";
/// The largest page that EBSI gives.
const PAGE: usize = 50;

struct Walk<'a> {
    fetch: &'a dyn Fetch,
    registry: &'a Registry,
    at: Timestamp,
    requests: AtomicUsize,
}

/// An entry on the way up.
struct Step {
    entry: Entry,
    attribute: String,
    link: usize,
}

/// Everything that `subject` is accredited for at `at` under the registry's root.
///
/// # Errors
/// The fault of its first accreditation where none leads to the root, or what kept them from being had.
pub async fn judge(
    fetch: &dyn Fetch,
    registry: &Registry,
    subject: &AuthorityId,
    at: Timestamp,
) -> Result<Judged, Fault> {
    let walk = Walk { fetch, registry, at, requests: AtomicUsize::new(0) };
    let of_subject = |(clause, detail): Broken| fault(0, subject, "", clause, detail);
    did(subject.as_str()).map_err(of_subject)?;
    let (ids, now) = futures::join!(walk.attributes(subject), walk.document(subject, None));
    let (ids, (document, _)) = (ids.map_err(of_subject)?, now.map_err(of_subject)?);
    let keys = document.key_set().map_err(of_subject)?;
    let (mut accredited, mut faults) = (Vec::new(), Vec::new());
    for some in ids.chunks(FAN_OUT) {
        for found in join_all(some.iter().map(|id| walk.own(subject, id))).await {
            match found {
                Ok(one) => accredited.push(one),
                Err(fault) => faults.push(fault),
            }
        }
    }
    if !accredited.is_empty() {
        return Ok(Judged { subject: subject.clone(), keys, accredited, faults });
    }
    let nothing = || fault(0, subject, "", Clause::Role, "it has no accreditation".to_owned());
    Err(faults.into_iter().next().unwrap_or_else(nothing))
}

impl Walk<'_> {
    /// One accreditation of the subject.
    async fn own(&self, subject: &AuthorityId, id: &str) -> Result<Accredited, Fault> {
        let entry = self.entry(subject, id).await;
        let entry = entry.and_then(|entry| entry.stands(&self.registry.root, self.at).map(|()| entry));
        let entry = entry.map_err(|(clause, detail)| fault(0, subject, id, clause, detail))?;
        let (rights, may_accredit) = (entry.stated.rights.clone(), entry.may_accredit());
        let step = Step { entry, attribute: id.to_owned(), link: 0 };
        let links = self.up(step, Vec::new()).await?;
        let all = |held: Option<Interval>, link: &Link| held.and_then(|held| held.intersect(&link.valid));
        let valid = links.iter().fold(Some(Interval::ALWAYS), all);
        let never =
            || fault(0, subject, id, Clause::Validity, "its links are never valid together".to_owned());
        Ok(Accredited { links, rights, may_accredit, valid: valid.ok_or_else(never)? })
    }

    /// The links from this one up to the root's own; `below` has the subjects that were passed.
    fn up(&self, step: Step, below: Vec<AuthorityId>) -> BoxFuture<'_, Result<Vec<Link>, Fault>> {
        async move {
            let Step { entry, attribute, link } = step;
            let subject = entry.stated.subject.clone();
            let this = |(clause, detail): Broken| fault(link, &subject, &attribute, clause, detail);
            let top = entry.is_top(&self.registry.root);
            if !top {
                self.may_go_on(&entry, link, &below).map_err(this)?;
            }
            let issuer = entry.stated.issuer.clone();
            let ground = async { if top { Ok(Vec::new()) } else { self.ground(&entry).await } };
            let (document, grounds) =
                futures::join!(self.document(&issuer, Some(entry.stated.signed_at)), ground);
            let (document, text) = document.map_err(this)?;
            entry.signed_by(&document).map_err(this)?;
            let mut below = below;
            below.push(subject.clone());
            let mut rest = Vec::new();
            if !top {
                rest = self.shortest(&entry, grounds.map_err(this)?, link + 1, &below).await?;
            }
            let mut links = vec![Link {
                role: entry.attribute.role,
                accreditor: issuer,
                signed_at: entry.stated.signed_at,
                valid: entry.stated.valid,
                credential: entry.attribute.body,
                document: text,
                subject,
                attribute,
            }];
            links.append(&mut rest);
            Ok(links)
        }
        .boxed()
    }

    fn may_go_on(&self, entry: &Entry, link: usize, below: &[AuthorityId]) -> Result<(), Broken> {
        let (subject, issuer) = (&entry.stated.subject, &entry.stated.issuer);
        if issuer == subject || entry.attribute.role == Role::RootTao {
            let detail = format!("the chain ends at `{subject}`, not at `{}`", self.registry.root);
            return broken(Clause::Root, detail);
        }
        if below.contains(issuer) {
            return broken(Clause::Cycle, format!("its accreditor `{issuer}` stands below it"));
        }
        if link + 1 >= MAX_LINKS {
            return broken(Clause::Bound, format!("more than {MAX_LINKS} accreditations to the root"));
        }
        Ok(())
    }

    /// The accreditor's own accreditations that `entry` may rest on: those that it names, or all of them.
    async fn ground(&self, entry: &Entry) -> Result<Vec<(String, Result<Entry, Broken>)>, Broken> {
        let issuer = &entry.stated.issuer;
        let mut ids = entry.grounds(self.registry)?;
        if ids.is_empty() {
            ids = self.attributes(issuer).await?;
        }
        if ids.is_empty() {
            return broken(Clause::TermsOfUse, format!("its accreditor `{issuer}` has no accreditation"));
        }
        ids.truncate(FAN_OUT);
        let found = join_all(ids.iter().map(|id| self.entry(issuer, id))).await;
        Ok(ids.into_iter().zip(found).collect())
    }

    /// Through whichever ground leads to the root in the fewest links; the fault of the first where none does.
    async fn shortest(
        &self,
        child: &Entry,
        grounds: Vec<(String, Result<Entry, Broken>)>,
        link: usize,
        below: &[AuthorityId],
    ) -> Result<Vec<Link>, Fault> {
        let issuer = &child.stated.issuer;
        let through = grounds.into_iter().map(|(attribute, entry)| async move {
            let judged = entry.and_then(|entry| {
                entry.stands(&self.registry.root, self.at)?;
                entry.entitles(child).map(|()| entry)
            });
            match judged {
                Ok(entry) => self.up(Step { entry, attribute, link }, below.to_vec()).await,
                Err((clause, detail)) => Err(fault(link, issuer, &attribute, clause, detail)),
            }
        });
        let (mut best, mut first): (Option<Vec<Link>>, Option<Fault>) = (None, None);
        for found in join_all(through).await {
            match found {
                Ok(links) if best.as_ref().is_none_or(|held| links.len() < held.len()) => best = Some(links),
                Ok(_) => {}
                Err(fault) => _ = first.get_or_insert(fault),
            }
        }
        let nothing = || fault(link, issuer, "", Clause::TermsOfUse, "there is no ground".to_owned());
        best.ok_or_else(|| first.unwrap_or_else(nothing))
    }

    async fn entry(&self, subject: &AuthorityId, id: &str) -> Result<Entry, Broken> {
        let url = format!("{}/attributes/{}", self.issuer(subject), attribute_id(id)?);
        Entry::read(&self.get(&url, JSON).await?, subject)
    }

    /// A DID document as it is, or as it was at an instant; and its text.
    async fn document(&self, of: &AuthorityId, at: Option<Timestamp>) -> Result<(Document, String), Broken> {
        let then = at.map(|at| format!("?valid-at={at}")).unwrap_or_default();
        let url = format!("{}/did-registry/v5/identifiers/{}{then}", self.registry.base, segment(of));
        let bytes = self.get(&url, DID_JSON).await?;
        let document = Document::parse(&bytes, of)?;
        Ok((document, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Ids of all attributes of an issuer. The pages are counted here, whatever their links say.
    async fn attributes(&self, of: &AuthorityId) -> Result<Vec<String>, Broken> {
        let (mut all, list) = (Vec::new(), format!("{}/attributes", self.issuer(of)));
        for number in 1..=MAX_PAGES {
            let url = format!("{list}?page[after]={number}&page[size]={PAGE}");
            let page: Page = read(&self.get(&url, JSON).await?, "the list")?;
            let (ids, more) = page.ids(number)?;
            let before = all.len();
            for id in ids {
                // Pages may be larger than asked for.
                if all.len() >= MAX_PAGES * PAGE {
                    return broken(Clause::Bound, format!("it has more than {} accreditations", all.len()));
                }
                if !all.contains(&id) {
                    all.push(id);
                }
            }
            // A page without anything new is one that was seen before.
            if !more || all.len() == before {
                return Ok(all);
            }
        }
        broken(Clause::Bound, format!("the list of its accreditations has more than {MAX_PAGES} pages"))
    }

    fn issuer(&self, of: &AuthorityId) -> String {
        format!("{}/trusted-issuers-registry/v5/issuers/{}", self.registry.base, segment(of))
    }

    async fn get(&self, url: &str, accept: &'static str) -> Result<Vec<u8>, Broken> {
        if self.requests.fetch_add(1, Ordering::Relaxed) >= MAX_REQUESTS {
            return broken(Clause::Bound, format!("more than {MAX_REQUESTS} requests for one subject"));
        }
        let path = url.strip_prefix(self.registry.base.as_str()).unwrap_or(url);
        match self.fetch.get(url, accept).await {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => {
                broken(Clause::Unreachable, format!("`{path}` was answered with status {}", answer.status))
            }
            Err(why) => broken(Clause::Unreachable, format!("`{path}`: {why}")),
        }
    }
}

/// A DID as a segment of a path (RFC 3986, 3.3): what is no `pchar` of a DID is encoded, `%` included.
pub(super) fn segment(did: &AuthorityId) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":._-".contains(&b);
    let part = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    did.as_str().bytes().map(part).collect()
}

fn fault(link: usize, subject: &AuthorityId, attribute: &str, clause: Clause, detail: String) -> Fault {
    Fault { link, subject: subject.clone(), attribute: attribute.to_owned(), clause, detail }
}
