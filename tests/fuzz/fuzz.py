# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Every operation of /openapi.json, asked by schemathesis with what the document allows and with what it does not.

A demonstration is started; its education registry is asked as an officer of its staff. All checks of schemathesis are on;
`schemathesis.toml` says which answers to what it makes up are right. Exits as schemathesis does: 1 for any finding.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CHARTERD = os.environ["CHARTERD"]
SCHEMATHESIS = pathlib.Path(sys.executable).with_name("schemathesis")
READY, PATIENCE = "The federation stays up", 300
# From the first port of a demonstration (see its plan).
EDUCATION, ISSUER, LAST = 110, 50, 410


def free_base():
    """A port after which those that a demonstration takes are free."""
    for base in range(17_100, 60_000, 500):
        try:
            for offset in range(LAST + 1):
                socket.create_server(("127.0.0.1", base + offset)).close()
            return base
        except OSError:
            continue
    raise SystemExit("fuzz: no free ports")


def post(url, **form):
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return answer.read()


def sign_in(issuer, person):
    """An access token of a member of staff, with a second factor (RFC 8628)."""
    client = "charter-cli"
    begun = json.loads(post(f"{issuer}/device_authorization", client_id=client, scope="openid", acr_values="urn:charter:mfa"))
    post(f"{issuer}/device", user_code=begun["user_code"], person=person, second_factor="yes", decision="allow")
    time.sleep(begun["interval"])
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    token = post(f"{issuer}/token", grant_type=grant, client_id=client, device_code=begun["device_code"])
    return json.loads(token)["access_token"]


class Demonstration:
    """A running one, with all that it has said."""

    def __init__(self, directory):
        self.base, self.said, self.ready = free_base(), [], threading.Event()
        command = [CHARTERD, "demo", "--base-port", str(self.base), "--dir", f"{directory}/demo"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.said.append(line)
            if READY in line:
                self.ready.set()
        # It has ended, or says nothing more: whoever waits need not.
        self.ready.set()

    def __enter__(self):
        if not self.ready.wait(PATIENCE) or self.process.poll() is not None:
            self.__exit__()
            raise SystemExit("fuzz: the demonstration did not start:\n" + "".join(self.said))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def url(self, offset):
        return f"http://127.0.0.1:{self.base + offset}"


def main():
    examples = sys.argv[1] if len(sys.argv) > 1 else "100"
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        with Demonstration(directory) as demonstration:
            registry = demonstration.url(EDUCATION)
            token = sign_in(demonstration.url(ISSUER), "aino")
            command = [
                SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run", f"{registry}/openapi.json",
                "--max-examples", examples, "--header", f"Authorization: Bearer {token}",
            ]
            hooks = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
            done = subprocess.run(command, cwd=directory, env=hooks, check=False).returncode
            alive = demonstration.process.poll() is None
    if not alive:
        raise SystemExit("fuzz: a server ended:\n" + "".join(demonstration.said[-50:]))
    raise SystemExit(done)


if __name__ == "__main__":
    main()
