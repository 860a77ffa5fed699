"""What all tests share: the option --full, an isolated home, tiny checkpoints, and real processes that are watched."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything imports torch, and inherited by every process that a test starts: two cores are shared by all.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import hypothesis
import real_processes
import tiny_models
import torch

torch.set_num_threads(1)

if "CI" not in os.environ:  # hypothesis has a profile of its own for CI
    # A machine that is busy for a moment is no finding, so no example has a deadline.
    hypothesis.settings.register_profile("meadow", deadline=None, print_blob=True)
    hypothesis.settings.load_profile("meadow")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also the full counts; whatever cannot run here is a failure")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With --full, say what did not run: a count that was not made must not look like one that was."""
    if config.getoption("--full"):
        for report in terminalreporter.stats.get("skipped", []):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            terminalreporter.write_line(f"NOT RUN: {report.nodeid}: {reason}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--full") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _isolated_folders() -> Iterator[None]:
    """The state of the person who runs the tests is neither read nor written."""
    with tempfile.TemporaryDirectory(prefix="meadow-home-") as root:
        names = {
            "XDG_DATA_HOME": "data",
            "XDG_CACHE_HOME": "cache",
            "XDG_STATE_HOME": "state",
            "XDG_CONFIG_HOME": "conf",
        }
        before = {name: os.environ.get(name) for name in names}
        os.environ.update({name: f"{root}/{folder}" for name, folder in names.items()})
        yield
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty --home with a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="m"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def tiny_chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of four blocks with random weights, a tokenizer and a chat template; float32."""
    return tiny_models.save_chat_model(tmp_path_factory.mktemp("model") / "tiny-chat")


@pytest.fixture(scope="session")
def endless_chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, but its answers only end when they are stopped."""
    return tiny_models.save_chat_model(tmp_path_factory.mktemp("model") / "endless-chat", endless=True)


@pytest.fixture
def processes(home: Path) -> Iterator[real_processes.Processes]:
    """Starts ``meadow`` commands with ``home``. At the end of the test nothing of them may be left."""
    running = real_processes.Processes(home)
    yield running
    running.end()
    running.assert_nothing_left()
