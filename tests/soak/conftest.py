"""What needs real minutes: collected only where it is asked for, as in ``pytest tests/soak``."""


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes minutes by its nature")


def pytest_ignore_collect(collection_path, config):
    """Ignore these files unless the command line names their folder."""
    return None if any("soak" in argument for argument in config.args) else True
