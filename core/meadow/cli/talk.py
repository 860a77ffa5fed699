"""Talking to a model in a terminal: one answer, or a chat. Shared by ``chat`` and ``demo``."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from types import FrameType

from meadow.chat.turn import Answer, Sampling, Turns
from meadow.cli.output import Output, plain
from meadow.errors import MeadowError
from meadow.node.names import friendly_name

HELP = """\
Type a message and press Enter. While an answer comes, Esc or Ctrl+C stops it.
  /route   who computed the last answer
  /clear   begin a new conversation
  /help    this
  /quit    leave (Ctrl+D does the same)"""


def sampling_of(options: argparse.Namespace) -> Sampling:
    """The sampling flags."""
    return Sampling(
        max_new_tokens=options.max_new_tokens,
        greedy=options.greedy,
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        seed=options.seed,
    )


def quiet_libraries() -> None:
    """Progress bars and warnings of libraries do not belong on a person's screen."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def answer_once(
    conversation: Turns, prompt: str, sampling: Sampling, output: Output, *, route_is_result: bool = False
) -> Answer:
    """Stream one answer, then say how it came about: beside the result, or as part of it (the demo shows just that)."""

    def show(token: int, text: str) -> None:
        output.event("token", token_id=token, text=text)
        output.stream(plain(text))

    with stoppable() as stop:
        try:
            answer = conversation.answer(prompt, sampling, on_token=show, stop=stop)
        except BaseException:
            output.result()  # what was streamed stays, on a line of its own
            raise
    output.result()
    (output.result if route_is_result else output.note)(describe(answer))
    output.event(
        "done",
        text=answer.text,
        token_ids=answer.token_ids,
        tokens_per_second=answer.tokens_per_second,
        first_token_seconds=answer.first_token_seconds,
        stopped=answer.stopped,
        route=[asdict(hop) for hop in answer.route],
    )
    return answer


def describe(answer: Answer) -> str:
    """One quiet line under an answer."""
    hops = ", then ".join(f"blocks {hop.start}:{hop.end} on {friendly_name(hop.peer_id)}" for hop in answer.route)
    stopped = "stopped, " if answer.stopped else ""
    over = f" over {len(answer.route)} server{'s' if len(answer.route) != 1 else ''}: {hops}" if answer.route else ""
    return f"[{stopped}{len(answer.token_ids)} tokens, {answer.tokens_per_second:.1f} tokens/s{over}]"


def chat(conversation: Turns, sampling: Sampling, output: Output, check: Callable[[], None] = lambda: None) -> None:
    """Read, answer, repeat, until Ctrl+D or /quit. ``check`` raises MeadowError when nothing is left to talk to."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives input() editing and history)
    output.note("Type /help for what you can do, /quit to leave.")
    while True:
        try:
            text = input("\n> ").strip()
        except EOFError:
            output.result()
            return
        check()
        if text == "/quit":
            return
        if text == "/help":
            output.note(HELP)
        elif text == "/clear":
            conversation.clear()
            output.note("A new conversation.")
        elif text == "/route":
            route = conversation.route()
            if not route:
                output.note("Not known yet: it comes with the first answer that is complete.")
            for hop in route:
                output.note(f"blocks {hop.start}:{hop.end} on {friendly_name(hop.peer_id)} ({hop.peer_id})")
        elif text.startswith("/"):
            output.note(f"There is no command {plain(text)}. /help names them.")
        elif text:
            try:
                answer_once(conversation, text, sampling, output)
            except MeadowError as error:
                check()
                output.error(error.code, str(error))


@contextlib.contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl+C or, in a terminal, Esc sets. A second Ctrl+C interrupts as usual."""
    stop = threading.Event()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        with _escape_key(stop):
            yield stop
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def _escape_key(stop: threading.Event) -> Iterator[None]:
    """Watch the terminal for Esc alone (arrow keys begin with it, too)."""
    try:
        import termios
        import tty
    except ImportError:
        yield
        return
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    wake_read, wake_write = os.pipe()

    def watch() -> None:
        while wake_read not in (ready := select.select([terminal, wake_read], [], [])[0]):
            if terminal in ready and os.read(terminal, 64) in (b"\x1b", b""):
                stop.set()
                return

    watcher = threading.Thread(target=watch, name="escape-key", daemon=True)
    tty.setcbreak(terminal)
    watcher.start()
    try:
        yield
    finally:
        os.write(wake_write, b"x")
        watcher.join()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(wake_read)
        os.close(wake_write)
