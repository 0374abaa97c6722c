#!/usr/bin/env python3
"""The PyPI client `certsrv`, with NTLM by requests-ntlm, fetches what another client got from the same server.

    certsrv_ntlm.py HOST:PORT CA_FILE USER PASSWORD_FILE TEMPLATE REQUEST [ID CERTIFICATE_FILE]...

Each certificate has to be the one in its file. Then it submits REQUEST itself. The last line is `done`.
"""

import pathlib
import sys

import certsrv
from cryptography import x509


def main():
    host, ca_file, user, password_file, template, request, *pairs = sys.argv[1:]
    password = pathlib.Path(password_file).read_text().strip()
    client = certsrv.Certsrv(host, user, password, "ntlm", cafile=ca_file)
    assert client.check_credentials()
    for number, file in zip(pairs[::2], pairs[1::2], strict=True):
        theirs = x509.load_pem_x509_certificate(pathlib.Path(file).read_bytes())
        assert x509.load_pem_x509_certificate(client.get_existing_cert(number)) == theirs, number
    asked = pathlib.Path(request).read_text()
    certificate = x509.load_pem_x509_certificate(client.get_cert(asked, template))
    assert certificate.public_key() == x509.load_pem_x509_csr(asked.encode()).public_key()
    print("done")


main()
