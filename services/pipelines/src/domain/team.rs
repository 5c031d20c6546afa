//! What a team is, who is in it, and which pipelines it looks after.

use kit::ambient::Instant;
use uuid::Uuid;

use super::{slug, text, viewer::Person};
use crate::error::Error;

const SHORT: usize = 255;
const LONG: usize = 65_536;

/// The most users of one team: they are looked up together, and named in one question to the directory.
pub(crate) const MOST_MEMBERS: u64 = 1_000;

/// What somebody is in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberRole {
    Maintainer,
    Member,
}

/// Who knows of a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Its members and the organization's administrators.
    Secret,
    /// Everybody in the organization.
    Visible,
}

/// Which teams somebody knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of them.
    All,
    /// The visible ones, and those that this user is in.
    Of(Uuid),
}

/// What a team's members may do with a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    BuildAndRead,
    ManageBuildAndRead,
    ReadOnly,
}

/// What of a team its administrators choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) privacy: Privacy,
    pub(crate) is_default: bool,
    pub(crate) default_member_role: MemberRole,
    pub(crate) members_can_create_pipelines: bool,
}

/// A team.
#[derive(Clone, Debug)]
pub(crate) struct Team {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) slug: String,
    pub(crate) content: Content,
    pub(crate) created_at: Instant,
    pub(crate) created_by: Option<Person>,
}

/// A user's place in a team.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) team: Uuid,
    pub(crate) user: Uuid,
    pub(crate) role: MemberRole,
    pub(crate) created_at: Instant,
    pub(crate) created_by: Option<Person>,
}

/// A pipeline's place in a team.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) team: Uuid,
    pub(crate) pipeline: Uuid,
    pub(crate) access: Access,
    pub(crate) created_at: Instant,
    pub(crate) created_by: Option<Person>,
}

impl Content {
    /// Refuses what is too long or blank.
    pub(crate) fn check(self) -> Result<Self, Error> {
        Ok(Self {
            name: text::required("Name", self.name, SHORT)?,
            description: text::optional("Description", self.description, LONG)?,
            ..self
        })
    }

    /// Whether only its members and administrators know of it.
    pub(crate) fn is_secret(&self) -> bool {
        self.privacy == Privacy::Secret
    }

    /// The slug that a team of this name gets.
    pub(crate) fn slug(&self) -> Result<String, Error> {
        slug::of_name(&self.name).ok_or_else(|| Error::invalid("Name must contain a letter from a to z or a digit"))
    }
}

impl MemberRole {
    /// The stored word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Maintainer => "MAINTAINER",
            Self::Member => "MEMBER",
        }
    }

    /// Reads the stored word. What can't be read has no power.
    pub(crate) fn of_word(word: &str) -> Self {
        if word == "MAINTAINER" { Self::Maintainer } else { Self::Member }
    }
}

impl Privacy {
    /// The stored word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Secret => "SECRET",
            Self::Visible => "VISIBLE",
        }
    }

    /// Reads the stored word. What can't be read isn't shown to anybody new.
    pub(crate) fn of_word(word: &str) -> Self {
        if word == "VISIBLE" { Self::Visible } else { Self::Secret }
    }
}

impl Access {
    /// The stored word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::BuildAndRead => "BUILD_AND_READ",
            Self::ManageBuildAndRead => "MANAGE_BUILD_AND_READ",
            Self::ReadOnly => "READ_ONLY",
        }
    }

    /// Reads the stored word. What can't be read allows the least.
    pub(crate) fn of_word(word: &str) -> Self {
        match word {
            "BUILD_AND_READ" => Self::BuildAndRead,
            "MANAGE_BUILD_AND_READ" => Self::ManageBuildAndRead,
            _ => Self::ReadOnly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_round_trip() {
        for role in [MemberRole::Maintainer, MemberRole::Member] {
            assert_eq!(MemberRole::of_word(role.word()), role);
        }
        for privacy in [Privacy::Secret, Privacy::Visible] {
            assert_eq!(Privacy::of_word(privacy.word()), privacy);
        }
        for access in [Access::BuildAndRead, Access::ManageBuildAndRead, Access::ReadOnly] {
            assert_eq!(Access::of_word(access.word()), access);
        }
    }

    #[test]
    fn what_cannot_be_read_gives_no_power_away() {
        assert_eq!(MemberRole::of_word("OWNER"), MemberRole::Member);
        assert_eq!(Privacy::of_word(""), Privacy::Secret);
        assert_eq!(Access::of_word("ALL"), Access::ReadOnly);
    }
}
