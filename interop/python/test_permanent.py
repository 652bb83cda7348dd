"""Permanent subscriptions over the wire: impacket puts a filter, a consumer and what binds them, and the server acts for ever after."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import RWMI, Process, Server
from impacket.dcerpc.v5.dcom import wmi

from test_impacket import Connected
from test_write import CREATE_ONLY, NOT_FOUND, status

ADDRESS = "127.0.90.33"
PLACE = "//./root/subscription"
ADMINISTRATORS = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]
CREATED = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA '__TimerInstruction'"


class Journal:
    """A socket in the place of the journal's."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(20)

    def entry(self):
        return self.socket.recv(1 << 16)


@pytest.fixture()
def site(tmp_path, dbus):
    (tmp_path / "logs").mkdir()
    journal = Journal(tmp_path / "journal")
    settings = f'[consumers]\nlog-directory = "{tmp_path}/logs"\njournal-socket = "{tmp_path}/journal"\n'
    site = Server(tmp_path, ADDRESS, settings=settings, dbus=dbus, rows=1)
    site.logs, site.journal = tmp_path / "logs", journal
    yield site
    site.stop()
    journal.socket.close()


def kill_and_start_again(site):
    site.process.child.send_signal(signal.SIGKILL)
    site.process.child.wait(10)
    argv = [RWMI, "serve", "--listen", site.address, "--data-dir", site.data, "--config", site.config]
    site.process = Process(argv, "ready", stderr=site.log)


def put(services, class_name, flags=0, **values):
    definition, _ = services.GetObject(class_name)
    made = definition.SpawnInstance()
    for name, value in values.items():
        setattr(made, name, value)
    return services.PutInstance(made.marshalMe(), flags)


def subscribe(services, query=CREATED, text="%TargetInstance.TimerId%"):
    put(services, "__EventFilter", CREATE_ONLY, Name="f", QueryLanguage="WQL", Query=query, CreatorSID=[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0])
    put(services, "LogFileEventConsumer", CREATE_ONLY, Name="c", Filename="a.log", Text=text)
    bind(services, "LogFileEventConsumer")


def bind(services, consumer):
    put(services, "__FilterToConsumerBinding", CREATE_ONLY,
        Filter='__EventFilter.Name="f"', Consumer=f'{consumer}.Name="c"')


def happen(services, name):
    """Something that happens: an instance is made."""
    assert status(put(services, "__IntervalTimerInstruction", TimerId=name, IntervalBetweenEvents=1_000_000)) == 0


def wait_for(test, what):
    until = time.monotonic() + 20
    while not test():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def lines(site, name="a.log"):
    file = site.logs / name
    return file.read_text().splitlines() if file.exists() else []


BINDING = ('__FilterToConsumerBinding.Consumer="LogFileEventConsumer.Name=\\"c\\"",Filter="__EventFilter.Name=\\"f\\""')


def test_a_subscription_outlives_the_server_and_ends_when_it_is_deleted(site):
    with Connected(site, namespace=PLACE) as services:
        subscribe(services)
        happen(services, "one")
        wait_for(lambda: lines(site) == ["one"], "the line is written")
        # Whatever a client says, the server signs.
        found, _ = services.GetObject('__EventFilter.Name="f"')
        assert list(found.CreatorSID) == ADMINISTRATORS
    kill_and_start_again(site)
    with Connected(site, namespace=PLACE) as services:
        happen(services, "two")
        wait_for(lambda: lines(site) == ["one", "two"], "the line is written after the restart")
        assert status(services.DeleteInstance(BINDING)) == 0
        assert status(services.DeleteInstance(BINDING)) == NOT_FOUND
        happen(services, "three")
        put(services, "LogFileEventConsumer", Name="c", Filename="b.log", Text="%TargetInstance.TimerId%")
        bind(services, "LogFileEventConsumer")
        happen(services, "four")
        wait_for(lambda: lines(site, "b.log") == ["four"], "the line is written once it is bound again")
        assert lines(site) == ["one", "two"]


def test_an_event_becomes_an_entry_of_the_journal(site):
    with Connected(site, namespace=PLACE) as services:
        put(services, "__EventFilter", CREATE_ONLY, Name="f", QueryLanguage="WQL", Query=CREATED)
        put(services, "NTEventLogEventConsumer", CREATE_ONLY, Name="c", SourceName="watch", EventID=7, EventType=2, Category=0,
            NumberOfInsertionStrings=1, InsertionStringTemplates=["timer %TargetInstance.TimerId%"])
        bind(services, "NTEventLogEventConsumer")
        happen(services, "one")
        entry = site.journal.entry()
        assert b"MESSAGE=timer one\nPRIORITY=4\nSYSLOG_IDENTIFIER=watch\nRWMI_EVENT_ID=7\n" in entry


def test_processes_of_the_machine_are_told_by_the_kernel_or_by_polling(tmp_path):
    """A start of a process on this very machine comes to a file."""
    (tmp_path / "logs").mkdir()
    settings = f'[consumers]\nlog-directory = "{tmp_path}/logs"\n'
    site = Server(tmp_path, ADDRESS, settings=settings, rows=1, root="/")
    site.logs = tmp_path / "logs"
    try:
        with Connected(site, namespace=PLACE) as services:
            put(services, "__EventFilter", CREATE_ONLY, Name="f", QueryLanguage="WQL", EventNamespace="root\\cimv2",
                Query="SELECT * FROM Win32_ProcessTrace")
            put(services, "LogFileEventConsumer", CREATE_ONLY, Name="c", Filename="a.log",
                Text="%__CLASS% %ProcessID% %ParentProcessID% %Source% %ExitStatus%")
            bind(services, "LogFileEventConsumer")
            child = subprocess.Popen([sys.executable, "-c", "input(); exit(5)"], stdin=subprocess.PIPE)
            of_child = lambda kind: [l.split() for l in lines(site) if l.startswith(f"Win32_Process{kind}Trace {child.pid} {os.getpid()} ")]
            wait_for(lambda: of_child("Start"), "the start is told")
            child.communicate(b"\n", timeout=20)
            wait_for(lambda: of_child("Stop"), "the end is told")
            source = of_child("Start")[0][3]
            assert source in ("connector", "polling")
            # Who polls does not know how another's child ended, and does not make it up.
            assert of_child("Stop")[0][3:] == (["connector", "5"] if source == "connector" else ["polling"])
    finally:
        site.stop()


@pytest.mark.parametrize("values, name", [
    ({"Query": "SELEC * FROM __TimerEvent"}, "UNPARSABLE_QUERY"),
    ({"Query": "SELECT * FROM Absent"}, "INVALID_CLASS"),
    ({"Query": "SELECT * FROM __EventFilter"}, "NOT_EVENT_CLASS"),
    ({"Query": CREATED, "QueryLanguage": "CQL"}, "INVALID_QUERY_TYPE"),
    ({"Query": CREATED, "EventNamespace": "root\\absent"}, "INVALID_NAMESPACE"),
    ({"Query": CREATED, "EventAccess": "everybody"}, "INVALID_PARAMETER"),
    ({"Query": "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Process'", "EventNamespace": "root\\cimv2"},
     "REGISTRATION_TOO_PRECISE"),
])
def test_a_filter_that_cannot_work_is_refused(server, values, name):
    with Connected(server, namespace=PLACE) as services:
        with pytest.raises(wmi.DCERPCSessionError) as refused:
            put(services, "__EventFilter", **{"Name": "refused", "QueryLanguage": "WQL", **values})
        codes = {"UNPARSABLE_QUERY": 0x80041058, "INVALID_CLASS": 0x80041010, "NOT_EVENT_CLASS": 0x80041059, "INVALID_QUERY_TYPE": 0x80041018,
                 "INVALID_NAMESPACE": 0x8004100E, "INVALID_PARAMETER": 0x80041008, "REGISTRATION_TOO_PRECISE": 0x80042002}
        assert refused.value.get_error_code() == codes[name]


@pytest.mark.parametrize("class_name", ["CommandLineEventConsumer", "ActiveScriptEventConsumer"])
def test_there_is_no_consumer_that_runs_anything(server, class_name):
    with Connected(server, namespace=PLACE) as services:
        with pytest.raises(wmi.DCERPCSessionError, match="NOT_FOUND|INVALID_CLASS"):
            services.GetObject(class_name)
