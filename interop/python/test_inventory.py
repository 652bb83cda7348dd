"""`rwmi inventory` against GLPI's own schema, by a validator that knows nothing of us."""

import copy
import json
import os
import subprocess

import jsonschema
import pytest

from conftest import PASSWORD, ROOT, RWMI, TARGET, USER, Process

SCHEMA = json.loads((ROOT / "testdata" / "glpi" / "inventory.schema.json").read_text())
PC1 = ROOT / "testdata" / "windows" / "pc1"
ADDRESS = "127.0.105.20"


def strict(schema):
    """The schema as GLPI itself applies it when it is told to be strict: what it does not name may not be there."""
    schema = copy.deepcopy(schema)

    def close(node):
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    close(schema)
    return schema


VALIDATOR = jsonschema.Draft7Validator(strict(SCHEMA), format_checker=jsonschema.FormatChecker(["ipv4", "ipv6"]))


def faults(document):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in VALIDATOR.iter_errors(document)]


def inventory(address, *options):
    done = subprocess.run(
        [RWMI, "inventory", address, "-u", USER, *options],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pc1(tmp_path_factory):
    """A server that answers as the recorded Windows workstation does."""
    directory = tmp_path_factory.mktemp("pc1")
    data = directory / "data"
    config = directory / "rwmi.toml"
    config.write_text(f'[server]\nlisten = ["{ADDRESS}"]\ndata-dir = "{data}"\n')
    subprocess.run(
        [RWMI, "account", "add", USER, "--admin", "--password-stdin", "--data-dir", data],
        input=PASSWORD + "\n", text=True, check=True, timeout=30, stdout=subprocess.DEVNULL)
    with open(directory / "log", "w") as log:
        server = Process([TARGET / "examples" / "recorded", config, PC1 / "rows.json"], "ready", stderr=log)
        subprocess.run(
            [RWMI, "mof", "compile", "-c", ADDRESS, "-u", USER, PC1 / "classes.mof"],
            env={**os.environ, "RWMI_PASSWORD": PASSWORD}, check=True, timeout=60, stdout=subprocess.DEVNULL)
        yield ADDRESS
        assert server.stop() == 0


def test_the_validator_finds_faults():
    good = {"deviceid": "a-2026-11-22-00-00-00", "content": {"versionclient": "x", "cpus": [{"core": 4}]}}
    assert faults(good) == []
    for bad in [{"core": "4"}, {"cores": 4}, {"arch": "amd64"}]:
        assert len(faults({**good, "content": {"versionclient": "x", "cpus": [bad]}})) == 1
    assert faults({**good, "content": {}}) == ["content: 'versionclient' is a required property"]


def test_a_linux_computer_is_as_the_schema_has_it(server):
    document = inventory(server.address)
    assert faults(document) == []
    content = document["content"]
    # Every section that a class of our server stands for.
    for section in ["hardware", "operatingsystem", "bios", "cpus", "storages", "drives", "networks", "local_users", "users", "envs", "processes"]:
        assert content[section], section
    assert document["deviceid"] == "lx1-2023-01-01-12-00-00"
    assert content["operatingsystem"]["full_name"] == "Debian GNU/Linux 12 (bookworm)"
    assert {"cmd", "pid", "user"} <= set(content["processes"][0])
    assert [u["login"] for u in content["local_users"]] == ["alice"]


def test_a_windows_computer_is_as_the_schema_has_it(pc1):
    document = inventory(pc1)
    assert faults(document) == []
    # All that the format has and a computer of this kind can have.
    assert set(document["content"]) == {
        "versionclient", "versionprovider", "hardware", "operatingsystem", "bios", "cpus", "memories", "storages", "drives", "networks",
        "softwares", "local_users", "local_groups", "users", "videos", "monitors", "sounds", "controllers", "inputs", "ports", "slots",
        "usbdevices", "printers", "batteries", "antivirus", "firewalls", "licenseinfos", "envs", "processes", "virtualmachines"}
