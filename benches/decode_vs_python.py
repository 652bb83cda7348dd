"""Decoding WMI objects: ours beside aiowmi and impacket, on the same octets, in the same run, one core.

    target/peers/bin/python benches/decode_vs_python.py [--seconds 2]

Runs `cargo bench -p rwmi-wmio --bench decode`, which also writes the octets that Python then reads. Every property and
its name is touched by each. Figures are of one run on one machine; nothing here passes or fails.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
UNITS = {"item/s": 1, "Kitem/s": 1e3, "Mitem/s": 1e6, "Gitem/s": 1e9}


def ours(folder):
    """Median items a second of each bench."""
    environment = {**os.environ, "RWMI_BENCH_OCTETS": str(folder)}
    command = ["cargo", "bench", "-q", "-p", "rwmi-wmio", "--bench", "decode", "--", "view", "object"]
    text = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    rates, name = {}, None
    for line in text.splitlines():
        head = re.match(r"[├╰]─ (\S+)", line)
        name = head.group(1) if head else name
        columns = [c.strip() for c in line.split("│") if "item/s" in c]
        if name and columns:
            number, unit = columns[2].split()
            rates[name] = float(number) * UNITS[unit]
    print(text.splitlines()[0])
    return rates


def rate(seconds, items, run):
    """Items a second of CPU time of a function that handles so many: other work on the machine does not count."""
    run()
    count, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        run()
        count += items
    return count / (time.process_time() - start)


def aiowmi_rates(unit, packet, seconds):
    from aiowmi.ndr.encoding_unit import EncodingUnit
    from aiowmi.ndr.next_response import NextResponse
    from aiowmi.ndr.wbem_datapacket_object import WbemDatapacketObject

    class Row(NextResponse):
        def __init__(self, block):
            self._obj_block = block

        def _get_object_block(self):
            return self._obj_block

    def touch(block):
        for name, info in Row(block).get_properties().items():
            name, info.value

    def cold():
        touch(EncodingUnit(unit).object_block)

    def warm():
        # Its reader of packets takes one object; what it does for each is done here for all.
        classes, offset = {}, 46
        for _ in range(100):
            block, offset = WbemDatapacketObject.from_data(packet, offset, classes)
            touch(block)

    return rate(seconds, 1, cold), rate(seconds, 100, warm)


def impacket_rate(unit, seconds):
    from impacket.dcerpc.v5.dcom import wmi
    from impacket.dcerpc.v5.dcomrt import INTERFACE

    header = b"MEOW" + (4).to_bytes(4, "little") + bytes.fromhex("81a612dc7f73cf11884d00aa004b2e24")
    header += bytes.fromhex("12f890453a1dd011891f00aa004b2e24") + bytes(4) + len(unit).to_bytes(4, "little")
    objref = header + unit

    def cold():
        row = wmi.IWbemClassObject(INTERFACE(objRef=objref, target="bench"))
        # Making it has decoded everything into attributes, a name each.
        for name, value in vars(row).items():
            name, value

    return rate(seconds, 1, cold)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rates = ours(folder)
        unit, packet = (folder / "unit.wmio").read_bytes(), (folder / "packet.bin").read_bytes()
        aiowmi_cold, aiowmi_warm = aiowmi_rates(unit, packet, seconds)
        impacket_cold = impacket_rate(unit, seconds)
    print(f"a unit of {len(unit)} octets, its class part read each time, per second")
    for name in ("view_cold", "object_cold"):
        print(f"  rwmi {name:<14} {rates[name]:>12,.0f}   {rates[name] / aiowmi_cold:>7,.0f} x aiowmi   {rates[name] / impacket_cold:>8,.0f} x impacket")
    print(f"  aiowmi              {aiowmi_cold:>12,.0f}\n  impacket            {impacket_cold:>12,.0f}")
    print(f"instances of a packet of 100, {len(packet)} octets, the class part once, per second")
    for name in ("view_packet", "object_packet"):
        print(f"  rwmi {name:<14} {rates[name]:>12,.0f}   {rates[name] / aiowmi_warm:>7,.0f} x aiowmi")
    print(f"  aiowmi              {aiowmi_warm:>12,.0f}   (impacket reads no packets)")
    print(f"octets per second in place: {rates['view_cold'] * len(unit) / 1e9:.1f} GB/s a unit, {rates['view_packet'] * len(packet) / 100 / 1e9:.1f} GB/s a packet")


if __name__ == "__main__":
    sys.exit(main())
