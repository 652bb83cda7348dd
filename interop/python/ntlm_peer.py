#!/usr/bin/env python3
"""NTLM and SPNEGO of rwmi-auth against pyspnego and impacket, both ends, right and wrong passwords.

    cargo build -p rwmi-auth --example ntlm_peer
    pip install pyspnego==0.12.4 impacket==0.13.1
    python interop/python/ntlm_peer.py target/debug/examples/ntlm_peer

Prints a line a case; exit status 1 when one fails.
"""
import hashlib
import os
import subprocess
import sys
import tempfile

import spnego
from Cryptodome.Cipher import ARC4
from impacket import ntlm
from spnego.channel_bindings import GssChannelBindings
from spnego.iov import BufferType

USER, DOMAIN, PASSWORD = "alice", "DOM", "P@ssw0rd"
HEADER = bytes.fromhex("050000031000000060005c0001000000d000000000000000")
BODY = bytes(range(48))
TRAILER = bytes.fromhex("0a06000000000000")
APPLICATION = b"tls-server-end-point:" + hashlib.sha256(b"certificate").digest()
failed = 0
passed = 0


def check(name, holds, note=""):
    global failed, passed
    failed += not holds
    passed += bool(holds)
    print("pass" if holds else "FAIL", name, note if not holds else "")


class Refused(Exception):
    pass


class Ours:
    """The example program as one end."""

    def __init__(self, role, mechanism, password=PASSWORD, *bindings):
        line = [sys.argv[1], role, mechanism, USER, DOMAIN, password, *bindings]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.done = False

    def say(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise Refused(answer)
        return answer

    def step(self, token=None):
        state, out = self.say("step", token.hex() if token else "-").split()
        self.done = state == "done"
        return None if out == "-" else bytes.fromhex(out)

    def key(self):
        return bytes.fromhex(self.say("key"))

    def protect(self, level, body):
        out, token = self.say("protect", str(level), HEADER.hex(), body.hex(), TRAILER.hex()).split()
        return bytes.fromhex(out), bytes.fromhex(token)

    def unprotect(self, level, body, token):
        return bytes.fromhex(self.say("unprotect", str(level), HEADER.hex(), body.hex(), TRAILER.hex(), token.hex()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def talk(client, server):
    """Passes tokens until nobody has one; a refusal by either end is raised."""
    token = client.step()
    while token:
        token = server.step(token)
        if token:
            token = client.step(token)


def exchange(name, ours, theirs):
    """Three sealed PDUs and two signed ones each way."""
    for number in range(3):
        sealed, token = ours.protect(6, BODY)
        opened = theirs.unwrap_iov([
            (BufferType.sign_only, HEADER), (BufferType.data, sealed), (BufferType.sign_only, TRAILER), (BufferType.header, token)])
        check(f"{name}: we seal, they open, {number}", opened.buffers[1].data == BODY and sealed != BODY)
        wrapped = theirs.wrap_iov([(BufferType.sign_only, HEADER), (BufferType.data, BODY), (BufferType.sign_only, TRAILER), BufferType.header])
        check(f"{name}: they seal, we open, {number}", ours.unprotect(6, wrapped.buffers[1].data, wrapped.buffers[3].data) == BODY)
    for number in range(2):
        clear, token = ours.protect(5, BODY)
        theirs.verify(HEADER + BODY + TRAILER, token)
        check(f"{name}: we sign, they verify, {number}", clear == BODY)
        token = theirs.sign(HEADER + BODY + TRAILER)
        check(f"{name}: they sign, we verify, {number}", ours.unprotect(5, BODY, token) == BODY)
    bad = bytearray(theirs.sign(HEADER + BODY + TRAILER))
    bad[4] ^= 1
    try:
        ours.unprotect(5, BODY, bytes(bad))
        check(f"{name}: a bad signature is refused", False)
    except Refused:
        check(f"{name}: a bad signature is refused", True)


def refuses(name, client, server, *errors):
    try:
        talk(client, server)
        check(name, False, "accepted")
    except errors as error:
        check(name, True, repr(error))


def pyspnego(protocol):
    options = spnego.NegotiateOptions.use_negotiate if protocol == "negotiate" else spnego.NegotiateOptions.use_ntlm
    mechanism = {"ntlm": "ntlm", "negotiate": "spnego"}[protocol]

    def server(**more):
        return spnego.server(protocol=protocol, options=options, **more)

    def client(password=PASSWORD, **more):
        return spnego.client(f"{DOMAIN}\\{USER}", password, protocol=protocol, options=options, **more)

    name = f"our {mechanism} client, pyspnego's server"
    ours, theirs = Ours("client", mechanism), server()
    talk(ours, theirs)
    check(f"{name}: complete, same name and key", ours.done and theirs.complete
          and theirs.client_principal == f"{DOMAIN}\\{USER}" and (theirs.session_key == ours.key()))
    exchange(name, ours, theirs)
    ours.close()
    refuses(f"{name}: wrong password", Ours("client", mechanism, "wrong"), server(), spnego.exceptions.SpnegoError)
    bindings = GssChannelBindings(application_data=APPLICATION)
    ours, theirs = Ours("client", mechanism, PASSWORD, APPLICATION.hex()), server(channel_bindings=bindings)
    talk(ours, theirs)
    check(f"{name}: channel bindings", theirs.complete)
    refuses(f"{name}: wrong channel bindings", Ours("client", mechanism, PASSWORD, b"other".hex()), server(channel_bindings=bindings),
            spnego.exceptions.SpnegoError)

    name = f"pyspnego's {mechanism} client, our server"
    theirs, ours = client(), Ours("server", mechanism)
    talk(theirs, ours)
    check(f"{name}: complete, same name and key", ours.done and theirs.complete
          and ours.say("who") == f"{DOMAIN}\\{USER}" and theirs.session_key == ours.key())
    exchange(name, ours, theirs)
    ours.close()
    refuses(f"{name}: wrong password", client("wrong"), Ours("server", mechanism), Refused)


def impacket(password, nt_hash=""):
    """impacket's client (no MIC) against our server; gives our end, its session key and flags."""
    ours = Ours("server", "ntlm")
    negotiate = ntlm.getNTLMSSPType1("WS", DOMAIN, True, use_ntlmv2=True)
    challenge = ours.step(negotiate.getData())
    authenticate, key = ntlm.getNTLMSSPType3(negotiate, challenge, USER, password, DOMAIN, "", nt_hash, use_ntlmv2=True)
    ours.step(authenticate.getData())
    return ours, key, authenticate["flags"]


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".users") as users:
        users.write(f"{DOMAIN}:{USER}:{PASSWORD}\n")
        users.flush()
        os.environ["NTLM_USER_FILE"] = users.name
        pyspnego("ntlm")
        pyspnego("negotiate")
    name = "impacket's client, our server"
    for nt_hash in ("", ntlm.compute_nthash(PASSWORD)):
        ours, key, flags = impacket("" if nt_hash else PASSWORD, nt_hash)
        check(f"{name}: complete, same key", ours.done and ours.key() == key)
        out_key, in_key = ntlm.SIGNKEY(flags, key), ntlm.SIGNKEY(flags, key, "Server")
        out_rc4, in_rc4 = ARC4.new(ntlm.SEALKEY(flags, key)), ARC4.new(ntlm.SEALKEY(flags, key, "Server"))
        for number in range(3):
            sealed, token = ntlm.SEAL(flags, out_key, None, HEADER + BODY + TRAILER, BODY, number, out_rc4.encrypt)
            check(f"{name}: it seals, we open, {number}", ours.unprotect(6, sealed, token.getData()) == BODY)
            sealed, token = ours.protect(6, BODY)
            opened = in_rc4.decrypt(sealed)
            expected = ntlm.MAC(flags, in_rc4.encrypt, in_key, number, HEADER + BODY + TRAILER).getData()
            check(f"{name}: we seal, it opens, {number}", opened == BODY and expected == token)
        ours.close()
    try:
        impacket("wrong")
        check(f"{name}: wrong password", False)
    except Refused as error:
        check(f"{name}: wrong password", "logon denied" in str(error), str(error))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
