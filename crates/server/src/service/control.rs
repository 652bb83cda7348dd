//! Accounts by way of the running server: an interface of its own on the local socket, and both ends of it.
//!
//! The server may have the key of the accounts from systemd, which nobody else is given; so whoever changes accounts asks the
//! server, and opens the file himself only where none runs. The socket lets in root and the server's own user.

use super::SOCKET_NAME;
use crate::accounts::{AccountInfo, Accounts, AccountsError, Change};
use rwmi_auth::NtHash;
use rwmi_ndr::{Conformant, FaultStatus, WideString, guid, ndr_struct};
use rwmi_net::{ChannelConfig, RpcChannel};
use rwmi_rpc::{CallContext, call, interface};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroize;

ndr_struct! {
    /// An account as it is listed.
    pub struct ListedAccount {
        /// Its name.
        pub name: Option<WideString>,
        /// Whether it is an administrator's.
        pub admin: u32,
    }
}

interface! {
    /// The accounts of a server, on its local socket only. Ours, not Microsoft's. Every reply ends in a message, NULL where all went well.
    pub interface IRwmiAccounts = guid!("5d6f1c6e-0b0f-4a9c-9a51-8f2e5b1f7a64"), version 1;
    serve AccountsServer;
    /// Names and rights.
    0 list = ListAccounts {} -> ListAccountsReply { accounts: Conformant<ListedAccount>, message: Option<WideString> }
    /// Adds or replaces; `replaced` says which.
    1 add = AddAccount { name: WideString, hash: [u8; 16], admin: u32 } -> AddAccountReply { replaced: u32, message: Option<WideString> }
    /// Removes.
    2 remove = RemoveAccount { name: WideString } -> RemoveAccountReply { message: Option<WideString> }
    /// Gives or takes the rights of an administrator.
    3 set_admin = SetAdmin { name: WideString, admin: u32 } -> SetAdminReply { message: Option<WideString> }
}

/// The server's end.
pub(super) struct Control(pub(super) Arc<Accounts>);

fn message<T>(result: &Result<T, AccountsError>) -> Option<WideString> {
    result.as_ref().err().map(|e| WideString(e.to_string()))
}

fn audit(cx: &CallContext, event: &str, name: &str, failed: bool) {
    let by = cx.caller.as_ref().map_or("", |c| c.user.as_str());
    // A name that was refused may be anything.
    let name: String = name.chars().take(256).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    tracing::info!(target: "rwmi::audit", event, %name, by, failed);
}

impl AccountsServer for Control {
    async fn list(&self, _: &CallContext, _: ListAccounts) -> Result<ListAccountsReply, FaultStatus> {
        let result = self.0.list();
        let message = message(&result);
        let listed = |a: AccountInfo| ListedAccount { name: Some(WideString(a.name)), admin: a.admin.into() };
        Ok(ListAccountsReply { accounts: Conformant(result.unwrap_or_default().into_iter().map(listed).collect()), message })
    }

    async fn add(&self, cx: &CallContext, mut req: AddAccount) -> Result<AddAccountReply, FaultStatus> {
        let result = self.0.add(&req.name.0, NtHash(req.hash), req.admin != 0);
        req.hash.zeroize();
        audit(cx, "account added", &req.name.0, result.is_err());
        let message = message(&result);
        Ok(AddAccountReply { replaced: matches!(result, Ok(Change::Replaced)).into(), message })
    }

    async fn remove(&self, cx: &CallContext, req: RemoveAccount) -> Result<RemoveAccountReply, FaultStatus> {
        let result = self.0.remove(&req.name.0);
        audit(cx, "account removed", &req.name.0, result.is_err());
        Ok(RemoveAccountReply { message: message(&result) })
    }

    async fn set_admin(&self, cx: &CallContext, req: SetAdmin) -> Result<SetAdminReply, FaultStatus> {
        let result = self.0.set_admin(&req.name.0, req.admin != 0);
        audit(cx, if req.admin != 0 { "account made administrator" } else { "account unmade administrator" }, &req.name.0, result.is_err());
        Ok(SetAdminReply { message: message(&result) })
    }
}

/// The accounts of a data directory, by way of the server that runs there, or from the file where none does.
///
/// Blocks the thread; not to be used within a runtime.
#[derive(Debug)]
pub struct AccountStore {
    accounts: Accounts,
    socket: PathBuf,
}

impl AccountStore {
    /// The accounts of a data directory.
    pub fn at(data_dir: &Path) -> AccountStore {
        AccountStore { accounts: Accounts::at(data_dir), socket: data_dir.join(SOCKET_NAME) }
    }

    /// Names and rights, in the order of their adding.
    pub fn list(&self) -> Result<Vec<AccountInfo>, AccountsError> {
        let Some(reply) = self.ask(&ListAccounts {})? else { return self.accounts.list() };
        said(reply.message)?;
        let info = |a: ListedAccount| AccountInfo { name: a.name.unwrap_or_default().0, admin: a.admin != 0 };
        Ok(reply.accounts.0.into_iter().map(info).collect())
    }

    /// Adds an account, or gives it another password and other rights.
    pub fn add(&self, name: &str, hash: NtHash, admin: bool) -> Result<Change, AccountsError> {
        let mut request = AddAccount { name: WideString(name.into()), hash: hash.0, admin: admin.into() };
        let asked = self.ask(&request);
        request.hash.zeroize();
        let Some(reply) = asked? else { return self.accounts.add(name, hash, admin) };
        said(reply.message)?;
        Ok(if reply.replaced != 0 { Change::Replaced } else { Change::Added })
    }

    /// Removes an account.
    pub fn remove(&self, name: &str) -> Result<(), AccountsError> {
        match self.ask(&RemoveAccount { name: WideString(name.into()) })? {
            Some(reply) => said(reply.message),
            None => self.accounts.remove(name),
        }
    }

    /// Gives or takes the rights of an administrator.
    pub fn set_admin(&self, name: &str, admin: bool) -> Result<(), AccountsError> {
        match self.ask(&SetAdmin { name: WideString(name.into()), admin: admin.into() })? {
            Some(reply) => said(reply.message),
            None => self.accounts.set_admin(name, admin),
        }
    }

    /// Asks the server; `None` where none runs.
    fn ask<M: rwmi_rpc::Method + Sync>(&self, request: &M) -> Result<Option<M::Reply>, AccountsError> {
        let failed = |source| AccountsError::Io { what: "cannot ask the server at", path: self.socket.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime.block_on(async {
            let stream = match tokio::net::UnixStream::connect(&self.socket).await {
                Ok(stream) => stream,
                // No socket, or one that a dead server left.
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
                Err(e) => return Err(failed(e)),
            };
            let channel = RpcChannel::over(stream, &self.socket.display().to_string(), &ChannelConfig::default());
            call(&channel, None, request).await.map(Some).map_err(|e| failed(io::Error::other(e.to_string())))
        })
    }
}

fn said(message: Option<WideString>) -> Result<(), AccountsError> {
    message.map_or(Ok(()), |m| Err(AccountsError::Server(m.0)))
}
