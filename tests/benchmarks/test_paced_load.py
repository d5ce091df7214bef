from __future__ import annotations

import asyncio

from benchmarks import paced_load

REQUESTS = [b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(3)]


async def answer(reader, writer):
    """Answers with the path; hangs up instead of answering /2."""
    try:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
            if path == b"/2":
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


def test_requests_come_at_their_rate_and_every_answer_is_seen():
    answers = []

    async def run():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        begin = asyncio.get_running_loop().time()
        await paced_load.load(port, REQUESTS, 100, 0.3, 4, answers.append)
        server.close()
        return asyncio.get_running_loop().time() - begin

    assert asyncio.run(run()) >= 0.29
    assert len(answers) == 30
    found = sorted(answers, key=lambda each: each.due)
    assert [each.due for each in found] == [number / 100 for number in range(30)]
    assert all((each.status, each.body) == (200, b"/%d" % each.request) for each in found if each.request < 2)
    assert all(each.status == 0 for each in found if each.request == 2)
    assert all(each.seconds >= 0 for each in found)
