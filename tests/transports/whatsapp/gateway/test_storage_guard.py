"""What holds the library up before it confirms a message that it cannot store."""

import pytest

from butler.transports.whatsapp.gateway.storage_guard import FAILURE, StorageGuard

LINE = f"{FAILURE} ABC from 1@lid: failed to store session: disk I/O error"


class Gateway:
    """Counts how often it stalls, and how often the library is held up."""

    def __init__(self, folder):
        self.stalled_by = []
        self.held = 0
        self._guard = StorageGuard(
            folder, self.stalled_by.append, lambda: bool(self.stalled_by), self._hold
        )

    def _hold(self):
        self.held += 1

    def log(self, line):
        self._guard.on_log(line)


def test_a_message_that_cannot_be_stored_is_not_confirmed(tmp_path):
    gateway = Gateway(tmp_path / "gone")

    gateway.log(LINE)

    assert [each.rule for each in gateway.stalled_by] == ["vanished"]
    assert gateway.held == 1


def test_neither_is_one_that_fails_while_the_gateway_is_about_to_end(tmp_path):
    gateway = Gateway(tmp_path / "gone")
    gateway.log(LINE)
    (tmp_path / "gone").mkdir()

    gateway.log(LINE)

    assert len(gateway.stalled_by) == 1
    assert gateway.held == 2


@pytest.mark.parametrize(
    ("folder", "line"),
    [(".", LINE), ("gone", "Failed to get prekey for retry receipt: disk I/O error")],
)
def test_the_library_goes_on_where_the_sender_is_at_fault_or_nothing_is_confirmed(
    tmp_path, folder, line
):
    gateway = Gateway(tmp_path / folder)

    gateway.log(line)

    assert gateway.stalled_by == []
    assert gateway.held == 0
