#!/usr/bin/env python3
"""OSRM itself beside our roads, on the same extract and machine; and asked by us, as a region's server would be.

    python3 benches/routing/osrm.py FILE.osm.pbf WEST,SOUTH,EAST,NORTH [VISITS [SEED]]

OSRM's programs come from its public package (`osrm-bindings` 26.10.0, unpacked below target/peers; nothing is installed). Prints how
long either takes to prepare the extract and to answer a table of 1,000 x 1,000 (OSRM's with the text that it is sent
as; asked three times, the median), then plans the same day, drawn in that box, by either's drives: their hours differ by what
the two car profiles differ by. Listens on loopback for as long as it runs.
"""

import json
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

CALLOUT = "target/release/callout"
PACKAGE = "osrm-bindings==26.10.0"
HOME = pathlib.Path("target/peers/osrm")
SIZE = 1_000
DAY = [8 * 3_600, 17 * 3_600]


def unpacked():
    """The folder of OSRM's programs and profiles."""
    if not (HOME / "osrm/bin/osrm-routed").exists():
        HOME.mkdir(parents=True, exist_ok=True)
        # The programs in it need no Python at all, so the Python that it was built for does not matter.
        wheel = ["--only-binary", ":all:", "--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", HOME, *wheel, PACKAGE], check=True)
        with zipfile.ZipFile(next(HOME.glob("*.whl"))) as archive:
            archive.extractall(HOME)
        for program in (HOME / "osrm/bin").iterdir():
            program.chmod(0o755)
    return (HOME / "osrm").resolve()


def timed(*command, **options):
    """(output, seconds) of a program that has to end well."""
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options)
    return done.stdout, time.monotonic() - began


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(url):
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=60) as answer:
        body = answer.read()
    return json.loads(body), time.monotonic() - began


def served(osrm, graph, port):
    """The server, once it answers."""
    command = [osrm / "bin/osrm-routed", "--algorithm", "ch", "--ip", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--max-table-size", str(2 * SIZE), "--verbosity", "NONE", graph],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    process.kill()
    raise SystemExit("OSRM does not start")


def on_streets(url, box, dice, wanted):
    """Places in the box that OSRM finds a street within 100 m of."""
    found = []
    while len(found) < wanted:
        lon, lat = (dice.uniform(*box[0]), dice.uniform(*box[1]))
        answer, _ = ask(f"{url}/nearest/v1/driving/{lon:.6f},{lat:.6f}")
        if answer["code"] == "Ok" and answer["waypoints"][0]["distance"] < 100:
            found.append([round(lon, 6), round(lat, 6)])
    return found


def day(places, visits):
    """A day in VROOM's format: a technician for ten visits, everybody home again."""
    jobs = [{"id": no + 1, "location": place, "service": 1_200 + 600 * (no % 3)} for no, place in enumerate(places[:visits])]
    homes = enumerate(places[visits : visits + visits // 10])
    vehicles = [{"id": no + 1, "start": home, "end": home, "time_window": DAY} for no, home in homes]
    return {"jobs": jobs, "vehicles": vehicles}


def planned(path, *drives):
    out, _ = timed(CALLOUT, "route", "solve", "--format", "vroom", path, "--seconds", 5, "--json", *drives)
    plan = json.loads(out)
    return plan["terms"]["travel"] / 3_600, plan["distance"] / 1_000, len(plan["unserved"])


def main():
    extract = pathlib.Path(sys.argv[1]).resolve()
    west, south, east, north = (float(edge) for edge in sys.argv[2].split(","))
    visits = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    dice = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    osrm = unpacked()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        copy = work / "roads.osm.pbf"
        copy.write_bytes(extract.read_bytes())
        _, read_s = timed(osrm / "bin/osrm-extract", "-t", 1, "-p", osrm / "share/profiles/car.lua", copy, cwd=work)
        graph = work / "roads.osrm"
        _, contract_s = timed(osrm / "bin/osrm-contract", "-t", 1, graph, cwd=work)
        ours, _ = timed(CALLOUT, "bench", "roads", extract, "--json")
        ours = json.loads(ours)["figures"]
        _, import_s = timed(CALLOUT, "import", "roads", extract, "--data", work / "net")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        process = served(osrm, graph, port)
        try:
            places = on_streets(url, ((west, east), (south, north)), dice, SIZE)
            coordinates = ";".join(f"{lon},{lat}" for lon, lat in places)
            tables = [ask(f"{url}/table/v1/driving/{coordinates}") for _ in range(3)]
            table_s = statistics.median(seconds for _, seconds in tables)
            file = work / "day.json"
            file.write_text(json.dumps(day(places, visits)))
            by_osrm, by_roads = planned(file, "--osrm", url), planned(file, "--roads", work / "net")
        finally:
            process.kill()
            process.wait()
    print(f"| {extract.name} | OSRM 26.10 | ours |\n|---|---|---|")
    print(f"| read the extract and prepare it, s | {read_s + contract_s:.1f} | {import_s:.1f} |")
    print(f"| of it contraction, s | {contract_s:.1f} | {ours['prepare_s']:.2f} |")
    print(f"| table {SIZE} x {SIZE}, ms | {1_000 * table_s:.0f} (with its text) | {ours['table_ms']:.0f} |")
    (hours, km, left_out), (our_hours, our_km, ours_left_out) = by_osrm, by_roads
    print(f"| {visits} visits planned by its drives: hours, km, left out | {hours:.2f}, {km:.0f}, {left_out} | {our_hours:.2f}, {our_km:.0f}, {ours_left_out} |")


if __name__ == "__main__":
    main()
