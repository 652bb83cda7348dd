"""WQL beyond data queries: impacket, unmodified, and our client get the same answers."""

import re

import pytest
from impacket.dcerpc.v5.dcom import wmi

from conftest import Server
from test_impacket import Connected, rows, same_rows


@pytest.fixture(scope="module")
def server(tmp_path_factory, dbus):
    """A server of this module: impacket keeps its namespaces open, and an account may have so many."""
    running = Server(tmp_path_factory.mktemp("wql"), "127.0.90.15", rows=1, dbus=dbus)
    yield running
    assert running.stop() == 0, "the server did not stop cleanly"


@pytest.fixture(scope="module")
def services(server):
    """One connection of impacket's for all queries."""
    with Connected(server) as connected:
        yield connected

DISK = r'Win32_DiskDrive.DeviceID="/dev/sda"'
VOLUME = r'Win32_LogicalDisk.DeviceID="/srv/data"'
BACKUP = r'Win32_Service.Name="backup"'

# Query, rows expected in the recorded tree.
TRAVERSALS = [
    (f"ASSOCIATORS OF {{{DISK}}}", 2),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE AssocClass = Win32_DiskDriveToDiskPartition", 2),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE ResultClass = CIM_StorageExtent Role = Antecedent ResultRole = Dependent", 2),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE ResultClass = Win32_LogicalDisk", 0),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE RequiredAssocQualifier = Association", 2),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE RequiredQualifier = Association", 0),
    (f"ASSOCIATORS OF {{{VOLUME}}}", 1),
    ('ASSOCIATORS OF {Win32_DiskPartition.DeviceID="Disk #0, Partition #1"}', 2),
    ('ASSOCIATORS OF {Win32_ComputerSystem.Name="LX1"} WHERE AssocClass = Win32_SystemServices', 9),
    (f"ASSOCIATORS OF {{{BACKUP}}} WHERE AssocClass = Win32_DependentService Role = Dependent", 2),
    (f"ASSOCIATORS OF {{{BACKUP}}} WHERE AssocClass = Win32_DependentService Role = Antecedent", 0),
    (f"REFERENCES OF {{{DISK}}}", 2),
    (f"REFERENCES OF {{{VOLUME}}} WHERE ResultClass = Win32_LogicalDiskToPartition Role = Dependent", 1),
    (f"REFERENCES OF {{{VOLUME}}} WHERE KeysOnly", 1),
    (f"REFERENCES OF {{{BACKUP}}}", 3),
]


def outcome(services, query):
    """How a query of impacket's ends: the code, or the number of rows."""
    try:
        enumerator = services.ExecQuery(query)
        return len(rows(enumerator))
    except wmi.DCERPCSessionError as error:
        return error.get_error_code() & 0xFFFFFFFF


@pytest.mark.parametrize("query, count", TRAVERSALS)
def test_a_walk_over_associations_is_the_same_for_both(server, services, query, count):
    theirs = rows(services.ExecQuery(query))
    assert len(theirs) == count
    # Classes of several providers come mixed, those of one in their order.
    same_rows(sorted(theirs, key=sorted), sorted(server.query(query), key=sorted))


def classes(services, query):
    """Names of the classes of a schema query, one Next a class."""
    enumerator, found = services.ExecQuery(query), []
    while True:
        try:
            found.append(enumerator.Next(0xFFFFFFFF, 1)[0].getClassName())
        except wmi.DCERPCSessionError as error:
            assert "S_FALSE" in str(error), error
            return sorted(found)


SCHEMA = [
    ("SELECT * FROM meta_class WHERE __Class = 'win32_diskpartition'", ["Win32_DiskPartition"]),
    ("SELECT * FROM meta_class WHERE __Class LIKE 'Win32[_]Disk%'",
     ["Win32_DiskDrive", "Win32_DiskDriveToDiskPartition", "Win32_DiskPartition"]),
    ("SELECT * FROM meta_class WHERE __Superclass = 'CIM_Component'", ["CIM_SystemComponent"]),
    ("SELECT * FROM meta_class WHERE __this ISA 'CIM_BasedOn' AND NOT __Class < 'Win32'", ["Win32_LogicalDiskToPartition"]),
    ("SELECT * FROM meta_class WHERE __Dynasty = 'CIM_Component' AND __Superclass IS NULL", ["CIM_Component"]),
    ("REFERENCES OF {Win32_Service} WHERE SchemaOnly ResultClass = CIM_SystemComponent", ["CIM_SystemComponent", "Win32_SystemServices"]),
    ("ASSOCIATORS OF {Win32_DiskDrive} WHERE SchemaOnly AssocClass = Win32_DiskDriveToDiskPartition", ["Win32_DiskPartition"]),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE ClassDefsOnly", ["Win32_DiskPartition"]),
    (f"REFERENCES OF {{{BACKUP}}} WHERE ClassDefsOnly", ["Win32_DependentService", "Win32_SystemServices"]),
]


@pytest.mark.parametrize("query, expect", SCHEMA)
def test_classes_are_found_by_what_they_are(server, services, query, expect):
    assert classes(services, query) == expect
    ours = server.query(query)
    assert sorted(row["__CLASS"] for row in ours) == expect


REFUSED = [
    ("SELECT * FROM A, B", 0x80041017),
    ("SELECT Nothing FROM Win32_Process", 0x80041017),
    ("SELECT * FROM Win32_Process WHERE ProcessId LIKE '4%'", 0x80041017),
    ("SELECT __CLASS FROM meta_class", 0x80041017),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE ClassDefsOnly ResultClass = Win32_DiskPartition", 0x80041017),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE SchemaOnly", 0x80041017),
    ("ASSOCIATORS OF {Win32_DiskDrive}", 0x80041017),
    ("SELECT * FROM __InstanceCreationEvent", 0x80041017),
    ("SELECT * FROM Nothing", 0x80041010),
    (f"ASSOCIATORS OF {{{DISK}}} WHERE AssocClass = Nothing", 0x80041010),
    ("ASSOCIATORS OF {Nothing.Name='x'}", 0x80041002),
    ("REFERENCES OF {Win32_Service.Name='nothing'}", 0x80041002),
    ("SELECT * FROM Win32_Process WHERE " + " OR ".join(["ProcessId = 1"] * 600), 0x8004106C),
]


@pytest.mark.parametrize("query, code", REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_a_query_that_is_refused_has_its_code(server, services, query, code):
    assert f"{outcome(services, query):08X}" == f"{code:08X}"
    done = server.query(query, check=False)
    assert done.returncode != 0 and re.search(f"{code:08X}", done.stderr, re.IGNORECASE), done.stderr
