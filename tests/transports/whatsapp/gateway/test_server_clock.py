"""WhatsApp's clock, as the times of messages tell it."""

import pytest

from butler.transports.whatsapp.gateway.server_clock import ServerClock

SERVER = 1_790_000_000.0


class Machine:
    """A machine whose clock is wrong by some seconds, and the messages that reach it."""

    def __init__(self):
        self.steady_s = 1_000.0
        self.ahead_s = 0.0
        self.reports = []
        self.clock = ServerClock(
            self.reports.append, lambda: self.server + self.ahead_s, lambda: self.steady_s
        )

    @property
    def server(self):
        return SERVER + self.steady_s

    def receive(self, count=1, *, delay_s=0.5):
        for _ in range(count):
            self.steady_s += 10
            self.clock.note(self.server - delay_s)


@pytest.fixture
def machine():
    return Machine()


def test_two_messages_do_not_tell_the_time(machine):
    machine.ahead_s = 86_400.0
    machine.receive(2)

    assert machine.reports == []


@pytest.mark.parametrize("ahead_s", [86_400.0, -1_700_000_000.0])
def test_a_clock_that_is_wrong_is_reported_and_said_once(machine, ahead_s, caplog):
    machine.ahead_s = ahead_s
    machine.receive(9)

    assert machine.reports == [ahead_s + 0.5]
    assert len(caplog.messages) == 1
    assert ("ahead of" if ahead_s > 0 else "behind") in caplog.text


def test_a_clock_that_jumps_is_known_to_be_wrong_at_the_next_message(machine, caplog):
    machine.receive(3)
    machine.ahead_s = 40 * 86_400.0
    machine.receive()
    machine.ahead_s = 0.0
    machine.receive()

    assert machine.reports == [0.5, 40 * 86_400.0 + 0.5, 0.5]
    assert caplog.messages[-1] == "this machine's clock agrees with WhatsApp's again"


def test_a_message_that_was_delayed_tells_nothing(machine):
    machine.receive(3)
    machine.receive(3, delay_s=7_200)

    assert machine.reports == [0.5]
