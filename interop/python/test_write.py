"""Writing: impacket, unmodified, and our command put, get, change and delete classes and instances."""

import subprocess

import pytest
from impacket.dcerpc.v5.dcom import wmi
from impacket.dcerpc.v5.dtypes import NULL

from conftest import PASSWORD, READER, READER_PASSWORD, RWMI, USER
from test_impacket import Connected, rows

ALREADY_EXISTS, NOT_FOUND, ACCESS_DENIED, INVALID_OPERATION = 0x80041019, 0x80041002, 0x80041003, 0x80041016
UPDATE_ONLY, CREATE_ONLY = 1, 2

MOF = r"""
[Description("words") : ToSubclass]
class Py_Thing {
    [key] string Name;
    [key] uint32 Number;
    sint64 Big;
    boolean On;
    string Text;
    datetime Seen;
};
"""


class Octets(bytes):
    """An object as impacket hands it to PutClass: something with its data."""

    def getData(self):
        return bytes(self)


def status(result):
    """The status that a call left in its call result, asked for once and at once."""
    return result.GetCallStatus(0) & 0xFFFFFFFF


@pytest.fixture(scope="module")
def place(server, tmp_path_factory):
    """A namespace of its own with a class, made by our command."""
    file = tmp_path_factory.mktemp("mof") / "thing.mof"
    file.write_text('instance of __Namespace { Name = "py"; };\n#pragma namespace("root\\\\default\\\\py")\n' + MOF)
    done = subprocess.run(
        [RWMI, "mof", "compile", "-c", server.address, "-u", USER, "-n", "root\\default", file],
        env={"RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return "//./root/default/py"


def thing(services, name, number):
    definition, _ = services.GetObject("Py_Thing")
    made = definition.SpawnInstance()
    made.Name, made.Number, made.Big, made.On, made.Text = name, number, -5, 1, "text"
    made.Seen = "20240229120000.000000+060"
    return made


def test_impacket_puts_changes_and_deletes_an_instance(server, place):
    with Connected(server, namespace=place) as services:
        made = thing(services, "a", 1)
        assert status(services.PutInstance(made.marshalMe(), CREATE_ONLY)) == 0
        assert status(services.PutInstance(made.marshalMe(), CREATE_ONLY)) == ALREADY_EXISTS
        found, _ = services.GetObject('Py_Thing.Name="a",Number=1')
        assert (found.Name, found.Number, found.Big, found.Text) == ("a", 1, -5, "text")
        found.Text = "other"
        assert status(services.PutInstance(found.marshalMe(), UPDATE_ONLY)) == 0
        # What it did is what our client sees.
        ours = server.query("SELECT Name, Number, Big, Text FROM Py_Thing", namespace="root\\default\\py")
        assert [(r["Name"], r["Number"], int(r["Big"]), r["Text"]) for r in ours] == [("a", 1, -5, "other")]
        theirs = rows(services.ExecQuery("SELECT * FROM Py_Thing WHERE Number = 1"))
        assert [r["Text"]["value"] for r in theirs] == ["other"]
        assert status(services.DeleteInstance('Py_Thing.Name="a",Number=1')) == 0
        assert status(services.DeleteInstance('Py_Thing.Name="a",Number=1')) == NOT_FOUND
        assert rows(services.ExecQuery("SELECT * FROM Py_Thing")) == []


def test_impacket_puts_changes_and_deletes_a_class(server, place):
    with Connected(server, namespace=place) as services:
        definition, _ = services.GetObject("Py_Thing")
        octets = definition.get_objRef()
        # A class of another name of the same length: impacket itself builds no classes.
        copy = octets.replace(b"Py_Thing", b"Py_Other")
        assert status(services.PutClass(Octets(copy), UPDATE_ONLY)) == NOT_FOUND
        assert status(services.PutClass(Octets(copy), CREATE_ONLY)) == 0
        assert status(services.PutClass(Octets(copy), CREATE_ONLY)) == ALREADY_EXISTS
        changed = copy.replace(b"words", b"lores")
        assert status(services.PutClass(Octets(changed), UPDATE_ONLY)) == 0
        found, _ = services.GetObject("Py_Other")
        assert found.getClassName() == "Py_Other"
        assert list(found.getProperties()) == list(definition.getProperties())
        assert b"lores" in found.get_objRef()
        assert status(services.DeleteClass("Py_Other")) == 0
        assert status(services.DeleteClass("Py_Other")) == NOT_FOUND
        assert status(services.DeleteClass("__SystemClass")) == INVALID_OPERATION


def ours(server, tmp_path, *arguments, mof=None, fails=None):
    """A run of our command in the namespace of these tests."""
    verb, *rest = arguments or ["mof"]
    if mof is not None:
        file = tmp_path / "ours.mof"
        file.write_text(mof)
        verb, rest = "mof", ["compile", file]
    words = [verb, *rest[:1]] if verb == "mof" else [verb]
    done = subprocess.run(
        [RWMI, *words, "-c", server.address, "-u", USER, "-n", "root\\default\\py", *rest[len(words) - 1:]],
        env={"RWMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
    if fails:
        assert done.returncode == 1 and fails in done.stderr, done.stderr
    else:
        assert done.returncode == 0, done.stderr
    return done.stdout


def test_our_client_puts_gets_changes_and_deletes_a_class(server, place, tmp_path):
    def run(*arguments, **kwargs):
        return ours(server, tmp_path, *arguments, **kwargs)

    run(mof='[Description("one"): ToSubclass] class Py_Ours { [key] string Name; };')
    assert 'Description("one")' in run("get-class", "Py_Ours")
    run(mof='#pragma classflags("createonly")\nclass Py_Ours { [key] string Name; };', fails="WBEM_E_ALREADY_EXISTS")
    run(mof='[Description("two"): ToSubclass] class Py_Ours { [key] string Name; uint32 Size; };')
    # What it did is what impacket sees.
    with Connected(server, namespace=place) as services:
        found, _ = services.GetObject("Py_Ours")
        assert list(found.getProperties()) == ["Name", "Size"] and b"two" in found.get_objRef()
    run(mof='#pragma deleteclass("Py_Ours", FAIL)')
    run("get-class", "Py_Ours", fails="WBEM_E_NOT_FOUND")
    run(mof='#pragma deleteclass("Py_Ours", FAIL)', fails="WBEM_E_NOT_FOUND")


def test_our_client_puts_gets_changes_and_deletes_an_instance(server, place, tmp_path):
    def run(*arguments, **kwargs):
        return ours(server, tmp_path, *arguments, **kwargs)

    def seen():
        return [(r["Name"], r["Text"]) for r in server.query("SELECT Name, Text FROM Py_Thing WHERE Number = 9", namespace="root\\default\\py")]

    run(mof='instance of Py_Thing { Name = "o"; Number = 9; Text = "one"; };')
    assert seen() == [("o", "one")]
    run(mof='#pragma instanceflags("createonly")\ninstance of Py_Thing { Name = "o"; Number = 9; };', fails="WBEM_E_ALREADY_EXISTS")
    run(mof='#pragma instanceflags("updateonly")\ninstance of Py_Thing { Name = "o"; Number = 9; Text = "two"; };')
    with Connected(server, namespace=place) as services:
        assert services.GetObject('Py_Thing.Name="o",Number=9')[0].Text == "two"
    run(mof="#pragma deleteinstance(\"Py_Thing.Name=\\\"o\\\",Number=9\", FAIL)")
    assert seen() == []
    with Connected(server, namespace=place) as services:
        with pytest.raises(wmi.DCERPCSessionError, match="NOT_FOUND"):
            services.GetObject('Py_Thing.Name="o",Number=9')


def test_impacket_makes_and_deletes_a_namespace(server):
    # One connection at a time: impacket keeps its tables by the name of the target.
    with Connected(server, namespace="//./root/default") as services:
        definition, _ = services.GetObject("__NAMESPACE")
        made = definition.SpawnInstance()
        made.Name = "imp"
        assert status(services.PutInstance(made.marshalMe(), CREATE_ONLY)) == 0
    with Connected(server, namespace="//./root/default/imp") as below:
        assert below.GetObject("__SystemClass")[0].getClassName() == "__SystemClass"
    with Connected(server, namespace="//./root/default") as services:
        assert status(services.DeleteInstance('__NAMESPACE.Name="imp"')) == 0
    gone = server.query("SELECT * FROM __NAMESPACE", namespace="root\\default\\imp", check=False)
    assert gone.returncode == 1 and "INVALID_NAMESPACE" in gone.stderr


def test_a_reader_writes_nothing(tmp_path, dbus):
    from conftest import Server

    site = Server(tmp_path, "127.0.90.7", settings=f'[security]\nreaders = ["{READER}"]', dbus=dbus, rows=1)
    try:
        with Connected(site, namespace="//./root/default", user=READER, password=READER_PASSWORD) as services:
            definition, _ = services.GetObject("__NAMESPACE")
            made = definition.SpawnInstance()
            made.Name = "no"
            with pytest.raises(wmi.DCERPCSessionError, match="ACCESS_DENIED"):
                services.PutInstance(made.marshalMe())
            with pytest.raises(wmi.DCERPCSessionError, match="ACCESS_DENIED"):
                services.DeleteClass("Py_Thing")
    finally:
        site.stop()
