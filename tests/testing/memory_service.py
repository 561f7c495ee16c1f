"""The whole of Portcullis for a test suite: in memory, on a free port, gone with the `with` block."""

import contextlib
import json
import os
import subprocess
import threading
import urllib.request

SETTINGS = {
    "DATABASE_URL": "memory:",
    "PORT": "0",
    "PORTCULLIS__MANAGEMENT__PORT": "0",
    "PORTCULLIS__LOG__FORMAT": "json",
    # Passwords cost next to nothing, and nobody who tests is held up.
    "PORTCULLIS__PASSWORDS__ALLOW_WEAK": "true",
    "PORTCULLIS__PASSWORDS__MEMORY_KIB": "64",
    "PORTCULLIS__PASSWORDS__ITERATIONS": "1",
    "PORTCULLIS__LIMITS__LOGIN": "off",
    "PORTCULLIS__LIMITS__REGISTER": "off",
    "PORTCULLIS__LIMITS__OTHER": "off",
}


@contextlib.contextmanager
def portcullis(program="portcullis", **settings):
    """Gives the URL of a service; `settings` are names of the environment."""
    process = subprocess.Popen(
        [program, "serve"],
        env={"PATH": os.environ["PATH"], **SETTINGS, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        lines = (json.loads(line) for line in process.stdout)
        address = next(line["address"] for line in lines if line["message"] == "listening")
        # Somebody has to go on reading, or the service waits for room in the pipe.
        threading.Thread(target=lambda: list(process.stdout), daemon=True).start()
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def call(url, body=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    with portcullis(os.environ.get("PORTCULLIS_BIN", "portcullis")) as url:
        ada = {"email": "ada@example.com", "password": "seven grey herons wading"}
        account = call(f"{url}/api/v1/auth/register", ada)
        login = {"login": ada["email"], "password": ada["password"]}
        tokens = call(f"{url}/api/v1/auth/login", login)
        me = call(f"{url}/api/v1/me", token=tokens["access_token"])
        assert me["id"] == account["id"]
        print("ok", me["email"])
