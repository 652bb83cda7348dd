"""Our client and our server over loopback of both families, at every level, and between two network namespaces that have
only one family."""

import json
import os
import subprocess

import pytest

from conftest import PASSWORD, RWMI, USER, Process, Server

QUERY = "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem"


def ip(*args):
    subprocess.run(["ip", *args], check=True, timeout=20, capture_output=True, text=True)


@pytest.fixture(scope="session")
def low(tmp_path_factory, dbus):
    """A server that lets level connect in, on both families."""
    settings = '[security]\nminimum-level = "connect"\nrequire-integrity-activation = true\n'
    running = [Server(tmp_path_factory.mktemp("low"), address, settings, rows=1000, dbus=dbus) for address in ("127.0.90.2",)]
    yield running[0]
    for server in running:
        assert server.stop() == 0


@pytest.fixture(scope="session")
def six(tmp_path_factory, dbus):
    """A server on ::1."""
    running = Server(tmp_path_factory.mktemp("six"), "::1", rows=1000, dbus=dbus)
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("smart", [True, False], ids=["smart", "plain"])
@pytest.mark.parametrize("level", ["integrity", "privacy"])
def test_ipv4_and_ipv6_at_the_default_minimum(server, six, level, smart):
    options = ["--authentication", level] + ([] if smart else ["--no-smart-enum"])
    assert server.query(QUERY, *options) == six.query(QUERY, *options)
    assert len(six.query("SELECT Id FROM Rwmi_Row", *options, namespace="root\\test")) == 1000


@pytest.mark.parametrize("smart", [True, False], ids=["smart", "plain"])
@pytest.mark.parametrize("level", ["connect", "call", "pkt", "integrity", "privacy"])
def test_every_level_against_a_server_that_allows_it(low, server, level, smart):
    options = ["--authentication", level] + ([] if smart else ["--no-smart-enum"])
    assert low.query(QUERY, *options) == server.query(QUERY)
    assert len(low.query("SELECT Id FROM Rwmi_Row", *options, namespace="root\\test")) == 1000


@pytest.mark.parametrize("level", ["connect", "call", "pkt"])
def test_a_level_below_the_minimum_is_explained(server, level):
    done = server.query(QUERY, "--authentication", level, check=False)
    assert done.returncode == 1
    assert "--authentication" in done.stderr and "0x00000005" in done.stderr, done.stderr


class Networks:
    """Two namespaces and a cable; one family only."""

    def __init__(self, version):
        self.a, self.b = f"rwmi-a{version}-{os.getpid()}", f"rwmi-b{version}-{os.getpid()}"
        self.addresses = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}[version]
        ip("netns", "add", self.a)
        ip("netns", "add", self.b)
        ip("link", "add", "cable", "netns", self.a, "type", "veth", "peer", "name", "cable", "netns", self.b)
        for name, address in zip((self.a, self.b), self.addresses):
            if version == 4:
                subprocess.run(["ip", "netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"], check=True)
                ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            else:
                ip("-n", name, "addr", "add", f"{address}/64", "dev", "cable", "nodad")
            ip("-n", name, "link", "set", "cable", "up")
            if version == 4:
                ip("-n", name, "link", "set", "lo", "up")

    def close(self):
        for name in (self.a, self.b):
            subprocess.run(["ip", "netns", "delete", name], timeout=20)


@pytest.fixture(params=[4, 6], ids=["only IPv4", "only IPv6"])
def networks(request):
    made = Networks(request.param)
    yield made
    made.close()


def test_between_two_computers_with_one_family(networks, server, tmp_path):
    data, config = server.data, server.config
    serve = Process(["ip", "netns", "exec", networks.a, RWMI, "serve", "--listen", networks.addresses[0], "--data-dir", tmp_path / "data",
                     "--config", config], "ready", env={**os.environ}) if add_account(tmp_path / "data") else None
    try:
        done = subprocess.run(
            ["ip", "netns", "exec", networks.b, RWMI, "query", "-c", networks.addresses[0], "-u", USER, "-o", "json", QUERY],
            env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == server.query(QUERY)
    finally:
        assert serve.stop() == 0


def test_an_address_of_a_family_that_is_not_there_is_explained(networks):
    other = "2001:db8::1" if "." in networks.addresses[0] else "192.0.2.1"
    done = subprocess.run(
        ["ip", "netns", "exec", networks.b, RWMI, "query", "-c", other, "-u", USER, "--timeout", "10", QUERY],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "family" in done.stderr or "no way there" in done.stderr, done.stderr


def add_account(data):
    data.mkdir(parents=True, exist_ok=True)
    subprocess.run([RWMI, "account", "add", USER, "--admin", "--password-stdin", "--data-dir", data],
                   input=PASSWORD + "\n", text=True, check=True, timeout=30, stdout=subprocess.DEVNULL)
    return True
