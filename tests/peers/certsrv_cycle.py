#!/usr/bin/env python3
"""The PyPI client `certsrv`, written for Microsoft's web enrollment, goes the whole way against a lab.

    certsrv_cycle.py HOST:PORT CA_FILE USER PASSWORD_FILE REQUEST TEMPLATE

The lab is served over TLS, with Basic, as a standalone CA. Submits, is told "pending", issues on the
administrator's page as its form says, fetches the certificate and the chain, and has `cryptography` check both. A
garbled request and one that the administrator denies have to be denied. The last line is `done`.
"""

import pathlib
import re
import sys

import certsrv
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7


def main():
    host, ca_file, user, password_file, request_file, template = sys.argv[1:]
    password = pathlib.Path(password_file).read_text().strip()
    request = pathlib.Path(request_file).read_text()
    admin = requests.Session()
    admin.auth, admin.verify = (user, password), ca_file
    page = f"https://{host}/lab/"

    client = certsrv.Certsrv(host, user, password, "basic", cafile=ca_file)
    assert client.check_credentials()
    assert not certsrv.Certsrv(host, user, "wrong", "basic", cafile=ca_file).check_credentials()

    number = pending(client, request, template)
    try:
        client.get_existing_cert(number)
        raise SystemExit("a pending certificate was handed out")
    except certsrv.CouldNotRetrieveCertificateException as error:
        assert str(error) == "Taken Under Submission", error
    decide(admin, page, "issue", number)
    asked = x509.load_pem_x509_csr(request.encode())
    for encoding, load in [("b64", x509.load_pem_x509_certificate), ("bin", x509.load_der_x509_certificate)]:
        certificate = load(client.get_existing_cert(number, encoding))
        assert certificate.public_key() == asked.public_key()
        assert certificate.subject == asked.subject

    issuer = x509.load_pem_x509_certificate(client.get_ca_cert())
    certificate.verify_directly_issued_by(issuer)
    bag = pkcs7.load_der_pkcs7_certificates(client.get_chain("bin"))
    root = next(c for c in bag if c.subject == c.issuer)
    issuer.verify_directly_issued_by(root)
    assert issuer in bag and len(bag) == 2, bag

    denied(client, "garbage", template, "Error Parsing Request")
    number = pending(client, request, template)
    decide(admin, page, "deny", number)
    try:
        client.get_existing_cert(number)
        raise SystemExit("a denied certificate was handed out")
    except certsrv.CouldNotRetrieveCertificateException as error:
        assert str(error).startswith("Denied by "), error
        assert "0x80094014" in error.response
    print("done")


def pending(client, request, template):
    try:
        client.get_cert(request, template)
    except certsrv.CertificatePendingException as error:
        return error.req_id
    raise SystemExit("a standalone CA issued at once")


def denied(client, request, template, message):
    try:
        client.get_cert(request, template)
    except certsrv.RequestDeniedException as error:
        assert str(error) == message, error
        return
    raise SystemExit(f"not denied: {message}")


def decide(admin, page, act, number):
    """Presses a button as a browser without scripts does."""
    answer = admin.get(page)
    answer.raise_for_status()
    token = re.search(r'name="token" value="([^"]+)"', answer.text).group(1)
    pressed = admin.post(page + act, data={"token": token, "id": number}, allow_redirects=False)
    assert pressed.status_code == 303, pressed.text


main()
