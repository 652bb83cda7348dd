"""Our client and our server over loopback of both families, at every level, and between two network namespaces that have
only one family."""

import json
import os
import subprocess

import pytest

from conftest import CLASSES, PASSWORD, RWMI, USER, Process, Server

QUERY = "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem"


def ip(*args):
    subprocess.run(["ip", *args], check=True, timeout=20, capture_output=True, text=True)


LOW = '[security]\nminimum-level = "connect"\nrequire-integrity-activation = true\n'


@pytest.fixture(scope="session")
def low(tmp_path_factory, dbus):
    """A server that lets level connect in, on IPv4."""
    running = Server(tmp_path_factory.mktemp("low"), "127.0.90.2", LOW, rows=1000, dbus=dbus)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def six(tmp_path_factory, dbus):
    """A server that lets level connect in, on ::1."""
    running = Server(tmp_path_factory.mktemp("six"), "::1", LOW, rows=1000, dbus=dbus)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def expected(server):
    """What each query gives at the defaults."""
    queries = [f"SELECT * FROM {name}" for name in CLASSES] + ["SELECT * FROM Win32_Service WHERE Name LIKE 's%'", QUERY]
    found = {query: server.query(query) for query in queries}
    assert all(found.values())
    return found


def reads_everything(at, expected, options):
    for query, rows in expected.items():
        assert at.query(query, *options) == rows, query
    assert [row["Id"] for row in at.query("SELECT Id FROM Rwmi_Row WHERE Id < 1000", *options, namespace="root\\test")] == list(range(1000))
    refused = at.query("SELECT * FROM No_Such_Class", *options, check=False)
    assert refused.returncode == 1 and "WBEM_E_INVALID_CLASS (0x80041010)" in refused.stderr


@pytest.mark.parametrize("smart", [True, False], ids=["smart", "plain"])
@pytest.mark.parametrize("level", ["integrity", "privacy"])
def test_everything_at_the_default_minimum(server, expected, level, smart):
    reads_everything(server, expected, ["--authentication", level] + ([] if smart else ["--no-smart-enum"]))


@pytest.mark.parametrize("smart", [True, False], ids=["smart", "plain"])
@pytest.mark.parametrize("level", ["connect", "call", "pkt", "integrity", "privacy"])
@pytest.mark.parametrize("family", ["low", "six"], ids=["IPv4", "IPv6"])
def test_everything_at_every_level_where_it_is_allowed(request, expected, family, level, smart):
    at = request.getfixturevalue(family)
    reads_everything(at, expected, ["--authentication", level] + ([] if smart else ["--no-smart-enum"]))


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
