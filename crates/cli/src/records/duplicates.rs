//! Identifiers met twice in one file. The first row keeps them; later ones fail as they would at the server.

use std::collections::HashMap;

use charter_domain::record::Record;

use super::Fault;

#[derive(Default)]
pub struct Seen(HashMap<String, u32>);

impl Seen {
    pub fn admit(&mut self, record: &Record, line: u32) -> Result<(), Fault> {
        let known =
            record.identifiers.iter().enumerate().find_map(|(i, id)| Some((i, id, self.0.get(&id.value)?)));
        if let Some((i, id, first)) = known {
            return Err(Fault {
                code: "DUPLICATE_ENTITY".to_owned(),
                field: if i == 0 { "identifier" } else { "identifiers" }.to_owned(),
                message: format!("`{}` is in line {first} already", id.value),
            });
        }
        self.0.extend(record.identifiers.iter().map(|id| (id.value.clone(), line)));
        Ok(())
    }
}
