"""The registry, and the values of settings: what is accepted, and what a person is told about the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.node.settings import REGISTRY, Settings, SettingsError
from meadow.node.settings.upgrades import upgrade

PEER = "/ip4/203.0.113.7/tcp/4001/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"

ROOT = Path(__file__).resolve().parents[2]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_every_default_is_allowed_and_every_description_is_a_sentence() -> None:
    for key, setting in REGISTRY.items():
        assert key == setting.key
        assert setting.accept(setting.default) == setting.default
        assert setting.description.endswith((".", "too."))
        assert (setting.unset is not None) == (setting.default is None), key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node.port", 8080),
        ("initial_peers", [PEER]),
        ("initial_peers", []),
        ("host_maddrs", ["/ip4/0.0.0.0/tcp/31337", "/ip6/::/tcp/0"]),
        ("share.model", "owner/name"),
        ("share.model", None),
        ("share.limit_fraction", 1),
        ("share.dtype", "bfloat16"),
        ("chat.temperature", 0),
        ("metrics.enabled", True),
    ],
)
def test_values_that_fit(key: str, value: Any) -> None:
    settings = Settings().with_(key, value)
    assert settings.to_json()[key] == value
    assert Settings()[key] == REGISTRY[key].default, "the first one is unchanged"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("node.port", 70000, "node.port is 70000, but it must be a whole number between 0 and 65535."),
        ("node.port", "8080", 'node.port is "8080", but it must be a whole number between 0 and 65535.'),
        ("node.port", True, "node.port is true, but"),
        ("node.port", 80.0, "node.port is 80.0, but"),
        ("metrics.enabled", 1, "metrics.enabled is 1, but it must be true or false."),
        ("share.limit_fraction", float("nan"), "share.limit_fraction is nan, but it must be a number between"),
        ("share.limit_fraction", 10**400, "share.limit_fraction is 1000"),
        ("share.dtype", "int8", "but it must be one of float32, bfloat16, float16, or null."),
        ("share.kv_tokens", 0, "between 1 and 1099511627776 (tokens), or null."),
        ("share.model", "a\n", 'share.model is "a\\n", but'),
        ("share.model", "", 'share.model is "", but'),
        ("share.model", "a\nb", 'share.model is "a\\nb", but'),
        ("share.model", "\ud800", "share.model is "),
        ("initial_peers", "/ip4/203.0.113.7/tcp/4001", "a list of texts that are addresses such as /ip4/"),
        ("initial_peers", ["/ip4/203.0.113.7/tcp/4001"], "12D3Koo"),
        ("initial_peers", [PEER.replace("4001", "0")], "12D3Koo"),
        ("initial_peers", [PEER] * 101, "12D3Koo"),
        ("host_maddrs", [PEER], "addresses to listen on"),
        ("host_maddrs", ["/dns/example.org/tcp/1"], "addresses to listen on"),
        ("share.modle", "m", 'There is no setting "share.modle". Did you mean "share.model"?'),
        ("share", {}, 'There is no setting "share". Write the whole name, for example "share.model".'),
        ("\x1b[31m", 1, 'There is no setting "\\x1b[31m".'),
    ],
)
def test_values_that_do_not(key: str, value: Any, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings().with_(key, value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400
    assert [problem.key for problem in caught.value.problems] == [key]


def test_all_changes_or_none_and_every_mistake_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings().with_changes({"node.port": -1, "metrics.enabled": True, "api.concurrency": 0})
    assert [problem.key for problem in caught.value.problems] == ["node.port", "api.concurrency"]


def test_the_schema_allows_what_the_check_does() -> None:
    for key, good in [
        ("initial_peers", PEER),
        ("host_maddrs", "/ip4/0.0.0.0/tcp/31337"),
        ("host_maddrs", "/ip6/::/tcp/0"),
    ]:
        assert REGISTRY[key].accept([good]) == (good,)
        assert re.search(REGISTRY[key].schema["items"]["pattern"], good)


def test_null_takes_the_default_again() -> None:
    settings = Settings({"node.port": 1, "share.model": "m"})
    assert settings.with_changes({"node.port": None, "share.model": None}) == Settings()


def test_a_value_that_equals_the_default_is_not_kept() -> None:
    assert not Settings({"node.port": 0, "host_maddrs": ["/ip4/127.0.0.1/tcp/0"]}).chosen


def test_a_key_that_does_not_exist_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        Settings()["no.such"]


@given(st.sampled_from(sorted(REGISTRY)), JSON)
def test_any_json_value_is_kept_as_it_is_or_refused_by_name(key: str, value: Any) -> None:
    try:
        settings = Settings().with_(key, value)
    except SettingsError as error:
        assert error.problems[0].key == key
        str(error).encode()
    else:
        kept = json.loads(json.dumps(settings.to_json()[key], ensure_ascii=False).encode())
        assert kept == (value if value is not None else Settings().to_json()[key])


def test_upgrades_go_step_by_step() -> None:
    steps = [
        lambda old: {**old, "a": 1},
        lambda old: {"b": old["a"] + 1, **{key: value for key, value in old.items() if key != "a"}},
    ]
    assert upgrade({"x": 0}, 0, steps) == {"x": 0, "b": 2}
    assert upgrade({"a": 5}, 1, steps) == {"b": 6}
    assert upgrade({"b": 7}, 2, steps) == {"b": 7}


def test_the_page_about_settings_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import settings_page

    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page.render()
