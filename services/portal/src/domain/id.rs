//! Ids that can't be taken for one another.

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) struct $name(pub(crate) Uuid);
    };
}

id!(
    /// An organization's UUID.
    OrganizationId
);
id!(
    /// A portal's UUID, which tokens bind to.
    PortalId
);
id!(
    /// An upstream's UUID.
    UpstreamId
);
id!(
    /// A notification service's UUID.
    NotificationServiceId
);
id!(
    /// A delivery's UUID, which receivers are told.
    DeliveryId
);
