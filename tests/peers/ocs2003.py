#!/usr/bin/env python3
"""A front end on Windows Server 2003 as far as TLS and SIP go, by tlslite-ng: TLS 1.0, RSA key exchange, one
cipher, records split 1/n-1, a list of CA names; the client's certificate is judged only after Finished, and
OPTIONS is answered.

usage: ocs2003.py --cipher 3des|rc4|aes128 [--mac sha|md5] [--version 1.0|1.1|1.2] --cert F --key F --ca F
                  [--judge alert|close|all]

It prints "ready PORT" and serves until it is killed. --ca is the one CA whose certificates it takes; with
--judge all it takes every one.
"""

import argparse
import socket
import threading

from cryptography import x509
from tlslite.api import (
    HandshakeSettings,
    TLSConnection,
    X509,
    X509CertChain,
    parsePEMKey,
)
from tlslite.constants import AlertDescription

VERSIONS = {"1.0": (3, 1), "1.1": (3, 2), "1.2": (3, 3)}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cipher", required=True)
    parser.add_argument("--mac", default="sha")
    parser.add_argument("--version", default="1.0", choices=VERSIONS)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--judge", default="alert", choices=["alert", "close", "all"])
    return parser.parse_args()


def settings(options):
    chosen = HandshakeSettings()
    chosen.minVersion = chosen.maxVersion = VERSIONS[options.version]
    chosen.versions = [VERSIONS[options.version]]
    chosen.cipherNames = [options.cipher]
    chosen.macNames = [options.mac]
    chosen.keyExchangeNames = ["rsa"]
    chosen.useEncryptThenMAC = False
    chosen.useExtendedMasterSecret = False
    return chosen


def answer(tls):
    request = b""
    while b"\r\n\r\n" not in request:
        part = tls.recv(4096)
        if not part:
            return
        request += bytes(part)
    lines = request.split(b"\r\n")
    assert lines[0].startswith(b"OPTIONS sip:"), lines[0]
    kept = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")
    copied = [line for line in lines[1:] if line.lower().startswith(kept)]
    head = [b"SIP/2.0 200 OK", *copied, b"Server: RTC/3.5", b"Content-Length: 0", b"", b""]
    tls.send(b"\r\n".join(head))


def serve(connection, options, chain, key, ca):
    tls = TLSConnection(connection)
    try:
        tls.handshakeServer(
            certChain=chain,
            privateKey=key,
            reqCert=True,
            reqCAs=[bytearray(ca.subject.public_bytes())],
            settings=settings(options),
        )
        shown = tls.session.clientCertChain
        issuer = None
        if shown:
            issuer = x509.load_der_x509_certificate(bytes(shown.x509List[0].bytes)).issuer
        if options.judge != "all" and issuer != ca.subject:
            if options.judge == "alert":
                for _ in tls._sendError(AlertDescription.unknown_ca):
                    pass
            return
        answer(tls)
        tls.close()
    except Exception:  # the other end looks and leaves: that is what it does
        pass
    finally:
        connection.close()


def main():
    options = arguments()
    certificate = X509()
    with open(options.cert) as file:
        certificate.parse(file.read())
    with open(options.key) as file:
        key = parsePEMKey(file.read(), private=True)
    with open(options.ca, "rb") as file:
        ca = x509.load_pem_x509_certificate(file.read())
    chain = X509CertChain([certificate])
    listener = socket.create_server(("127.0.0.1", 0))
    print("ready", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        work = (connection, options, chain, key, ca)
        threading.Thread(target=serve, args=work, daemon=True).start()


main()
