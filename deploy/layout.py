"""Writes the linker script that gathers the code that runs, from what runs at a start and for everyday requests.

    deploy/layout.py BINARY > deploy/layout.ld

BINARY is a release build with its symbols. Needs valgrind, nm and Python 3; takes about two minutes.
"""

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

CLIENT = ("layout", "layout-client-secret-8Zt3Lr6Xv1Nc7Md2QwE4")
ACCOUNT = {"email": "ada@example.com", "password": "pw-5f2c81d09ae7b364-layout"}
# Of what begins alike at least so much has to run, by size, to be named together; and the shortest such beginning.
DENSE, SHORTEST = 0.85, 6
# A name has many instances, of which one may run: it is not worth so many bytes of the others, for left where it is it makes
# as much resident.
WASTE = 65_536
# Names are told apart by so many characters.
LONGEST = 100

HEAD = """/* Made by `make layout`. Code that runs lies together, by the beginnings of its names: the kernel maps a binary in pieces of
   64 KiB, and a function in each of them would make nearly all of it resident. A name that has gone is ignored. */
SECTIONS {
"""


def symbols(binary):
    """The functions of the binary: name to size."""
    found = {}
    for line in subprocess.run(["nm", "-S", binary], text=True, capture_output=True, check=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tTwW":
            found[fields[3]] = int(fields[1], 16)
    return found


def ask(port, method, path, body=None, headers=None):
    headers = dict(headers or {})
    data = None
    if isinstance(body, dict):
        data, headers["content-type"] = json.dumps(body).encode(), "application/json"
    elif body is not None:
        data, headers["content-type"] = body.encode(), "application/x-www-form-urlencoded"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def everyday(port):
    """What most requests are."""

    def good(*request):
        status, body = ask(port, *request)
        assert 200 <= status < 300, (request[:2], status, body)
        return json.loads(body) if body else None

    good("POST", "/api/v1/auth/register", ACCOUNT)
    for _ in range(2):
        login = {"login": ACCOUNT["email"], "password": ACCOUNT["password"]}
        pair = good("POST", "/api/v1/auth/login", login)
        status, _body = ask(port, "POST", "/api/v1/auth/login", {**login, "password": "not this one"})
        assert status == 401, status
        pair = good("POST", "/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]})
        bearer = {"authorization": f"Bearer {pair['access_token']}"}
        good("GET", "/api/v1/auth/verify", None, bearer)
        good("GET", "/api/v1/me", None, bearer)
        form = f"token={pair['access_token']}&client_id={CLIENT[0]}&client_secret={CLIENT[1]}"
        good("POST", "/oauth2/introspect", form)
        good("GET", "/.well-known/jwks.json")
        good("POST", "/api/v1/auth/logout", {}, bearer)
    # The relay and the figures have their turns.
    time.sleep(8)


def executed(binary, folder, work):
    """The names of all functions that run in a service on a fresh database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    profile = Path(folder) / "profile"
    variables = {
        "SECRET_KEY": "layout-master-key-7f3b1c9d5e2a4860-kQ2zWvT8rYpL0xNc",
        "PORT": str(port),
        "PORTCULLIS__MANAGEMENT__PORT": "0",
        "PORTCULLIS__TOKENS__ISSUER": "https://auth.example.test",
        "PORTCULLIS__OAUTH__CLIENTS": ":".join(CLIENT),
        "PORTCULLIS__LOG__FORMAT": "json",
        "PORTCULLIS__LOG__LEVEL": "warn",
        "PATH": "/usr/bin:/bin",
    }
    command = ["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={profile}", binary, "serve"]
    with open(Path(folder) / "log", "w", encoding="utf-8") as log:
        child = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
        try:
            for _ in range(600):
                time.sleep(0.2)
                assert child.poll() is None, Path(log.name).read_text()
                try:
                    if ask(port, "GET", "/readyz")[0] == 200:
                        break
                except urllib.error.URLError:
                    continue
            else:
                raise TimeoutError("the service did not get ready")
            time.sleep(10)
            work(port)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)
    names = re.findall(r"^c?fn=\(\d+\) (\S+)", profile.read_text(), re.MULTILINE)
    return {re.sub(r"'\d+$", "", name) for name in names}


def unhashed(name):
    """What a symbol's name keeps from build to build, with stars for the rest."""
    name = re.sub(r"17h[0-9a-f]{16}E.*", "17h*", name)
    name = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name)
    name = re.sub(r"aws_lc_\d+_\d+_\d+_", "aws_lc_*_", name)
    return name if len(name) <= LONGEST else name[:LONGEST] + "*"


def beginnings(sizes, names):
    """Beginnings of names, of which enough runs."""
    whole, runs = {}, {}
    for name, size in sizes.items():
        key = unhashed(name)
        whole[key] = whole.get(key, 0) + size
        runs[key] = runs.get(key, 0) + (size if name in names else 0)
    keys = sorted(whole)
    found = []
    ranges = [(0, len(keys))]
    while ranges:
        low, high = ranges.pop()
        run = sum(runs[key] for key in keys[low:high])
        total = sum(whole[key] for key in keys[low:high])
        first, last = keys[low], keys[high - 1]
        alike = next((at for at, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
        if run == 0:
            continue
        if (run >= DENSE * total and alike >= SHORTEST) or (low + 1 == high and total - run < WASTE):
            found.append(first if high == low + 1 else first[:alike] + "*")
        elif low + 1 < high:
            start = low
            for at in range(low + 1, high + 1):
                if at == high or keys[at][alike : alike + 1] != keys[start][alike : alike + 1]:
                    ranges.append((start, at))
                    start = at
    return sorted(found)


def main():
    binary = str(Path(sys.argv[1]).resolve())
    sizes = symbols(binary)
    assert len(sizes) > 10_000, "the binary has no symbols"
    with tempfile.TemporaryDirectory() as folder:
        start = executed(binary, folder, lambda _port: None)
    with tempfile.TemporaryDirectory() as folder:
        requests = executed(binary, folder, everyday)
    later = {name: size for name, size in sizes.items() if name not in start}
    print(HEAD, end="")
    for section, chosen in [("start", beginnings(sizes, start)), ("requests", beginnings(later, requests - start))]:
        print(f"  .text.portcullis.{section} : {{")
        for name in chosen:
            print(f"    *(.text.{name})")
        print("  }")
    print("}\nINSERT BEFORE .text;")


main()
