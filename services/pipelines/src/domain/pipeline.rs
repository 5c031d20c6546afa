//! What a pipeline is.

use kit::ambient::Instant;
use uuid::Uuid;

use super::{slug, text, viewer::Person};
use crate::error::Error;

const SHORT: usize = 255;
const LONG: usize = 65_536;

/// Who may see a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Private,
    Public,
}

/// What of a pipeline its administrators choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) repository_url: String,
    pub(crate) default_branch: Option<String>,
    pub(crate) branch_configuration: Option<String>,
    pub(crate) steps: Option<String>,
    pub(crate) visibility: Visibility,
    pub(crate) color: Option<String>,
    pub(crate) emoji: Option<String>,
    pub(crate) allow_rebuilds: bool,
    pub(crate) cancel_intermediate: bool,
    pub(crate) cancel_intermediate_filter: Option<String>,
    pub(crate) skip_intermediate: bool,
    pub(crate) skip_intermediate_filter: Option<String>,
    pub(crate) default_timeout_minutes: Option<i32>,
    pub(crate) maximum_timeout_minutes: Option<i32>,
    pub(crate) next_build_number: i32,
}

/// A pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) slug: String,
    pub(crate) content: Content,
    pub(crate) created_at: Instant,
    pub(crate) created_by: Option<Person>,
    pub(crate) archived_at: Option<Instant>,
    pub(crate) archived_by: Option<Person>,
}

impl Content {
    /// A pipeline's content when nothing but its name and repository is chosen.
    pub(crate) fn new(name: String, repository_url: String) -> Self {
        Self {
            name,
            description: None,
            repository_url,
            default_branch: Some("main".to_owned()),
            branch_configuration: None,
            steps: None,
            visibility: Visibility::Private,
            color: None,
            emoji: None,
            allow_rebuilds: true,
            cancel_intermediate: false,
            cancel_intermediate_filter: None,
            skip_intermediate: false,
            skip_intermediate_filter: None,
            default_timeout_minutes: None,
            maximum_timeout_minutes: None,
            next_build_number: 1,
        }
    }

    /// Refuses what is too long, blank or impossible.
    pub(crate) fn check(self) -> Result<Self, Error> {
        if self.next_build_number < 1 {
            return Err(Error::invalid("Next build number must be at least 1"));
        }
        if [self.default_timeout_minutes, self.maximum_timeout_minutes].into_iter().flatten().any(|minutes| minutes < 0)
        {
            return Err(Error::invalid("A timeout can't be negative"));
        }
        Ok(Self {
            name: text::required("Name", self.name, SHORT)?,
            repository_url: text::required("Repository URL", self.repository_url, 2048)?,
            description: text::optional("Description", self.description, LONG)?,
            default_branch: text::optional("Default branch", self.default_branch, SHORT)?,
            branch_configuration: text::optional("Branch configuration", self.branch_configuration, LONG)?,
            steps: text::optional("Steps", self.steps, LONG)?,
            color: text::optional("Color", self.color, SHORT)?,
            emoji: text::optional("Emoji", self.emoji, SHORT)?,
            cancel_intermediate_filter: text::optional("Branch filter", self.cancel_intermediate_filter, LONG)?,
            skip_intermediate_filter: text::optional("Branch filter", self.skip_intermediate_filter, LONG)?,
            ..self
        })
    }

    /// The slug that a pipeline of this name gets.
    pub(crate) fn slug(&self) -> Result<String, Error> {
        slug::of_name(&self.name).ok_or_else(|| Error::invalid("Name must contain a letter from a to z or a digit"))
    }
}

impl Visibility {
    /// The stored word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Private => "PRIVATE",
            Self::Public => "PUBLIC",
        }
    }

    /// Reads the stored word. What can't be read isn't shown to anybody new.
    pub(crate) fn of_word(word: &str) -> Self {
        if word == "PUBLIC" { Self::Public } else { Self::Private }
    }
}
