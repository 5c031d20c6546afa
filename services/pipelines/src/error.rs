//! What can go wrong, in words for the caller: errors of this API are data, in the `errors` of the GraphQL envelope.

use std::sync::Arc;

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
    #[error("Something went wrong")]
    Database(#[source] Arc<DbErr>),
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
