"""What schemathesis needs to know beside the OpenAPI document: credentials, and how many answers it has seen."""

import atexit
import collections
import json
import os
import secrets
import threading

import requests
import schemathesis

URL = os.environ["PORTCULLIS_URL"].rstrip("/")
CLIENT_ID, _, CLIENT_SECRET = os.environ.get("PORTCULLIS_CLIENT", "").partition(":")

answers: collections.Counter = collections.Counter()
lock = threading.Lock()


def fresh_token() -> str:
    """The access token of a new account: others may have been logged out, or deleted, by the tests themselves."""
    name = "fuzz" + secrets.token_hex(8)
    person = {"email": f"{name}@example.com", "password": "pw-" + secrets.token_hex(16)}
    requests.post(f"{URL}/api/v1/auth/register", json=person, timeout=30).raise_for_status()
    login = {"login": person["email"], "password": person["password"]}
    answer = requests.post(f"{URL}/api/v1/auth/login", json=login, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


class Bearer:
    def get(self, case, context):
        return fresh_token()

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


class Client:
    def get(self, case, context):
        return requests.auth._basic_auth_str(CLIENT_ID, CLIENT_SECRET)

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = data


if os.environ.get("PORTCULLIS_CREDENTIALS") == "1":
    # The token is asked for again after a 401.
    schemathesis.auth(refresh_interval=60).apply_to(path_regex="^/api/")(Bearer)
    schemathesis.auth().apply_to(path_regex="^/oauth2/")(Client)


@schemathesis.hook
def after_call(context, case, response):
    with lock:
        answers[str(response.status_code)] += 1


@atexit.register
def report() -> None:
    with open(os.environ["PORTCULLIS_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(answers, file)
