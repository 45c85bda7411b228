//! The text of an answer, cut where goes what is of the moment. The door that renders the text says where; the answer is
//! kept with the pieces, so that the next question costs a copy.

use bytes::Bytes;
use charter_domain::RegistryId;

use super::{answer::Reply, log::state};
use crate::App;

/// Pieces of a text; between them goes a `Moment`.
#[derive(Debug)]
pub struct Prepared([Bytes; 5]);

/// What goes there, in this order: times in RFC 3339, and how far the log is.
pub struct Moment {
    pub evaluated: String,
    pub published: i64,
    pub log: &'static str,
    pub expires: String,
}

impl Moment {
    pub fn of(app: &App, asked: RegistryId, reply: &Reply) -> Self {
        Self {
            evaluated: reply.evaluated_at.to_string(),
            published: state::shown(app, asked),
            log: state::log(app, asked, reply),
            expires: reply.expires_at.to_string(),
        }
    }
}

impl Prepared {
    /// Cuts out these marks, which stand in the text in this order.
    pub fn cut(text: &str, marks: [&str; 4]) -> Self {
        let mut rest = text;
        let mut parts = [const { Bytes::new() }; 5];
        for (part, mark) in parts.iter_mut().zip(marks) {
            let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
            (*part, rest) = (Bytes::copy_from_slice(before.as_bytes()), after);
        }
        parts[4] = Bytes::copy_from_slice(rest.as_bytes());
        Self(parts)
    }

    /// In one piece of memory.
    pub fn fill(&self, moment: &Moment) -> Vec<u8> {
        let [head, parts @ ..] = &self.0;
        let published = moment.published.to_string();
        let filled = [moment.evaluated.as_str(), &published, moment.log, &moment.expires];
        let size: usize = self.0.iter().map(Bytes::len).chain(filled.iter().map(|text| text.len())).sum();
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(head);
        for (text, part) in filled.iter().zip(parts) {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(part);
        }
        out
    }
}
