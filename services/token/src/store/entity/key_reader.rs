//! `key_readers`.

use sea_orm::entity::prelude::*;

use crate::domain::key_reader::KeyReader;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_readers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub name: String,
    pub key_ids: String,
    pub beats: i64,
    pub seen_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for KeyReader {
    fn from(row: Model) -> Self {
        let key_ids = row.key_ids.split(' ').map(str::to_owned).collect();
        Self { uuid: row.uuid, name: row.name, key_ids, beats: row.beats }
    }
}
