//! gRPC plumbing: peers in or out of process, the caller of an RPC, errors on the wire, serving.

mod address;
mod budget;
mod caller;
mod layer;
mod listener;
mod notes;
mod peer;
mod remote;
mod serve;
mod spans;
mod status;
mod time;

pub use address::{Address, NoAddress};
pub use budget::{for_all, remaining};
pub use caller::{Caller, REQUEST_ID, ServiceKey, WeakServiceKey};
pub use layer::{Layered, deadline};
pub use notes::answer;
pub use peer::Peer;
pub use serve::{Listen, ServeError, Served};
pub use status::{Refusal, put_figures, to_status};
pub use time::{to_instant, to_timestamp};

/// The largest request that a service takes, in bytes.
pub const MOST_REQUEST_BYTES: usize = 1 << 20;

/// The largest reply of an execution, in bytes: an upstream's 8 MiB and room for what goes with it.
pub const MOST_RESULT_BYTES: usize = (8 << 20) + (64 << 10);

/// The largest page of a list, in bytes: a hundred portals with the largest documents and descriptions.
pub const MOST_PAGE_BYTES: usize = 32 << 20;
