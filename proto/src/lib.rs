//! The wire: the only truth about what the parts say to each other, made from `portals/**/*.proto` at build time.
//!
//! To add an RPC: write it in the `.proto` with a comment on everything, then implement it in the service's
//! `rpc/<verb_noun>.rs`.

/// Descriptors of every file, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($(#[$doc:meta])* $name:ident, $package:literal) => {
        $(#[$doc])*
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::restriction,
            missing_docs,
            unreachable_pub,
            reason = "generated code"
        )]
        pub mod $name {
            /// The first version.
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    };
}

package!(
    /// `portals.token`: credentials.
    token, "portals.token.v1");
package!(
    /// `portals.audit`: what happened.
    audit, "portals.audit.v1");
package!(
    /// `portals.credential`: the credentials of portals.
    credential, "portals.credential.v1");
package!(
    /// `portals.directory`: people.
    directory, "portals.directory.v1");
package!(
    /// `portals.registry`: organizations and portals.
    registry, "portals.registry.v1");
package!(
    /// `portals.execution`: running what is stored.
    execution, "portals.execution.v1");
package!(
    /// `portals.pipelines`: the built-in API's pipelines and builds.
    pipelines, "portals.pipelines.v1");
package!(
    /// `portals.webhook`: who is told of what happens.
    webhook, "portals.webhook.v1");
