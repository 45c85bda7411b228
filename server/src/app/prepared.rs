//! The texts of an answer, cut where goes what is of the moment. The door that renders a text says where; the answer is
//! kept with the pieces, so that the next question costs a copy.

use std::sync::OnceLock;

use charter_cache::Lookup;
use charter_domain::RegistryId;
use serde_json::{Value, json};

use super::{answer::Reply, log::state};
use crate::{App, breakglass::answer::is_denied};

/// A text, and where in it go the parts of a `Moment`.
#[derive(Debug)]
pub struct Prepared {
    text: Box<str>,
    cuts: [usize; 4],
}

/// As what an answer is rendered: each form has a text of its own.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Trqp,
    AuthZen,
}

/// The texts of one answer, each made when it is first asked for.
#[derive(Debug, Default)]
pub struct Texts([OnceLock<Prepared>; 2]);

/// What is of the moment: times in RFC 3339, and how far the log is.
pub struct Moment {
    pub evaluated: String,
    pub published: i64,
    pub log: &'static str,
    pub expires: String,
}

/// The same as a text has it, in this order; or marks in its places.
pub struct Written<'a> {
    pub evaluated: &'a str,
    pub published: Value,
    pub log: &'a str,
    pub expires: &'a str,
}

/// Texts that cannot occur otherwise: marks for cutting.
const EVALUATED: &str = "\u{1}evaluated";
const PUBLISHED: &str = "\u{1}published";
const LOG: &str = "\u{1}log";
const EXPIRES: &str = "\u{1}expires";

impl Moment {
    pub fn of(app: &App, asked: RegistryId, reply: &Reply) -> Self {
        Self {
            evaluated: reply.evaluated_at.to_string(),
            published: state::shown(app, asked),
            log: state::log(app, asked, reply),
            expires: reply.expires_at.to_string(),
        }
    }

    pub fn written(&self) -> Written<'_> {
        Written {
            evaluated: &self.evaluated,
            published: json!(self.published),
            log: self.log,
            expires: &self.expires,
        }
    }
}

impl Texts {
    /// The text in this form, if it was made.
    pub fn ready(&self, form: Form) -> Option<&Prepared> {
        self.0[form as usize].get()
    }

    /// The text in this form; `render` makes it.
    pub fn get_or_render(&self, form: Form, render: impl FnOnce(&Written<'_>) -> Value) -> &Prepared {
        self.0[form as usize].get_or_init(|| {
            let marks =
                Written { evaluated: EVALUATED, published: json!(PUBLISHED), log: LOG, expires: EXPIRES };
            Prepared::cut(&render(&marks).to_string())
        })
    }
}

impl Prepared {
    /// Cuts out the marks, which stand in the text in their order.
    fn cut(text: &str) -> Self {
        let [evaluated, published, log, expires] =
            [EVALUATED, PUBLISHED, LOG, EXPIRES].map(|mark| json!(mark).to_string());
        let [evaluated, log, expires] = [&evaluated, &log, &expires].map(|mark| mark.trim_matches('"'));
        let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
        // A number has no quotes.
        let cuts = [evaluated, published.as_str(), log, expires].map(|mark| {
            let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
            kept.push_str(before);
            rest = after;
            kept.len()
        });
        kept.push_str(rest);
        Self { text: kept.into(), cuts }
    }

    /// In one piece of memory.
    pub fn fill(&self, moment: &Moment) -> Vec<u8> {
        let (text, published) = (self.text.as_bytes(), moment.published.to_string());
        let filled = [moment.evaluated.as_str(), &published, moment.log, &moment.expires];
        let size = text.len() + filled.iter().map(|part| part.len()).sum::<usize>();
        let (mut out, mut from) = (Vec::with_capacity(size), 0);
        for (part, cut) in filled.iter().zip(self.cuts) {
            out.extend_from_slice(&text[from..cut]);
            out.extend_from_slice(part.as_bytes());
            from = cut;
        }
        out.extend_from_slice(&text[from..]);
        out
    }
}

/// The short way of a plain question: one lookup by the request's own strings, one check, a text that was made before.
pub fn ready(app: &App, lookup: &Lookup<'_>, form: Form) -> Option<(Reply, Vec<u8>)> {
    let now = app.clock.now();
    let entry = app.answers.get_local(lookup, now).filter(|kept| !is_denied(app, lookup, &kept.value))?;
    let reply = Reply::new(app, lookup.kind, entry, now);
    let text = reply.texts.ready(form)?.fill(&Moment::of(app, lookup.registry, &reply));
    Some((reply, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_a_text_of_its_own_with_the_moment_in_its_places() {
        let texts = Texts::default();
        let render = |w: &Written<'_>| json!({ "a": w.evaluated, "b": w.published, "c": [w.log, w.expires] });
        texts.get_or_render(Form::Trqp, render);
        assert!(texts.ready(Form::AuthZen).is_none());
        let moment = Moment {
            evaluated: "now".to_owned(),
            published: 7,
            log: "PUBLISHED",
            expires: "soon".to_owned(),
        };
        let text = |form| String::from_utf8(texts.ready(form).expect("made").fill(&moment)).expect("text");
        assert_eq!(text(Form::Trqp), render(&moment.written()).to_string());
        texts.get_or_render(Form::AuthZen, |w| json!({ "z": w.evaluated, "y": w.expires }));
        assert_eq!(text(Form::Trqp), r#"{"a":"now","b":7,"c":["PUBLISHED","soon"]}"#);
    }
}
