"""Queries and sessions on loopback: our client beside aiowmi and impacket, against the same server, in the same run.

    target/peers/bin/python benches/compare.py [--rows 100000] [--seconds 5]

Build first: cargo build --release --bin rwmi --example sessions --example drain
Figures are ratios of one run on one machine; nothing here passes or fails.
"""

import argparse
import asyncio
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
ADDRESS, USER, PASSWORD = "127.0.91.1", "bench", "Correct-Horse-7"
ONE_ROW = "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem"


def peak_rss(pid):
    """Peak resident memory in MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu(pid):
    """CPU seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, rows, level):
        self.directory = tempfile.TemporaryDirectory()
        data = pathlib.Path(self.directory.name)
        (data / "rwmi.toml").write_text(f'[security]\nminimum-level = "{level}"\n[test]\nrows = {rows}\n')
        subprocess.run([TARGET / "rwmi", "account", "add", USER, "--admin", "--password-stdin", "--data-dir", data],
                       input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
        self.child = subprocess.Popen([TARGET / "rwmi", "serve", "--listen", ADDRESS, "--data-dir", data, "--config", data / "rwmi.toml"],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.child.stdout.readline().startswith("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(10)
        self.directory.cleanup()


def drain(rows, level):
    """Rows per second and peak memory of each end: the rows are counted, not printed."""
    with Server(rows, "connect") as server:
        env = {**os.environ, "RWMI_PASSWORD": PASSWORD}
        out = subprocess.run([TARGET / "examples" / "drain", ADDRESS, USER, level, "SELECT * FROM Rwmi_Row"],
                             env=env, check=True, capture_output=True, text=True).stdout.split()
        count, seconds, client_mib = int(out[0]), float(out[1]), float(out[2])
        assert count == rows, (count, rows)
        return count / seconds, seconds, client_mib, peak_rss(server.child.pid)


def sessions_ours(seconds):
    out = subprocess.run([TARGET / "examples" / "sessions", ADDRESS, USER, str(seconds)],
                         env={**os.environ, "RWMI_PASSWORD": PASSWORD}, check=True, capture_output=True, text=True).stdout.split()
    return int(out[0]) / float(out[1]), float(out[2]) / int(out[0]) * 1000


def sessions_aiowmi(seconds):
    from aiowmi.connection import Connection
    from aiowmi.query import Query

    async def one():
        connection = Connection(ADDRESS, USER, PASSWORD)
        await connection.connect()
        service = await connection.negotiate_ntlm()
        async with Query(ONE_ROW).context(connection, service) as results:
            async for properties in results.results():
                assert properties
        service.close()
        connection.close()

    async def loop():
        n, start, used = 0, time.monotonic(), time.process_time()
        while time.monotonic() - start < seconds:
            await one()
            n += 1
        return n / (time.monotonic() - start), (time.process_time() - used) / n * 1000

    return asyncio.run(loop())


def sessions_impacket(seconds):
    from impacket.dcerpc.v5.dcom import wmi
    from impacket.dcerpc.v5.dcomrt import DCOMConnection
    from impacket.dcerpc.v5.dtypes import NULL

    n, start, used = 0, time.monotonic(), time.process_time()
    while time.monotonic() - start < seconds:
        dcom = DCOMConnection(ADDRESS, USER, PASSWORD, "", oxidResolver=False)
        login = wmi.IWbemLevel1Login(dcom.CoCreateInstanceEx(wmi.CLSID_WbemLevel1Login, wmi.IID_IWbemLevel1Login))
        services = login.NTLMLogin("//./root/cimv2", NULL, NULL)
        login.RemRelease()
        enumerator = services.ExecQuery(ONE_ROW)
        assert enumerator.Next(0xFFFFFFFF, 1)[0].getProperties()
        dcom.disconnect()
        n += 1
    return n / (time.monotonic() - start), (time.process_time() - used) / n * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()

    print(f"## Rows of one query, {options.rows} rows of Rwmi_Row, our server to our client\n")
    print("| level | rows | rows/s | client peak MiB | server peak MiB |\n|---|---|---|---|---|")
    took = {}
    for level in ("connect", "integrity", "privacy"):
        rate, took[level], client, server = drain(options.rows, level)
        print(f"| {level} | {options.rows} | {rate:,.0f} | {client:.1f} | {server:.1f} |")
    rate, _, client, server = drain(options.rows // 10, "privacy")
    print(f"| privacy | {options.rows // 10} | {rate:,.0f} | {client:.1f} | {server:.1f} |")
    share = (took["privacy"] - took["connect"]) / took["privacy"]
    print(f"\nShare of the cipher (time at privacy less time at connect): {share:.0%} of the time at privacy.\n")

    print("## Sessions: connect, authenticate, query one row, disconnect, one after another\n")
    print("| client | sessions/s | client CPU ms each | server CPU ms each | our rate to this |\n|---|---|---|---|---|")
    with Server(1, "integrity") as server:
        ours = None
        for name, run in (("rwmi", sessions_ours), ("aiowmi", sessions_aiowmi), ("impacket", sessions_impacket)):
            before = cpu(server.child.pid)
            rate, spent = run(options.seconds)
            per = (cpu(server.child.pid) - before) / (rate * options.seconds) * 1000
            ours = ours or rate
            print(f"| {name} | {rate:,.1f} | {spent:.2f} | {per:.2f} | {ours / rate:,.1f} |")
    sys.stdout.flush()
    resource.getrusage(resource.RUSAGE_CHILDREN)


if __name__ == "__main__":
    main()
