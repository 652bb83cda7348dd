"""`rwmi inventory` against the names and types of GLPI's format, by a validator that knows nothing of us."""

import json
import os
import subprocess
import tomllib

import jsonschema
import pytest

from conftest import PASSWORD, ROOT, RWMI, TARGET, USER, Process

FORMAT = tomllib.loads((ROOT / "testdata" / "glpi" / "sections.toml").read_text())
PC1 = ROOT / "testdata" / "windows" / "pc1"
ADDRESS = "127.0.105.20"


DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = "[ |T][0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+|-][0-9]{2}:[0-9]{2}:[0-9]{2})?"
TYPES = {
    "date": {"type": "string", "pattern": f"^{DAY}$"},
    "datetime": {"type": "string", "pattern": f"^{DAY}{TIME}$"},
    "date or datetime": {"type": "string", "pattern": f"^{DAY}({TIME})?$"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "ipv6": {"type": "string", "format": "ipv6"},
}
TYPES["ipv4 or ipv6"] = {"anyOf": [TYPES["ipv4"], TYPES["ipv6"]]}


def of_type(word):
    """A type of the table as JSON Schema has it."""
    if word in TYPES:
        return TYPES[word]
    if word.startswith("list of "):
        return {"type": "array", "items": of_type(word.removeprefix("list of "))}
    if word.startswith("as "):
        return section(FORMAT[word.removeprefix("as ")])
    name, _, pattern = word.partition(" ")
    schema = {"type": {"text": "string"}.get(name, name)}
    return {**schema, "pattern": pattern} if pattern else schema


def section(table):
    members = {name: of_type(word) for name, word in table.get("members", {}).items()}
    members |= {name: section(part) for name, part in table.get("parts", {}).items()}
    # What the format does not name may not be there, as GLPI has it where it is told to be strict.
    schema = {"type": "object", "properties": members, "additionalProperties": False}
    if "required" in table:
        schema["required"] = table["required"]
    return {"type": "array", "items": schema} if table.get("list") else schema


SCHEMA = {
    "type": "object",
    "required": ["content", "deviceid"],
    "additionalProperties": False,
    "properties": {
        "content": {
            "type": "object",
            "required": ["versionclient"],
            "properties": {"versionclient": {"type": "string"}, **{name: section(table) for name, table in FORMAT.items()}},
            "additionalProperties": False,
        },
        "deviceid": {"type": "string"},
        "itemtype": {"type": "string", "pattern": "^(Unmanaged|Computer|Phone|NetworkEquipment|Printer)$"},
        "action": {"type": "string"},
        "jobid": {"type": "integer"},
        "partial": {"type": "boolean"},
        "tag": {"type": "string"},
    },
}
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["ipv4", "ipv6"]))


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
