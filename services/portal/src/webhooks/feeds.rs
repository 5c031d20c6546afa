//! Events of all owners, made into deliveries.

use std::collections::{BTreeSet, HashMap};

use kit::outbox::{Entry, Outbox};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    domain::{
        delivery::{Delivery, Progress},
        id::{DeliveryId, OrganizationId},
        notification_service::{Facts, NotificationService},
    },
    error::Error,
    service::Parts,
};

/// Events that are carried on in one go.
const BATCH: u64 = 100;
/// Where the organization's slug belongs in links, which their owner may not know.
const ORGANIZATION: &str = "{organization}";

/// Where events come from.
#[async_trait::async_trait]
pub(crate) trait Feed: Send + Sync {
    /// The oldest events, at most `most`.
    async fn list(&self, most: u64) -> Result<Vec<Entry>, Error>;

    /// Removes events that were carried on.
    async fn remove(&self, uuids: &[Uuid]) -> Result<(), Error>;
}

#[async_trait::async_trait]
impl Feed for Outbox {
    async fn list(&self, most: u64) -> Result<Vec<Entry>, Error> {
        Ok(Self::list(self, most).await?)
    }

    async fn remove(&self, uuids: &[Uuid]) -> Result<(), Error> {
        Ok(Self::remove(self, uuids).await?)
    }
}

impl Parts {
    /// This service's own events.
    pub(crate) fn own_events(&self) -> Outbox {
        Outbox::of(self.store.database().clone())
    }

    /// Makes deliveries of everything that happened. A source that can't be read hinders no other; it is read again later.
    pub(crate) async fn carry_events(&self) {
        let own = self.own_events();
        let built_in = self.targets.built_in_events();
        let feeds = [("portal service", Some(&own as &dyn Feed)), ("token service", Some(&self.verifier))];
        let feeds = feeds.into_iter().chain([("built-in API", built_in.as_ref().map(|events| events as &dyn Feed))]);
        for (source, feed) in feeds.filter_map(|(source, feed)| Some((source, feed?))) {
            let carried = self.carry(feed).await;
            let is_news = self.desk.is_news(source, carried.is_ok());
            match carried {
                Err(error) if is_news => tracing::warn!(source, %error, "events wait to be carried on"),
                Ok(()) if is_news => tracing::info!(source, "events are carried on again"),
                _ => {}
            }
        }
    }

    async fn carry(&self, feed: &dyn Feed) -> Result<(), Error> {
        loop {
            let entries = feed.list(BATCH).await?;
            if entries.is_empty() {
                return Ok(());
            }
            let (uuids, is_last) =
                (entries.iter().map(|entry| entry.uuid).collect::<Vec<_>>(), (entries.len() as u64) < BATCH);
            self.fan_out(entries).await?;
            feed.remove(&uuids).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Makes a delivery of each event for every service that wants it, once however often this is done.
    async fn fan_out(&self, entries: Vec<Entry>) -> Result<(), Error> {
        let organizations: BTreeSet<_> = entries.iter().map(|entry| entry.organization).collect();
        let services = self.store.list_enabled_notification_services(organizations).await?;
        if services.is_empty() {
            return Ok(());
        }
        let (mut deliveries, mut slugs) = (Vec::new(), HashMap::new());
        for mut entry in entries {
            let facts: Facts = serde_json::from_value(entry.facts.clone()).unwrap_or_default();
            let wants = |service: &&NotificationService| {
                service.organization.0 == entry.organization && service.filter.admits(&entry.event, &facts)
            };
            let wanting: Vec<_> = services.iter().filter(wants).collect();
            if wanting.is_empty() {
                continue;
            }
            let slug = match slugs.get(&entry.organization) {
                Some(slug) => slug,
                None => slugs.entry(entry.organization).or_insert(self.slug_of(entry.organization).await?),
            };
            complete(&mut entry, &self.config.public_url, slug);
            deliveries.extend(wanting.into_iter().map(|service| self.delivery(&entry, service)));
        }
        if !deliveries.is_empty() {
            self.store.add_deliveries(deliveries).await?;
            self.desk.tell();
        }
        Ok(())
    }

    async fn slug_of(&self, organization: Uuid) -> Result<String, Error> {
        let found = self.store.find_organization_by_id(OrganizationId(organization)).await?;
        Ok(found.map(|organization| organization.slug).unwrap_or_default())
    }

    fn delivery(&self, entry: &Entry, to: &NotificationService) -> Delivery {
        let now = self.ambient.now();
        Delivery {
            id: DeliveryId(self.ambient.uuid()),
            event_uuid: entry.uuid,
            service: to.id,
            event: entry.event.clone(),
            payload: entry.payload.to_string(),
            progress: Progress::begun(now),
            created_at: now,
        }
    }
}

/// Writes the links into what is told. The fact `links` has them: by the place of each (RFC 6901), the rest of the public URL.
fn complete(entry: &mut Entry, public_url: &str, organization: &str) {
    let Some(Value::Object(links)) = entry.facts.get_mut("links").map(Value::take) else { return };
    for (place, link) in links {
        if let (Some(member), Some(link)) = (entry.payload.pointer_mut(&place), link.as_str()) {
            *member = format!("{public_url}{}", link.replacen(ORGANIZATION, organization, 1)).into();
        }
    }
}
