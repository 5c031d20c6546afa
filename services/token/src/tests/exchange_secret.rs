//! `ExchangeSecret`.

use std::time::{Duration, Instant};

use contracts::token::v1::{ExchangeSecretRequest, PortalTokenKind};
use kit::{
    credential::{Kind, Plain},
    error::Code,
    grpc::to_timestamp,
};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    secrets::{Secret, exchange},
    world::{ORGANIZATION, PORTAL, World, at, everywhere, everywhere_with, random_token, refusal},
};
use crate::Limits;

pub(super) const OTHER: Uuid = Uuid::from_u128(0x0c);

pub(super) fn random_secret() -> Plain {
    let ambient = kit::ambient::Ambient::system();
    Plain::secret("bk", ambient.bytes(), &ambient.bytes())
}

/// All that a client learns of a refusal.
pub(super) fn bytes(status: &Status) -> (tonic::Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

impl World {
    /// Makes `plain` one that the row of `secret` is found by, though it isn't that secret; `gate` opens the gate to it too.
    pub(super) async fn disguise(&self, secret: &Secret, plain: &Plain, gate: bool) {
        let values = vec![plain.selector().unwrap().into(), secret.uuid.into()];
        self.tamper("UPDATE portal_secrets SET selector = $1 WHERE uuid = $2", values).await;
        let opening = i32::try_from(self.service.0.exchanges.gatekeeper().gate(PORTAL, plain).bits).unwrap();
        let bits = if gate { opening } else { opening ^ 1 };
        self.tamper("UPDATE portal_secrets SET gate = $1 WHERE uuid = $2", vec![bits.into(), secret.uuid.into()]).await;
    }
}

#[tokio::test]
async fn a_good_secret_makes_a_token_that_verifies_until_it_ends() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let exchanged = world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        assert_eq!(Plain::parse(&exchanged.token).unwrap().kind(), Kind::Portal);
        assert_eq!(exchanged.expires_at, Some(to_timestamp(at(15 * 60))));
        let verified = world.verify(&exchanged.token).await.unwrap();
        assert_eq!(verified.kind(), PortalTokenKind::Ephemeral);
        assert_eq!((verified.portal_uuid, verified.expires_at), (PORTAL.to_string(), exchanged.expires_at));
        world.clock.pass(15 * 60 - 1);
        world.verify(&exchanged.token).await.unwrap();
        world.clock.pass(1);
        assert_eq!(refusal(world.verify(&exchanged.token).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_somebody_gave_to_another_portal_opens_nothing_there() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let give = "UPDATE portal_secrets SET portal_uuid = $1 WHERE uuid = $2";
        let (mut refused, hashes) = (0, world.slow_hashes());
        // One gate in a million opens by chance.
        for other in [OTHER, Uuid::from_u128(0x0d)] {
            world.issued(other).await;
            world.tamper(give, vec![other.into(), secret.uuid.into()]).await;
            refused += u32::from(world.exchange_secret(other, &secret.plain).await.is_err());
        }
        assert_eq!((refused, world.slow_hashes()), (2, hashes));
        world.tamper(give, vec![PORTAL.into(), secret.uuid.into()]).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_token_is_audited_and_bears_who_made_the_secret() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let exchanged = world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        let audit = world.audit().await;
        let row =
            audit.iter().find(|row| row.kind == "PORTAL_TOKEN_CREATED" && row.data["secret_uuid"].is_string()).unwrap();
        assert_eq!((row.actor.as_deref(), row.organization), (None, ORGANIZATION));
        assert_eq!(row.context["credential_uuid"], json!(secret.uuid));
        assert_eq!(row.context["request_ip"], "192.0.2.1");
        let last_four = &exchanged.token[exchanged.token.len() - 4..];
        let ends = json!({
            "portal_uuid": PORTAL, "secret_uuid": secret.uuid, "kind": "ephemeral", "last_four": last_four,
            "expires_at": at(15 * 60), "allowed_ip_addresses": null,
        });
        assert_eq!(row.data, ends);
        let made = "SELECT created_by_name, secret_uuid FROM portal_tokens WHERE kind = 'ephemeral'";
        let made = world.rows(made).await.remove(0);
        assert_eq!(made.try_get::<String>("", "created_by_name").unwrap(), "Ada");
        assert_eq!(made.try_get::<Uuid>("", "secret_uuid").unwrap(), secret.uuid);
    })
    .await;
}

#[tokio::test]
async fn an_hour_is_the_default_and_the_most() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        for (minutes, seconds) in [(None, 3600), (Some(60), 3600), (Some(1), 60)] {
            let request =
                ExchangeSecretRequest { expires_in_minutes: minutes, ..exchange(PORTAL, secret.plain.expose()) };
            assert_eq!(world.send(request).await.unwrap().expires_at, Some(to_timestamp(at(seconds))));
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_names_its_field() {
    everywhere(async |world| {
        let good = || exchange(PORTAL, random_secret().expose());
        let hashes = world.slow_hashes();
        let cases = [
            ("client_id", ExchangeSecretRequest { client_id: String::new(), ..good() }),
            ("secret", ExchangeSecretRequest { secret: String::new(), ..good() }),
            ("expires_in_minutes", ExchangeSecretRequest { expires_in_minutes: Some(0), ..good() }),
            ("expires_in_minutes", ExchangeSecretRequest { expires_in_minutes: Some(61), ..good() }),
            ("expires_in_minutes", ExchangeSecretRequest { expires_in_minutes: Some(3600), ..good() }),
            ("organization_uuid", ExchangeSecretRequest { organization_uuid: String::new(), ..good() }),
            ("portal_uuid", ExchangeSecretRequest { portal_uuid: "x".into(), ..good() }),
        ];
        for (field, request) in cases {
            let refused = refusal(world.send(request).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Invalid, "invalid_request"));
            assert_eq!(refused.violations[0].field, field);
        }
        assert_eq!(world.slow_hashes(), hashes);
    })
    .await;
}

#[tokio::test]
async fn all_refusals_are_the_same_to_the_byte_and_cost_no_slow_hash() {
    everywhere_with(Limits { failures_per_minute: 0, ..Limits::default() }, async |world| {
        let (secret, other) = (world.secret(PORTAL).await, world.secret(OTHER).await);
        let (expired, behind_the_gate) = (world.secret(PORTAL).await, random_secret());
        world
            .tamper(
                "UPDATE portal_secrets SET expires_at = $1 WHERE uuid = $2",
                vec![at(0).into(), expired.uuid.into()],
            )
            .await;
        world.disguise(&other, &behind_the_gate, false).await;
        let good = || exchange(PORTAL, secret.plain.expose());
        let nil = Uuid::nil().to_string();
        let mut typo = secret.plain.expose().to_owned();
        typo.replace_range(20..21, if &typo[20..21] == "a" { "b" } else { "a" });
        let cases = [
            ("unknown path", ExchangeSecretRequest { portal_uuid: nil.clone(), ..good() }),
            ("nil twice", ExchangeSecretRequest { portal_uuid: nil.clone(), client_id: nil.clone(), ..good() }),
            ("unknown organization", ExchangeSecretRequest { organization_uuid: nil, ..good() }),
            ("another's client id", ExchangeSecretRequest { client_id: OTHER.to_string(), ..good() }),
            ("no UUID", ExchangeSecretRequest { client_id: "ci".into(), ..good() }),
            ("another's path", exchange(OTHER, secret.plain.expose())),
            ("no form", exchange(PORTAL, "hello")),
            ("typo", exchange(PORTAL, &typo)),
            ("another kind", exchange(PORTAL, random_token(Kind::Portal).expose())),
            ("unknown selector", exchange(PORTAL, random_secret().expose())),
            ("wrong secret", exchange(OTHER, behind_the_gate.expose())),
            ("expired", exchange(PORTAL, expired.plain.expose())),
        ];
        let hashes = world.slow_hashes();
        let form = bytes(&world.send(exchange(PORTAL, "")).await.unwrap_err());
        let mut seen = Vec::new();
        for (case, request) in cases {
            let refused = world.send(request).await.unwrap_err();
            seen.push((case, bytes(&refused)));
            assert_eq!(refusal::<()>(Err(refused)).reason, "invalid_client", "{case}");
        }
        assert!(seen.iter().all(|(_, bytes)| *bytes == seen[0].1 && *bytes != form), "{seen:?}");
        assert_eq!(world.slow_hashes(), hashes, "garbage never reaches the slow hash");
        world.send(good()).await.unwrap();
        assert_eq!(world.slow_hashes(), hashes + 1);
    })
    .await;
}

#[tokio::test]
async fn making_the_second_secret_does_not_disturb_the_first() {
    everywhere(async |world| {
        let first = world.secret(PORTAL).await;
        world.exchange_secret(PORTAL, &first.plain).await.unwrap();
        let second = world.secret(PORTAL).await;
        for secret in [&second, &first] {
            world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_is_slowed_down_after_its_rate_and_others_are_not() {
    everywhere_with(Limits { exchanges_per_minute: 2, ..Limits::default() }, async |world| {
        let (secret, other) = (world.secret(PORTAL).await, world.secret(OTHER).await);
        for _ in 0..2 {
            world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        }
        let refused = refusal(world.exchange_secret(PORTAL, &secret.plain).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Exhausted, "rate_limited"));
        assert_eq!(refused.facts["scope"], "exchanges");
        assert_eq!(refusal(world.exchange_secret(PORTAL, &random_secret()).await).reason, "invalid_client");
        world.exchange_secret(OTHER, &other.plain).await.unwrap();
        world.clock.pass(42);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn no_secret_lies_in_any_row() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let token = world.exchange_secret(PORTAL, &secret.plain).await.unwrap().token;
        let Some(file) = world.config.database_url.strip_prefix("sqlite:") else { return };
        let mut seen = Vec::new();
        for file in [file, &format!("{file}-wal")] {
            seen.extend(std::fs::read(file).unwrap());
        }
        let holds = |text: &str| seen.windows(text.len()).any(|window| window == text.as_bytes());
        let body = secret.plain.expose().split_once('_').unwrap().1;
        assert!(holds(&body[..9]), "the selector is there");
        assert!(!holds(&body[9..29]) && !holds(&body[29..49]) && !holds(&token[6..26]));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_selector_is_looked_up_as_long_as_a_known_one() {
    everywhere_with(Limits { failures_per_minute: 0, ..Limits::default() }, async |world| {
        let known = world.secret(PORTAL).await.plain;
        let known = known.selector().unwrap();
        let mut times = [Vec::new(), Vec::new()];
        for number in 0..2_000 {
            let selector = if number % 2 == 0 { known } else { "zzzzzzzzz" };
            let begun = Instant::now();
            let found = world.service.0.store.find_secret(selector).await.unwrap();
            times[number % 2].push(begun.elapsed());
            assert_eq!(found.is_some(), number % 2 == 0);
        }
        let [known, unknown] = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        assert!(known.abs_diff(unknown) < Duration::from_micros(100), "{known:?}, {unknown:?}");
    })
    .await;
}
