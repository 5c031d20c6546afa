//! What can go wrong, in words for the caller: over GraphQL errors are data, in the `errors` of the envelope; over gRPC they
//! are statuses.

use std::{sync::Arc, time::Duration};

use kit::{
    db::Uncommitted,
    error::{Code, Fault},
    grpc::Refusal,
};
use sea_orm::DbErr;

use crate::domain::member::Unavailable;

/// Why a field can't be answered or a change isn't made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No such pipeline within the caller's reach.
    #[error("No pipeline found")]
    NoPipeline,
    /// No such build within the caller's reach.
    #[error("No build found")]
    NoBuild,
    /// No such organization within the caller's reach.
    #[error("No organization found")]
    NoOrganization,
    /// No such team within the caller's reach.
    #[error("No team found")]
    NoTeam,
    /// No such user in the organization.
    #[error("No user found")]
    NoUser,
    /// No such user in the team.
    #[error("No team member found")]
    NoTeamMember,
    /// No such pipeline in the team.
    #[error("No team pipeline found")]
    NoTeamPipeline,
    /// The caller isn't an administrator, or a maintainer of the team.
    #[error("You don't have permission to do this")]
    Forbidden,
    /// A value that can't be accepted.
    #[error("Validation failed: {0}")]
    Invalid(String),
    /// Paging arguments that can't be followed.
    #[error("{0}")]
    Paging(String),
    /// The organization has a pipeline, or a team, of that name.
    #[error("Validation failed: Name has already been taken")]
    NameTaken,
    /// The user is in the team already.
    #[error("Validation failed: User is already a member of this team")]
    MemberTaken,
    /// The pipeline is in the team already.
    #[error("Validation failed: Pipeline is already in this team")]
    PipelineTaken,
    /// A build on an archived pipeline.
    #[error("Builds can't be created on an archived pipeline")]
    Archived,
    /// A rebuild where the pipeline forbids them.
    #[error("Rebuilds are not allowed on this pipeline")]
    RebuildsForbidden,
    /// Canceling what is over.
    #[error("Build can't be canceled because it's already finished")]
    Finished,
    /// Who belongs to the organization can't be found out now.
    #[error("Members can't be looked up at the moment")]
    DirectoryUnavailable,
    /// The database failed.
    #[error("The database can't be used right now")]
    Database(#[source] Arc<DbErr>),
    /// The database broke off while it committed.
    #[error("The database broke off while it committed. The change may have been made")]
    OutcomeUnknown(#[source] Arc<DbErr>),
    /// A report that a build in this state can't become so.
    #[error(
        "A build that is {was} can't become {becomes}: one that is scheduled runs, and one that is running passes or fails"
    )]
    Transition {
        /// What it is.
        was: String,
        /// What it was said to be.
        becomes: String,
    },
    /// Another part's refusal, passed on as it is.
    #[error("{}", .0.message())]
    Relayed(Box<tonic::Status>),
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

impl From<Unavailable> for Error {
    fn from(_: Unavailable) -> Self {
        Self::DirectoryUnavailable
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<Uncommitted> for Error {
    fn from(failed: Uncommitted) -> Self {
        match failed {
            Uncommitted::Refused(error) => error.into(),
            Uncommitted::Unknown(error) => Self::OutcomeUnknown(Arc::new(error)),
        }
    }
}

impl Fault for Error {
    fn class(&self) -> Code {
        match self {
            Self::NoPipeline
            | Self::NoBuild
            | Self::NoOrganization
            | Self::NoTeam
            | Self::NoUser
            | Self::NoTeamMember
            | Self::NoTeamPipeline => Code::NotFound,
            Self::Forbidden => Code::Forbidden,
            Self::Invalid(_)
            | Self::Paging(_)
            | Self::NameTaken
            | Self::MemberTaken
            | Self::PipelineTaken
            | Self::Archived
            | Self::RebuildsForbidden
            | Self::Finished
            | Self::Transition { .. } => Code::Unprocessable,
            Self::DirectoryUnavailable | Self::Database(_) => Code::Unavailable,
            Self::OutcomeUnknown(_) => Code::Timeout,
            Self::Relayed(status) => Refusal::of(status).class,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoPipeline
            | Self::NoBuild
            | Self::NoOrganization
            | Self::NoTeam
            | Self::NoUser
            | Self::NoTeamMember
            | Self::NoTeamPipeline => "not_found",
            Self::Forbidden => "forbidden",
            Self::Invalid(_) | Self::Paging(_) | Self::NameTaken | Self::MemberTaken | Self::PipelineTaken => {
                "validation_failed"
            }
            Self::Archived | Self::RebuildsForbidden | Self::Finished | Self::Transition { .. } => "invalid_state",
            Self::DirectoryUnavailable => "service_unavailable",
            Self::Database(_) => "database_unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::Relayed(_) => "internal",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::DirectoryUnavailable | Self::Database(_)).then_some(Duration::from_secs(1))
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Relayed(status) => *status,
            error => kit::grpc::to_status(&error),
        }
    }
}
