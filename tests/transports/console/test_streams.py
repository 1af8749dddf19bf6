import asyncio
import contextlib
import os
import threading

import pytest

from butler.transports.console.streams import (
    GATHER_S,
    MAX_LINE_BYTES,
    LineReader,
    LineWriter,
    ended,
)


@pytest.fixture
def pipe():
    """A pipe as (read, write); both ends are closed at the end if they are still open."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


async def lines_of(descriptor):
    return [line async for line in LineReader(descriptor).lines()]


def feed(descriptor, *pieces):
    """Write the pieces from a thread, each with a write of its own, and close."""

    def write():
        for piece in pieces:
            os.write(descriptor, piece)
        os.close(descriptor)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([], []),
        ([b"a\n"], [b"a"]),
        ([b"a"], [b"a"]),
        ([b"a\nb"], [b"a", b"b"]),
        ([b"a\n\nb\n"], [b"a", b"", b"b"]),
        ([b"a\r\n"], [b"a\r"]),
        ([b"a", b"b", b"\nc"], [b"ab", b"c"]),
        ([b"\0\xff\n"], [b"\0\xff"]),
        ([b"x" * 65_536 + b"\n"], [b"x" * 65_536]),
        ([b"x" * MAX_LINE_BYTES + b"\n"], [b"x" * MAX_LINE_BYTES]),
        ([b"x" * MAX_LINE_BYTES], [b"x" * MAX_LINE_BYTES]),
        ([b"x" * (MAX_LINE_BYTES + 1) + b"\na\n"], [None, b"a"]),
        ([b"x" * (3 * MAX_LINE_BYTES) + b"\na\n"], [None, b"a"]),
        ([b"x" * (3 * MAX_LINE_BYTES)], [None]),
    ],
)
async def test_lines_come_out_as_they_were_put_in(pipe, pieces, lines):
    thread = feed(pipe[1], *pieces)

    assert await lines_of(pipe[0]) == lines
    thread.join()


async def test_a_line_comes_out_before_the_next_is_put_in(pipe):
    lines = LineReader(pipe[0]).lines()

    os.write(pipe[1], b"a\n")
    assert await anext(lines) == b"a"
    os.write(pipe[1], b"b\n")
    assert await anext(lines) == b"b"
    os.close(pipe[1])
    assert [line async for line in lines] == []


async def test_a_file_is_read_like_a_pipe(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"a\n" * 100_000)

    with path.open("rb") as file:
        assert len(await lines_of(file.fileno())) == 100_000


async def test_a_terminal_that_went_away_is_the_end(pipe):
    os.close(pipe[0])

    assert await lines_of(pipe[0]) == []


@pytest.mark.parametrize("taken", [[], [b"a"]])
async def test_closing_ends_the_lines_at_once(pipe, taken):
    os.write(pipe[1], b"a\nb\nc\n")
    reader = LineReader(pipe[0])
    lines = reader.lines()
    assert [await anext(lines) for _ in taken] == taken
    reader.close()

    assert [line async for line in lines] == []
    assert not reader.is_at_end
    os.close(pipe[1])
    # Its thread may not have begun to read; the next pipe may have the same descriptor.
    for thread in threading.enumerate():
        if thread.name == "stdin":
            thread.join()


async def test_no_more_is_read_than_two_chunks_ahead(pipe):
    thread = feed(pipe[1], *[b"x" * 65_535 + b"\n"] * 20)
    reader = LineReader(pipe[0])
    lines = reader.lines()

    await anext(lines)

    assert reader._chunks.qsize() <= 2
    assert len([line async for line in lines]) == 19
    thread.join()


async def test_what_is_written_arrives_in_order(pipe):
    writer = LineWriter(pipe[1])
    for number in range(1_000):
        await writer.write(b"%d\n" % number)
    await writer.end()
    os.close(pipe[1])

    assert [int(line) for line in await lines_of(pipe[0])] == list(range(1_000))


async def test_a_reader_that_stands_still_holds_up_the_writers(pipe):
    writer = LineWriter(pipe[1])

    async def write_on():
        for _ in range(100):
            await writer.write(b"x" * 65_536)

    writing = asyncio.create_task(write_on())
    done, _ = await asyncio.wait([writing], timeout=0.2)

    assert not done
    assert writer.queued_bytes < 25 * 65_536
    reading = asyncio.create_task(lines_of(pipe[0]))
    await writing
    await writer.end()
    os.close(pipe[1])
    assert await reading == [None]
    assert writer.written_bytes == 100 * 65_536


async def test_what_was_written_is_told_as_the_reader_takes_it(pipe):
    told = []
    arrived = threading.Event()

    def note(total):
        told.append(total)
        arrived.set()

    writer = LineWriter(pipe[1], note)
    await writer.write(b"x" * 200_000)
    await asyncio.to_thread(arrived.wait, 60)

    assert 0 < told[0] <= 65_536
    reading = asyncio.create_task(lines_of(pipe[0]))
    await writer.end()
    os.close(pipe[1])
    await reading
    assert told[-1] == 200_000


async def test_a_nudge_tells_again(pipe):
    told = threading.Event()
    writer = LineWriter(pipe[1], lambda _total: told.set())

    writer.nudge()

    assert await asyncio.to_thread(told.wait, 60)
    await writer.end()


async def test_where_more_waits_by_then_it_is_gathered_for_a_moment(pipe, mocker):
    sleep = mocker.patch("butler.transports.console.streams.time.sleep")
    is_first_written, may_go_on, all_written = (threading.Event() for _ in range(3))

    def stand_still(total):
        is_first_written.set()
        assert may_go_on.wait(60)
        if total == 6:
            all_written.set()

    writer = LineWriter(pipe[1], stand_still)
    await writer.write(b"1\n")
    assert await asyncio.to_thread(is_first_written.wait, 60)
    await writer.write(b"2\n")
    await writer.write(b"3\n")
    may_go_on.set()
    assert await asyncio.to_thread(all_written.wait, 60)
    await writer.end()

    assert os.read(pipe[0], 100) == b"1\n2\n3\n"
    assert sleep.mock_calls == [mocker.call(GATHER_S)]


async def test_what_is_written_to_nobody_counts_as_not_written(pipe):
    broken = asyncio.Event()
    writer = LineWriter(pipe[1], on_broken=broken.set)
    os.close(pipe[0])

    await writer.write(b"x")
    await broken.wait()

    await writer.write(b"x" * 2_000_000)
    await writer.write(b"x")
    await writer.end()
    assert writer.is_broken
    assert writer.written_bytes == 0


async def test_a_writer_that_waits_learns_that_the_reader_went_away(pipe):
    writer = LineWriter(pipe[1])
    await writer.write(b"x" * 2_000_000)
    waiting = asyncio.create_task(writer.write(b"x"))
    await asyncio.wait([waiting], timeout=0.05)

    os.close(pipe[0])

    await waiting
    assert writer.is_broken


async def test_at_the_end_of_the_input_a_slow_reader_has_its_time(pipe):
    reader, writer = LineReader(pipe[0]), LineWriter(pipe[1])
    reader.is_at_end = True
    await writer.write(b"x" * 200_000)
    ending = asyncio.create_task(ended(reader, writer))
    await asyncio.wait([ending], timeout=0.05)

    os.read(pipe[0], 1)
    assert not ending.done()
    reading = asyncio.create_task(asyncio.to_thread(read_all, pipe[0], 199_999))
    assert await ending
    await reading


async def test_asked_to_stop_a_reader_that_stands_still_is_given_up(pipe, mocker):
    mocker.patch("butler.transports.console.streams.STOP_LIMIT_S", 0.05)
    reader, writer = LineReader(pipe[0]), LineWriter(pipe[1])
    await writer.write(b"x" * 200_000)

    assert not await ended(reader, writer)
    await asyncio.to_thread(read_all, pipe[0], 200_000)


async def test_a_loop_that_is_over_is_told_nothing(pipe):
    def use():
        async def start():
            LineReader(pipe[0]).lines()
            return LineWriter(pipe[1])

        return asyncio.run(start())

    writer = await asyncio.to_thread(use)

    writer._tell(lambda: pytest.fail("nobody is there"))


def read_all(descriptor, count):
    while count > 0:
        count -= len(os.read(descriptor, 65_536))
