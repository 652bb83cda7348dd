"""Starts and many hosts: `rwmi query` beside impacket's wmiquery.py and aiowmi, against the same server, in the same run.

    target/peers/bin/python benches/hosts.py start [--runs 20]
    target/peers/bin/python benches/hosts.py hosts [--hosts 1000] [--throttle 256]

Build first: cargo build --release --bin rwmi. As root, for port 135 on 127.0.91.2.
`start` is from the start of a process to its last row, of a query with one row; the server runs. `hosts` is one `rwmi serve` on all
addresses, of which so many of 127.1.0.0/16 are asked for one row each. Figures are ratios of one run on one machine; nothing passes or fails.
"""

import argparse
import asyncio
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RWMI = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "rwmi"
USER, PASSWORD = "bench", "Correct-Horse-7"
ONE_ROW = "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem"
FILES = 65_536
# Of `hosts`: 135 on all addresses may be somebody's.
PORT = 11_135


class Server:
    """`rwmi serve` on an address, with limits set for many sessions."""

    def __init__(self, address, port):
        self.directory = tempfile.TemporaryDirectory()
        data = pathlib.Path(self.directory.name)
        (data / "rwmi.toml").write_text(
            f"[server]\nlisten = [\"{address}\"]\nendpoint-port = {port}\nobject-port = {port + 1}\n[limits]\nconnections = 8192\nconnections-per-address = 8192\n"
            "sessions-per-account = 4096\nobjects-per-account = 65536\n")
        place = ["--data-dir", data, "--config", data / "rwmi.toml"]
        subprocess.run([RWMI, "account", "add", USER, "--admin", "--password-stdin", *place],
                       input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
        self.child = subprocess.Popen([RWMI, "serve", *place], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.child.stdout.readline().startswith("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(20)
        self.directory.cleanup()

    def cpu(self):
        """CPU seconds so far."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(command, rows, env=None):
    """Seconds, peak resident MiB and CPU seconds of a process that must print so many rows."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(env or {})})
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = status
        out.seek(0)
        err.seek(0)
        text = out.read().decode()
        assert status == 0 and text.count("\n") == rows, (command, status, text[:500], err.read()[:2000])
        return seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def ours(hosts, throttle, port):
    return [RWMI, "query", "-c", hosts, "--endpoint-port", str(port), "--throttle", str(throttle), "-o", "jsonl", ONE_ROW]


ENV = {"RWMI_USER": USER, "RWMI_PASSWORD": PASSWORD}


def ask_with_aiowmi(path, throttle, port):
    """The child of `hosts`: all addresses of a file, so many at a time, a line each."""
    from aiowmi.connection import Connection
    from aiowmi.query import Query

    async def one(host, turns):
        async with turns:
            connection = Connection(host, USER, PASSWORD, port=port)
            await connection.connect()
            service = await connection.negotiate_ntlm()
            async with Query(ONE_ROW).context(connection, service) as results:
                async for properties in results.results():
                    print(host, properties["Version"].value)
            service.close()
            connection.close()

    async def every():
        turns = asyncio.Semaphore(throttle)
        await asyncio.gather(*(one(host, turns) for host in pathlib.Path(path).read_text().split()))

    asyncio.run(every())


def start(runs):
    address = "127.0.91.2"
    with Server(address, 135), tempfile.TemporaryDirectory() as directory:
        query, hosts = pathlib.Path(directory) / "query", pathlib.Path(directory) / "hosts"
        query.write_text(ONE_ROW + "\n")
        hosts.write_text(address + "\n")
        here = pathlib.Path(sys.executable).parent
        commands = {
            "rwmi query": (ours(address, 32, 135), ENV),
            "aiowmi": ([sys.executable, __file__, "aiowmi", "--file", hosts, "--throttle", "1", "--port", "135"], None),
            "impacket wmiquery.py": ([sys.executable, here / "wmiquery.py", "-file", query, f"{USER}:{PASSWORD}@{address}"], None),
        }
        took = {name: [] for name in commands}
        spent = {name: [] for name in commands}
        # In turns, so that other work on the machine meets all of them.
        for _ in range(runs):
            for name, (command, env) in commands.items():
                seconds, _, cpu = timed(command, env)
                took[name].append(seconds)
                spent[name].append(cpu)
        median = {name: statistics.median(t) * 1000 for name, t in took.items()}
        print(f"Median and best of {runs} starts in turns, one row, server running.\n")
        print("| command | median ms | best ms | CPU ms | to rwmi |\n|---|---|---|---|---|")
        for name, t in took.items():
            print(f"| {name} | {median[name]:.1f} | {min(t) * 1000:.1f} | {statistics.median(spent[name]) * 1000:.1f}"
                  f" | {median[name] / median['rwmi query']:.0f} x |")


def timed(command, env):
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
    out, err = child.communicate()
    seconds = time.perf_counter() - begun
    assert child.returncode == 0 and out.strip(), (command, out, err)
    # What the kernel counted for all children so far, less what it had before.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = used.ru_utime + used.ru_stime
    cpu, timed.before = total - timed.before, total
    return seconds, 0, cpu


timed.before = 0.0


def many(count, throttle):
    addresses = [f"127.1.{n // 250}.{n % 250 + 1}" for n in range(count)]
    with Server("0.0.0.0", PORT) as server, tempfile.TemporaryDirectory() as directory:
        hosts = pathlib.Path(directory) / "hosts"
        hosts.write_text("\n".join(addresses) + "\n")
        print(f"{count} hosts, one row each, {throttle} at a time.\n")
        print("| client | hosts/s | seconds | peak MiB | client CPU s | server CPU ms a host | to rwmi |\n|---|---|---|---|---|---|---|")
        reference = None
        for name, command, env in (
            ("rwmi query", ours(f"@{hosts}", throttle, PORT), ENV),
            ("aiowmi", [sys.executable, __file__, "aiowmi", "--file", hosts, "--throttle", str(throttle), "--port", str(PORT)], None),
        ):
            before = server.cpu()
            seconds, peak, cpu = measured(command, count, env)
            per = (server.cpu() - before) / count * 1000
            reference = reference or seconds
            print(f"| {name} | {count / seconds:,.0f} | {seconds:.2f} | {peak:.1f} | {cpu:.2f} | {per:.2f} | {seconds / reference:.1f} x |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["start", "hosts", "aiowmi"])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--throttle", type=int, default=256)
    parser.add_argument("--file")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard),) * 2)
    if options.what == "start":
        start(options.runs)
    elif options.what == "hosts":
        many(options.hosts, options.throttle)
    else:
        ask_with_aiowmi(options.file, options.throttle, options.port)


if __name__ == "__main__":
    main()
