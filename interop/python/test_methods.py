"""Methods: impacket, unmodified, as its wmiexec does it, and our command, against a server over this machine.

aiowmi calls no methods. Processes run as the Linux user `daemon`, whom the configuration names for the account.
"""

import json
import os
import pathlib
import subprocess
import time

import pytest
from impacket.dcerpc.v5.dcom import wmi
from impacket.dcerpc.v5.dtypes import NULL

from conftest import PASSWORD, READER, READER_PASSWORD, RWMI, USER, Server
from test_impacket import Connected

METHOD_DISABLED, INVALID_METHOD, INVALID_PARAMETERS, NOT_FOUND, ACCESS_DENIED = 0x80041056, 0x8004102E, 0x8004102F, 0x80041002, 0x80041003
ALLOW = '[methods]\nallow = ["Win32_Process.Create", "Win32_Process.Terminate", "Win32_Process.SetPriority"]\n'
SETTINGS = ALLOW + f'users = {{ {USER} = "daemon" }}\n[security]\nreaders = ["{READER}"]\n'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as other users")


@pytest.fixture(scope="module")
def on(tmp_path_factory):
    """A server whose methods are on."""
    running = Server(tmp_path_factory.mktemp("methods"), "127.0.90.31", settings=SETTINGS, rows=1, root="/")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def off(tmp_path_factory):
    """A server as it is without any configuration of methods."""
    running = Server(tmp_path_factory.mktemp("off"), "127.0.90.32", rows=1, root="/")
    yield running
    assert running.stop() == 0


def proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()


def gone(pid, deadline=10):
    """Whether a process is not there any more, reaped too, before the deadline."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if not pathlib.Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False


def call(server, *words, user=USER, password=PASSWORD, options=()):
    """What `rwmi call` says: its status, what came out, and its complaints."""
    done = subprocess.run(
        [RWMI, "call", "-c", server.address, "-u", user, "-o", "jsonl", *options, *words],
        env={**os.environ, "RWMI_PASSWORD": password}, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def code(refused):
    return refused.value.get_error_code() & 0xFFFFFFFF


def test_impacket_creates_owns_and_terminates_a_process(on):
    with Connected(on) as services:
        process, _ = services.GetObject("Win32_Process")
        created = process.Create("sleep 600", "/usr", None)
        assert created.ReturnValue == 0
        pid = created.ProcessId
        assert proc(pid, "cmdline") == "sleep\0" "600\0"
        assert os.readlink(f"/proc/{pid}/cwd") == "/usr"
        daemon = subprocess.run(["id", "-u", "daemon"], capture_output=True, text=True, check=True).stdout.strip()
        assert f"Uid:\t{daemon}\t{daemon}\t{daemon}\t{daemon}" in proc(pid, "status")
        instance, _ = services.GetObject(f'Win32_Process.Handle="{pid}"')
        owner = instance.GetOwner()
        assert (owner.ReturnValue, owner.User) == (0, "daemon")
        assert instance.GetOwnerSid().Sid.startswith("S-1-5-21-")
        assert instance.SetPriority(64).ReturnValue == 0
        assert instance.Terminate(5).ReturnValue == 0
        assert gone(pid)


def test_impacket_sends_an_embedded_object(on):
    with Connected(on) as services:
        process, _ = services.GetObject("Win32_Process")
        definition, _ = services.GetObject("Win32_ProcessStartup")
        startup = definition.SpawnInstance()
        startup.PriorityClass = 64
        startup.ShowWindow = 0
        created = process.Create("sleep 600", "/", startup)
        assert created.ReturnValue == 0
        pid = created.ProcessId
        assert proc(pid, "stat").rsplit(") ", 1)[1].split()[16] == "19"
        instance, _ = services.GetObject(f'Win32_Process.Handle="{pid}"')
        assert instance.Terminate(0).ReturnValue == 0
        assert gone(pid)


def test_impacket_sees_the_codes_of_what_cannot_be_started(on):
    with Connected(on) as services:
        process, _ = services.GetObject("Win32_Process")
        # As its wmiexec sends it.
        assert process.Create("cmd.exe /Q /c cd  1> \\\\127.0.0.1\\ADMIN$\\__1 2>&1", "C:\\", None).ReturnValue == 21
        assert process.Create("cmd.exe /Q /c dir", "/", None).ReturnValue == 9
        assert process.Create("/etc/passwd", "/", None).ReturnValue == 2
        assert process.Create("", "/", None).ReturnValue == 21


def test_impacket_is_refused_with_a_code(on, off):
    with Connected(on) as services:
        for path, method, expect in [
            ("Win32_Process", "Nothing", INVALID_METHOD),
            ("Win32_Process", "GetOwner", INVALID_PARAMETERS),
            ("Win32_Process", "Create", INVALID_PARAMETERS),
            ('Win32_Process.Handle="0"', "GetOwner", NOT_FOUND),
        ]:
            with pytest.raises(wmi.DCERPCSessionError) as refused:
                services.ExecMethod(path, method)
            assert code(refused) == expect, (path, method)
    with Connected(off) as services:
        with pytest.raises(wmi.DCERPCSessionError) as refused:
            services.ExecMethod("Win32_Process", "Create")
        assert code(refused) == METHOD_DISABLED
        process, _ = services.GetObject("Win32_Process")
        # impacket logs the error and gives nothing.
        assert process.Create("sleep 601", "/", None) is None
        assert subprocess.run(["pgrep", "-f", "^sleep 601$"], capture_output=True).returncode == 1
        instance, _ = services.GetObject('Win32_Process.Handle="1"')
        assert instance.GetOwner().ReturnValue == 0
    with Connected(on, user=READER, password=READER_PASSWORD) as services:
        with pytest.raises(wmi.DCERPCSessionError) as refused:
            services.ExecMethod('Win32_Process.Handle="1"', "GetOwner")
        assert code(refused) == ACCESS_DENIED


def test_our_command_creates_with_an_embedded_object_and_terminates(on):
    status, out, said = call(
        on, "Win32_Process", "Create", "CommandLine=sleep 600", "CurrentDirectory=/usr", "ProcessStartupInformation.PriorityClass=64",
        'ProcessStartupInformation.EnvironmentVariables=["A=1", "B=x y"]')
    assert (status, out["ReturnValue"], said) == (0, 0, "")
    pid = out["ProcessId"]
    assert proc(pid, "stat").rsplit(") ", 1)[1].split()[16] == "19"
    environment = proc(pid, "environ").split("\0")
    assert "A=1" in environment and "B=x y" in environment and "USER=daemon" in environment
    path = f'Win32_Process.Handle="{pid}"'
    assert call(on, path, "GetOwner")[1]["User"] == "daemon"
    assert call(on, path, "Terminate", "Reason=9") == (0, {"ReturnValue": 0}, "")
    assert gone(pid)
    # The log has who did what, and no command line.
    log = (on.directory / "log").read_text()
    assert "create process" in log and "sha256" in log and "sleep 600" not in log


def test_our_command_refuses_before_it_sends_and_shows_the_signature(on):
    signature = "static uint32 Create([in] string CommandLine"
    for words, expect in [
        ([], "CommandLine is missing"),
        (["CommandLine=x", "WorkingDir=/"], "WorkingDir is no parameter"),
        (["CommandLine=x", "ProcessStartupInformation.PriorityClass=low"], "ProcessStartupInformation.PriorityClass is uint32"),
        (["CommandLine=x", 'ProcessStartupInformation={"Tilte": "x"}'], "ProcessStartupInformation.Tilte is not there"),
        (["CommandLine=x", "ProcessId=1"], "ProcessId comes out"),
    ]:
        status, out, said = call(on, "Win32_Process", "Create", *words)
        assert (status, out) == (1, None) and expect in said and signature in said, said
    before = (on.directory / "log").read_text()
    assert "CommandLine=x" not in before
    status, _, said = call(on, "Win32_Process", "Creat")
    assert status == 1 and "it has Create" in said
    assert call(on, "Win32_Process", "Create", "CommandLine")[0] == 2


def test_our_command_tells_return_values_and_refusals(on, off):
    status, out, said = call(on, "Win32_Process", "Create", "CommandLine=/no/such/program")
    assert (status, out) == (4, {"ProcessId": None, "ReturnValue": 9}) and said == "Create returned 9: path not found\n"
    status, out, said = call(on, "Win32_Process", "Create", "CommandLine=true", "ProcessStartupInformation.Title=x")
    assert (status, out) == (1, None) and "Win32_ProcessStartup.Title cannot be honoured" in said
    status, out, said = call(off, "Win32_Process", "Create", "CommandLine=true")
    assert (status, out) == (1, None) and 'allow = ["Win32_Process.Create"]' in said
    assert call(off, 'Win32_Process.Handle="1"', "GetOwner")[1]["User"] == "root"
    status, _, said = call(on, 'Win32_Process.Handle="1"', "GetOwner", user=READER, password=READER_PASSWORD)
    assert status == 1 and "ACCESS_DENIED" in said


def test_readers_do_not_see_command_lines_of_others(on):
    def line(user, password):
        return on.query("SELECT Name, CommandLine FROM Win32_Process WHERE Handle = '1'", user=user, password=password)[0]["CommandLine"]
    assert line(USER, PASSWORD) and line(READER, READER_PASSWORD) is None
