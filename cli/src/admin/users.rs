//! Users.

use clap::Args;
use contracts::directory::v1::{CreateUserRequest, DeleteUserRequest, ListUsersRequest, SetPasswordRequest};
use zeroize::Zeroizing;

use super::{
    answer,
    operator::{Operator, Part},
    password, tell,
};
use crate::failure::Failure;

const PER_PAGE: u32 = 100;

/// A new user.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The e-mail address, which signs in.
    #[arg(long)]
    email: String,
    /// The name shown to others.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    password: password::Source,
}

/// A user who is to go.
#[derive(Args, Debug)]
pub(super) struct Delete {
    /// The e-mail address.
    #[arg(long)]
    email: String,
}

/// Another password.
#[derive(Args, Debug)]
pub(super) struct ResetPassword {
    /// The e-mail address.
    #[arg(long)]
    email: String,
    #[command(flatten)]
    password: password::Source,
}

impl Create {
    /// Makes the user.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let Self { email, name, password } = self;
        let password = password.read()?.map(|password| password.to_string());
        let can_sign_in = password.is_some();
        let request = operator.request(CreateUserRequest { email: email.clone(), name, password });
        let made = operator.token.create_user(request).await;
        let user = operator.answered(Part::Token, made)?.user.unwrap_or_default();
        if !can_sign_in {
            tell(&format!("{email} can't sign in before `portals admin reset-password` has set a password."));
        }
        answer(&user.uuid)
    }
}

impl Delete {
    /// Removes the user.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let Self { email } = self;
        let request = operator.request(DeleteUserRequest { email: email.clone(), wait: true });
        let removed = operator.token.delete_user(request).await;
        operator.answered(Part::Token, removed)?;
        tell(&format!("{email} is removed."));
        Ok(())
    }
}

impl ResetPassword {
    /// Sets the password that is given, or makes one and prints it.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let Self { email, password } = self;
        let given = password.read()?;
        let made = given.is_none();
        let new = || Zeroizing::new(hex::encode(Zeroizing::new(operator.ambient.bytes::<16>()).as_slice()));
        let password = given.unwrap_or_else(new);
        let request =
            operator.request(SetPasswordRequest { email: email.clone(), password: password.as_str().to_owned() });
        let set = operator.token.set_password(request).await;
        operator.answered(Part::Token, set)?;
        tell(&format!("{email} has a new password and is signed out everywhere."));
        if made { answer(&password) } else { Ok(()) }
    }
}

/// Prints every user.
pub(super) async fn list(operator: &mut Operator) -> Result<(), Failure> {
    for page in 1.. {
        let request = operator.request(ListUsersRequest { page, per_page: PER_PAGE });
        let listed = operator.token.list_users(request).await;
        let listed = operator.answered(Part::Token, listed)?;
        for user in &listed.users {
            answer(&[&user.uuid, &user.email, &user.name].map(|text| printable(text)).join("\t"))?;
        }
        if listed.users.is_empty() || page.saturating_mul(PER_PAGE) >= listed.total {
            break;
        }
    }
    Ok(())
}

/// One field of one line: a name mustn't add another one, or steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_field() {
        assert_eq!(printable("Ann\tE.\n\u{1b}[31m Ünï"), "Ann E.  [31m Ünï");
    }
}
