"""Something at a socket that says what BIRD would."""

import asyncio
import contextlib

GREETING = "0001 BIRD 2.0.12 ready.\n"
RESTRICTED = "0016 Access restricted\n"
SYNTAX = "9001 syntax error, unexpected CF_SYM_UNDEFINED\n"


class FakeBird:
    """Says at a socket what it was told to say."""

    def __init__(self, path, replies, greeting=GREETING):
        self.path = path
        self.replies = {"restrict": RESTRICTED, **replies}
        self.greeting = greeting
        self.asked = []

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.serve, self.path)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        writer.write(self.greeting.encode())
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self.asked.append(line.decode().strip())
                reply = self.replies.get(self.asked[-1], SYNTAX)
                if reply is None:
                    break
                writer.write(reply.encode())
        writer.close()
