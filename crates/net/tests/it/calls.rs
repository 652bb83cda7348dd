//! Calls that go well, at every level, and several at a time.

use crate::support::*;
use bytes::Bytes;
use rwmi_auth::AuthLevel;
use rwmi_ndr::FaultStatus;
use rwmi_net::{ChannelConfig, Limits, Link, RpcChannel, ServeOptions, connection_number, serve_stream};
use rwmi_rpc::{Channel, ChannelError};
use std::sync::Arc;
use std::time::Duration;

async fn call(channel: &RpcChannel, opnum: u16, stub: impl Into<Bytes>) -> Result<Bytes, ChannelError> {
    channel.call_raw(INTERFACE, None, opnum, stub.into()).await
}

#[tokio::test]
async fn every_level_names_its_caller() {
    let server = server(Limits::default()).await;
    for make in [by_ntlm, by_spnego] {
        for (level, name) in [
            (AuthLevel::Connect, "Connect"),
            (AuthLevel::Call, "Packet"),
            (AuthLevel::Packet, "Packet"),
            (AuthLevel::Integrity, "Integrity"),
            (AuthLevel::Privacy, "Privacy"),
        ] {
            let channel = server.connect(&secured(make(level))).await;
            assert_eq!(call(&channel, WHO, "").await.unwrap(), format!("alice {name}"));
            let long: Bytes = (0..100_000u32).map(|i| (i * 7 + i / 251) as u8).collect();
            assert_eq!(call(&channel, ECHO, long.clone()).await.unwrap(), long);
            assert_eq!(call(&channel, ECHO, "").await.unwrap(), "");
        }
    }
}

#[tokio::test]
async fn handles_on_one_connection_have_identities_of_their_own() {
    let server = server(Limits::default()).await;
    let nobody = server.connect(&ChannelConfig::default()).await;
    let packet = nobody.with_security(&by_spnego(AuthLevel::Packet));
    let privacy = nobody.with_security(&by_ntlm(AuthLevel::Privacy));
    for _ in 0..2 {
        assert_eq!(call(&packet, WHO, "").await.unwrap(), "alice Packet");
        assert_eq!(call(&privacy, WHO, "").await.unwrap(), "alice Privacy");
        assert_eq!(call(&nobody, WHO, "").await, Err(ChannelError::Fault(FaultStatus::ACCESS_DENIED)));
        assert_eq!(call(&nobody, ECHO, "x").await.unwrap(), "x");
    }
    drop((nobody, packet));
    assert_eq!(call(&privacy, WHO, "").await.unwrap(), "alice Privacy");
}

#[tokio::test]
async fn the_same_in_memory_with_the_identity_of_the_transport() {
    let (ours, theirs) = tokio::io::duplex(100);
    let here = ([127, 0, 0, 1], 0).into();
    let root = rwmi_auth::Identity { user: "root".into(), domain: String::new(), identify_only: false };
    let link = Link { peer: here, local: here, connection: connection_number(), identity: Some(Arc::new(root)) };
    let serving = tokio::spawn(serve_stream(theirs, link, Arc::new(TestEndpoint::default()), ServeOptions::default()));
    let channel = RpcChannel::over(ours, "here", &ChannelConfig::default());
    assert_eq!(call(&channel, WHO, "").await.unwrap(), "root Privacy");
    assert_eq!(call(&channel, MANY, 3_000_000u32.to_le_bytes().to_vec()).await.unwrap().len(), 3_000_000);
    drop(channel);
    serving.await.unwrap();
}

#[tokio::test]
async fn a_call_that_waits_does_not_hold_up_others() {
    let server = server(Limits::default()).await;
    let channel = server.connect(&secured(by_ntlm(AuthLevel::Privacy))).await;
    let slow: Vec<_> = (0..10u8)
        .map(|n| {
            let channel = channel.clone();
            tokio::spawn(async move { call(&channel, WAIT, vec![n; 10_000]).await })
        })
        .collect();
    server.endpoint.until_waiting(10).await;
    assert_eq!(call(&channel, ECHO, "quick").await.unwrap(), "quick");
    server.endpoint.go.notify_waiters();
    for (n, task) in slow.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), vec![n as u8; 10_000]);
    }
}

#[tokio::test]
async fn a_dropped_call_is_dropped_at_the_server_and_the_connection_goes_on() {
    let server = server(Limits::default()).await;
    let channel = server.connect(&secured(by_ntlm(AuthLevel::Integrity))).await;
    {
        let slow = call(&channel, WAIT, "never");
        tokio::pin!(slow);
        tokio::select! {
            _ = &mut slow => panic!("nobody let it go"),
            () = server.endpoint.until_waiting(1) => {}
        }
    }
    server.endpoint.until_waiting(0).await;
    assert_eq!(call(&channel, ECHO, "still here").await.unwrap(), "still here");
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let server = server(Limits::default()).await;
    let channel = server.connect(&secured(by_ntlm(AuthLevel::Integrity))).await;
    // The handshake is over before the clock matters.
    call(&channel, ECHO, "x").await.unwrap();
    let short = Duration::from_millis(20);
    assert_eq!(call(&channel.with_timeout(short), WAIT, "").await, Err(ChannelError::TimedOut(short)));
    server.endpoint.until_waiting(0).await;
    assert_eq!(call(&channel, ECHO, "x").await.unwrap(), "x");
}

#[tokio::test]
async fn a_panic_is_a_fault_of_its_own_call_only() {
    let server = server(Limits::default()).await;
    let channel = server.connect(&ChannelConfig::default()).await;
    for opnum in [PANIC, PANIC_LATE] {
        assert_eq!(call(&channel, opnum, "").await, Err(ChannelError::Fault(FaultStatus::NCA_S_FAULT_UNSPEC)));
        assert_eq!(call(&channel, ECHO, "x").await.unwrap(), "x");
    }
    assert_eq!(call(&channel, 99, "").await, Err(ChannelError::Fault(FaultStatus::NCA_S_OP_RNG_ERROR)));
}
