//! A directory of one test's own.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::{Directory, Found, Member, MemberOrder, Members, Place, Role, Unavailable, User};

/// Knows the members of one organization, in the order in which they joined. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct People(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    members: Mutex<Vec<(Uuid, Member)>>,
    asked: AtomicUsize,
    gone: AtomicBool,
}

impl People {
    /// Adds a member.
    pub(super) fn join(&self, organization: Uuid, user: User, role: Role) {
        let mut members = self.0.members.lock().unwrap();
        let since = DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(members.len()).unwrap());
        members.push((organization, Member { user, role, since }));
    }

    /// Removes a member from every organization.
    pub(super) fn leave(&self, user: Uuid) {
        self.0.members.lock().unwrap().retain(|(_, member)| member.user.uuid != user);
    }

    /// How many questions were asked so far.
    pub(super) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// Whether it can't be asked from now on.
    pub(super) fn be_gone(&self, gone: bool) {
        self.0.gone.store(gone, Ordering::Relaxed);
    }
}

#[async_trait::async_trait]
impl Directory for People {
    async fn members(&self, question: Members) -> Result<Found, Unavailable> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        if self.0.gone.load(Ordering::Relaxed) {
            return Err(Unavailable);
        }
        let fits = |(organization, member): &&(Uuid, Member)| {
            let Member { user, role, .. } = member;
            *organization == question.organization
                && question.users.as_ref().is_none_or(|users| users.contains(&user.uuid))
                && !question.except.contains(&user.uuid)
                && question.roles.as_ref().is_none_or(|roles| roles.contains(role))
                && question.search.as_ref().is_none_or(|text| user.name.to_lowercase().contains(&text.to_lowercase()))
                && question.email.as_ref().is_none_or(|email| user.email.eq_ignore_ascii_case(email))
        };
        let mut found: Vec<_> =
            self.0.members.lock().unwrap().iter().filter(fits).map(|(_, one)| one.clone()).collect();
        let count = if question.count { found.len() as u64 } else { 0 };
        let key = |member: &Member| (member.user.name.to_lowercase(), member.user.uuid);
        match question.order {
            MemberOrder::Name => found.sort_by_key(key),
            MemberOrder::RecentlyJoined => found.reverse(),
        }
        let beyond = |member: &Member, place: &Place| match place {
            Place::Named(name, uuid) => key(member) > (name.to_lowercase(), *uuid),
            Place::Joined(since, uuid) => (member.since, member.user.uuid) < (*since, *uuid),
        };
        let at = |member: &Member, place: &Place| match place {
            Place::Named(_, uuid) | Place::Joined(_, uuid) => member.user.uuid == *uuid,
        };
        found.retain(|member| question.after.as_ref().is_none_or(|place| beyond(member, place)));
        found
            .retain(|member| question.before.as_ref().is_none_or(|place| !beyond(member, place) && !at(member, place)));
        if question.backwards {
            found.reverse();
        }
        found.truncate(usize::try_from(question.limit).unwrap());
        Ok(Found { members: found, count })
    }
}
