#!/usr/bin/env python3
"""OSRM itself beside our roads, on the same extract, places and machine; and asked by us, as a region's server would be.

    cargo build --release
    python3 benches/routing/osrm.py malta.osm.pbf --box=14.38,35.83,14.54,35.93

OSRM's programs come from its public package (`osrm-bindings` 26.10.0 from PyPI, unpacked below target/peers). Prints how long
either takes to prepare the extract, on one thread, and to snap 1,000 places drawn in the box and answer a table of times and
distances between them (OSRM's with the text that it is sent as; asked three times, the median). Then plans one day by either's
drives: their hours differ by what the two car profiles differ by. Listens on loopback for as long as it runs.
"""

import argparse
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
NEAR_M = 100
DAY = [8 * 3_600, 17 * 3_600]


def unpacked():
    """The folder of OSRM's programs and profiles."""
    done = HOME / "unpacked"
    if not done.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        # The programs in it need no Python at all, so the Python that it was built for does not matter.
        wheel = ["--only-binary", ":all:", "--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", HOME, *wheel, PACKAGE], check=True)
        with zipfile.ZipFile(next(HOME.glob("*.whl"))) as archive:
            archive.extractall(HOME)
        for program in (HOME / "osrm/bin").iterdir():
            program.chmod(0o755)
        done.touch()
    return (HOME / "osrm").resolve()


def timed(*command, **options):
    """(output, seconds) of a program that has to end well."""
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
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


def on_streets(url, box, dice):
    """Places in the box that OSRM finds a street near."""
    (west, south, east, north), found = box, []
    for _ in range(20 * SIZE):
        lon, lat = round(dice.uniform(west, east), 6), round(dice.uniform(south, north), 6)
        answer, _ = ask(f"{url}/nearest/v1/driving/{lon},{lat}")
        if answer["code"] == "Ok" and answer["waypoints"][0]["distance"] < NEAR_M:
            found.append([lon, lat])
        if len(found) == SIZE:
            return found
    sys.exit(f"of {20 * SIZE} places in {box} only {len(found)} are within {NEAR_M} m of a street: is it a box of the extract?")


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extract", type=pathlib.Path, help="an OpenStreetMap extract, .osm.pbf")
    parser.add_argument("--box", required=True, metavar="WEST,SOUTH,EAST,NORTH", help="degrees: where places are drawn")
    parser.add_argument("--visits", type=int, default=100, help="of the day, 10 to 900")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    box = [float(edge) for edge in args.box.split(",")]
    if len(box) != 4 or box[0] >= box[2] or box[1] >= box[3] or not 10 <= args.visits <= 900:
        parser.error("a box is WEST,SOUTH,EAST,NORTH, a day has 10 to 900 visits")
    osrm = unpacked()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        copy, graph = work / "roads.osm.pbf", work / "roads.osrm"
        copy.write_bytes(args.extract.read_bytes())
        _, extract_s = timed(osrm / "bin/osrm-extract", "-t", 1, "-p", osrm / "share/profiles/car.lua", copy, cwd=work)
        _, contract_s = timed(osrm / "bin/osrm-contract", "-t", 1, graph, cwd=work)
        _, import_s = timed(CALLOUT, "import", "roads", args.extract, "--data", work / "net")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        process = served(osrm, graph, port)
        try:
            places = on_streets(url, box, random.Random(args.seed))
            query = ";".join(f"{lon},{lat}" for lon, lat in places) + "?annotations=duration,distance"
            table_s = statistics.median(ask(f"{url}/table/v1/driving/{query}")[1] for _ in range(3))
            planned_day = work / "day.json"
            planned_day.write_text(json.dumps(day(places, args.visits)))
            by_osrm = planned(planned_day, "--osrm", url)
        finally:
            process.kill()
            process.wait()
        by_roads = planned(planned_day, "--roads", work / "net")
        rows = "".join(f"2026-01-01T00:00:00Z,a place,{lat},{lon}\n" for lon, lat in places)
        (work / "places.csv").write_text("created_at,title,lat,lon\n" + rows)
        told, _ = timed(CALLOUT, "bench", "roads", args.extract, "--places", work / "places.csv", "--json")
    ours = json.loads(told)["figures"]
    our_table_ms = ours["table_ms"] + ours["snap_us"] * ours["places"] / 1_000
    print(f"| {args.extract.name} | OSRM 26.10 | ours |\n|---|---|---|")
    print(f"| read the extract and prepare it, s | {extract_s + contract_s:.1f} | {import_s:.1f} |")
    print(f"| contraction alone, s | {contract_s:.1f} | {ours['prepare_s']:.2f} |")
    print(f"| snap and table, ms (rows) | {1_000 * table_s:.0f} ({SIZE}) | {our_table_ms:.0f} ({ours['table_rows']}) |")
    for row, told in (("hours driven", "{0:.2f}"), ("kilometres", "{1:.0f}"), ("visits left out", "{2}")):
        print(f"| {args.visits} visits planned by its drives: {row} | {told.format(*by_osrm)} | {told.format(*by_roads)} |")


if __name__ == "__main__":
    main()
