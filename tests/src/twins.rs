//! Two processes of each part on one PostgreSQL, every one of which knows both of the parts that it calls.

use std::{net::SocketAddr, ops::Deref};

use tempfile::TempDir;

use crate::{Caller, Installation, Launch, Part, Split, on_postgres, postgres};

/// The processes and their data. Killed when dropped, before the databases are.
#[derive(Debug)]
pub struct Twins {
    /// One of each part, twice.
    pub splits: [Split; 2],
    caller: Caller,
    _data: TempDir,
    _databases: [postgres::Database; 2],
}

impl Twins {
    /// Starts them; `None` where there is no PostgreSQL server. `prepare` sees them before they start, and may set what
    /// they would be told otherwise.
    pub fn start(prepare: impl FnOnce(&mut [Split; 2])) -> Option<Self> {
        let databases = [postgres::Database::new()?, postgres::Database::new()?];
        let data = tempfile::tempdir().unwrap();
        let launch = Launch::new(&data.path().join("data"));
        let settings = on_postgres(&databases[0], &databases[1]);
        let launch = settings.iter().fold(launch, |launch, (name, value)| launch.set(name, value));
        let mut house = Installation::launch(launch.clone());
        assert!(house.stop().success(), "{}", house.process().stderr());
        let mut splits = [(); 2].map(|()| Split::new(house.data_dir()));
        let both = |part: Part| format!("http://{},{}", splits[0].address(part), splits[1].address(part));
        let (token, portal) = (both(Part::Token), both(Part::Portal));
        for split in &mut splits {
            for (name, value) in launch.variables() {
                split.set(name, value);
            }
            for name in ["PORTAL_TOKEN__URL", "GATEWAY_TOKEN__URL"] {
                split.set(name, &token);
            }
            split.set("GATEWAY_PORTAL__URL", &portal);
        }
        prepare(&mut splits);
        for part in [Part::Token, Part::Portal, Part::Gateway] {
            for split in &mut splits {
                split.start_part(part);
            }
        }
        let caller = splits[0].caller(house.api_token());
        Some(Self { splits, caller, _data: data, _databases: databases })
    }

    /// Who calls the first gateway, and who calls the second one.
    pub fn callers(&self) -> [Caller; 2] {
        [0, 1].map(|at| self.splits[at].caller(self.caller.api_token()))
    }

    /// Where the gateways are.
    pub fn gateways(&self) -> [SocketAddr; 2] {
        [self.splits[0].gateway(), self.splits[1].gateway()]
    }
}

/// Calls the first gateway.
impl Deref for Twins {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}
