#!/usr/bin/env python3
"""A Flask app behind Flask-JWT-Extended, with the keys that Portcullis publishes.

ISSUER    `iss`, and where the service runs
AUDIENCE  the `aud` that the app expects
JWT_ALG   the algorithm that it pins
TOKENS    [{"name","token","status","sub"?}, ...]: what becomes of a call with each; a token that is absent is not sent

Prints `ok <name>` for each token; the exit status is 1 when one of them was not treated as it should be.
"""

import json
import os
import sys
import threading
import urllib.error
import urllib.request

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required
from werkzeug.serving import make_server

ISSUER = os.environ["ISSUER"]
ALG = os.environ["JWT_ALG"]
KEYS = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json")


def app(**settings):
    """A small app with one closed page."""
    app = Flask(__name__)
    app.config.update(
        JWT_ALGORITHM=ALG,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_DECODE_AUDIENCE=os.environ["AUDIENCE"],
        JWT_IDENTITY_CLAIM="sub",
        **settings,
    )

    @app.get("/")
    @jwt_required()
    def closed():
        return jsonify(sub=get_jwt_identity())

    return app


def by_key():
    """As most apps are set up: with one public key in PEM."""
    key = KEYS.get_signing_keys()[0].key
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    flask = app(JWT_PUBLIC_KEY=pem)
    JWTManager(flask)
    return flask


def by_kid():
    """With the key that the token's header names, so that keys may change."""
    flask = app()

    @JWTManager(flask).decode_key_loader
    def key(header, _):
        try:
            return KEYS.get_signing_key(header.get("kid")).key
        except jwt.PyJWKClientError as error:
            raise jwt.InvalidTokenError("an unknown key") from error

    return flask


def call(url, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, json.load(answer).get("sub")
    except urllib.error.HTTPError as error:
        return error.code, None


def main():
    fine = True
    for way in (by_key, by_kid):
        server = make_server("127.0.0.1", 0, way(), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for row in json.loads(os.environ["TOKENS"]):
            status, sub = call(f"http://127.0.0.1:{server.port}/", row.get("token"))
            # It calls a token that is malformed or has a wrong signature 422.
            refused = row["status"] == 401 and status in (401, 422)
            good = refused or (status, sub) == (row["status"], row.get("sub"))
            print(f"{'ok' if good else 'failed'} {way.__name__} {row['name']}: {status}")
            fine = fine and good
        server.shutdown()
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
