//! Lists of trusted entities.

use super::{Operation, get};
use crate::rest::lists;

pub(super) const OPERATIONS: &[Operation] = &[
    get("/lists/lote", "listOfTrustedEntities", "ETSI TS 119 602: who may do what, signed as a whole.")
        .gives("text", lists::JOSE),
    get(
        "/lists/recognized-entities",
        "recognizedEntities",
        "The same as a W3C RecognizedEntityCredential (draft).",
    )
    .gives("text", lists::CREDENTIAL),
];
