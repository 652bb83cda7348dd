"""Bad input from outside: the documented error, bounded memory, and a server that goes on answering everybody else."""

import contextlib
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

import pytest
from impacket.dcerpc.v5.dcom import wmi

from conftest import PASSWORD, READER, READER_PASSWORD, RWMI, USER, Server
from test_impacket import Connected

QUOTA_VIOLATION, OUT_OF_MEMORY, INVALID_OBJECT = 0x8004106C, 0x80041006, 0x8004100F
SEMISYNCHRONOUS = wmi.WBEM_FLAG_RETURN_IMMEDIATELY | wmi.WBEM_FLAG_FORWARD_ONLY
OBJECTS = 1024
# impacket reads no reals.
ROWS = "SELECT Id, Name, Number FROM Rwmi_Row"
MIB = 1 << 20


@pytest.fixture(scope="module")
def site(tmp_path_factory, dbus):
    """A server of its own, whose memory is looked at; its limits are the defaults, but there are many rows."""
    running = Server(
        tmp_path_factory.mktemp("bad"), "127.0.90.21", dbus=dbus, rows=2_000_000, settings=f'[security]\nreaders = ["{READER}"]')
    with Connected(running, namespace="//./root/test") as services:
        # What the first calls need is no growth.
        services.ExecQuery("SELECT * FROM Rwmi_Row WHERE Id < 1000").RemRelease()
    yield running
    assert running.stop() == 0, "the server did not stop cleanly"


def resident(server):
    """What the server has in memory now, in octets."""
    pid = server.process.child.pid
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


@contextlib.contextmanager
def grows_at_most(server, octets):
    """Looks at the memory at the end, and at the highest that it was."""
    pid = server.process.child.pid
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = resident(server)
    yield
    peak = next(int(line.split()[1]) * 1024 for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line)
    assert peak - before < octets, f"{(peak - before) // MIB} MiB more"


def answers_others(server, user=READER, password=READER_PASSWORD):
    """Another account, another connection."""
    done = server.query("SELECT Id FROM Rwmi_Row WHERE Id = 7", user=user, password=password, namespace="root\\test")
    assert [row["Id"] for row in done] in ([7], ["7"])


def code_of(call):
    """The status of a call that fails."""
    with pytest.raises(wmi.DCERPCSessionError) as e:
        call()
    return e.value.get_error_code() & 0xFFFFFFFF


def test_clients_that_stop_reading(site):
    with grows_at_most(site, 64 * MIB), Connected(site, namespace="//./root/test") as services:
        left = []
        for n in range(100):
            rows = services.ExecQuery(ROWS, SEMISYNCHRONOUS)
            for _ in range(n % 3):
                rows.Next(0xFFFFFFFF, 1)
            left.append(rows)
        answers_others(site)
    answers_others(site)


def test_a_client_that_does_not_take_what_was_sent_to_it(site):
    """Requests go in and no answer is read: the connection is held up, nothing is piled up."""
    with grows_at_most(site, 128 * MIB), Connected(site, namespace="//./root/test") as services:
        rows = services.ExecQuery(ROWS, SEMISYNCHRONOUS)
        dce = rows.get_dce_rpc()
        wire = dce.get_rpc_transport().get_socket()
        wire.setblocking(False)
        # The answers of all of these are longer than any buffer between the two.
        request = wmi.IEnumWbemClassObject_Next()
        request["lTimeout"], request["uCount"] = 0xFFFFFFFF, 5000
        request["ORPCthis"] = rows.get_cinstance().get_ORPCthis()
        request["ORPCthis"]["flags"] = 0
        with contextlib.suppress(BlockingIOError, socket.timeout):
            for _ in range(200):
                dce.call(request.opnum, request, rows.get_iPid())
        end = time.monotonic() + 3
        while time.monotonic() < end:
            answers_others(site)
        wire.close()


def test_rewindable_enumerators_keep_at_most_their_limit(site):
    with grows_at_most(site, 96 * MIB), Connected(site, namespace="//./root/test") as services:
        for _ in range(3):
            # Without FORWARD_ONLY all rows would be kept.
            assert code_of(lambda: services.ExecQuery(ROWS, 0)) == OUT_OF_MEMORY
        answers_others(site)


@pytest.mark.parametrize("text", [
    "(" * 1000 + "Id = 1" + ")" * 1000,
    "NOT " * 1000 + "Id = 1",
    " OR ".join(["Id = 1"] * 1300),
], ids=["parentheses", "negations", "terms"])
def test_conditions_a_thousand_deep(site, text):
    with grows_at_most(site, 16 * MIB), Connected(site, namespace="//./root/test") as services:
        assert code_of(lambda: services.ExecQuery(f"SELECT * FROM Rwmi_Row WHERE {text}")) == QUOTA_VIOLATION
        answers_others(site)


def test_a_request_over_4_mib_is_answered(site):
    # Octets as they are: impacket's own encoder takes minutes for a text of this size, which looks like a server that is silent.
    with grows_at_most(site, 16 * MIB), contextlib.closing(socket.create_connection((site.address, 135), timeout=20)) as wire:
        def pdu(ptype, flags, body):
            return struct.pack("<BBBBIHHI", 5, 0, ptype, flags, 0x10, 16 + len(body), 0, 1) + body
        resolver = uuid.UUID("99fcfec4-5260-101b-bbcb-00aa0021347a").bytes_le + struct.pack("<HH", 0, 0)
        ndr = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<I", 2)
        wire.sendall(pdu(11, 3, struct.pack("<HHIBBHHBB", 5840, 5840, 0, 1, 0, 0, 0, 1, 0) + resolver + ndr))
        assert wire.recv(4096)[2] == 12
        # Never a last fragment.
        for n in range(5 * MIB // 4000):
            wire.sendall(pdu(0, 1 if n == 0 else 0, struct.pack("<IHH", 0, 0, 5) + bytes(4000)))
        answer = wire.recv(4096)
        assert (answer[2], struct.unpack_from("<I", answer, 24)[0]) == (3, 5)
        answers_others(site)


def test_an_object_whose_length_is_a_lie(site):
    class Octets(bytes):
        def getData(self):
            return bytes(self)

    with Connected(site, namespace="//./root/test") as services:
        definition, _ = services.GetObject("Rwmi_Row")
        # A length that the octets do not have.
        octets = bytearray(definition.get_objRef())
        octets[0x30:0x34] = struct.pack("<I", 0x7FFFFFF0)
        assert services.PutClass(Octets(octets), 0).GetCallStatus(0) & 0xFFFFFFFF == INVALID_OBJECT
    answers_others(site)


def peak_of(arguments):
    """A run of our command, and the most memory that it had. A small process starts it: a child begins with its parent's memory."""
    starter = "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; " \
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", starter, RWMI, *arguments], env={**os.environ, "RWMI_PASSWORD": PASSWORD},
        capture_output=True, text=True, timeout=100)
    return done.returncode, done.stderr, int(done.stdout.split()[-1]) * 1024


def test_a_mof_of_100_mb(site, tmp_path):
    file = tmp_path / "long.mof"
    with file.open("w") as out:
        piece = "class Long_Thing { [key] string Name; };\n" * 25_000
        for _ in range(100 * MIB // len(piece) + 1):
            out.write(piece)
    assert file.stat().st_size > 100 * MIB
    with grows_at_most(site, 16 * MIB):
        code, said, peak = peak_of(["mof", "compile", "-c", site.address, "-u", USER, "-n", "root\\default", file])
    assert code == 1 and "WBEMMOF_E_INVALID_FILE" in said and "33554432" in said
    assert peak < 96 * MIB, f"{peak // MIB} MiB"


def test_a_class_with_5000_properties(site, tmp_path):
    file = tmp_path / "wide.mof"
    file.write_text("class Wide {\n" + "".join(f"  uint32 P{n};\n" for n in range(5000)) + "};\n")
    code, said, peak = peak_of(["mof", "compile", "-c", site.address, "-u", USER, "-n", "root\\default", file])
    assert code == 1 and "WBEM_E_TOO_MANY_PROPERTIES" in said and "wide.mof:1026:" in said
    assert peak < 96 * MIB, f"{peak // MIB} MiB"


def test_ten_thousand_enumerators(site):
    # Ten thousand calls of impacket take a while. The account is one of its own: what is pinged outlives its connection.
    signal.alarm(300)
    with grows_at_most(site, 256 * MIB):
        with Connected(site, namespace="//./root/test", user=READER, password=READER_PASSWORD) as services:
            opened, refused = 0, 0
            for _ in range(10_000):
                try:
                    services.ExecQuery(ROWS, SEMISYNCHRONOUS)
                    opened += 1
                except wmi.DCERPCSessionError as e:
                    assert e.get_error_code() & 0xFFFFFFFF == QUOTA_VIOLATION, e
                    refused += 1
            assert opened + refused == 10_000 and OBJECTS - 10 < opened <= OBJECTS
            answers_others(site, USER, PASSWORD)
