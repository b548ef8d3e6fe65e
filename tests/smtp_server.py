"""An SMTP server on loopback that demands STARTTLS and a login, and keeps what it is sent.

usage: smtp_server.py CERTIFICATE KEY USERNAME PASSWORD FOLDER [PORT]

Prints its port, then serves until its standard input is closed. Every message becomes a file
NUMBER.eml in FOLDER. Recipients that begin with "nobody" are refused, and those that begin with
"later" are put off the first time.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.count = 0
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        if address.startswith("later") and address not in self.seen:
            self.seen.add(address)
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        (self.folder / f"{self.count}.eml").write_bytes(envelope.content)
        return "250 2.0.0 kept"


async def serve(certificate, key, username, password, folder, port=0):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    mailbox = Mailbox(folder)

    def authenticate(server, session, envelope, mechanism, login):
        given = (login.login.decode(), login.password.decode())
        # Not handled: the server itself is to give the answer, 235 or 535.
        return AuthResult(success=given == (username, password), handled=False)

    def protocol():
        return SMTP(
            mailbox,
            hostname="localhost",
            tls_context=tls,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", int(port))
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(serve(*sys.argv[1:]))
