"""A cable that can be pulled out: a SOCKS5 relay between a browser and the servers of this machine.

What a browser offers for this lets a request that is under way go on to its end.
"""

import asyncio
import contextlib
import ipaddress
import threading

BLOCK = 256 * 1024


class Network:
    def __init__(self):
        self.loop, self.is_cut, self.ends, self.port = asyncio.new_event_loop(), False, set(), None
        listening = threading.Event()
        threading.Thread(target=self.run, args=(listening,), daemon=True).start()
        listening.wait()

    @property
    def proxy(self):
        """As a browser wants it, for this machine's own addresses too."""
        return {"server": f"socks5://127.0.0.1:{self.port}", "bypass": "<-loopback>"}

    def run(self, listening):
        server = self.loop.run_until_complete(asyncio.start_server(self.connected, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        self.loop.run_forever()

    def cut(self):
        """Breaks every connection off, and lets none be made."""
        done = threading.Event()

        def pull():
            self.is_cut = True
            for end in self.ends:
                end.transport.abort()
            done.set()

        self.loop.call_soon_threadsafe(pull)
        done.wait()

    def mend(self):
        self.is_cut = False

    async def connected(self, reader, writer):
        if self.is_cut:
            return writer.transport.abort()
        ends = {writer}
        try:
            host, port = await self.greet(reader, writer)
            beyond, onward = await asyncio.open_connection(host, port)
            ends.add(onward)
            self.ends |= ends
            writer.write(b"\x05\0\0\1" + bytes(6))
            await asyncio.gather(pump(reader, onward), pump(beyond, writer))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # whichever end it was, the other one goes with it
        finally:
            self.ends -= ends
            for end in ends:
                end.transport.abort() if self.is_cut else end.close()

    async def greet(self, reader, writer):
        """Where the browser wants to go (RFC 1928). Only this machine is to be had."""
        methods = (await reader.readexactly(2))[1]
        await reader.readexactly(methods)
        writer.write(b"\x05\0")
        kind = (await reader.readexactly(4))[3]
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        address = await reader.readexactly(length)
        host = address.decode() if kind == 3 else str(ipaddress.ip_address(address))
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(host)
        return host, int.from_bytes(await reader.readexactly(2), "big")


async def pump(reader, writer):
    while data := await reader.read(BLOCK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
