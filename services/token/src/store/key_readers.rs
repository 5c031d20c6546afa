//! Which processes run, and which root keys they have read.

use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, QueryOrder, sea_query::OnConflict};
use uuid::Uuid;

use super::{
    Store,
    entity::key_reader::{ActiveModel, Column, Entity},
};
use crate::domain::key_reader::KeyReader;

impl Store {
    /// Writes that the process runs, and what it has read.
    pub(crate) async fn note_key_reader(&self, reader: &KeyReader) -> Result<(), DbErr> {
        let row = ActiveModel {
            uuid: Set(reader.uuid),
            name: Set(reader.name.clone()),
            key_ids: Set(reader.key_ids.join(" ")),
            beats: Set(reader.beats),
            seen_at: Set(self.ambient.now()),
        };
        let again =
            OnConflict::column(Column::Uuid).update_columns([Column::KeyIds, Column::Beats, Column::SeenAt]).to_owned();
        let transaction = self.database.begin().await?;
        Entity::insert(row).on_conflict(again).exec_without_returning(&transaction).await?;
        transaction.commit().await
    }

    /// Forgets a process that ends.
    pub(crate) async fn forget_key_reader(&self, reader: Uuid) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        Entity::delete_by_id(reader).exec(&transaction).await?;
        transaction.commit().await
    }

    /// Every process that hasn't said that it ends, by name. It may have ended all the same.
    pub(crate) async fn key_readers(&self) -> Result<Vec<KeyReader>, DbErr> {
        let rows = Entity::find().order_by_asc(Column::Name).order_by_asc(Column::Uuid);
        Ok(rows.all(self.database.read()).await?.into_iter().map(KeyReader::from).collect())
    }
}
