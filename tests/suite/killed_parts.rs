//! The portal service and the gateway are killed under load: no wrong answer, and no mutation runs twice (R2).

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use suite::{Fleet, Load, Part, Portal, Upstream, count, figures, path, upstream, wait, wire};

/// How long the upstream takes: so that calls are under way whenever somebody is killed.
const WORK: Duration = Duration::from_millis(30);
const CALLERS: usize = 6;

/// One call: its mark, and what was answered, if anything was.
type Call = (String, Option<(u16, String)>);

/// An upstream that answers a mutation with the mark that it came with.
fn echo() -> Upstream {
    Upstream::start(|connection| {
        while let Some(request) = connection.request() {
            thread::sleep(WORK);
            let answer = json!({"data": {"change": mark(&request)}}).to_string();
            if !connection.send(upstream::reply("200 OK", &["content-type: application/json"], &answer)) {
                return;
            }
        }
    })
}

fn mark(request: &str) -> Option<String> {
    let (_, body) = request.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    body["variables"]["name"].as_str().map(str::to_owned)
}

fn callers(fleet: &Fleet, portal: &Portal) -> Load<Call> {
    let (gateway, next) = (fleet.split.gateway(), Arc::new(AtomicUsize::new(0)));
    let (token, target) = (portal.token.clone(), format!("{}?operation_name=Change", path(&portal.slug)));
    Load::start(CALLERS, move |_| {
        let (mut wire, next) = (wire::Wire::to(gateway), Arc::clone(&next));
        let (authorization, target) = (format!("Authorization: Bearer {token}"), target.clone());
        move || {
            let mark = format!("mark{}", next.fetch_add(1, Ordering::Relaxed));
            let request = wire::post(&target, &[&authorization], &json!({"name": mark}).to_string());
            let answer = wire.send(&request).ok().map(|reply| (reply.status, reply.body));
            if answer.is_none() {
                // Nobody listens: no need to ask a thousand times a second.
                thread::sleep(Duration::from_millis(20));
            }
            (mark, answer)
        }
    })
}

#[tokio::test]
async fn a_kill_gives_no_wrong_answer_and_sends_no_mutation_twice() {
    let upstream = echo();
    let mut fleet = Fleet::start(|split| split.set(upstream::ALLOWED.0, upstream::ALLOWED.1));
    let portal = upstream.portal(&fleet, json!({})).await;
    let kills = count(2, 20);
    let load = callers(&fleet, &portal);
    for _ in 0..kills {
        for part in [Part::Portal, Part::Gateway] {
            let before = upstream.requests().len();
            wait::need("calls to be under way", Duration::from_secs(30), || {
                (upstream.requests().len() > before + 2 * CALLERS).then_some(())
            });
            fleet.split.kill(part);
            fleet.split.start_part(part);
        }
    }
    wait::need_async("calls to pass again", Duration::from_secs(30), async || {
        let answer = fleet.calling_named(&portal, "Change").json(&json!({"name": "last"})).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
    let calls = load.stop();
    let mut runs: HashMap<String, u32> = HashMap::new();
    for request in upstream.requests() {
        *runs.entry(mark(&request).unwrap()).or_default() += 1;
    }
    let twice: Vec<_> = runs.iter().filter(|(mark, runs)| **runs > 1 && *mark != "last").collect();
    assert!(twice.is_empty(), "{twice:?}");
    let mut statuses: HashMap<Option<u16>, u32> = HashMap::new();
    for (mark, answer) in &calls {
        *statuses.entry(answer.as_ref().map(|(status, _)| *status)).or_default() += 1;
        match answer {
            Some((200, body)) => {
                assert!(body.contains(&format!("\"{mark}\"")), "{mark} was answered {body}");
                assert_eq!(runs.get(mark), Some(&1));
            }
            // Nothing ran.
            Some((503, _)) => assert_eq!(runs.get(mark), None, "{mark} ran and was answered 503"),
            Some((502 | 504, _)) | None => {}
            other => panic!("{mark}: {other:?}"),
        }
    }
    figures("killed parts", &format!("{} kills, {} mutations, none ran twice: {statuses:?}", kills * 2, calls.len()));
    assert!(statuses.get(&Some(200)).is_some_and(|passed| *passed > 20), "{statuses:?}");
}
