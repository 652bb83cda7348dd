"""impacket's own tests, from its source distribution, against `rwmi serve`.

    python impacket_suite.py [TARGET]

Fetches the distribution of the impacket that is installed, unpacks its tests below TARGET (else the build directory), starts a
server on port 135 of an address of its own with an account that exists only for this run, and runs test_wmi, test_dcomrt,
test_epm and test_mgmt as they are. impacket_left_out.toml says which do not count and why. The run fails for a test that
fails and is not in that list, and for an entry of the list that is not true: the test passes, fails with other words, or is gone.

This file is also the plugin of that run: it gives each test an alarm and writes down what became of it.
"""

import fnmatch
import importlib.metadata
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tarfile
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
FILES = ["SMB_RPC/test_wmi.py", "dcerpc/test_dcomrt.py", "dcerpc/test_epm.py", "dcerpc/test_mgmt.py"]
# Seconds that one test may take.
ALARM = 60
ADDRESS = "127.0.34.1"
# The test of a process, in words of Linux: what stands in the test, what stands in the copy.
LINUX_FILE = "SMB_RPC/test_wmi_linux.py"
LINUX_WORDS = [("'notepad.exe', 'c:\\\\', None", "'/bin/sleep 120', '/', None")]


# The plugin.

def pytest_collection_modifyitems(items):
    for item in items:
        # What impacket skips runs too: the list says what becomes of it.
        item.own_markers = [m for m in item.own_markers if m.name != "skip"]


def pytest_runtest_setup(item):
    # Not an Exception: some tests swallow those, and go on for ever.
    import pytest

    signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"took longer than {ALARM} s"))
    signal.alarm(ALARM)


def pytest_runtest_teardown(item):
    signal.alarm(0)


def pytest_runtest_logreport(report):
    said = report.longreprtext if report.failed else str(report.longrepr or "")
    if report.when == "call" or not report.passed:
        with open(os.environ["IMPACKET_SUITE_OUTCOMES"], "a") as out:
            json.dump([report.nodeid.removeprefix("tests/"), report.outcome, said, report.duration], out)
            out.write("\n")


# The run.

def main():
    from conftest import RWMI, TARGET  # noqa: F401

    target = (pathlib.Path(sys.argv[1]) if 1 < len(sys.argv) else TARGET.parent).resolve()
    tests = unpack(target / "impacket-suite")
    with tempfile.TemporaryDirectory(dir=tests.parent) as scratch:
        outcomes = run(tests, pathlib.Path(scratch))
    return judge(outcomes)


def unpack(place):
    """The tests of the distribution whose package is installed, and nothing else of it."""
    version = importlib.metadata.version("impacket")
    place.mkdir(parents=True, exist_ok=True)
    archive = place / f"impacket-{version}.tar.gz"
    if not archive.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "impacket",
             "--dest", place, f"impacket=={version}"], check=True, timeout=300)
    with tarfile.open(archive) as tar:
        below = f"impacket-{version}/tests/"
        tar.extractall(place, members=[m for m in tar.getmembers() if m.name.startswith(below)], filter="data")
    tests = place / f"impacket-{version}" / "tests"
    text = (tests / FILES[0]).read_text()
    for old, new in LINUX_WORDS:
        assert text.count(old) == 1, f"{old} is not where it was"
        text = text.replace(old, new)
    (tests / LINUX_FILE).write_text(text)
    return tests


def run(tests, scratch):
    import conftest

    user, password = f"suite-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    config = {key: "" for key in ["hashes", "aesKey256", "aesKey128", "domain", "machineuser", "machineuserhashes"]}
    config |= {"servername": "RWMI", "machine": ADDRESS, "username": user, "password": password.replace("%", "%%")}
    remote = scratch / "dcetests.cfg"
    remote.write_text("[global]\n[TCPTransport]\n" + "".join(f"{k} = {v}\n" for k, v in config.items()))
    outcomes = scratch / "outcomes"
    with conftest.private_bus(scratch) as bus:
        methods = f'[methods]\nallow = ["Win32_Process.Create", "Win32_Process.Terminate"]\nusers = {{ {user} = "nobody" }}'
        server = conftest.Server(
            scratch / "server", ADDRESS, settings=methods, dbus=bus, root="/", rows=1, accounts=[(user, password, ["--admin"])])
        try:
            pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "impacket_suite", "--runxfail", "--tb=short",
                      "--remote-config", remote]
            env = {**os.environ, "PYTHONPATH": str(HERE), "IMPACKET_SUITE_OUTCOMES": str(outcomes), "PYTHONDONTWRITEBYTECODE": "1"}
            for arguments in [FILES, [LINUX_FILE, "-k", "ExecMethod"]]:
                files = [f"tests/{a}" if a.endswith(".py") else a for a in arguments]
                done = subprocess.run(pytest + files, cwd=tests.parent, env=env, capture_output=True, text=True, timeout=900)
                # 1: some test failed, which is judged here.
                if done.returncode not in (0, 1):
                    sys.exit(done.stdout + done.stderr)
        finally:
            code = server.stop()
            assert code == 0, "the server did not stop cleanly"
    return [json.loads(line) for line in outcomes.read_text().splitlines()]


def judge(outcomes):
    said = tomllib.loads((HERE / "impacket_left_out.toml").read_text())
    entries = [(pattern, entry["error"], entry.get("reason", "impacket expects it to fail"))
               for entry in said["left_out"] + said["fails"] for pattern in entry["tests"]]
    used, wrong, counted, passed = set(), [], {}, 0
    for name, outcome, text, seconds in outcomes:
        entry = next((e for e in entries if fnmatch.fnmatchcase(name, e[0])), None)
        used.add(entry)
        if entry is None and outcome == "passed":
            passed += 1
            print(f"{seconds:6.1f}s  {name}")
        elif entry is None:
            wrong.append(f"{name} {outcome}:\n{text}")
        elif outcome == "passed":
            wrong.append(f"{name} passes, though it is said that it {entry[2]}: take it off the list")
        elif not re.search(entry[1], text):
            wrong.append(f"{name} fails, and not with {entry[1]!r}:\n{text}")
        else:
            counted[entry[2]] = counted.get(entry[2], 0) + 1
    wrong += [f"no test is called {pattern}" for entry in entries if entry not in used for pattern in entry[:1]]
    print(f"\n{passed} passed; " + ", ".join(f"{n}: {reason}" for reason, n in counted.items()))
    for text in wrong:
        print(f"\n{text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
