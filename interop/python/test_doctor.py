"""`rwmi doctor` between network namespaces: families, packets that are dropped, computers that are not there. The rows of
docs/doctor.md name these tests."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import PASSWORD, RWMI, TREE, USER, Process
from test_networks import Networks, add_account, ip


@pytest.fixture(params=[4, 6], ids=["only IPv4", "only IPv6"])
def networks(request):
    made = Networks(request.param)
    yield made
    made.close()
    shutil.rmtree(pathlib.Path("/etc/netns") / made.b, ignore_errors=True)


def names(networks, table):
    """What names resolve to in the asking namespace."""
    directory = pathlib.Path("/etc/netns") / networks.b
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "hosts").write_text("".join(f"{address} {name}\n" for address, name in table))


def doctor(networks, host, *options):
    done = subprocess.run(
        ["ip", "netns", "exec", networks.b, RWMI, "doctor", host, "-u", USER, "-o", "json", "--no-data", *options],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=100)
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)[0]


def fails(found, stage, cause):
    code, report = found
    last = report["checks"][-1]
    assert (code, last["stage"], last["outcome"]) == (1, stage, "failed"), report
    assert (last["advice"][0]["cause"], last["advice"][0]["certain"]) == (cause, True), last
    return last


def other(networks):
    return "2001:db8::1" if "." in networks.addresses[0] else "192.0.2.1"


def absent(networks, number):
    return networks.addresses[0][:-1] + str(number)


def drop(networks, address):
    """Packets for an address go to a card that nobody has."""
    ip("-n", networks.b, "neigh", "add", address, "lladdr", "02:00:00:00:00:99", "dev", "cable", "nud", "permanent")


def test_a_family_that_is_not_here(networks):
    last = fails(doctor(networks, other(networks)), "port", "no-common-family")
    assert "ip -brief address" in json.dumps(last["advice"])
    names(networks, [(other(networks), "far")])
    fails(doctor(networks, "far"), "port", "no-common-family")


def test_packets_that_are_dropped(networks):
    drop(networks, absent(networks, 8))
    last = fails(doctor(networks, absent(networks, 8)), "port", "port-silent")
    ports = {fact["which"]: fact["seen"] for fact in last["facts"] if fact["about"] == "port"}
    assert set(ports) == {"24158", "5985", "5986"} and all("no answer" in seen for seen in ports.values()), ports
    assert "netsh advfirewall" in json.dumps(last["advice"])


def test_a_computer_that_is_not_there(networks):
    ip("-n", networks.b, "link", "set", "lo", "up")
    ip("-n", networks.b, "route", "add", "unreachable", absent(networks, 7))
    fails(doctor(networks, absent(networks, 7)), "port", "no-route")


def test_a_name_with_an_address_that_is_silent(networks, tmp_path):
    add_account(tmp_path / "data")
    config = tmp_path / "rwmi.toml"
    config.write_text(f'[source]\nroot = "{TREE}"\n')
    drop(networks, absent(networks, 8))
    names(networks, [(absent(networks, 8), "near"), (networks.addresses[0], "near")])
    serve = Process(["ip", "netns", "exec", networks.a, RWMI, "serve", "--listen", networks.addresses[0], "--data-dir", tmp_path / "data",
                     "--config", config], "ready")
    try:
        code, report = doctor(networks, "near")
        port = next(check for check in report["checks"] if check["stage"] == "port")
        assert (code, report["outcome"], port["outcome"]) == (0, "warned", "warned"), report
        assert [advice["cause"] for advice in port["advice"]] == ["address-silent"], port
        assert len([fact for fact in port["facts"] if fact["seen"] == "answers"]) == 1, port
    finally:
        assert serve.stop() == 0
