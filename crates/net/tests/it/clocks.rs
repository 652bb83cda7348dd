//! What time does to a connection. The clock is the test's: nothing here waits.

use crate::support::*;
use bytes::Bytes;
use rwmi_auth::AuthLevel;
use rwmi_net::{ChannelConfig, Link, RpcChannel, ServeOptions, connection_number, serve_stream};
use rwmi_rpc::Channel;
use rwmi_rpc::pdu::{AuthTrailer, Bind, Body, ContextElement, Flags, NDR, Pdu};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

fn serving(buffer: usize) -> (DuplexStream, JoinHandle<()>, Arc<TestEndpoint>) {
    let (ours, theirs) = tokio::io::duplex(buffer);
    let here = ([127, 0, 0, 1], 0).into();
    let link = Link { peer: here, local: here, connection: connection_number(), identity: None };
    let endpoint = Arc::new(TestEndpoint::default());
    let task = tokio::spawn(serve_stream(theirs, link, endpoint.clone(), ServeOptions::default()));
    (ours, task, endpoint)
}

fn bind(auth: Option<AuthTrailer>) -> Bytes {
    let contexts = vec![ContextElement::new(0, INTERFACE, NDR)];
    let bind = Bind { max_xmit: 5840, max_recv: 5840, group: 0, reserved: [0; 3], contexts, tail: Bytes::new() };
    Pdu::new(Flags(0), 1, Body::Bind(bind), auth).encode().unwrap()
}

/// Seconds until the server ends by itself.
async fn seconds_until_end(task: JoinHandle<()>, begin: Instant) -> u64 {
    task.await.unwrap();
    begin.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_has_half_a_minute() {
    let (_ours, task, _) = serving(1000);
    assert_eq!(seconds_until_end(task, Instant::now()).await, 30);
}

#[tokio::test(start_paused = true)]
async fn who_binds_and_calls_nothing_has_a_minute_and_who_authenticated_an_hour() {
    let (mut ours, task, _) = serving(10_000);
    ours.write_all(&bind(None)).await.unwrap();
    assert_eq!(seconds_until_end(task, Instant::now()).await, 60);

    let (ours, task, _) = serving(10_000);
    let channel = RpcChannel::over(ours, "here", &secured(by_ntlm(AuthLevel::Privacy)));
    channel.call_raw(INTERFACE, None, ECHO, Bytes::new()).await.unwrap();
    assert_eq!(seconds_until_end(task, Instant::now()).await, 3600);
}

#[tokio::test(start_paused = true)]
async fn who_only_begins_to_authenticate_has_half_a_minute() {
    let (mut ours, task, _) = serving(10_000);
    let mut context = (by_ntlm(AuthLevel::Integrity).context)();
    let Ok(rwmi_auth::Step::Continue(token)) = context.step(&[]) else { panic!() };
    let auth = AuthTrailer { auth_type: context.auth_type(), level: 5, pad_len: 0, reserved: 0, context_id: 0, token: token.into() };
    ours.write_all(&bind(Some(auth))).await.unwrap();
    assert_eq!(seconds_until_end(task, Instant::now()).await, 30);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_has_a_minute() {
    let (mut ours, task, _) = serving(1000);
    ours.write_all(&bind(None)).await.unwrap();
    let mut ack = [0; 56];
    ours.read_exact(&mut ack).await.unwrap();
    let stub = 1_000_000u32.to_le_bytes();
    let request = rwmi_rpc::pdu::Request { alloc_hint: 4, context_id: 0, opnum: MANY, object: None, stub: Bytes::copy_from_slice(&stub) };
    ours.write_all(&Pdu::new(Flags(0), 2, Body::Request(request), None).encode().unwrap()).await.unwrap();
    assert_eq!(seconds_until_end(task, Instant::now()).await, 60);
}

#[tokio::test(start_paused = true)]
async fn a_call_may_take_longer_than_any_idle_time() {
    let (ours, task, endpoint) = serving(10_000);
    let config = ChannelConfig { call_timeout: Duration::from_secs(100_000), ..ChannelConfig::default() };
    let channel = RpcChannel::over(ours, "here", &config);
    let waiting = tokio::spawn(async move { channel.call_raw(INTERFACE, None, WAIT, Bytes::from_static(b"at last")).await });
    endpoint.until_waiting(1).await;
    tokio::time::sleep(Duration::from_secs(50_000)).await;
    endpoint.go.notify_waiters();
    assert_eq!(waiting.await.unwrap().unwrap(), "at last");
    task.await.unwrap();
}
