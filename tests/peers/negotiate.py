#!/usr/bin/env python3
"""A web server that lets in who logs on with Kerberos, and shows what lies behind it.

    negotiate.py UPSTREAM LOG [--port PORT] [--tls CERTIFICATE KEY] [--most 1.2] [--bound-to CERTIFICATE HASH] [--proof HOW]

The acceptor is MIT's GSSAPI by way of python-gssapi; KRB5_KTNAME names its keys. --bound-to demands that a logon be
bound to a TLS connection with this server certificate (`tls-server-end-point` with HASH, RFC 5929 section 4). The
library itself refuses a wrong binding and lets a missing one pass: that it is there is asked for here. --proof says
how the server proves who it is: not at all, with a garbled token, an answer without one, one that rejects, one that
selects what was not offered; or rightly, but not in answer to a form (`pages`).

What is let in goes to UPSTREAM. Each request is a line of LOG: method, status, who by which mechanism, bound or not,
version of TLS; or why not.
The first line on standard output is `listening PORT`. Debian's Python has python3-gssapi: no compiler is needed.
"""

import argparse
import base64
import hashlib
import http.client
import http.server
import ssl
import urllib.parse

import gssapi
from gssapi.raw import ChannelBindings

# Else an error is kept for later where there is a token to send with it.
gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False
# What becomes of an answer, which is a NegTokenResp (RFC 4178 section 4.2.2).
PROOFS = {
    "yes": lambda answer: answer,
    "no": lambda answer: b"",
    "wrong": lambda answer: answer[:-1] + bytes([answer[-1] ^ 1]),
    "empty": lambda answer: bytes.fromhex("a1073005a0030a0100"),
    "reject": lambda answer: answer.replace(b"\x0a\x01\x00", b"\x0a\x01\x02", 1),
    "other": lambda answer: answer.replace(b"\x12\x01\x02\x02", b"\x12\x01\x02\x03", 1),
    "pages": lambda answer: answer,
}
MECHANISMS = {"1.2.840.113554.1.2.2": "krb5", "1.3.6.1.4.1.311.2.2.10": "ntlm"}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("upstream", type=urllib.parse.urlsplit)
    arguments.add_argument("log")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--tls", nargs=2)
    arguments.add_argument("--most", choices=["1.2", "1.3"], default="1.3")
    arguments.add_argument("--bound-to", nargs=2)
    arguments.add_argument("--proof", choices=PROOFS, default="yes")
    options = arguments.parse_args()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.options, server.bindings = options, None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*options.tls)
        tls.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[options.most]
        # The handshake is the handler's: one that never comes blocks nobody else.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    if options.bound_to:
        certificate, digest = options.bound_to
        with open(certificate) as pem:
            der = ssl.PEM_cert_to_DER_cert(pem.read())
        data = b"tls-server-end-point:" + hashlib.new(digest, der).digest()
        server.bindings = ChannelBindings(application_data=data)
    print("listening", server.server_address[1], flush=True)
    server.serve_forever()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    why = ""

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        who, token = self.logon()
        if who is None:
            self.answer("nobody", 401, [("Content-Type", "text/html")], b"<h1>Unauthorized</h1>", token)
            return
        upstream = self.server.options.upstream
        behind = http.client.HTTPConnection(upstream.netloc)
        names = ["User-Agent", "Content-Type"]
        behind.request(self.command, self.path, body, {n: self.headers[n] for n in names if n in self.headers})
        said = behind.getresponse()
        content = said.read()
        left_out = {"connection", "content-length", "date", "server", "transfer-encoding"}
        headers = [(name, value) for name, value in said.getheaders() if name.lower() not in left_out]
        self.answer(who, said.status, headers, content, token)

    do_GET = do_POST = handle_any

    def logon(self):
        """Who it is, or None; and the token to answer with."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "negotiate":
            return None, b""
        options = self.server.options
        context = gssapi.SecurityContext(usage="accept", channel_bindings=self.server.bindings)
        try:
            answer = context.step(base64.b64decode(token)) or b""
        except gssapi.exceptions.GSSError as error:
            self.why = type(error).__name__
            return None, getattr(error, "token", None) or b""
        if not context.complete:
            return None, answer
        bound = gssapi.RequirementFlag.channel_bound in context.actual_flags
        if options.bound_to and not bound:
            self.why = "no channel binding"
            return None, b""
        mechanism = MECHANISMS[context.mech.dotted_form]
        proof = "no" if options.proof == "pages" and self.command == "POST" else options.proof
        answer = PROOFS[proof](answer)
        tls = self.connection.version() if options.tls else "http"
        return f"{context.initiator_name} {mechanism} {'bound' if bound else 'unbound'} {tls}", answer

    def answer(self, who, status, headers, body, token):
        # Before the client hears of it: whoever waits for the client may read it.
        why, self.why = self.why, ""
        with open(self.server.options.log, "a") as log:
            log.write(f"{self.command} {status} {who} {why}".strip() + "\n")
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if token or status == 401:
            self.send_header("WWW-Authenticate", f"Negotiate {base64.b64encode(token).decode()}".strip())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


main()
