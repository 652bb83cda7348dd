//! The client against the server of this repository, over TCP on loopback and within the process.

use futures_util::StreamExt;
use rwmi_client::{
    AuthLevel, Client, ClientBuilder, Credentials, Depth, Dialed, Dialer, Dialing, Error, ErrorKind, FaultStatus, Impersonation, LocalSocket,
    Mechanism, Misuse, Step, Timeouts, Value, WbemStatus,
};
use rwmi_server::{Accounts, Addresses, Config, Running, SOCKET_NAME, Server};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// A server on its own loopback address with ports of the system's choice, and the administrator `boss`, password `boss`.
struct Site {
    running: Running,
    dir: tempfile::TempDir,
}

fn providers(rows: u64) -> Vec<Arc<dyn rwmi_cim::DynProvider>> {
    vec![Arc::new(rwmi_linux::RowProvider::new(rows))]
}

fn config(rows: u64) -> Config {
    let mut config = Config::default();
    config.test.rows = rows;
    config
}

async fn site(change: impl FnOnce(&mut Config)) -> Site {
    let dir = tempfile::tempdir().unwrap();
    Accounts::with_key(dir.path(), None).add("boss", rwmi_auth::ntlm::nt_hash("boss"), true).unwrap();
    let mut config = config(1000);
    config.server.listen = vec!["127.0.33.10".parse().unwrap()];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    change(&mut config);
    let rows = config.test.rows;
    Site { running: Server::start(config, providers(rows)).await.unwrap(), dir }
}

impl Site {
    fn at(&self) -> Addresses {
        self.running.addresses()[0]
    }

    fn client(&self, password: &str) -> ClientBuilder {
        let Addresses { endpoint, .. } = self.at();
        Client::builder(&endpoint.ip().to_string())
            .credentials(Credentials::new(r".\boss", password).unwrap())
            .endpoint_port(endpoint.port())
            .timeouts(Timeouts { call: Duration::from_secs(20), ..Timeouts::default() })
    }
}

/// The whole stack in one process.
struct InProcess(Running);
impl Dialer for InProcess {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(async { Ok(Dialed::over(self.0.connect())) })
    }
    fn identifies_caller(&self) -> bool {
        true
    }
}

async fn in_process(rows: u64) -> Client {
    let server = Server::in_process(config(rows), providers(rows)).await.unwrap();
    Client::builder(".").dialer(Arc::new(InProcess(server))).connect().await.unwrap()
}

async fn numbers(client: &Client) -> Vec<u64> {
    let test = client.namespace(r"root\test").await.unwrap();
    let rows = test.query("SELECT * FROM Rwmi_Row").objects().await.unwrap().collect().await.unwrap();
    rows.iter().map(|r| r.get::<u64>(&r.class().properties.iter().find(|p| p.name == "Id" || p.name == "Number").unwrap().name).unwrap()).collect()
}

#[tokio::test]
async fn this_computer_needs_no_credentials() {
    let client = in_process(700).await;
    assert_eq!(numbers(&client).await.len(), 700);
    client.close().await;
}
