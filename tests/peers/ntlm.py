#!/usr/bin/env python3
"""A web server that lets in who logs on with NTLM, and shows what lies behind it; and a client that is refused there.

    ntlm.py serve UPSTREAM LOG [--tls CERTIFICATE KEY]... [--tls-version 1.2|1.3]... [--bound-to CERTIFICATE HASH]...
                  [--offer SCHEME]... [--each-request] [--cut WHERE TIMES] [--page SIZE] [--echo]
    ntlm.py binding URL CA_FILE CERTIFICATE HASH USER PASSWORD_FILE absent|zero|wrong|right

The acceptor is pyspnego's; NTLM_USER_FILE has the accounts. It checks the proof and the MIC; that there is a MIC, and
what the channel binding is, is read here, from the bytes as they came, because pyspnego takes sixteen zeros for a
binding. --bound-to demands that a logon be bound to this server certificate (RFC 5929 section 4, with HASH).

Of --tls, --tls-version and --bound-to the n-th is for the n-th connection, the last for all further ones.
--each-request forgets a logon after its request. --cut ends the connection the first TIMES; WHERE is `challenge` (after
one was sent), `proof` (in place of the answer to it), `page` (after one, which says so) or `request` (in place of a
page, after the logon). --page makes the body of each 401 that long. --echo shows in each body what the request was
authorized with, as some debugging pages do.

What is let in goes to UPSTREAM. Each request is a line of LOG: connection, method, path, body's length, status, and why.
The first line on standard output is `listening PORT`.
"""

import argparse
import base64
import hashlib
import http.client
import http.server
import itertools
import pathlib
import ssl
import struct
import urllib.parse

import spnego
import spnego._ntlm
from spnego.channel_bindings import GssChannelBindings

FLAGS, CHANNEL_BINDINGS = 6, 10
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def main():
    arguments = argparse.ArgumentParser()
    commands = arguments.add_subparsers(required=True)
    server = commands.add_parser("serve")
    server.add_argument("upstream", type=urllib.parse.urlsplit)
    server.add_argument("log", type=pathlib.Path)
    server.add_argument("--tls", nargs=2, action="append", default=[])
    server.add_argument("--tls-version", choices=VERSIONS, action="append", default=[])
    server.add_argument("--bound-to", nargs=2, action="append", default=[])
    server.add_argument("--offer", action="append", default=[])
    server.add_argument("--each-request", action="store_true")
    server.add_argument("--cut", nargs=2, default=("", "0"))
    server.add_argument("--page", type=int, default=30)
    server.add_argument("--echo", action="store_true")
    server.set_defaults(run=serve)
    client = commands.add_parser("binding")
    for name in ["url", "ca_file", "certificate", "hash", "user", "password_file", "kind"]:
        client.add_argument(name)
    client.set_defaults(run=binding)
    options = arguments.parse_args()
    options.run(options)


def end_point(certificate, digest):
    der = ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())
    return b"tls-server-end-point:" + hashlib.new(digest, der).digest()


def serve(options):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.options = options
    server.connections = itertools.count(1)
    server.cuts = int(options.cut[1])
    server.bound_to = [end_point(*pair) for pair in options.bound_to]
    print("listening", server.server_address[1], flush=True)
    server.serve_forever()


def nth(given, number):
    """What is for this connection."""
    return given[min(number, len(given)) - 1] if given else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.number = next(self.server.connections)
        options = self.server.options
        if options.tls:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*nth(options.tls, self.number))
            version = nth(options.tls_version, self.number)
            if version:
                tls.minimum_version = tls.maximum_version = VERSIONS[version]
            self.request = tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.acceptor, self.who = None, None

    def handle_any(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        options, why, token = self.server.options, "", None
        try:
            if "Authorization" in self.headers:
                token = self.logon(*self.headers["Authorization"].split(" "))
        except Refused as refused:
            why = str(refused)
        proved = self.who and "Authorization" in self.headers
        if proved and self.cut("proof") or self.who and not proved and not length and self.cut("request"):
            self.log(length, "cut", "")
        elif self.who is None:
            # IIS names the other schemes no more once one was begun.
            offered = [token] if token else options.offer or ["NTLM"]
            headers = [("WWW-Authenticate", challenge) for challenge in offered]
            self.log(length, 401, why or ("challenge" if token else ""))
            self.answer(401, [("Content-Type", "text/html"), *headers], b"x" * options.page)
            token and self.cut("challenge")
        else:
            status, headers, content = self.fetch(body)
            if self.cut("page"):
                headers.append(("Connection", "close"))
            self.log(length, status, self.who)
            self.answer(status, headers, content)
            if options.each_request:
                self.who = None

    def cut(self, where):
        """Ends the connection after this request, where that was wished."""
        wished = self.server.options.cut[0] == where and self.server.cuts > 0
        if wished:
            self.server.cuts -= 1
            self.close_connection = True
        return wished

    do_GET = do_POST = handle_any

    def logon(self, scheme, token):
        """Takes a token; sets who it is, or gives the challenge to answer with."""
        if scheme not in ("NTLM", "Negotiate"):
            raise Refused(f"{scheme} is not offered")
        token = base64.b64decode(token)
        kind = struct.unpack_from("<I", token, 8)[0]
        if kind == 1:
            self.who = None
            self.acceptor = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            return f"{scheme} {base64.b64encode(self.acceptor.step(token)).decode()}"
        if kind != 3 or self.acceptor is None:
            raise Refused("a proof without a challenge on this connection")
        try:
            self.acceptor.step(token)
        except spnego.exceptions.SpnegoError as error:
            raise Refused(type(error).__name__) from error
        pairs = attributes(token)
        if not struct.unpack("<I", pairs.get(FLAGS, bytes(4)))[0] & 2:
            raise Refused("no MIC")
        bound = self.bound(pairs.get(CHANNEL_BINDINGS))
        self.who = f"{self.acceptor.client_principal} {scheme} {bound}"
        self.acceptor = None
        return None

    def bound(self, sent):
        wanted = nth(self.server.bound_to, self.number)
        if wanted is None:
            return "bound" if sent else "unbound"
        packed = bytes(16) + struct.pack("<I", len(wanted)) + wanted
        if sent != hashlib.md5(packed).digest():
            kinds = {None: "absent", bytes(16): "zero"}
            raise Refused(f"binding {kinds.get(sent, 'wrong')}")
        return "bound"

    def fetch(self, body):
        behind = http.client.HTTPConnection(self.server.options.upstream.netloc)
        names = [name for name in ("User-Agent", "Content-Type") if name in self.headers]
        behind.request(self.command, self.path, body, {name: self.headers[name] for name in names})
        said = behind.getresponse()
        content = said.read()
        left_out = {"connection", "content-length", "date", "server"}
        headers = [(name, value) for name, value in said.getheaders() if name.lower() not in left_out]
        return said.status, headers, content

    def answer(self, status, headers, body):
        if self.server.options.echo:
            body += self.headers.get("Authorization", "").encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log(self, length, status, why):
        with self.server.options.log.open("a") as log:
            log.write(f"{self.number} {self.command} {self.path} {length} {status} {why}".strip() + "\n")

    def log_message(self, *_):
        pass


class Refused(Exception):
    """A logon that is none."""


def attributes(token):
    """The attribute-value pairs of a proof ([MS-NLMP] sections 2.2.1.3 and 2.2.2.7)."""
    length, _, offset = struct.unpack_from("<HHI", token, 20)
    answer = token[offset : offset + length]
    pairs, rest = {}, answer[16 + 28 :]
    while True:
        kind, size = struct.unpack_from("<HH", rest)
        if kind == 0:
            assert rest[4:] == bytes(4), "four zeros end the answer"
            return pairs
        assert kind not in pairs, f"attribute {kind} twice"
        pairs[kind], rest = rest[4 : 4 + size], rest[4 + size :]


def binding(options):
    """Logs on with pyspnego's own client and a binding of this kind; prints the status."""
    import requests

    url = urllib.parse.urlsplit(options.url)
    data = end_point(options.certificate, options.hash)
    given = {"right": data, "wrong": data[:-1] + b"!", "zero": b"replaced", "absent": None}[options.kind]
    if options.kind == "zero":
        spnego._ntlm.md5 = lambda packed: bytes(16)
    client = spnego.client(
        options.user,
        pathlib.Path(options.password_file).read_text().strip(),
        hostname=url.hostname,
        service="http",
        protocol="ntlm",
        options=spnego.NegotiateOptions.use_ntlm,
        channel_bindings=given and GssChannelBindings(application_data=given),
    )
    with requests.Session() as session:
        session.verify, session.trust_env = options.ca_file, False
        token, status = client.step(), 401
        while token and status == 401:
            header = {"Authorization": f"NTLM {base64.b64encode(token).decode()}"}
            said = session.get(options.url, headers=header)
            status = said.status_code
            _, _, theirs = said.headers.get("WWW-Authenticate", "").partition(" ")
            token = client.step(base64.b64decode(theirs)) if theirs else None
    print(status)


main()
