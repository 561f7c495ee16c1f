"""What schemathesis needs to know beside the OpenAPI document: who calls, what lines are, and how many answers it saw."""

import atexit
import collections
import json
import os
import secrets
import subprocess
import threading

import requests
import schemathesis

URL = os.environ["PORTCULLIS_URL"].rstrip("/")
CLIENT_ID, _, CLIENT_SECRET = os.environ.get("PORTCULLIS_CLIENT", "").partition(":")
# anonymous, user, admin or key
CALLER = os.environ["PORTCULLIS_CREDENTIALS"]

answers: collections.Counter = collections.Counter()
lock = threading.Lock()


def person() -> dict:
    return {"email": f"fuzz{secrets.token_hex(8)}@example.com", "password": "pw-" + secrets.token_hex(16)}


def log_in(who: dict) -> str:
    body = {"login": who["email"], "password": who["password"]}
    answer = requests.post(f"{URL}/api/v1/auth/login", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


def user() -> str:
    who = person()
    requests.post(f"{URL}/api/v1/auth/register", json=who, timeout=30).raise_for_status()
    return log_in(who)


def admin() -> str:
    who = person()
    command = [os.environ["PORTCULLIS_BIN"], "admin", "create-user", "--role", "admin", "--password-stdin"]
    command += ["--email", who["email"]]
    subprocess.run(command, input=who["password"] + "\n", text=True, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return log_in(who)


def key() -> str:
    body = {"name": "a fuzzer", "permissions": ["*:*"]}
    header = {"Authorization": f"Bearer {admin()}"}
    answer = requests.post(f"{URL}/api/v1/me/api-keys", json=body, headers=header, timeout=30)
    answer.raise_for_status()
    return answer.json()["key"]


class Proof:
    """The credential of somebody new. The tests may log them out, disable or delete them: then somebody else comes."""

    text: str | None = None

    def get(self, case, context):
        with lock:
            if Proof.text is None:
                Proof.text = {"user": user, "admin": admin, "key": key}[CALLER]()
            return Proof.text

    def set(self, case, data, context):
        case.headers = case.headers or {}
        if CALLER == "key":
            case.headers["X-API-Key"] = data
        else:
            case.headers["Authorization"] = f"Bearer {data}"


class Client:
    def get(self, case, context):
        return requests.auth._basic_auth_str(CLIENT_ID, CLIENT_SECRET)

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = data


if CALLER != "anonymous":
    clients = r"^/(oauth2/|api/v1/revocations)"
    # A credential that is refused is replaced here, and only then.
    schemathesis.auth(refresh_interval=None, retry_on=[]).apply_to(path_regex="^/api/").skip_for(path_regex=clients)(Proof)
    schemathesis.auth(retry_on=[]).apply_to(path_regex=clients)(Client)


@schemathesis.deserializer("application/jsonl")
def lines(context, response):
    """One document a line, and every line ends."""
    text = response.content.decode("utf-8")
    if text and not text.endswith("\n"):
        raise ValueError("the last line does not end")
    return [json.loads(line) for line in text.splitlines()]


@schemathesis.hook
def after_call(context, case, response):
    refused = " ".join(response.headers.get("www-authenticate", []))
    ended = response.status_code == 401 and ("invalid_token" in refused or "invalid_key" in refused)
    # Who may do everything is refused nothing, until the tests have taken the role away.
    demoted = CALLER in ("admin", "key") and response.status_code == 403 and b'"not-permitted"' in response.content
    sent = (response.request.headers.get(name, "") for name in ("X-API-Key", "Authorization"))
    with lock:
        answers[str(response.status_code)] += 1
        if (ended or demoted) and Proof.text in [text.removeprefix("Bearer ") for text in sent]:
            Proof.text = None


@atexit.register
def report() -> None:
    with open(os.environ["PORTCULLIS_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(answers, file)
