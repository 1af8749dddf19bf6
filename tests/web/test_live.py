"""What is going on, kept up to date."""

import asyncio

from butler.web.live import LOOK_EVERY_S


async def test_a_journal_that_takes_long_to_read_is_looked_at_less_often(panel, mocker):
    mocker.patch("butler.web.live.time.thread_time", side_effect=[0.0, 0.001, 0.0, 0.2])
    sleep = mocker.patch(
        "butler.web.live.asyncio.sleep", side_effect=[None, asyncio.CancelledError]
    )

    await panel.live._look()
    await asyncio.gather(panel.live._look_forever(), return_exceptions=True)

    assert [each.args for each in sleep.call_args_list] == [(LOOK_EVERY_S,), (4.0,)]
