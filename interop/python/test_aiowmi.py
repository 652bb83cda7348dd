"""aiowmi, unmodified, against the server."""

import asyncio

import pytest
from aiowmi.connection import Connection
from aiowmi.exceptions import WbemException
from aiowmi.query import Query

from conftest import CLASSES, PASSWORD, ROWS, USER
from folds import aiowmi_equal


async def read(server, text, namespace="root/cimv2", smart=True, user=USER, password=PASSWORD, limit=None):
    """Rows as lists of {name: property}, and whether the smart enumerator served them."""
    connection = Connection(server.address, user, password)
    await connection.connect()
    try:
        service = await connection.negotiate_ntlm()
        query = Query(text, namespace=namespace)
        context = query.context(connection, service, skip_optimize=not smart)
        found = []
        async with context as results:
            # Its own is_optimized compares bound methods by identity, which never holds.
            optimized = results.next == results._next_smart
            # The defaults of the class are looked at as well, as every program of aiowmi's users does.
            async for properties in results.results():
                found.append({name: p for name, p in properties.items()})
        return found, optimized
    finally:
        connection.close()


def run(*args, **kwargs):
    return asyncio.run(asyncio.wait_for(read(*args, **kwargs), 110))


def same_rows(theirs, ours):
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours):
        assert set(a) == set(b)
        for name, value in b.items():
            assert aiowmi_equal(a[name], value), (name, a[name].value, value)


@pytest.mark.parametrize("smart", [True, False], ids=["smart", "plain"])
@pytest.mark.parametrize("name", CLASSES)
def test_every_class_reads_as_our_client_reads_it(server, name, smart):
    theirs, optimized = run(server, f"SELECT * FROM {name}", smart=smart)
    assert optimized == smart
    same_rows(theirs, server.query(f"SELECT * FROM {name}"))


@pytest.mark.parametrize("query", [
    "SELECT * FROM Win32_Service WHERE Name LIKE 's%'",
    "SELECT Name, ProcessId FROM Win32_Process WHERE ProcessId > 1",
])
def test_filters_and_projections(server, query):
    theirs, _ = run(server, query)
    assert theirs
    same_rows(theirs, server.query(query))


@pytest.mark.parametrize("smart", [True, False], ids=["smart", "plain"])
def test_ten_thousand_rows(server, smart):
    theirs, _ = run(server, "SELECT * FROM Rwmi_Row", namespace="root/test", smart=smart)
    assert len(theirs) == ROWS
    same_rows(theirs, server.query("SELECT * FROM Rwmi_Row", namespace="root\\test"))


def test_an_unknown_class_has_its_code(server):
    with pytest.raises(WbemException) as e:
        run(server, "SELECT * FROM No_Such_Class")
    assert "0x80041010" in repr(e.value).lower() or "INVALID_CLASS" in repr(e.value).upper() or "invalidclass" in type(e.value).__name__.lower(), repr(e.value)


def test_a_wrong_password_is_refused(server):
    with pytest.raises(Exception) as e:
        run(server, "SELECT * FROM Win32_BIOS", password="wrong")
    # aiowmi reads only 24 octets of a fault and so shows any as RPC_S_SEC_PKG_ERROR.
    assert not isinstance(e.value, (asyncio.TimeoutError, AssertionError)), repr(e.value)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_this_machine_reads(live, name):
    # No comparison: a live machine changes between two queries, and may have no unit, user variable or firmware table.
    theirs, _ = run(live, f"SELECT * FROM {name}")
    assert all(set(row) == set(theirs[0]) for row in theirs)
    assert theirs or name in ("Win32_Service", "Win32_Environment", "Win32_BIOS", "Win32_DiskDrive")
