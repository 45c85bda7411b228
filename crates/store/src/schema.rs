//! The tables that diesel's query builder reads and writes; ranges are read through `lower` and `upper` in SQL.

diesel::table! {
    registries (registry_id) {
        registry_id -> Integer,
        authority_id -> Text,
        entity_identifier -> Text,
        slug -> Text,
        name -> Text,
        jurisdiction -> Text,
        phase -> Text,
        history_since -> Timestamptz,
    }
}
diesel::table! {
    registry_epochs (registry_id) {
        registry_id -> Integer,
        epoch -> BigInt,
        head -> Nullable<Binary>,
        recorded_at -> Timestamptz,
    }
}
diesel::table! {
    credentials (sha256) {
        sha256 -> Binary,
        role -> Text,
    }
}
diesel::table! {
    events (registry_id, seq) {
        registry_id -> Integer,
        seq -> BigInt,
        kind -> Text,
        subject -> Text,
        body -> Binary,
        leaf_hash -> Binary,
        actor -> Text,
        origin -> Text,
        recorded_at -> Timestamptz,
        proposal -> Nullable<Uuid>,
    }
}
diesel::table! {
    event_restricted (registry_id, seq) {
        registry_id -> Integer,
        seq -> BigInt,
        salt -> Binary,
        body -> Binary,
    }
}
diesel::table! {
    sealed_keys (registry_id, kid) {
        registry_id -> Integer,
        kid -> Text,
        jwe -> Text,
    }
}
diesel::table! {
    documents (registry_id, target) {
        registry_id -> Integer,
        target -> Text,
        jws -> Text,
        iat -> Timestamptz,
        exp -> Timestamptz,
        kid -> Nullable<Text>,
    }
}

diesel::define_sql_function! {
    /// The tenant of this transaction (third argument true: until it ends).
    fn set_config(name: diesel::sql_types::Text, value: diesel::sql_types::Text, local: diesel::sql_types::Bool)
        -> diesel::sql_types::Text;
}
