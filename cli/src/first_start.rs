//! The first start of a `standalone` installation: an organization, a pipeline, an administrator and an API access token.
//!
//! The credentials are on disk before the rows that they open are committed, and the user's row comes last. So a first
//! start that was cut off is finished by the next one, with the same credentials.

use std::{fs, io::ErrorKind};

use kit::{
    ambient::Ambient,
    credential::{self, Plain},
};
use serde::{Deserialize, Serialize};
use token::FirstUser;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{assembly::Parts, data_directory::DataDirectory, failure::Failure};

const FILE: &str = "bootstrap.json";
/// A file for curl's `-H @…`, so that no credential need be typed or printed.
pub(crate) const HEADER_FILE: &str = "auth.header";
const ORGANIZATION: (&str, &str) = ("my-organization", "My Organization");
const PIPELINE: (&str, &str) = ("my-pipeline", "My Pipeline");
const ADMINISTRATOR: (&str, &str) = ("Administrator", "admin@example.com");

/// Where the process listens, as URLs.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) gateway: String,
    pub(crate) admin: String,
    pub(crate) token_grpc: String,
    pub(crate) portal_grpc: String,
}

/// What the first start made, for scripts and for the owner.
#[derive(Deserialize, Serialize)]
struct Bootstrap {
    organization: String,
    email: String,
    password: Zeroizing<String>,
    api_access_token: Zeroizing<String>,
    gateway: String,
    admin: String,
    token_grpc: String,
    portal_grpc: String,
}

/// Does or finishes the first start, or refreshes the addresses in the file of an earlier one, if it is still there.
pub(crate) async fn ensure(
    directory: &DataDirectory,
    parts: &Parts,
    ambient: &Ambient,
    letters: &str,
    urls: Urls,
) -> Result<(), Failure> {
    let (Some(token), Some(portal), Some(pipelines)) = (&parts.token, &parts.portal, &parts.pipelines) else {
        return Ok(());
    };
    let done = token.has_users().await.map_err(|error| Failure::because("the first start", error))?;
    let bootstrap = match (read(directory)?, done) {
        (None, true) => return Ok(()),
        (None, false) => Bootstrap::new(ambient, letters, urls),
        (Some(kept), _) => kept.at(urls),
    };
    bootstrap.write(directory, done)?;
    if done {
        return Ok(());
    }
    let failed = |error| Failure::because("the first start", error);
    let organization = portal.ensure_organization(ORGANIZATION.0, ORGANIZATION.1).await;
    let uuid = organization.map_err(|error| Failure::because("the first start", error))?;
    let reach = pipelines::Organization { uuid, slug: ORGANIZATION.0.to_owned(), name: ORGANIZATION.1.to_owned() };
    pipelines
        .ensure_pipeline(&reach, PIPELINE.0, PIPELINE.1)
        .await
        .map_err(|error| Failure::because("the first start", error))?;
    token.create_first_user(bootstrap.first_user(uuid)?).await.map_err(failed)
}

fn read(directory: &DataDirectory) -> Result<Option<Bootstrap>, Failure> {
    let path = directory.file(FILE);
    let text = match fs::read(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::because(format!("{} can't be read", path.display()), error)),
    };
    let read = serde_json::from_slice(&text);
    read.map(Some)
        .map_err(|error| Failure::because(format!("{} isn't what the first start wrote", path.display()), error))
}

impl Bootstrap {
    fn new(ambient: &Ambient, letters: &str, urls: Urls) -> Self {
        let token = Plain::token(letters, credential::Kind::Api, &ambient.bytes());
        let Urls { gateway, admin, token_grpc, portal_grpc } = urls;
        Self {
            organization: ORGANIZATION.0.to_owned(),
            email: ADMINISTRATOR.1.to_owned(),
            password: Zeroizing::new(Uuid::from_bytes(ambient.bytes()).simple().to_string()),
            api_access_token: Zeroizing::new(token.expose().to_owned()),
            gateway,
            admin,
            token_grpc,
            portal_grpc,
        }
    }

    fn at(self, urls: Urls) -> Self {
        let Urls { gateway, admin, token_grpc, portal_grpc } = urls;
        Self { gateway, admin, token_grpc, portal_grpc, ..self }
    }

    fn write(&self, directory: &DataDirectory, done: bool) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map(|text| Zeroizing::new(text + "\n"));
        let text = text.map_err(|error| Failure::because("the first start's file", error))?;
        directory.write(FILE, text.as_bytes())?;
        if done {
            return Ok(());
        }
        let header = Zeroizing::new(format!("Authorization: Bearer {}\n", self.api_access_token.as_str()));
        directory.write(HEADER_FILE, header.as_bytes())
    }

    fn first_user(&self, organization_uuid: Uuid) -> Result<FirstUser, Failure> {
        let api_token = Plain::parse(&self.api_access_token);
        Ok(FirstUser {
            organization_uuid,
            name: ADMINISTRATOR.0.to_owned(),
            email: self.email.clone(),
            password: self.password.clone(),
            api_token: api_token.map_err(|error| Failure::because(format!("the api_access_token in {FILE}"), error))?,
        })
    }
}
