//! Registries of this deployment.

use charter_domain::{
    AuthorityId, HttpsId, Registry, RegistryId, Timestamp,
    event::{Change, RegistryOpened},
    policy::{Init, Open, Permit},
    registry::Phase,
};
use diesel::{pg::PgConnection, prelude::*};
use time::OffsetDateTime;

use crate::{
    Error, Store, Tx,
    schema::{registries, registry_epochs},
    tx::{offset, stamp},
};

type Row = (i32, String, String, String, String, String, String, OffsetDateTime);

fn registry(row: Row) -> Result<Registry, Error> {
    let (id, authority, entity_identifier, slug, name, jurisdiction, phase, since) = row;
    Ok(Registry {
        id: RegistryId(id),
        authority: AuthorityId::parse(&authority)?,
        entity_identifier: HttpsId::parse(&entity_identifier)?,
        slug,
        name,
        jurisdiction,
        phase: Phase::parse(&phase)?,
        history_since: stamp(since),
    })
}

pub(crate) fn all(conn: &mut PgConnection) -> Result<Vec<Registry>, Error> {
    let rows: Vec<Row> = registries::table.order(registries::registry_id).load(conn)?;
    rows.into_iter().map(registry).collect()
}

/// What a registry is opened with.
#[derive(Debug, Clone)]
pub struct NewRegistry {
    pub authority: AuthorityId,
    pub entity_identifier: HttpsId,
    pub slug: String,
    pub name: String,
    pub jurisdiction: String,
    pub history_since: Timestamp,
}

impl Store {
    pub async fn registries(&self) -> Result<Vec<Registry>, Error> {
        self.read_shared("registry.list", all).await
    }

    /// Makes the rows of a registry, or finds them; the event is recorded by `Tx::open`.
    pub async fn ensure_registry(&self, new: NewRegistry) -> Result<Registry, Error> {
        self.interact("registry.ensure", move |conn| {
            conn.transaction(|conn| {
                let found = || registries::table.filter(registries::authority_id.eq(new.authority.as_str()));
                if let Some(row) = found().first::<Row>(conn).optional()? {
                    return registry(row);
                }
                let id: i32 = diesel::insert_into(registries::table)
                    .values((
                        registries::authority_id.eq(new.authority.as_str()),
                        registries::entity_identifier.eq(new.entity_identifier.as_str()),
                        registries::slug.eq(&new.slug),
                        registries::name.eq(&new.name),
                        registries::jurisdiction.eq(&new.jurisdiction),
                        registries::phase.eq(Phase::Bootstrap.code()),
                        registries::history_since.eq(offset(new.history_since)),
                    ))
                    .returning(registries::registry_id)
                    .get_result(conn)?;
                diesel::insert_into(registry_epochs::table)
                    .values((
                        registry_epochs::registry_id.eq(id),
                        registry_epochs::epoch.eq(0),
                        registry_epochs::recorded_at.eq(OffsetDateTime::UNIX_EPOCH),
                    ))
                    .execute(conn)?;
                registry(found().first::<Row>(conn)?)
            })
        })
        .await
    }
}

impl Tx<'_> {
    /// Records that the registry was opened, once.
    pub fn open(&mut self, permit: &Permit<Open>, registry: &Registry) -> Result<(), Error> {
        if self.epoch == 0 {
            let opened = RegistryOpened {
                authority_id: registry.authority.clone(),
                entity_identifier: registry.entity_identifier.clone(),
                name: registry.name.clone(),
                jurisdiction: registry.jurisdiction.clone(),
                history_since: registry.history_since,
            };
            self.record(permit, &[Change::RegistryOpened(opened)])?;
        }
        Ok(())
    }

    /// Ends BOOTSTRAP; final.
    pub fn seal(&mut self, permit: &Permit<Init>) -> Result<(), Error> {
        self.record(permit, &[Change::RegistrySealed])?;
        diesel::update(registries::table.find(self.registry.0))
            .set(registries::phase.eq(Phase::Governed.code()))
            .execute(self.conn)?;
        self.phase = Phase::Governed;
        Ok(())
    }
}
