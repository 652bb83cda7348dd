"""Events: impacket, unmodified, and our command wait for them; what was dropped is told."""

import getpass
import json
import os
import re
import subprocess

import pytest
from impacket.dcerpc.v5.dcom import wmi

from conftest import PASSWORD, READER, READER_PASSWORD, RWMI, USER, Server, wait_until
from test_impacket import Connected

TIMEDOUT, QUEUE_OVERFLOW = 0x40004, 0x80041061
SEMISYNCHRONOUS = wmi.WBEM_FLAG_RETURN_IMMEDIATELY | wmi.WBEM_FLAG_FORWARD_ONLY
THING = "class Ev_Thing { [key] string Name; uint32 Size; };\n"
CREATED = "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Ev_Thing'"


def compile_mof(server, tmp_path, text, namespace="root\\default\\ev"):
    """Puts a text into the server at once: a transaction, however many instances are in it."""
    file = tmp_path / "events.mof"
    file.write_text(text)
    done = subprocess.run(
        [RWMI, "mof", "compile", "-c", server.address, "-u", USER, "-n", namespace, file],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def things(first, last, size=1):
    return "".join(f'instance of Ev_Thing {{ Name = "{n:05}"; Size = {size}; }};\n' for n in range(first, last))


@pytest.fixture(scope="module")
def place(server, tmp_path_factory):
    """A namespace with a class."""
    directory = tmp_path_factory.mktemp("mof")
    compile_mof(server, directory, 'instance of __Namespace { Name = "ev"; };', "root\\default")
    compile_mof(server, directory, THING)
    return "//./root/default/ev"


@pytest.fixture
def empty(server, place, tmp_path):
    """The class without instances."""
    compile_mof(server, tmp_path, '#pragma deleteclass("Ev_Thing", fail)\n' + THING)
    return place


def subscribe(services, query, flags=SEMISYNCHRONOUS):
    return services.ExecNotificationQuery(query, flags)


def take(events, timeout=5000):
    """The next event as its properties, or the status that came instead."""
    try:
        return events.Next(timeout, 1)[0]
    except wmi.DCERPCSessionError as e:
        return e.get_error_code() & 0xFFFFFFFF


def target(event, name="TargetInstance"):
    """The values of an object in an event."""
    return {n: p["value"] for n, p in getattr(event, name).getProperties().items()}


def names(events, count):
    found = []
    while len(found) < count:
        event = take(events)
        if event == TIMEDOUT:
            continue
        assert not isinstance(event, int), hex(event)
        found.append(target(event)["Name"])
    return found


def test_impacket_receives_each_of_a_thousand_creations(server, empty, tmp_path):
    with Connected(server, namespace=empty) as services:
        events = subscribe(services, CREATED)
        assert take(events, 0) == TIMEDOUT
        for first in range(0, 1000, 100):
            compile_mof(server, tmp_path, things(first, first + 100))
            assert names(events, 100) == [f"{n:05}" for n in range(first, first + 100)]
        assert take(events, 100) == TIMEDOUT
        events.RemRelease()


def test_impacket_is_told_that_events_were_dropped(server, empty, tmp_path):
    with Connected(server, namespace=empty) as services:
        events = subscribe(services, CREATED)
        overflows = subscribe(services, "SELECT * FROM __EventQueueOverflowEvent")
        compile_mof(server, tmp_path, things(0, 5000))
        seen = names(events, 1000)
        assert seen == [f"{n:05}" for n in range(1000)]
        assert take(events) == QUEUE_OVERFLOW
        assert take(events, 0) == TIMEDOUT
        overflow = take(overflows)
        assert overflow.getProperties()["CurrentQueueSize"]["value"] > 100_000
        # It goes on behind the gap.
        compile_mof(server, tmp_path, things(9000, 9001))
        assert names(events, 1) == ["09000"]


def test_impacket_sees_what_changed_and_what_is_gone(server, empty, tmp_path):
    with Connected(server, namespace=empty) as services:
        compile_mof(server, tmp_path, things(0, 3))
        modified = subscribe(services, "SELECT * FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'Ev_Thing' "
                                       "AND PreviousInstance.Size < 5 AND TargetInstance.Size >= 5")
        deleted = subscribe(services, "SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Ev_Thing'")
        every = subscribe(services, "SELECT TargetInstance FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Ev_Thing'")
        compile_mof(server, tmp_path, things(0, 1, size=4) + things(1, 2, size=5))
        event = take(modified)
        assert target(event) == {"Name": "00001", "Size": 5}
        assert target(event, "PreviousInstance") == {"Name": "00001", "Size": 1}
        assert take(modified, 0) == TIMEDOUT
        assert services.DeleteInstance('Ev_Thing.Name="00002"').GetCallStatus(0) == 0
        event = take(deleted)
        assert target(event) == {"Name": "00002", "Size": 1}
        assert event.getProperties()["TIME_CREATED"]["value"] > 130_000_000_000_000_000
        assert [take(every).getClassName() for _ in range(3)] == ["__InstanceModificationEvent"] * 2 + ["__InstanceDeletionEvent"]


def test_impacket_sees_classes_and_timers(server, empty, tmp_path):
    with Connected(server, namespace=empty) as services:
        classes = subscribe(services, "SELECT * FROM __ClassCreationEvent")
        timers = subscribe(services, "SELECT * FROM __TimerEvent WHERE TimerId = 'py'")
        compile_mof(server, tmp_path, "class Ev_Other : Ev_Thing {};\n"
                    'instance of __IntervalTimerInstruction { TimerId = "py"; IntervalBetweenEvents = 200; };\n')
        assert take(classes).TargetClass.getClassName() == "Ev_Other"
        for _ in range(3):
            event = take(timers).getProperties()
            assert (event["TimerId"]["value"], event["NumFirings"]["value"] >= 1) == ("py", True)
        assert services.DeleteInstance('__IntervalTimerInstruction.TimerId="py"').GetCallStatus(0) == 0


@pytest.mark.parametrize("query, code", [
    ("SELECT * FROM Ev_Thing", 0x80041059),
    ("SELECT * FROM Ev_Nothing", 0x80041010),
    ("SELECT * FROM __InstanceCreationEvent WITHIN 1", 0x80042001),
    ("SELECT * FORM __TimerEvent", 0x80041058),
    ("SELECT Nothing FROM __TimerEvent", 0x80041017),
    ("SELECT * FROM __TimerEvent GROUP BY TimerId", 0x8004105A),
    ("SELECT * FROM __TimerEvent GROUP WITHIN 1 BY *", 0x8004105B),
    ("SELECT * FROM __TimerEvent WHERE TimerId.X = 1", 0x8004105C),
    (CREATED + " GROUP WITHIN 1 BY TargetInstance", 0x8004105D),
])
def test_impacket_is_told_what_is_wrong_with_a_query(server, place, query, code):
    with Connected(server, namespace=place) as services:
        with pytest.raises(wmi.DCERPCSessionError) as e:
            subscribe(services, query)
        assert e.value.get_error_code() & 0xFFFFFFFF == code


def test_impacket_is_told_what_is_wrong_with_its_call(server, place):
    with Connected(server, namespace=place) as services:
        for flags in (0, 0x10, 0x20, 0x230):
            with pytest.raises(wmi.DCERPCSessionError) as e:
                subscribe(services, CREATED, flags)
            assert e.value.get_error_code() & 0xFFFFFFFF == 0x80041008
    with Connected(server) as services, pytest.raises(wmi.DCERPCSessionError) as e:
        subscribe(services, "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Process'")
    assert e.value.get_error_code() & 0xFFFFFFFF == 0x80042002


class Watch:
    """A running `rwmi watch`, once it listens: the server's log says so."""

    def __init__(self, server, query, *options, user=USER, password=PASSWORD, namespace="root\\default\\ev"):
        log = server.directory / "log"
        before = log.read_text().count(query)
        self.child = subprocess.Popen(
            [RWMI, "watch", "-c", server.address, "-u", user, "-n", namespace, *options, query],
            env={**os.environ, "RWMI_PASSWORD": password}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: log.read_text().count(query) > before or self.child.poll() is not None)

    def finish(self):
        """Its events, what it said, and how it ended."""
        out, err = self.child.communicate(timeout=60)
        return [json.loads(line) for line in out.splitlines()], err, self.child.returncode


def test_our_command_receives_each_of_a_thousand_creations(server, empty, tmp_path):
    watch = Watch(server, CREATED, "--count", "1000")
    for first in range(0, 1000, 100):
        compile_mof(server, tmp_path, things(first, first + 100))
    events, said, code = watch.finish()
    assert (said, code) == ("", 0)
    assert [e["TargetInstance"]["Name"] for e in events] == [f"{n:05}" for n in range(1000)]


def test_our_command_says_that_events_were_dropped(server, empty, tmp_path):
    watch = Watch(server, CREATED, "--for", "15")
    compile_mof(server, tmp_path, things(0, 5000))
    events, said, code = watch.finish()
    # A reader as fast as ours may have taken some while they came.
    assert 1000 <= len(events) < 5000
    assert code == 1 and "WBEM_E_QUEUE_OVERFLOW" in said
    lost = sum(int(n) for n in re.findall(r"(\d+) events were dropped", said))
    assert len(events) + lost == 5000


def test_a_reader_watches_too_and_who_may_not_read_does_not(tmp_path):
    site = Server(tmp_path, "127.0.90.7", settings=f'[security]\nreaders = ["{READER}"]', rows=1)
    try:
        compile_mof(site, tmp_path, THING, "root\\default")
        watch = Watch(site, CREATED, "--count", "1", user=READER, password=READER_PASSWORD, namespace="root\\default")
        compile_mof(site, tmp_path, things(0, 1), "root\\default")
        events, said, code = watch.finish()
        assert (said, code, events[0]["TargetInstance"]["Name"]) == ("", 0, "00000")
    finally:
        site.stop()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A server over this very machine that starts processes as whoever runs the tests."""
    settings = f'[methods]\nallow = ["Win32_Process.Create", "Win32_Process.Terminate"]\nusers = {{ {USER} = "{getpass.getuser()}" }}'
    running = Server(tmp_path_factory.mktemp("machine"), "127.0.90.8", settings=settings, rows=1, root="/")
    yield running
    assert running.stop() == 0


def until(events, wanted, key):
    """The first event of a process: others of this machine pass by."""
    while True:
        event = take(events)
        if event == TIMEDOUT:
            continue
        assert not isinstance(event, int), hex(event)
        if key(event) == wanted:
            return event


def test_impacket_starts_a_process_and_sees_its_beginning_and_its_end(machine, tmp_path):
    done = tmp_path / "nice"
    with Connected(machine) as services:
        created = subscribe(services, "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Process'")
        deleted = subscribe(services, "SELECT * FROM __InstanceDeletionEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Process'")
        started = subscribe(services, "SELECT * FROM Win32_ProcessStartTrace")
        stopped = subscribe(services, "SELECT * FROM Win32_ProcessStopTrace")
        definition, _ = services.GetObject("Win32_ProcessStartup")
        startup = definition.SpawnInstance()
        # impacket writes no arrays of strings into an object.
        startup.PriorityClass = 64
        process, _ = services.GetObject("Win32_Process")
        answer = process.Create(f"sh -c \"nice > '{done}'; sleep 3; exit 7\"", "/", startup)
        assert answer.ReturnValue == 0
        pid = answer.ProcessId
        handle = lambda event: target(event)["ProcessId"]
        number = lambda event: event.getProperties()["ProcessID"]["value"]
        assert target(until(created, pid, handle))["Name"] in ("sh", "dash", "bash")
        assert until(started, pid, number).getClassName() == "Win32_ProcessStartTrace"
        until(deleted, pid, handle)
        stop = until(stopped, pid, number).getProperties()
        assert stop["ExitStatus"]["value"] == 7
        assert stop["Source"]["value"] in ("connector", "polling")
    assert int(done.read_text()) > 0


def test_our_command_starts_a_process_and_ends_as_it_did(machine):
    done = subprocess.run(
        [RWMI, "exec", "-c", machine.address, "-u", USER, "--", "sh", "-c", "exit 9"],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (9, "", "")


def test_our_command_sees_the_beginning_and_the_end_of_a_process_with_an_embedded_startup(machine):
    of = "TargetInstance ISA 'Win32_Process' AND TargetInstance.CommandLine = 'sleep 3.25'"
    watches = [
        Watch(machine, f"SELECT * FROM {kind} WITHIN 1 WHERE {of}", "--count", "1", "--for", "40", namespace="root\\cimv2")
        for kind in ("__InstanceCreationEvent", "__InstanceDeletionEvent")
    ]
    called = subprocess.run(
        [RWMI, "call", "-c", machine.address, "-u", USER, "-o", "jsonl", "Win32_Process", "Create", "CommandLine=sleep 3.25",
         "CurrentDirectory=/", "ProcessStartupInformation.PriorityClass=64"],
        env={**os.environ, "RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
    assert (called.returncode, called.stderr) == (0, "")
    pid = json.loads(called.stdout)["ProcessId"]
    for watch, kind in zip(watches, ("__InstanceCreationEvent", "__InstanceDeletionEvent")):
        (event,), said, code = watch.finish()
        assert (said, code, event["TargetInstance"]["ProcessId"]) == ("", 0, pid), kind
