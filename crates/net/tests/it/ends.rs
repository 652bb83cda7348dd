//! Connections that do not begin, and how they end.

use crate::support::*;
use bytes::Bytes;
use rwmi_auth::AuthLevel;
use rwmi_ndr::FaultStatus;
use rwmi_net::{ChannelConfig, Limits, RpcChannel, Security};
use rwmi_rpc::{Channel, ChannelError, ConnectFailure, SecurityOptions, SyntaxId};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn echo(channel: &RpcChannel) -> Result<Bytes, ChannelError> {
    channel.call_raw(INTERFACE, None, ECHO, Bytes::from_static(b"x")).await
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_refused_by_name() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = RpcChannel::connect("127.0.0.1", free, &ChannelConfig::default()).await.unwrap_err();
    assert_eq!(error, ChannelError::Connect { at: format!("127.0.0.1:{free}"), why: ConnectFailure::Refused });
}

#[tokio::test]
async fn a_name_without_an_address_says_so() {
    let error = RpcChannel::connect("no.such.host.invalid", 135, &ChannelConfig::default()).await.unwrap_err();
    assert!(matches!(error, ChannelError::Resolve { ref host, .. } if host == "no.such.host.invalid"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_ends_in_the_handshake() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let within = Duration::from_millis(30);
    let config = ChannelConfig { call_timeout: within, ..secured(by_ntlm(AuthLevel::Privacy)) };
    let channel = RpcChannel::connect("127.0.0.1", port, &config).await.unwrap();
    assert_eq!(echo(&channel).await, Err(ChannelError::HandshakeTimedOut(within)));
}

#[tokio::test]
async fn a_wrong_password_is_told_by_the_first_call() {
    let server = server(Limits::default()).await;
    let wrong = credentials("guess");
    let ntlm = Security::new(SecurityOptions::at(AuthLevel::Integrity), move || {
        Box::new(rwmi_auth::ntlm::Initiator::new(&wrong, rwmi_auth::ntlm::InitiatorOptions::default()))
    });
    let channel = server.connect(&secured(ntlm)).await;
    assert_eq!(echo(&channel).await, Err(ChannelError::Fault(FaultStatus::ACCESS_DENIED)));
    let wrong = credentials("guess");
    let spnego = Security::new(SecurityOptions::at(AuthLevel::Integrity), move || {
        Box::new(rwmi_auth::spnego::Initiator::ntlm(&wrong, rwmi_auth::ntlm::InitiatorOptions::default()))
    });
    let channel = server.connect(&secured(spnego)).await;
    assert_eq!(echo(&channel).await, Err(ChannelError::AuthRefused(FaultStatus::ACCESS_DENIED)));
}

#[tokio::test]
async fn an_unknown_interface_is_rejected_by_name() {
    let server = server(Limits::default()).await;
    let channel = server.connect(&ChannelConfig::default()).await;
    let interface = SyntaxId { major: 9, ..INTERFACE };
    let error = channel.call_raw(interface, None, ECHO, Bytes::new()).await.unwrap_err();
    assert!(error.to_string().contains("11111111-2222-3333-4444-555555555555 v9.0: the server does not have"), "{error}");
    assert_eq!(echo(&channel).await.unwrap(), "x");
}

#[tokio::test]
async fn calls_end_with_their_connection_and_the_endpoint_is_told() {
    let server = server(Limits::default()).await;
    let channel = server.connect(&ChannelConfig::default()).await;
    let waiting = channel.call_raw(INTERFACE, None, WAIT, Bytes::new());
    tokio::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => panic!("nobody let it go"),
        () = server.endpoint.until_waiting(1) => {}
    }
    server.task.abort();
    assert_eq!(waiting.await, Err(ChannelError::Closed));
    assert_eq!(echo(&channel).await, Err(ChannelError::Closed));
    server.endpoint.until_waiting(0).await;
    assert_eq!(server.endpoint.closed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_stops_lets_its_calls_finish() {
    let mut server = server(Limits::default()).await;
    let channel = server.connect(&ChannelConfig::default()).await;
    let waiting = channel.call_raw(INTERFACE, None, WAIT, Bytes::from_static(b"last words"));
    tokio::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => panic!("nobody let it go"),
        () = server.endpoint.until_waiting(1) => {}
    }
    server.stop.take().unwrap().send(()).unwrap();
    server.endpoint.go.notify_one();
    assert_eq!(waiting.await.unwrap(), "last words");
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn connections_above_a_limit_are_closed_at_once() {
    let server = server(Limits { connections_per_address_max: 2, ..Limits::default() }).await;
    let (first, second) = (server.connect(&ChannelConfig::default()).await, server.connect(&ChannelConfig::default()).await);
    echo(&first).await.unwrap();
    echo(&second).await.unwrap();
    let third = server.connect(&ChannelConfig::default()).await;
    assert_eq!(echo(&third).await, Err(ChannelError::Closed));
    drop(first);
    // The place becomes free when the server has seen the end.
    loop {
        let changed = server.endpoint.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if !server.endpoint.closed.lock().unwrap().is_empty() {
            break;
        }
        changed.await;
    }
    tokio::task::yield_now().await;
    echo(&server.connect(&ChannelConfig::default()).await).await.unwrap();
}

#[tokio::test]
async fn octets_that_are_no_pdu_close_only_their_connection() {
    let server = server(Limits::default()).await;
    let good = server.connect(&ChannelConfig::default()).await;
    echo(&good).await.unwrap();
    for bad in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[5, 0, 11, 3, 0x10, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0],
        &[5, 0, 0, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bad).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(!answer.is_empty());
    }
    echo(&good).await.unwrap();
}
