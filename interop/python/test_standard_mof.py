"""`rwmi mof export --standard`: pywbem, a compiler that knows only DSP0004, takes all classes that the server ships."""

import os
import re
import subprocess

import pytest
from pywbem_mock import FakedWBEMConnection

from conftest import PASSWORD, RWMI, USER

NAMESPACES = ["root", "root\\cimv2", "root\\default", "root\\subscription", "root\\test", "root\\wmi"]


def export(server, namespace, *arguments):
    """The text, and what it says differently: {what: places}."""
    done = subprocess.run(
        [RWMI, "mof", "export", "--standard", "-c", server.address, "-u", USER, "-n", namespace, *arguments],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, *changes = done.stderr.splitlines()
    assert first == "not said as WMI says it:"
    return done.stdout, {what.strip(): int(count) for what, count in (re.fullmatch(r"  (.*) \((\d+): .*\)", c).groups() for c in changes)}


def compiled(text):
    """The classes that pywbem makes of a text: its repository resolves overrides, qualifiers and their scopes, and references."""
    repository = FakedWBEMConnection(default_namespace="root/here")
    repository.compile_mof_string(text, namespace="root/here")
    classes = repository.EnumerateClasses(DeepInheritance=True, LocalOnly=False, IncludeQualifiers=True)
    return {c.classname: c for c in classes}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_shipped_class_compiles(server, namespace):
    text, _ = export(server, namespace, "--system")
    ours = subprocess.run(
        [RWMI, "mof", "export", "--system", "-c", server.address, "-u", USER, "-n", namespace],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=120).stdout
    assert set(compiled(text)) == set(re.findall(r"^class (\w+)", ours, re.MULTILINE)) != set()


def test_classes_keep_what_the_standard_can_say(server):
    text, changes = export(server, "root\\cimv2")
    classes = compiled(text)
    assert not any(name.startswith("__") for name in classes)
    system = classes["Win32_OperatingSystem"]
    assert system.superclass == "CIM_OperatingSystem"
    assert (system.properties["TotalVisibleMemorySize"].type, system.properties["LastBootUpTime"].type) == ("uint64", "datetime")
    process = classes["Win32_Process"]
    assert process.properties["Handle"].qualifiers["Key"].value is True
    assert process.methods["Create"].parameters["ProcessId"].qualifiers["In"].value is False
    assert process.methods["Create"].parameters["ProcessId"].qualifiers["Out"].value is True
    assert process.methods["Create"].parameters["CommandLine"].qualifiers["In"].value is True
    link = classes["Win32_SystemServices"]
    assert link.qualifiers["Association"].value is True
    assert link.properties["PartComponent"].reference_class == "Win32_Service"
    assert changes["pragma namespace: left out"] == 1
    assert changes["flavor ToInstance: left out"] > 20


def test_a_named_class_brings_what_it_needs(server):
    text, _ = export(server, "root\\cimv2", "Win32_SystemServices")
    classes = compiled(text)
    assert {"Win32_SystemServices", "Win32_Service", "Win32_ComputerSystem", "CIM_Service"} <= set(classes)
    assert "Win32_Process" not in classes
