#!/usr/bin/env python3
"""The PyPI client `certsrv`, with NTLM, submits requests one after the other, and prints the seconds that took.

    certsrv_rate.py HOST:PORT CA_FILE USER PASSWORD_FILE TEMPLATE REQUEST...
"""

import pathlib
import sys
import time

import certsrv

host, ca_file, user, password_file, template, *files = sys.argv[1:]
requests = [pathlib.Path(name).read_text() for name in files]
client = certsrv.Certsrv(host, user, pathlib.Path(password_file).read_text().strip(), "ntlm", cafile=ca_file)
begun = time.perf_counter()
for name, request in zip(files, requests):
    pathlib.Path(name).with_suffix(".peer.pem").write_bytes(client.get_cert(request, template))
print(time.perf_counter() - begun)
