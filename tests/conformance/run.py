"""Tries the real server by its own document: a public validator reads it, then schemathesis calls every
operation as each role, in a small town. Fails on any 5xx, any undocumented status, type or header, and
any answer that does not fit its schema.

    run.py BINARY        CONFORMANCE_SECONDS=300 bounds the calls, CONFORMANCE_ROLES="clerk admin" chooses,
                         CONFORMANCE_SEED repeats a run
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
ROLES = ["expert", "customer", "portal", "clerk", "dispatcher", "manager", "admin"]
SUBJECTS = {"expert": "e0", "customer": "c-1"}
# An event stream never ends; a backup writes to any folder it is told; a logout ends the token that all calls of a
# role share. They have journeys of their own.
LEFT_OUT = {"feedEvents", "backUp", "logOut"}
WEST, SOUTH, SIDE, REGIONS = -71.10, 42.30, 0.02, 3


def regions():
    features = []
    for n in range(REGIONS):
        west, east, north = WEST + SIDE * n, WEST + SIDE * (n + 1), SOUTH + SIDE
        ring = [[west, SOUTH], [east, SOUTH], [east, north], [west, north], [west, SOUTH]]
        features.append({
            "type": "Feature",
            "properties": {"id": f"r{n}", "name": f"Region {n}", "time_zone": "America/New_York"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        })
    return json.dumps({"type": "FeatureCollection", "features": features})


def experts():
    rows = ["id,name,phone,email,skills,home_lat,home_lon,shift,region"]
    for n in range(REGIONS * 4):
        longitude = WEST + SIDE * (n % REGIONS + 0.5)
        rows.append(f"e{n},Expert {n},+1617555{n:04},,tv:2;network:2,{SOUTH + SIDE / 2},{longitude},"
                    f"mon-sun 00:00-24:00,r{n % REGIONS}")
    return "\n".join(rows) + "\n"


class Server:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.data = binary, folder, folder / "data"
        for kind, text in (("regions", regions()), ("experts", experts())):
            file = folder / f"{kind}.{'geojson' if kind == 'regions' else 'csv'}"
            file.write_text(text, encoding="utf-8")
            self.run("import", kind, str(file))

    def run(self, *words):
        done = subprocess.run([self.binary, *words, "--data", str(self.data)], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def token(self, role):
        return self.run("token", "issue", "--role", role, "--subject", SUBJECTS.get(role, f"{role}-1"), "--ttl", "2h")

    @contextlib.contextmanager
    def serving(self):
        # All that calls without a token does so from one address: who is told to wait instead of who they are is the
        # journeys' affair.
        settings = self.folder / "callout.toml"
        settings.write_text("[server]\naddress_calls_per_s = 0\n", encoding="utf-8")
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen(
                [self.binary, "serve", "--config", str(settings), "--data", str(self.data), "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise SystemExit(f"the server did not start:\n{(self.folder / 'log').read_text()}")
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def call(url, token, method="GET", body=None):
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=sent, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def settle(url, tokens):
    """Tickets in many phases, an absence, rules and a calendar."""
    numbers = []
    for n in range(24):
        body = {"title": f"Ticket {n}", "channel": "phone", "skills": ["tv"], "customer_id": f"c-{n % 3 + 1}",
                "contact": {"name": f"Customer {n}", "phone": f"+1617444{n:04}"},
                "place": {"lat": SOUTH + SIDE * (n % 7 + 1) / 9, "lon": WEST + SIDE * REGIONS * (n + 1) / 26},
                "priority": ["low", "normal", "high", "urgent"][n % 4], "external_id": f"x-{n}"}
        numbers.append(call(f"{url}/v1/tickets", tokens["clerk"], "POST", body)["number"])
    deadline = time.monotonic() + 20
    for nth, number in enumerate(numbers):
        at = f"{url}/v1/tickets/{number}"
        while time.monotonic() < deadline and call(at, tokens["clerk"])["phase"] == "new" and nth < 12:
            time.sleep(0.05)
        for step, body in (("accept", {}), ("depart", {}), ("arrive", {}), ("complete", {"resolution": "swapped"}))[: nth % 5]:
            with contextlib.suppress(urllib.error.HTTPError):
                call(f"{at}/{step}", tokens["clerk"], "POST", body)
    call(f"{url}/v1/tickets/{numbers[20]}/hold", tokens["clerk"], "POST", {"reason": "waits for a part"})
    call(f"{url}/v1/tickets/{numbers[21]}/cancel", tokens["clerk"], "POST", {"reason": "it works again"})
    call(f"{url}/v1/experts/e7/absences", tokens["admin"], "POST",
         {"kind": "leave", "from": "2030-01-01T00:00:00Z", "to": "2030-01-08T00:00:00Z"})
    return {"tickets": numbers, "experts": [f"e{n}" for n in range(REGIONS * 4)], "regions": [f"r{n}" for n in range(REGIONS)]}


def operations(document, role):
    """What this role may call; the open ones count for the manager, who has the fewest of their own."""
    for item in document["paths"].values():
        for operation in item.values():
            roles = operation["x-roles"]
            if operation["operationId"] not in LEFT_OUT and (role in roles or (not roles and role == "manager")):
                yield operation["operationId"]


def try_role(url, document, role, token, seconds, folder):
    names = list(operations(document, role))
    command = [
        str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{url}/v1/openapi.json", "--checks", "all", "--header", f"Authorization: Bearer {token}",
        "--max-time", str(seconds), "--request-timeout", "15", "--seed", os.environ.get("CONFORMANCE_SEED", "20111109"),
        "--generation-database", "none", "--continue-on-failure", "--no-color", "--warnings", "off", "--no-shrink",
    ]
    for name in names:
        command += ["--include-operation-id", name]
    print(f"== {role}: {len(names)} operations, {seconds} s", flush=True)
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=str(HERE), CONFORMANCE_TOWN=str(folder / "town.json"))
    began = time.monotonic()
    done = subprocess.run(command, env=environment, cwd=folder, timeout=seconds * 4 + 120, check=False)
    print(f"== {role}: {'passed' if done.returncode == 0 else 'FAILED'} after {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    roles = os.environ.get("CONFORMANCE_ROLES", "").split() or ROLES
    seconds = max(int(os.environ.get("CONFORMANCE_SECONDS", "300")) // len(roles), 10)
    with tempfile.TemporaryDirectory(prefix="callout-conformance-") as name:
        folder = pathlib.Path(name)
        server = Server(binary, folder)
        tokens = {role: server.token(role) for role in ROLES}
        with server.serving() as url:
            document = call(f"{url}/v1/openapi.json", tokens["admin"])
            (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
            validator = pathlib.Path(sys.executable).parent / "openapi-spec-validator"
            valid = subprocess.run([str(validator), "--schema", "3.1", str(folder / "openapi.json")], check=False)
            (folder / "town.json").write_text(json.dumps(settle(url, tokens)), encoding="utf-8")
            failed = [role for role in roles if not try_role(url, document, role, tokens[role], seconds, folder)]
            call(f"{url}/readyz", tokens["admin"])
        panics = [line for line in (folder / "log").read_text().splitlines() if "panicked" in line]
    print("\n".join(panics[:20]))
    if valid.returncode or failed or panics:
        raise SystemExit(f"not as documented: {failed or 'the document'}; {len(panics)} panics")
    print(f"as documented: {', '.join(roles)}")


if __name__ == "__main__":
    main()
