//! Reading this service's audit trail.

use kit::audit::{self, Question, Read, Recorded};
use uuid::Uuid;

use super::Store;

impl Store {
    /// The events of a page, newest first, and whether there are more.
    pub(crate) async fn audit_events(&self, question: &Question) -> Read<(Vec<Recorded>, bool)> {
        audit::list(self.database.read(), question).await
    }

    /// The event of that UUID in the organization's trail.
    pub(crate) async fn audit_event(&self, organization: Uuid, event: Uuid) -> Read<Option<Recorded>> {
        audit::find(self.database.read(), organization, event).await
    }
}
