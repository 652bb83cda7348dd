"""impacket, unmodified, against the server."""

import re
import subprocess
import sys
import sysconfig

import pytest
from impacket.dcerpc.v5 import epm, mgmt, rpcrt, transport
from impacket.dcerpc.v5.dcom import wmi
from impacket.dcerpc.v5.dcomrt import INTERFACE, DCOMConnection, IObjectExporter
from impacket.dcerpc.v5.dtypes import NULL
from impacket.uuid import bin_to_uuidtup, uuidtup_to_bin

from conftest import CLASSES, PASSWORD, USER
from folds import impacket_equal

INTEGRITY, PRIVACY = rpcrt.RPC_C_AUTHN_LEVEL_PKT_INTEGRITY, rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY


class Connected:
    """A namespace, opened as impacket's own examples do."""

    def __init__(self, server, namespace="//./root/cimv2", level=PRIVACY, user=USER, password=PASSWORD):
        self.dcom = DCOMConnection(server.address, user, password, "", oxidResolver=False, authLevel=level)
        try:
            interface = self.dcom.CoCreateInstanceEx(wmi.CLSID_WbemLevel1Login, wmi.IID_IWbemLevel1Login)
            login = wmi.IWbemLevel1Login(interface)
            self.services = login.NTLMLogin(namespace, NULL, NULL)
            if level in (INTEGRITY, PRIVACY):
                self.services.get_dce_rpc().set_auth_level(level)
            login.RemRelease()
        except BaseException:
            self.close()
            raise

    def close(self):
        try:
            self.dcom.disconnect()
        except KeyError:
            # impacket trips over its own tables when nothing was ever connected.
            pass

    def __enter__(self):
        return self.services

    def __exit__(self, *_):
        self.close()


def rows(enumerator, limit=None):
    """Every row as {name: property}, one Next a row as wmiquery.py does."""
    found = []
    while limit is None or len(found) < limit:
        try:
            found.append(enumerator.Next(0xFFFFFFFF, 1)[0].getProperties())
        except wmi.DCERPCSessionError as e:
            assert "S_FALSE" in str(e), e
            break
    enumerator.RemRelease()
    return found


def same_rows(theirs, ours, key=None):
    """Rows equal after impacket's fold; what runs counters between two queries does not exist in a recorded tree."""
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours):
        assert list(b) == [n for n in b if n in a] and set(a) == set(b)
        for name, value in b.items():
            assert impacket_equal(a[name], value), (name, a[name]["value"], value)


@pytest.mark.parametrize("level", [INTEGRITY, PRIVACY], ids=["integrity", "privacy"])
@pytest.mark.parametrize("name", CLASSES)
def test_every_class_reads_as_our_client_reads_it(server, name, level):
    with Connected(server, level=level) as services:
        theirs = rows(services.ExecQuery(f"SELECT * FROM {name}"))
    ours = server.query(f"SELECT * FROM {name}")
    assert ours, "the recorded tree has a row for each class"
    same_rows(theirs, ours)


@pytest.mark.parametrize("query", [
    "SELECT * FROM Win32_Service WHERE Name LIKE 's%'",
    "SELECT Name, ProcessId FROM Win32_Process WHERE ProcessId > 1",
    "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem",
])
def test_filters_and_projections(server, query):
    with Connected(server) as services:
        theirs = rows(services.ExecQuery(query))
    ours = server.query(query)
    assert ours
    same_rows(theirs, ours)


def test_wmiquery_prints_the_operating_system(server, tmp_path):
    commands = tmp_path / "commands"
    commands.write_text("SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem\n")
    script = sysconfig.get_path("scripts") + "/wmiquery.py"
    done = subprocess.run(
        [sys.executable, script, f"{USER}:{PASSWORD}@{server.address}", "-file", commands],
        capture_output=True, text=True, timeout=60)
    ours = server.query("SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem")[0]
    printed = [line for line in done.stdout.splitlines() if line.strip().startswith("|")]
    assert len(printed) == 2, done.stdout + done.stderr
    # impacket prints the properties in the order of its lookup table, by name.
    header, values = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in printed)
    assert dict(zip(header, values)) == ours


@pytest.mark.parametrize("namespace,query,status", [
    ("//./root/cimv2", "SELECT * FROM No_Such_Class", "WBEM_E_INVALID_CLASS"),
    ("//./root/cimv2", "SELECT NoSuchProperty FROM Win32_BIOS", "WBEM_E_INVALID_QUERY"),
    ("//./root/cimv2", "SELEKT", "WBEM_E_INVALID_QUERY"),
    ("//./root/none", "SELECT * FROM X", "WBEM_E_INVALID_NAMESPACE"),
])
def test_errors_have_their_names(server, namespace, query, status):
    with pytest.raises(wmi.DCERPCSessionError, match=status):
        with Connected(server, namespace) as services:
            rows(services.ExecQuery(query))


def test_a_thousand_rows(server):
    # Ratio is left out: impacket raises on any real.
    query = "SELECT Id, Name, Number, Time, Flag, Tags, Signed, Octets FROM Rwmi_Row WHERE Id < 1000"
    with Connected(server, "//./root/test") as services:
        theirs = rows(services.ExecQuery(query))
    same_rows(theirs, server.query(query, namespace="root\\test"))
    assert len(theirs) == 1000


@pytest.mark.parametrize("level", [2, 3, 4], ids=["connect", "call", "pkt"])
def test_levels_below_integrity_are_refused(server, level):
    with pytest.raises(rpcrt.DCERPCException, match="access_denied"):
        with Connected(server, level=level) as services:
            rows(services.ExecQuery("SELECT * FROM Win32_BIOS"))


@pytest.mark.parametrize("user,password", [(USER, "wrong"), ("nobody", PASSWORD), (USER, "")])
def test_a_wrong_account_or_password_is_refused(server, user, password):
    with pytest.raises(rpcrt.DCERPCException, match="access_denied"):
        Connected(server, user=user, password=password).__enter__()


def test_get_object_gives_class_and_instance(server):
    with Connected(server) as services:
        class_object, _ = services.GetObject("Win32_Process")
        properties = class_object.getProperties()
        assert properties["Handle"]["qualifiers"]["key"]
        assert {"Create", "Terminate"} <= set(class_object.getMethods())
        instance, _ = services.GetObject('Win32_LogicalDisk.DeviceID="' + server.query("SELECT DeviceID FROM Win32_LogicalDisk")[0]["DeviceID"].replace("\\", "\\\\") + '"')
        assert instance.getProperties()["DeviceID"]["value"]
        with pytest.raises(wmi.DCERPCSessionError, match="WBEM_E_NOT_FOUND"):
            services.GetObject("No_Such_Class")


def test_class_enumeration_has_every_class(server):
    with Connected(server) as services:
        # impacket gives the bare response here and leaves the enumerator to its caller.
        response = services.CreateClassEnum("", 0)
        reference = b"".join(response["ppEnum"]["abData"])
        enumerator = wmi.IEnumWbemClassObject(
            INTERFACE(services.get_cinstance(), reference, services.get_ipidRemUnknown(), target=services.get_target()), services)
        names = set()
        while True:
            try:
                names.add(enumerator.Next(0xFFFFFFFF, 1)[0].getClassName())
            except wmi.DCERPCSessionError as e:
                assert "S_FALSE" in str(e)
                break
    assert set(CLASSES) <= {str(n).strip("\x00") for n in names}


def test_deleting_a_class_that_is_not_there(server):
    with Connected(server) as services:
        # The status comes through the call result that impacket asks for.
        result = services.DeleteClass("No_Such_Class")
        assert result.GetCallStatus(0) & 0xFFFFFFFF == 0x80041002


def bound(server, uuid, authenticated=False, port=135):
    rpc = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{server.address}[{port}]")
    rpc.set_connect_timeout(10)
    if authenticated:
        rpc.set_credentials(USER, PASSWORD)
    dce = rpc.get_dce_rpc()
    if authenticated:
        dce.set_auth_level(PRIVACY)
    dce.connect()
    if uuid:
        dce.bind(uuid)
    return dce


def test_server_alive_2_answers_anybody(server):
    from impacket.dcerpc.v5 import dcomrt
    dce = bound(server, dcomrt.IID_IObjectExporter)
    bindings = IObjectExporter(dce).ServerAlive2()
    assert any(server.address in b["aNetworkAddr"] for b in bindings)
    dce.disconnect()


def test_the_endpoint_mapper_looks_up_and_maps(server):
    from impacket.dcerpc.v5 import dcomrt
    dce = bound(server, None)
    entries = epm.hept_lookup(None, dce=dce)
    assert entries
    dce.disconnect()
    dce = bound(server, None)
    mapped = epm.hept_map(server.address, dcomrt.IID_IRemoteSCMActivator, protocol="ncacn_ip_tcp", dce=dce)
    assert re.search(r"\[135\]", mapped), mapped
    dce.disconnect()


def test_the_management_interface_answers(server):
    dce = bound(server, mgmt.MSRPC_UUID_MGMT)
    interfaces = mgmt.hinq_if_ids(dce)
    found = {bin_to_uuidtup(interfaces["if_id_vector"]["if_id"][i]["Data"].getData())[0].lower()
             for i in range(interfaces["if_id_vector"]["count"])}
    assert "99fcfec4-5260-101b-bbcb-00aa0021347a" in found
    # The status of the call; whether it listens stands behind it, where impacket does not look.
    assert mgmt.his_server_listening(dce)["status"] == 0
    mgmt.hinq_stats(dce)
    with pytest.raises(rpcrt.DCERPCException):
        mgmt.hstop_server_listening(dce)
    dce.disconnect()


def test_an_unknown_interface_is_refused(server):
    with pytest.raises(rpcrt.DCERPCException, match="abstract_syntax_not_supported|provider_rejection"):
        bound(server, uuidtup_to_bin(("12345678-1234-abcd-ef00-0123456789ab", "1.0")))


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_this_machine_reads(live, name):
    with Connected(live) as services:
        theirs = rows(services.ExecQuery(f"SELECT * FROM {name}"))
    assert all(set(row) == set(theirs[0]) for row in theirs)
    assert theirs or name in ("Win32_Service", "Win32_Environment", "Win32_BIOS", "Win32_DiskDrive")
