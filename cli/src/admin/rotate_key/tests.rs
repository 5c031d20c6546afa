//! Rotations of real key files beside real databases.

use std::fs;

use clap::Parser;
use kit::{boot::Tasks, credential, keys::RootKey};
use token::FirstUser;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::*;
use crate::{data_directory::DataDirectory, standalone};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    rotate: RotateKey,
    #[arg(id = "installation", long = "data-dir")]
    data_dir: Option<PathBuf>,
}

/// A data directory with its keys and migrated databases, in which nothing runs.
struct Installation(tempfile::TempDir);

impl Installation {
    async fn new() -> Self {
        let installation = Self(tempfile::tempdir().unwrap());
        let directory = DataDirectory::open(installation.path()).unwrap();
        for owner in ["token", "portal"] {
            directory.ensure_key(&format!("{owner}.key"), &format!("{owner}.db"), &Ambient::system()).unwrap();
        }
        token::Service::migrate(&installation.token()).await.unwrap();
        let (config, _) = portal::Config::read(&installation.settings()).unwrap();
        portal::Service::migrate(&config).await.unwrap();
        installation
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn settings(&self) -> Environment {
        standalone::settings(Environment::new(), self.path(), &Ambient::system())
    }

    fn token(&self) -> token::Config {
        token::Config::read(&self.settings()).unwrap().0
    }

    fn file(&self, owner: &str) -> PathBuf {
        self.path().join(format!("{owner}.key"))
    }

    fn ids(&self, owner: &str) -> Vec<String> {
        ids(&self.file(owner))
    }

    /// Makes a user with an API access token, under the key in use.
    async fn credential(&self) {
        let (ambient, tasks) = (Ambient::system(), Tasks::default());
        let service = token::Service::open(self.token(), ambient.clone(), &tasks).await.unwrap();
        let user = FirstUser {
            organization_uuid: Uuid::nil(),
            name: "Ann".to_owned(),
            email: "ann@example.com".to_owned(),
            password: Zeroizing::new("only for this test".to_owned()),
            api_token: credential::Plain::token("bk", credential::Kind::Api, &ambient.bytes()),
        };
        service.create_first_user(user).await.unwrap();
        tasks.stop(Duration::from_secs(5)).await;
    }

    async fn run(&self, words: &str) -> Result<(), String> {
        run(&format!("{words} --data-dir {}", self.path().display())).await
    }
}

async fn run(words: &str) -> Result<(), String> {
    run_in(words, Environment::new()).await
}

async fn run_in(words: &str, environment: Environment) -> Result<(), String> {
    let line = Line::try_parse_from(["rotate-key"].into_iter().chain(words.split_whitespace()));
    let Line { rotate, data_dir } = line.map_err(|error| error.to_string())?;
    let ran = rotate.run(data_dir.as_deref(), environment, &Ambient::system()).await;
    ran.map_err(|failure| kit::error::chain(&failure))
}

fn ids(file: &Path) -> Vec<String> {
    RootKeys::read(file).unwrap().iter().map(|key| key.id().to_owned()).collect()
}

#[track_caller]
fn refused(ran: Result<(), String>, words: &[&str]) {
    let said = ran.unwrap_err();
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

#[tokio::test]
async fn a_key_that_nothing_needs_is_replaced_and_removed() {
    for owner in ["token", "portal"] {
        let house = Installation::new().await;
        let old = house.ids(owner).remove(0);
        house.run(owner).await.unwrap();
        let both = house.ids(owner);
        assert!(both.len() == 2 && both[0] > old && both[1] == old, "{both:?}");
        house.run(&format!("{owner} --retire {old} --check")).await.unwrap();
        assert_eq!(house.ids(owner), both, "a check changes nothing");
        house.run(&format!("{owner} --retire {old}")).await.unwrap();
        assert_eq!(house.ids(owner), both[..1]);
    }
}

#[tokio::test]
async fn what_stays_after_a_rotation_opens_the_database() {
    let house = Installation::new().await;
    house.credential().await;
    let old = house.ids("token").remove(0);
    house.run("token").await.unwrap();
    let tasks = Tasks::default();
    let opened = token::Service::open(house.token(), Ambient::system(), &tasks).await;
    assert!(opened.is_ok());
    tasks.stop(Duration::from_secs(5)).await;
    assert_eq!(house.ids("token")[1], old);
}

#[tokio::test]
async fn a_key_that_rows_need_is_not_retired_and_they_are_counted() {
    let house = Installation::new().await;
    house.credential().await;
    let old = house.ids("token").remove(0);
    house.run("token").await.unwrap();
    for check in ["", "--check"] {
        refused(house.run(&format!("token --retire {old} {check}")).await, &["still needed", ": 1)"]);
    }
    assert_eq!(house.ids("token").len(), 2);
}

#[tokio::test]
async fn a_file_from_before_the_rotation_opens_nothing_after_it() {
    let house = Installation::new().await;
    let before = fs::read(house.file("token")).unwrap();
    let old = house.ids("token").remove(0);
    house.run("token").await.unwrap();
    house.run(&format!("token --retire {old}")).await.unwrap();
    let opens = async || {
        let tasks = Tasks::default();
        let opened = token::Service::open(house.token(), Ambient::system(), &tasks).await.map(|_service| ());
        tasks.stop(Duration::from_secs(5)).await;
        opened.map_err(|error| error.to_string())
    };
    opens().await.unwrap();
    let after = fs::read(house.file("token")).unwrap();
    // The file before the first step, and a copy of the one after it that somebody has missed ever since.
    for stale in [before.clone(), [before, after.clone()].concat()] {
        fs::write(house.file("token"), stale).unwrap();
        refused(opens().await, &[&format!("the key {old} was retired"), "token.key is from before that"]);
    }
    fs::write(house.file("token"), after).unwrap();
    opens().await.unwrap();
}

#[tokio::test]
async fn a_third_key_is_refused() {
    let house = Installation::new().await;
    let old = house.ids("token").remove(0);
    house.run("token").await.unwrap();
    let both = house.ids("token");
    refused(house.run("token").await, &["retire it first", &format!("rotate-key token --retire {old} --data-dir ")]);
    assert_eq!(house.ids("token"), both);
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_with_the_key_that_it_began_with() {
    let house = Installation::new().await;
    let found = RootKeys::read(&house.file("token")).unwrap();
    let old = found.iter().next().unwrap().id().to_owned();
    let new = new_key(&old, &Ambient::system());
    found.with_added(new.clone()).unwrap().write().unwrap();
    house.run("token").await.unwrap();
    assert_eq!(house.ids("token"), [new.id(), &old]);
}

#[tokio::test]
async fn a_rotation_that_was_begun_can_be_given_up() {
    let house = Installation::new().await;
    house.credential().await;
    let found = RootKeys::read(&house.file("token")).unwrap();
    let old = found.iter().next().unwrap().id().to_owned();
    let new = new_key(&old, &Ambient::system());
    found.with_added(new.clone()).unwrap().write().unwrap();
    house.run(&format!("token --retire {}", new.id())).await.unwrap();
    assert_eq!(house.ids("token"), [old]);
}

#[tokio::test]
async fn a_key_in_use_or_unknown_is_not_retired() {
    let house = Installation::new().await;
    let in_use = house.ids("token").remove(0);
    refused(house.run(&format!("token --retire {in_use}")).await, &["in use"]);
    refused(house.run("token --retire k1").await, &["no key k1"]);
    assert_eq!(house.ids("token"), [in_use]);
}

#[tokio::test]
async fn a_file_of_another_database_is_left_alone() {
    let house = Installation::new().await;
    house.credential().await;
    let id = house.ids("token").remove(0);
    let strange = RootKey::new(id, [9; 32]).to_line();
    fs::write(house.file("token"), strange.as_bytes()).unwrap();
    refused(house.run("token").await, &["isn't the one that this database was made with"]);
    assert_eq!(fs::read(house.file("token")).unwrap(), strange.as_bytes());
}

#[tokio::test]
async fn nothing_is_made_where_no_installation_is() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("data");
    refused(run(&format!("token --data-dir {}", path.display())).await, &["token.key", "No such file"]);
    assert!(!path.exists());
    refused(run("token").await, &["no data directory is given", "TOKEN_DATABASE__URL"]);
}

#[tokio::test]
async fn a_copy_of_the_file_goes_one_step_at_a_time() {
    let house = Installation::new().await;
    let file = house.path().join("copy.key");
    fs::copy(house.file("token"), &file).unwrap();
    let old = ids(&file).remove(0);
    let step = format!("token --file {}", file.display());
    run(&step).await.unwrap();
    let added = ids(&file);
    assert!(added.len() == 2 && added[0] == old, "{added:?}");
    run(&step).await.unwrap();
    assert_eq!(ids(&file), [added[1].clone(), old.clone()]);
    refused(run(&step).await, &[&old, "remove it first"]);
    refused(run(&format!("{step} --retire k1")).await, &["no key k1"]);
    refused(run(&format!("{step} --retire {}", added[1])).await, &["in use"]);
    run(&format!("{step} --retire {old}")).await.unwrap();
    assert_eq!((ids(&file), house.ids("token")), (vec![added[1].clone()], vec![old.clone()]));
    assert!(run(&format!("{step} --retire {old} --check")).await.is_err());
    assert!(run(&format!("{step} --data-dir {}", house.path().display())).await.is_err());
}

#[tokio::test]
async fn one_rotation_at_a_time() {
    let house = Installation::new().await;
    let old = house.ids("token").remove(0);
    let lock = Lock::of(&house.file("token")).unwrap();
    let copy = house.path().join("link.key");
    std::os::unix::fs::symlink(house.file("token"), &copy).unwrap();
    refused(house.run("token").await, &["another rotate-key is at work"]);
    refused(house.run("token --retire k1").await, &["another rotate-key is at work"]);
    refused(run(&format!("token --file {}", copy.display())).await, &["another rotate-key is at work"]);
    // What changes nothing needs no lock.
    refused(house.run(&format!("token --retire {old} --check")).await, &["in use"]);
    drop(lock);
    house.run("token").await.unwrap();
    assert_eq!(house.ids("token").len(), 2);
}

#[tokio::test]
async fn a_file_that_somebody_else_has_changed_is_left_alone() {
    let house = Installation::new().await;
    let found = RootKeys::read(&house.file("token")).unwrap();
    let with = |id: &str, byte| found.with_added(RootKey::new(id.to_owned(), [byte; 32])).unwrap();
    let theirs = with("k1", 1);
    theirs.write().unwrap();
    refused(write(&found, &with("k2", 2)).map_err(|failure| failure.to_string()), &["somebody else has changed"]);
    assert_eq!(RootKeys::read(&house.file("token")).unwrap(), theirs);
    write(&theirs, &found).unwrap();
    assert_eq!(RootKeys::read(&house.file("token")).unwrap(), found);
}

#[tokio::test]
async fn a_check_lets_the_database_know_no_key() {
    let house = Installation::new().await;
    let found = RootKeys::read(&house.file("token")).unwrap();
    canary_of(&house, &found).await.unwrap();
    let both = found.with_added(RootKey::new("k1".to_owned(), [1; 32])).unwrap();
    both.write().unwrap();
    house.run("token --retire k1 --check").await.unwrap();
    // A key that the database knew would not be one that can be replaced by another of that id.
    canary_of(&house, &found.with_added(RootKey::new("k1".to_owned(), [2; 32])).unwrap()).await.unwrap();
}

async fn canary_of(house: &Installation, keys: &RootKeys) -> Result<(), kit::canary::WrongKeys> {
    let database = kit::db::Database::open(&house.token().database_url).await.unwrap();
    kit::canary::check(&database, keys).await
}

/// The token service with a copy of the key file, as another machine has it.
struct Elsewhere {
    file: PathBuf,
    tasks: Tasks,
    _service: token::Service,
}

impl Elsewhere {
    async fn start(house: &Installation) -> Self {
        let file = house.path().join("copy.key");
        fs::copy(house.file("token"), &file).unwrap();
        let (config, tasks) = (token::Config { keys_file: file.clone(), ..house.token() }, Tasks::default());
        let service = token::Service::open(config, Ambient::system(), &tasks).await.unwrap();
        Self { file, tasks, _service: service }
    }

    fn bring(&self, house: &Installation) {
        let fresh = self.file.with_extension("fresh");
        fs::copy(house.file("token"), &fresh).unwrap();
        fs::rename(fresh, &self.file).unwrap();
    }
}

#[tokio::test]
async fn no_step_is_done_before_every_process_has_read_the_one_before() {
    let house = Installation::new().await;
    let elsewhere = Elsewhere::start(&house).await;
    let old = house.ids("token").remove(0);
    let late = ["not every process has read", &format!("(has {old})")];
    house.run("token --readers").await.unwrap();
    refused(house.run("token --patience 0").await, &late);
    let added = house.ids("token");
    assert_eq!((added.len(), &added[0]), (2, &old), "the new key isn't used yet");
    refused(house.run("token --patience 1").await, &late);
    assert_eq!(house.ids("token"), added);
    elsewhere.bring(&house);
    // It waits until that one has it, and goes on; and not in vain until that one uses it.
    house.run("token --patience 6").await.unwrap();
    assert_eq!(house.ids("token"), [added[1].clone(), old.clone()]);
    let late = ["not every process has read", &format!("(has {old}, {})", added[1])];
    for words in [format!("token --retire {old}"), format!("token --retire {old} --check")] {
        refused(house.run(&format!("{words} --patience 1")).await, &late);
        assert_eq!(house.ids("token").len(), 2);
    }
    elsewhere.bring(&house);
    house.run(&format!("token --retire {old} --check")).await.unwrap();
    house.run(&format!("token --retire {old} --patience 1")).await.unwrap();
    assert_eq!(house.ids("token"), added[1..]);
    assert!(elsewhere.tasks.stop(Duration::from_secs(20)).await);
}

#[tokio::test]
async fn nobody_waits_for_a_process_that_has_ended() {
    let house = Installation::new().await;
    let elsewhere = Elsewhere::start(&house).await;
    assert!(elsewhere.tasks.stop(Duration::from_secs(20)).await);
    let old = house.ids("token").remove(0);
    house.run("token --patience 0").await.unwrap();
    house.run(&format!("token --retire {old} --patience 0")).await.unwrap();
}
