"""Permanent subscriptions over the wire: impacket puts a filter, a consumer and what binds them, and the server acts for ever after."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import PASSWORD, RWMI, USER, Process, Server
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
    if "TimerInstruction" not in class_name:
        # impacket cannot send the default of an array back; what is said here does not count anyway.
        made.CreatorSID = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]
    if class_name == "LogFileEventConsumer":
        # It would send the text "False", which is true.
        made.IsUnicode = False
    for name, value in values.items():
        setattr(made, name, value)
    return services.PutInstance(made.marshalMe(), flags)


def keep(services, class_name, **values):
    """Puts what is not there yet."""
    assert status(put(services, class_name, CREATE_ONLY, **values)) == 0


def bind(services, consumer):
    keep(services, "__FilterToConsumerBinding", Filter='__EventFilter.Name="f"', Consumer=f'{consumer}.Name="c"')


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
        keep(services, "__EventFilter", Name="f", QueryLanguage="WQL", Query=CREATED)
        keep(services, "LogFileEventConsumer", Name="c", Filename="a.log", Text="%TargetInstance.TimerId%")
        bind(services, "LogFileEventConsumer")
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
        assert status(put(services, "LogFileEventConsumer", Name="c", Filename="b.log", Text="%TargetInstance.TimerId%")) == 0
        bind(services, "LogFileEventConsumer")
        happen(services, "four")
        wait_for(lambda: lines(site, "b.log") == ["four"], "the line is written once it is bound again")
        assert lines(site) == ["one", "two"]


MOF = """
instance of __EventFilter as $F { Name = "f"; QueryLanguage = "WQL"; Query = "%s"; };
instance of NTEventLogEventConsumer as $C
{
  Name = "c"; SourceName = "watch"; EventID = 7; EventType = 2; Category = 0;
  NumberOfInsertionStrings = 1; InsertionStringTemplates = {"timer %%TargetInstance.TimerId%%"};
};
instance of __FilterToConsumerBinding { Filter = $F; Consumer = $C; };
"""


def compile_mof(site, file, text):
    file.write_text(text)
    return subprocess.run(
        [RWMI, "mof", "compile", "-c", site.address, "-u", USER, "-n", "root\\subscription", file],
        env={"RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)


def test_a_subscription_of_a_mof_file_becomes_entries_of_the_journal(site, tmp_path):
    """By our command: impacket cannot send an array of strings."""
    done = compile_mof(site, tmp_path / "s.mof", MOF % CREATED)
    assert done.returncode == 0, done.stderr
    with Connected(site, namespace=PLACE) as services:
        happen(services, "one")
    assert b"MESSAGE=timer one\nPRIORITY=4\nSYSLOG_IDENTIFIER=watch\nRWMI_EVENT_ID=7\n" in site.journal.entry()
    # A file with a filter that cannot work changes nothing.
    done = compile_mof(site, tmp_path / "t.mof", (MOF % "SELECT * FROM __EventFilter").replace('"f"', '"g"').replace('"c"', '"d"'))
    assert done.returncode == 1 and "NOT_EVENT_CLASS" in done.stderr, done.stderr
    names = [r["Name"] for r in site.query("SELECT * FROM __EventFilter", namespace="root\\subscription")]
    assert names == ["f"]


class Relay(threading.Thread):
    """A mail server for one mail."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.listener = socket.create_server((address, 0))
        self.listener.settimeout(20)
        self.name = "%s:%d" % self.listener.getsockname()
        self.heard = []
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        connection.settimeout(20)
        with connection, connection.makefile("rwb") as stream:
            def say(line):
                stream.write(line.encode() + b"\r\n")
                stream.flush()
            say("220 relay")
            text = False
            for line in iter(stream.readline, b""):
                self.heard.append(line)
                if text:
                    if line != b".\r\n":
                        continue
                    text = False
                if line.startswith(b"DATA"):
                    text = True
                    say("354 go")
                elif line.startswith(b"QUIT"):
                    return say("221 bye")
                else:
                    say("250 ok")


def test_an_event_becomes_a_mail_by_a_server_of_the_configuration(tmp_path, dbus):
    relay = Relay("127.0.33.2")
    site = Server(tmp_path, ADDRESS, settings=f'[consumers]\nsmtp-servers = ["{relay.name}"]\n', dbus=dbus, rows=1)
    try:
        with Connected(site, namespace=PLACE) as services:
            keep(services, "__EventFilter", Name="f", QueryLanguage="WQL", Query=CREATED)
            keep(services, "SMTPEventConsumer", Name="c", SMTPServer="127.0.33.2", ToLine="ops@example.org", Subject="%TargetInstance.TimerId%",
                 Message="it is %TargetInstance.IntervalBetweenEvents%", HeaderFields=None)
            bind(services, "SMTPEventConsumer")
            happen(services, "one")
            relay.join(20)
            assert b"RCPT TO:<ops@example.org>\r\n" in relay.heard
            assert b"Subject: one\r\n" in relay.heard and b"it is 1000000\r\n" in relay.heard
    finally:
        site.stop()
        relay.listener.close()


def test_processes_of_the_machine_are_told_by_the_kernel_or_by_polling(tmp_path):
    """A start of a process on this very machine comes to a file."""
    (tmp_path / "logs").mkdir()
    settings = f'[consumers]\nlog-directory = "{tmp_path}/logs"\n'
    site = Server(tmp_path, ADDRESS, settings=settings, rows=1, root="/")
    site.logs = tmp_path / "logs"
    try:
        with Connected(site, namespace=PLACE) as services:
            keep(services, "__EventFilter", Name="f", QueryLanguage="WQL", EventNamespace="root\\cimv2",
                Query="SELECT * FROM Win32_ProcessTrace")
            keep(services, "LogFileEventConsumer", Name="c", Filename="a.log",
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


@pytest.mark.parametrize("values, code", [
    ({"Query": "SELEC * FROM __TimerEvent"}, 0x80041058),
    ({"Query": "SELECT * FROM __EventFilter"}, 0x80041059),
    ({"Query": "SELECT * FROM __TimerEvent GROUP BY TimerId"}, 0x8004105A),
    ({"Query": CREATED, "QueryLanguage": "CQL"}, 0x80041018),
    ({"Query": CREATED, "EventNamespace": "root\\absent"}, 0x8004100E),
    ({"Query": CREATED, "EventAccess": "everybody"}, 0x80041008),
    ({"Query": "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Process'", "EventNamespace": "root\\cimv2"}, 0x80042002),
])
def test_a_filter_that_cannot_work_is_refused(server, values, code):
    with Connected(server, namespace=PLACE) as services:
        assert status(put(services, "__EventFilter", **{"Name": "refused", "QueryLanguage": "WQL", **values})) == code
        with pytest.raises(wmi.DCERPCSessionError, match="NOT_FOUND"):
            services.GetObject('__EventFilter.Name="refused"')


@pytest.mark.parametrize("values, code", [
    ({"Filter": 'LogFileEventConsumer.Name="c"', "Consumer": 'LogFileEventConsumer.Name="c"'}, 0x80041008),
    ({"Filter": '__EventFilter.Name="f"', "Consumer": 'CommandLineEventConsumer.Name="c"'}, 0x80041010),
    ({"Filter": '__EventFilter.Name="f"', "Consumer": 'LogFileEventConsumer.Name="c"', "DeliveryQoS": 2}, 0x80041008),
])
def test_a_binding_that_cannot_work_is_refused(server, values, code):
    with Connected(server, namespace=PLACE) as services:
        assert status(put(services, "__FilterToConsumerBinding", **values)) == code


@pytest.mark.parametrize("class_name", ["CommandLineEventConsumer", "ActiveScriptEventConsumer"])
def test_there_is_no_consumer_that_runs_anything(server, class_name):
    with Connected(server, namespace=PLACE) as services:
        with pytest.raises(wmi.DCERPCSessionError, match="NOT_FOUND|INVALID_CLASS"):
            services.GetObject(class_name)
