"""A server over the recorded Linux tree, for peers that know nothing of each other.

One server for the whole run, on addresses 127.0.0.x:135, with a private D-Bus daemon and a stand-in for systemd behind it.
Every wait has a deadline; everything that was started is stopped.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / os.environ.get("RWMI_PROFILE", "debug")
RWMI = TARGET / "rwmi"
FAKE_SYSTEMD = TARGET / "examples" / "fake_systemd"
TREE = ROOT / "testdata" / "linux" / "lx1"
USER, PASSWORD = "alice", "Correct-Horse-7"
READER, READER_PASSWORD = "bob", "battery-Staple-8"
ACCOUNTS = [(USER, PASSWORD, ["--admin"]), (READER, READER_PASSWORD, [])]
ROWS = 10_000


class Process:
    """A child whose first line of output says that it is ready."""

    def __init__(self, argv, ready, deadline=30, **kwargs):
        self.lines = []
        self.child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **kwargs)
        self.seen = threading.Event()
        self.ready = ready
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.seen.wait(deadline):
            self.stop()
            raise RuntimeError(f"{argv[0]} did not say {ready!r} in {deadline} s, but {self.lines}")

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(self.ready):
                self.seen.set()
        self.child.stdout.close()

    def first(self):
        return next(line for line in self.lines if line.startswith(self.ready))

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(10)
        return self.child.returncode


class Server:
    """A running `rwmi serve` and how to reach it."""

    def __init__(self, directory, address, settings="", rows=ROWS, dbus=None, root=TREE, accounts=ACCOUNTS):
        self.directory = directory
        self.address = address
        self.data = directory / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.config = directory / "rwmi.toml"
        source = f'[source]\nroot = "{root}"\n' + (f'dbus = "{dbus}"\n' if dbus else "")
        self.config.write_text(f"{settings}\n{source}\n[test]\nrows = {rows}\n")
        for name, password, flags in accounts:
            subprocess.run(
                [RWMI, "account", "add", name, *flags, "--password-stdin", "--data-dir", self.data],
                input=password + "\n", text=True, check=True, timeout=30, stdout=subprocess.DEVNULL)
        self.log = open(directory / "log", "w")
        self.process = Process(
            [RWMI, "serve", "--listen", address, "--data-dir", self.data, "--config", self.config],
            "ready", stderr=self.log)

    def query(self, text, *options, user=USER, password=PASSWORD, namespace="root\\cimv2", check=True):
        """What `rwmi query -o json` says."""
        done = subprocess.run(
            [RWMI, "query", "-c", self.address, "-u", user, "-n", namespace, "-o", "json", *options, text],
            env={**os.environ, "RWMI_PASSWORD": password}, capture_output=True, text=True, timeout=120)
        if check:
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)
        return done

    def stop(self):
        code = self.process.stop()
        self.log.close()
        return code


@contextlib.contextmanager
def private_bus(directory):
    """The address of a private bus with a stand-in `org.freedesktop.systemd1` on it."""
    config = directory / "bus.conf"
    config.write_text(
        '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
        '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
        f"<busconfig><type>session</type><listen>unix:path={directory}/socket</listen>"
        '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>'
        "</busconfig>")
    bus = Process(["dbus-daemon", f"--config-file={config}", "--print-address=1", "--nofork"], "unix:")
    try:
        address = bus.first().split(",")[0]
        systemd = Process([FAKE_SYSTEMD, address, TREE / "systemd.json"], "ready")
        try:
            yield address
        finally:
            systemd.stop()
    finally:
        bus.stop()


@pytest.fixture(scope="session")
def dbus(tmp_path_factory):
    """A private bus with a stand-in for systemd."""
    with private_bus(tmp_path_factory.mktemp("dbus")) as address:
        yield address


@pytest.fixture(scope="session")
def server(tmp_path_factory, dbus):
    """The server that most tests use."""
    running = Server(tmp_path_factory.mktemp("server"), "127.0.90.1", dbus=dbus)
    yield running
    assert running.stop() == 0, "the server did not stop cleanly"


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    """A server over this very machine."""
    running = Server(tmp_path_factory.mktemp("live"), "127.0.90.3", rows=1, root="/")
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def alarm():
    """Each test has a deadline of its own."""
    def late(*_):
        raise TimeoutError("the test took longer than two minutes")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(120)
    yield
    signal.alarm(0)


CLASSES = [
    "Win32_OperatingSystem", "Win32_ComputerSystem", "Win32_Processor", "Win32_BIOS", "Win32_Process", "Win32_Service",
    "Win32_LogicalDisk", "Win32_DiskDrive", "Win32_NetworkAdapterConfiguration", "Win32_UserAccount", "Win32_TimeZone",
    "Win32_Environment",
]


def wait_until(true, deadline=10):
    """Polls a condition; the deadline is generous, the poll short."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.02)
    raise TimeoutError("the condition did not come true")
