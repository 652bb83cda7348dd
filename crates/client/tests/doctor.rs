//! The walk as a library: a server that stops between two stages, and the page that lists the causes.

use rwmi_client::doctor::{Cause, Check, Examination, Outcome, Stage, Walk};
use rwmi_client::{Client, Credentials, ErrorKind, Misuse};
use rwmi_server::{Accounts, Config, Running, Server};
use std::time::Duration;

async fn server(address: &str, dir: &tempfile::TempDir) -> Running {
    Accounts::with_key(dir.path(), None).add("boss", rwmi_auth::ntlm::nt_hash("boss"), true).unwrap();
    let mut config = Config::default();
    config.server.listen = vec![address.parse().unwrap()];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    Server::start(config, Vec::new()).await.unwrap()
}

fn walk(running: &Running, query: &str) -> Walk {
    let endpoint = running.addresses()[0].endpoint;
    let mut examination = Examination::default();
    examination.query = Some(query.into());
    examination.data = false;
    let builder = Client::builder(&endpoint.ip().to_string()).endpoint_port(endpoint.port());
    builder.credentials(Credentials::new(r".\boss", "boss").unwrap()).examine(examination).unwrap()
}

/// Walks up to a stage, which is the next then.
async fn up_to(walk: &mut Walk, stage: Stage) {
    while walk.left()[0] != stage {
        let check = walk.next().await.unwrap();
        assert_eq!(check.outcome, Outcome::Passed, "{check:?}");
    }
}

fn causes(check: &Check) -> Vec<Cause> {
    check.advice.iter().map(|a| a.cause).collect()
}

#[tokio::test]
async fn a_server_that_stops_under_way_is_told_at_each_stage() {
    for (number, stage) in [Stage::Authentication, Stage::Activation, Stage::ObjectPort, Stage::Login, Stage::Query].into_iter().enumerate()
    {
        let dir = tempfile::tempdir().unwrap();
        let running = server(&format!("127.0.38.{}", 50 + number), &dir).await;
        let mut walk = walk(&running, "SELECT * FROM __NAMESPACE");
        up_to(&mut walk, stage).await;
        running.shutdown().await;
        let check = tokio::time::timeout(Duration::from_secs(30), walk.next()).await.unwrap().unwrap();
        assert_eq!((check.stage, check.outcome), (stage, Outcome::Failed), "{check:?}");
        // That the port of the objects is closed is all that is seen there.
        let expect = if stage == Stage::ObjectPort { Cause::ObjectPortClosed } else { Cause::Stopping };
        assert_eq!(causes(&check)[0], expect, "{check:?}");
        assert!(walk.next().await.is_none());
        assert!(!walk.left().contains(&stage));
        walk.close().await;
    }
}

#[tokio::test]
async fn a_whole_walk_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let running = server("127.0.38.60", &dir).await;
    let mut walk = walk(&running, "SELECT * FROM __NAMESPACE");
    let mut stages = Vec::new();
    while let Some(check) = walk.next().await {
        assert_eq!(check.outcome, Outcome::Passed, "{check:?}");
        stages.push(check.stage);
    }
    assert_eq!(stages, Stage::ALL[..8]);
    assert!(walk.left().is_empty() && walk.system().is_none());
    assert_eq!(walk.patient().account.as_deref(), Some("boss"));
    walk.close().await;
    running.shutdown().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    let error = Client::builder("srv").examine(Examination::default()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Misuse(Misuse::NoCredentials));
}

#[test]
fn the_page_of_the_causes_has_a_row_for_each() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/doctor.md")).unwrap();
    for cause in Cause::ALL {
        let row = format!("| `{}` |", cause.code());
        assert_eq!(page.matches(&row).count(), 1, "{row}");
    }
}
