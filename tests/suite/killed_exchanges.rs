//! The token service is killed again and again during exchanges and removals, and nothing that it acknowledged is lost (R1).

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use kit::credential::Plain;
use serde_json::{Value, json};
use suite::{
    Fleet, Installation, Load, Part, Portal, count, credentials, figures, full, grant, path, python, wait, wire,
};

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Its making was acknowledged.
    Made,
    /// Its removal was asked for, and nobody knows whether it happened.
    Asked,
    /// Its removal was acknowledged.
    Removed,
}

#[derive(Clone, Debug)]
struct Known {
    token: String,
    state: State,
}

type Ledger = Arc<Mutex<Vec<Known>>>;

/// A client of the gateway who reads whole answers only.
struct Client {
    wire: wire::Wire,
    authorization: String,
}

impl Client {
    fn send(&mut self, line: &str, body: &str) -> Option<(u16, Value)> {
        let headers = [self.authorization.as_str(), "Content-Type: application/json"];
        let reply = self.wire.send(&wire::request(line, &headers, body)).ok()?;
        Some((reply.status, serde_json::from_str(&reply.body).unwrap_or_default()))
    }
}

/// Exchanges a secret again and again.
fn exchanger(gateway: SocketAddr, portal: &Portal, secret: &str, ledger: &Ledger) -> impl FnMut() + use<> {
    let request = wire::post(&format!("{}/tokens", path(&portal.slug)), &[], &grant(portal, secret).to_string());
    let (mut wire, ledger) = (wire::Wire::to(gateway), Arc::clone(ledger));
    move || {
        let Ok(reply) = wire.send(&request) else { return };
        assert!([200, 502, 503, 504].contains(&reply.status), "{}", reply.body);
        if reply.status == 200 {
            let body: Value = serde_json::from_str(&reply.body).unwrap();
            let token = body["token"].as_str().unwrap().to_owned();
            ledger.lock().unwrap().push(Known { token, state: State::Made });
        }
    }
}

/// Makes service tokens and removes every second one.
fn remover(mut client: Client, portal: &Portal, ledger: &Ledger) -> impl FnMut() + use<> {
    let (all, ledger, mut turn) = (credentials(portal, "service_tokens"), Arc::clone(ledger), 0);
    move || {
        turn += 1;
        let Some((status, body)) = client.send(&format!("POST {all}"), "{}") else { return };
        if status == 422 {
            // Full, of tokens that were made and never acknowledged too.
            make_room(&mut client, &all, &ledger);
        }
        if status != 201 || turn % 2 == 0 {
            return;
        }
        let at = {
            let mut ledger = ledger.lock().unwrap();
            let token = body["token"].as_str().unwrap().to_owned();
            ledger.push(Known { token, state: State::Asked });
            ledger.len() - 1
        };
        let removed = client.send(&format!("DELETE {all}/{}", body["uuid"].as_str().unwrap()), "");
        if removed.is_some_and(|(status, _)| status == 204) {
            ledger.lock().unwrap()[at].state = State::Removed;
        }
    }
}

/// Removes what is there. Whatever isn't known to be removed may be, from now on.
fn make_room(client: &mut Client, all: &str, ledger: &Ledger) {
    let Some((200, listed)) = client.send(&format!("GET {all}"), "") else { return };
    for known in ledger.lock().unwrap().iter_mut().filter(|known| known.state == State::Made) {
        let last_four = &known.token[known.token.len() - 4..];
        if listed.as_array().unwrap().iter().any(|token| token["last_four"] == last_four) {
            known.state = State::Asked;
        }
    }
    for token in listed.as_array().unwrap() {
        client.send(&format!("DELETE {all}/{}", token["uuid"].as_str().unwrap()), "");
    }
}

/// Cuts the token service's power, and starts it again. Gives how long that took.
fn kill(fleet: &mut Fleet) -> Duration {
    fleet.split.kill(Part::Token);
    let begun = Instant::now();
    fleet.split.start_part(Part::Token);
    begun.elapsed()
}

/// The status of a call, once the token could be verified.
async fn certain(fleet: &Fleet, portal: &Portal, token: &str) -> u16 {
    wait::need_async("a verdict", Duration::from_secs(10), async || {
        let status = fleet.call_with(portal, token).await.status;
        (status != 503).then_some(status)
    })
    .await
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_hundred_kills() {
    let mut fleet = Fleet::start(|_| {});
    let ([exchanged, removed], ledger) =
        ([fleet.portal_of("{ viewer { id } }").await, fleet.portal_of("{ viewer { id } }").await], Ledger::default());
    let (secret, of_removals) = (fleet.secret(&exchanged).await.value, Ledger::default());
    let gateway = fleet.split.gateway();
    let authorization = format!("Authorization: Bearer {}", fleet.api_token());
    let (one, two) = ((exchanged.clone(), Arc::clone(&ledger)), (removed.clone(), Arc::clone(&of_removals)));
    let load = Load::start(4, move |number| -> Box<dyn FnMut()> {
        if number < 3 {
            return Box::new(exchanger(gateway, &one.0, &secret, &one.1));
        }
        let client = Client { wire: wire::Wire::to(gateway), authorization: authorization.clone() };
        Box::new(remover(client, &two.0, &two.1))
    });
    let mut slowest = Duration::ZERO;
    let kills = count(5, 100);
    for _ in 0..kills {
        let before = [ledger.lock().unwrap().len(), of_removals.lock().unwrap().len()];
        // Both kinds are under way.
        wait::need("exchanges and removals", Duration::from_mins(1), || {
            let now = [ledger.lock().unwrap().len(), of_removals.lock().unwrap().len()];
            (now[0] > before[0] + 2 && now[1] > before[1]).then_some(())
        });
        slowest = slowest.max(kill(&mut fleet));
    }
    drop(load.stop());
    let bound = if full() { Duration::from_secs(2) } else { Duration::from_secs(10) };
    assert!(slowest < bound, "it was back after {slowest:?}");
    wait::need_async("calls to pass again", Duration::from_secs(10), async || {
        (fleet.call(&exchanged, json!({})).await.status == 200).then_some(())
    })
    .await;
    let (made, removals) = (ledger.lock().unwrap().clone(), of_removals.lock().unwrap().clone());
    let of = |state: &State| removals.iter().filter(|known| known.state == *state).count();
    let removed_tokens = of(&State::Removed);
    figures(
        "kills of the token service",
        &format!(
            "{kills} kills; {} exchanges, {removed_tokens} removals and {} other service tokens acknowledged; back after {slowest:?} at most",
            made.len(),
            of(&State::Made)
        ),
    );
    assert!(removed_tokens > 0 && !made.is_empty());
    for (portal, known) in made.iter().map(|known| (&exchanged, known)).chain(removals.iter().map(|k| (&removed, k))) {
        let status = certain(&fleet, portal, &known.token).await;
        match known.state {
            State::Made => assert_eq!(status, 200, "an acknowledged token is lost"),
            State::Removed => assert_eq!(status, 401, "an acknowledged removal is lost"),
            State::Asked => assert!([200, 401].contains(&status), "{status}"),
        }
    }
}

#[tokio::test]
async fn a_removed_secret_stays_removed_over_a_kill() {
    let mut fleet = Fleet::start(|_| {});
    let portal = fleet.portal_of("{ viewer { id } }").await;
    for _ in 0..count(2, 20) {
        let secret = fleet.secret(&portal).await;
        let token = fleet.ephemeral(&portal, &secret).await;
        fleet.remove(&portal, "secrets", &secret.uuid, "").await.expect(200);
        kill(&mut fleet);
        let refused = wait::need_async("an answer", Duration::from_secs(10), async || {
            let answer = fleet.exchange(&portal, grant(&portal, &secret.value)).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        refused.error_code(401, "invalid_client");
        wait::need_async("the token to be refused", Duration::from_secs(6), async || {
            (fleet.call_with(&portal, &token).await.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_stop_loses_no_failed_exchange() {
    let mut house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let unknown = Plain::secret("bk", [9; 6], &[9; 32]);
    for _ in 0..3 {
        house.exchange(&portal, grant(&portal, unknown.expose())).await.error_code(401, "invalid_client");
    }
    assert!(house.stop().success());
    // Of one minute or of two.
    let rows = "SELECT data FROM audit_events WHERE type = 'PORTAL_TOKEN_EXCHANGE_FAILED'";
    let counts = python::sql(&house.file("token.db"), rows).into_iter().map(|row| {
        let data: Value = serde_json::from_str(row["data"].as_str().unwrap()).unwrap();
        data["count"].as_u64().unwrap()
    });
    assert_eq!(counts.sum::<u64>(), 3);
}
