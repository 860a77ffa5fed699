"""Turns topics.toml and words.toml into an endless, repeatable stream of short dialogues."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GROUP = re.compile(r"\(([^()]*\|[^()]*)\)")  # innermost (a|b|) only: a bracket without a bar is plain text
NAME = re.compile(r"\{(\w+)\}")
# Keys beside a key, for slips of the finger.
_NEAR = "asq cxv dsf ewr gfh hgj iuo kjl lk mn nbm oip ret sad try uyi vcb wqe"
NEIGHBOURS = {keys[0]: keys[1:] for keys in _NEAR.split()}
SLANG = (
    ("what is", "whats"),
    ("what is", "wat is"),
    ("what is", "what's"),
    ("are you", "r u"),
    ("are you", "are u"),
    ("you", "u"),
    ("do not", "don't"),
    ("please", "plz"),
    ("how do i", "how 2"),
    ("i am", "im"),
    ("does it", "dose it"),
    ("how do i", "how can i"),
    ("how do i", "how would i"),
    ("can i", "is it possible to"),
    ("what", "wht"),
)
# Words that mean the same in these questions, words that can go, and words that can come in.
SYNONYMS = [
    group.split("/")
    for group in (
        "big/large/huge", "bigger/larger", "made/built/created/trained/programmed", "make/build/create/set up",
        "start/launch/create/set up/begin", "computer/machine/pc/laptop", "computers/machines/pcs", "chat/talk/speak",
        "messages/chats/texts/words", "explain/describe/tell me about", "use/try/run", "share/lend/offer/contribute",
        "leaves/goes away/goes offline/disappears/dies/crashes/stops", "fast/quick", "can/could/may", "i/we/one/people",
        "my/our/a", "me/us", "how do i/how can i/how could i/how would i/how does one", "what is/what's/whats",
        "does/will/would", "happens/will happen/would happen", "hold/keep/store/have", "read/see/look at", "want/need",
        "good/great/nice", "gpu/graphics card/rtx 4090/video card", "if/when", "the/this/that", "is/would be",
        "friends/colleagues/family", "know/understand", "work/function", "also/too", "program/app/software",
    )
]  # fmt: skip
OPTIONAL = frozenset("a an the is are do does of to in on it i you my me this that with for can what so please".split())
FILLERS = (
    "just exactly actually really maybe then even also simply now here please still so perhaps quickly all".split()
)


@dataclass(frozen=True)
class Message:
    """One turn: who speaks ("system", "user", "assistant") and what."""

    role: str
    content: str


@dataclass(frozen=True)
class Topic:
    """One entry of topics.toml."""

    id: str
    ask: tuple[str, ...]
    answer: tuple[str, ...]
    terms: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    weight: float = 1.0
    first_only: bool = False


@dataclass(frozen=True)
class Text:
    """Everything that the two files say. `dialogue` is the only method that training needs."""

    topics: tuple[Topic, ...]
    lists: dict[str, list[str]]
    follow_up: Topic
    avoid: frozenset[str] = field(default_factory=frozenset)  # normalised questions that must never appear

    @classmethod
    def load(cls, avoid: frozenset[str] = frozenset()) -> Text:
        topics = tomllib.loads((HERE / "topics.toml").read_text(encoding="utf-8"))
        words = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
        lists = dict(topics["lists"])
        lists |= {name: [word.replace("-", " ") for word in text.split()] for name, text in words["lists"].items()}
        lists["op"] = words["lists"]["op"].split()  # its minus sign is not a space
        made = tuple(_topic(entry) for entry in topics["topic"])
        explained = {term for topic in made for term in topic.terms}
        if clash := explained & set(lists["thing"]):
            raise ValueError(f"words.toml lists {sorted(clash)}, which topics.toml explains: remove them from one")
        return cls(made, lists, _topic({"id": "follow-up", "ask": [], "answer": [], **topics["follow_up"]}), avoid)

    def dialogue(self, rng: random.Random) -> list[Message]:
        """A conversation of one to nine questions and answers, more than half of them of just one."""
        turns = rng.choices((1, 2, 3, 4, 6, 9), (60, 20, 9, 6, 3, 2))[0]
        messages = [Message("system", rng.choice(self.lists["system"]))] if rng.random() < 0.1 else []
        last: Topic | None = None
        for _ in range(turns):
            if last is not None and rng.random() < 0.4:
                question, answer, last = self._follow_up(last, rng)
            else:
                question, answer, last = self._question(rng, first=last is None)
            messages += [Message("user", question), Message("assistant", answer)]
        return messages

    def _question(self, rng: random.Random, *, first: bool) -> tuple[str, str, Topic]:
        while True:
            topic = rng.choices(self.topics, [t.weight for t in self.topics])[0]
            if topic.first_only and not first:
                continue
            patterns = topic.ask
            if topic.terms and (not patterns or rng.random() < 0.5):
                pattern = with_term(rng.choice(self.lists["define"]), rng.choice(topic.terms))
            else:
                pattern = rng.choice(patterns)
            question = surface(self.expand(pattern, rng), self.lists, rng)
            if normalise(question) not in self.avoid:
                return question, rng.choice(topic.answer), topic

    def _follow_up(self, last: Topic, rng: random.Random) -> tuple[str, str, Topic]:
        kind = rng.choice(("more", "more", "why"))
        question = surface(self.expand("{" + kind + "}", rng), self.lists, rng, plain=True)
        own, generic = (last.more, self.follow_up.more) if kind == "more" else (last.why, self.follow_up.why)
        # Once an answer has been used up, the next follow-up gets the general one.
        rest = Topic(last.id, (), (), why=last.why if kind == "more" else (), more=last.more if kind == "why" else ())
        return question, rng.choice(own or generic), rest

    def expand(self, pattern: str, rng: random.Random) -> str:
        """One random expansion of a pattern."""

        def name(match: re.Match[str]) -> str:
            key = match[1]
            if key == "define_off":
                return with_term(rng.choice(self.lists["define"]), rng.choice(("{thing}", "{thing}", "{nonsense}")))
            if key in MADE_UP:
                return MADE_UP[key](rng)
            return rng.choice(self.lists[key])

        while True:
            before = pattern
            pattern = GROUP.sub(lambda match: rng.choice(match[1].split("|")), pattern)
            pattern = NAME.sub(name, pattern)
            if pattern == before:
                return " ".join(pattern.split())


def _topic(entry: dict[str, Any]) -> Topic:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Topic(**values)


def with_term(pattern: str, term: str) -> str:
    """Puts `term` into a pattern of the list `define`; no second s after a plural."""
    if term.endswith("s"):
        pattern = pattern.replace("{term}s", "{term}")
    return pattern.replace("{term}", term)


def normalise(question: str) -> str:
    """What two questions have in common that differ only in case, punctuation and spaces."""
    return " ".join(re.sub(r"[^\w+*/=-]", " ", question.lower()).split())


def surface(question: str, lists: dict[str, list[str]], rng: random.Random, *, plain: bool = False) -> str:
    """The many ways in which people type one and the same question: politeness, case, punctuation, slang, slips."""
    if not plain and len(question) > 6:
        if rng.random() < 0.25:
            question = rng.choice(lists["prefix"]) + question
        if rng.random() < 0.08:
            question += rng.choice(lists["suffix"])
    if rng.random() < 0.45:
        question = reword(question, rng)
    if rng.random() < 0.15:
        old, new = rng.choice(SLANG)
        question = question.replace(old, new, 1)
    for _ in range(rng.choices((0, 1, 2), (82, 14, 4))[0]):
        question = slip(question, rng)
    case = rng.random()
    if case < 0.5:
        question = question[:1].upper() + question[1:]
    elif case < 0.55:
        question = question.upper()
    if question[-1:].isalnum():
        question += rng.choices(("?", "", ".", "!", " ?", "??", "!!", "...", "?!"), (44, 38, 5, 4, 3, 2, 2, 1, 1))[0]
    return question


def reword(question: str, rng: random.Random) -> str:
    """Other words in the same sense, words left out, fillers put in: what counts are the words that carry the question.

    Without this the model learns whole sentences and falls for every new turn of phrase.
    """
    if question.count(" ") < 2:
        return question
    padded = f" {question} "
    for group in rng.sample(SYNONYMS, 12):
        old = next((word for word in group if f" {word} " in padded), None)
        if old is not None:
            padded = padded.replace(f" {old} ", f" {rng.choice(group)} ", 1)
    words = [word for word in padded.split() if word not in OPTIONAL or rng.random() > 0.12]
    for _ in range(rng.choices((0, 1, 2), (65, 28, 7))[0]):
        words.insert(rng.randint(0, len(words)), rng.choice(FILLERS))
    return " ".join(words)


def slip(question: str, rng: random.Random) -> str:
    """One typing mistake, never in the first letter and only in longer inputs."""
    if len(question) < 6:
        return question
    at = rng.randrange(1, len(question) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return question[:at] + question[at + 1 :]
    if kind == 1:
        return question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    if kind == 2:
        return question[:at] + question[at] + question[at:]
    return question[:at] + rng.choice(NEIGHBOURS.get(question[at], question[at])) + question[at + 1 :]


def nonsense(rng: random.Random) -> str:
    """A word that does not exist: the model must decline what it has never seen."""
    starts = "b bl br c ch cl d dr f fl g gl gr h j k l m n p pl pr qu r s sh sl st t th tr v w z".split()
    ends = "b ck d ff g l ll m n nd ng nk p r rd rt s sh st t th x zz".split()
    syllables = [rng.choice(starts) + rng.choice("aeiou") for _ in range(rng.choices((1, 2, 3), (3, 5, 2))[0])]
    return "".join(syllables) + rng.choice(ends)


def noise(rng: random.Random) -> str:
    """What a cat on a keyboard types."""
    return "".join(rng.choice("asdfghjklqwertzuiopyxcvbnm") for _ in range(rng.randint(3, 12)))


def number(rng: random.Random) -> str:
    return str(rng.randrange(10 ** rng.randint(1, 4)))


MADE_UP = {"nonsense": nonsense, "noise": noise, "num": number, "d": lambda rng: str(rng.randrange(10))}
