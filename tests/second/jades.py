#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Reads a compact JAdES from standard input as a reader of ETSI's lists would, with the certificate in its header, and
prints {"header", "payload", "organization", "country"}. Fails where anything does not fit."""

import base64
import hashlib
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID


def unbase64url(part):
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == part, "not strict base64url"
    return data


def verify(key, alg, signature, signed):
    assert len(signature) == 64, "a signature of another length"
    if isinstance(key, ed25519.Ed25519PublicKey):
        assert alg == "EdDSA"
        return key.verify(signature, signed)
    assert alg == "ES256" and isinstance(key.curve, ec.SECP256R1)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))


def main():
    token = sys.stdin.read()
    signed, _, signature = token.rpartition(".")
    head, payload = signed.split(".")
    header = json.loads(unbase64url(head))
    assert set(header) == {"alg", "kid", "typ", "cty", "x5t#S256", "x5c", "iat"}, sorted(header)
    der = base64.b64decode(header["x5c"][0], validate=True)
    assert unbase64url(header["x5t#S256"]) == hashlib.sha256(der).digest(), "another certificate"
    certificate = x509.load_der_x509_certificate(der)
    certificate.verify_directly_issued_by(certificate)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [use.dotted_string for use in uses] == ["0.4.0.2231.3.0"]
    verify(certificate.public_key(), header["alg"], unbase64url(signature), signed.encode())
    name = lambda oid: certificate.subject.get_attributes_for_oid(oid)[0].value
    print(json.dumps({
        "header": header, "payload": json.loads(unbase64url(payload)),
        "organization": name(NameOID.ORGANIZATION_NAME), "country": name(NameOID.COUNTRY_NAME),
    }))


main()
