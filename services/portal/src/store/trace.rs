//! What is written beside a change, in its transaction.

use kit::{
    ambient::Ambient,
    audit::{self, Event},
    outbox::{self, Notice},
};
use sea_orm::{ConnectionTrait, DbErr};

/// The audit row of a change, and what others are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    event: Event,
    notice: Option<Notice>,
}

impl Trace {
    /// With something that others are told.
    pub(crate) fn telling(event: Event, notice: Notice) -> Self {
        Self { event, notice: Some(notice) }
    }

    pub(super) async fn write(self, transaction: &impl ConnectionTrait, ambient: &Ambient) -> Result<(), DbErr> {
        let Self { event, notice } = self;
        audit::record(transaction, ambient, event).await?;
        outbox::record(transaction, ambient, notice).await
    }
}

impl From<Event> for Trace {
    fn from(event: Event) -> Self {
        Self { event, notice: None }
    }
}
