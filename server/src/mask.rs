//! Field masks (AIP-157): the fields of a message that are answered with.

use charter_domain::Invalid;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _};
use prost_types::FieldMask;

use crate::{Error, error::Code, proto};

/// Fields, and fields of fields (`status.state`); none for all.
pub struct Mask {
    of: MessageDescriptor,
    paths: Vec<String>,
}

impl Mask {
    /// `message` is the full name of what is answered with.
    pub fn parse(message: &str, mask: Option<FieldMask>) -> Result<Self, Error> {
        let of = proto::message(message)
            .ok_or_else(|| Error::new(Code::Internal, "an error of ours; it was logged"))?;
        let mut paths = mask.unwrap_or_default().paths;
        if paths.iter().any(|path| path == "*") {
            paths.clear();
        }
        paths.iter().try_for_each(|path| known(&of, path))?;
        Ok(Self { of, paths })
    }

    pub fn apply<M: Message + Default>(&self, message: M) -> Result<M, Error> {
        if self.paths.is_empty() {
            return Ok(message);
        }
        let lost = |_| Error::new(Code::Internal, "an error of ours; it was logged");
        let bytes = message.encode_to_vec();
        let mut dynamic = DynamicMessage::decode(self.of.clone(), bytes.as_slice()).map_err(lost)?;
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        prune(&mut dynamic, &paths);
        M::decode(dynamic.encode_to_vec().as_slice()).map_err(lost)
    }
}

/// The one message that a field holds; none for lists, maps and plain values.
fn inside(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
        _ => None,
    }
}

fn known(of: &MessageDescriptor, path: &str) -> Result<(), Invalid> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(f, r)| (f, Some(r)));
    let unknown = || Invalid::new("read_mask", format!("`{path:.64}` is not a field of {}", of.name()));
    let field = of.get_field_by_name(first).ok_or_else(unknown)?;
    match rest {
        None => Ok(()),
        Some(rest) => known(&inside(&field).ok_or_else(unknown)?, rest),
    }
}

fn prune(message: &mut DynamicMessage, paths: &[&str]) {
    for field in message.descriptor().fields() {
        let rests: Vec<&str> = paths
            .iter()
            .filter_map(|path| {
                let (first, rest) = path.split_once('.').unwrap_or((*path, ""));
                (first == field.name()).then_some(rest)
            })
            .collect();
        if rests.is_empty() {
            message.clear_field(&field);
        } else if !rests.contains(&"")
            && message.has_field(&field)
            && let Some(inner) = message.get_field_mut(&field).as_message_mut()
        {
            prune(inner, &rests);
        }
    }
}

#[cfg(test)]
mod tests {
    use charter_proto::charter::registry::v1 as pb;

    use super::*;

    const ENTITY: &str = "charter.registry.v1.Entity";

    fn entity() -> pb::Entity {
        let status = pb::Status { state: "ACTIVE".to_owned(), reason: "none".to_owned(), since: None };
        pb::Entity {
            country: "FI".to_owned(),
            etag: "x".to_owned(),
            status: Some(status),
            ..Default::default()
        }
    }

    fn mask(paths: &[&str]) -> Result<Mask, Error> {
        let paths = paths.iter().map(|p| (*p).to_owned()).collect();
        Mask::parse(ENTITY, Some(FieldMask { paths }))
    }

    #[test]
    fn what_is_named_is_kept_and_nothing_else() {
        let kept = mask(&["country", "status.state"]).expect("known").apply(entity()).expect("applied");
        assert_eq!((kept.country.as_str(), kept.etag.as_str()), ("FI", ""));
        let status = kept.status.expect("kept");
        assert_eq!((status.state.as_str(), status.reason.as_str()), ("ACTIVE", ""));
        let whole: [&[&str]; 3] = [&[], &["*"], &["*", "country"]];
        for all in whole {
            assert_eq!(mask(all).expect("known").apply(entity()).expect("applied"), entity());
        }
        for bad in ["nothing", "country.x", "statements.action", "status.nothing", ""] {
            let Err(error) = mask(&[bad]) else { unreachable!("{bad}") };
            assert_eq!((error.code, error.field.as_deref()), (Code::Invalid, Some("read_mask")), "{bad}");
        }
    }
}
