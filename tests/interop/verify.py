#!/usr/bin/env python3
"""Python clients verify tokens of a running Portcullis with the keys that it publishes.

PORTCULLIS_URL       where the service runs
JWT_TOKEN            a JWT access token, or absent
PASETO_TOKEN         a PASETO access token, or absent
PORTCULLIS_ISSUER    the expected `iss`; default PORTCULLIS_URL
PORTCULLIS_AUDIENCE  the expected `aud`; default `portcullis`
JWT_ALG              the pinned algorithm; default ES256
MORE_CLAIMS          what else the tokens say, of `act`, `roles` and `permissions`; default nothing

Prints `ok <client> <format>` for each client; the exit status is 1 when one of them does not do as it should.
"""

import base64
import json
import os
import sys
import traceback
import urllib.request
import warnings

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt
import pyseto

URL = os.environ["PORTCULLIS_URL"].rstrip("/")
ISSUER = os.environ.get("PORTCULLIS_ISSUER", URL)
AUDIENCE = os.environ.get("PORTCULLIS_AUDIENCE", "portcullis")
ALG = os.environ.get("JWT_ALG", "ES256")
# RFC 9864 renames EdDSA; hardly any client knows the new name yet.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")
CLAIMS = ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "client_id", "scope"]
MORE = os.environ.get("MORE_CLAIMS", "").split()


def document(name):
    with urllib.request.urlopen(f"{URL}/.well-known/{name}", timeout=10) as answer:
        return json.load(answer)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def tampered(token):
    """The same token for another subject: well formed, with a signature that is not its own."""
    parts = token.split(".")
    at, tail = (1, 0) if len(parts) == 3 else (2, 64)
    data = unb64(parts[at])
    payload, signature = data[: len(data) - tail], data[len(data) - tail :]
    claims = json.loads(payload)
    claims["sub"] = "00000000-0000-7000-8000-000000000000"
    parts[at] = b64(json.dumps(claims).encode() + signature)
    return ".".join(parts)


def by_pyjwt(token, audience):
    key = jwt.PyJWKClient(f"{URL}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    verified = jwt.decode_complete(
        token, key, algorithms=[ALG], audience=audience, issuer=ISSUER, options={"require": CLAIMS}
    )
    if verified["header"]["typ"] != "at+jwt":
        raise AssertionError("typ")
    return verified["payload"]


def by_joserfc(token, audience):
    keys = joserfc.jwk.KeySet.import_key_set(document("jwks.json"))
    verified = joserfc.jwt.decode(token, keys, algorithms=[ALG])
    required = {name: {"essential": True} for name in CLAIMS if name != "scope"}
    required |= {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": audience}}
    joserfc.jwt.JWTClaimsRegistry(**required).validate(verified.claims)
    if verified.header["typ"] != "at+jwt" or verified.header["alg"] != ALG:
        raise AssertionError("typ or alg")
    return verified.claims


def by_pyseto(token, audience):
    kid = json.loads(unb64(token.split(".")[3]))["kid"]
    paserk = {key["kid"]: key["paserk"] for key in document("paserk.json")["keys"]}[kid]
    key = pyseto.Key.from_paserk(paserk)
    if key.to_paserk_id() != kid:
        raise AssertionError("kid")
    verified = pyseto.decode(key, token, deserializer=json, aud=audience)
    if verified.version != "v4" or verified.purpose != "public" or verified.payload["iss"] != ISSUER:
        raise AssertionError("version, purpose or iss")
    return verified.payload


def refuses(verify, refusals, token, audience):
    try:
        verify(token, audience)
    except refusals:
        return
    raise AssertionError("accepted")


def is_plain(claims):
    """Whether the claims about access are as the specifications say, and only those that were announced."""
    told = [name for name in ("act", "roles", "permissions") if name in claims]
    lists = [claims.get(name, []) for name in ("roles", "permissions")]
    texts = all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists)
    # RFC 8693 §4.1; `read_only` is what support gets unless it asks for more.
    act = claims.get("act", {"sub": ""})
    named = set(act) == {"sub"} and act["sub"] != claims["sub"] and ("act" in claims) == ("read_only" in claims["scope"])
    return sorted(told) == sorted(MORE) and texts and named


def check(client, kind, verify, refusals, token):
    """Whether the client accepts the token, and refuses it when it was changed or is for somebody else."""
    try:
        claims = verify(token, AUDIENCE)
        missing = [name for name in CLAIMS if name not in claims]
        if missing:
            raise AssertionError(f"missing {missing}")
        if not is_plain(claims):
            raise AssertionError(f"access {claims}")
        refuses(verify, refusals, tampered(token), AUDIENCE)
        refuses(verify, refusals, token, "somebody-else")
    except Exception:  # whatever it is, the client does not do as it should
        traceback.print_exc()
        print(f"failed {client} {kind}")
        return False
    print(f"ok {client} {kind}")
    return True


def main():
    fine = []
    if token := os.environ.get("JWT_TOKEN"):
        fine.append(check("PyJWT", "jwt", by_pyjwt, jwt.InvalidTokenError, token))
        fine.append(check("joserfc", "jwt", by_joserfc, joserfc.errors.JoseError, token))
    if token := os.environ.get("PASETO_TOKEN"):
        fine.append(check("pyseto", "paseto", by_pyseto, pyseto.VerifyError, token))
    if not fine:
        sys.exit("neither JWT_TOKEN nor PASETO_TOKEN is set")
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
