from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.system.values.names import NAME_MAX_BYTES, check_below, check_name, check_path, check_text


@pytest.mark.parametrize("text", ["", "a b", "ä日本\n\x07\u2028", "\0", "/a/../b", "😀"])
def test_whole_characters_are_text(text: str) -> None:
    assert check_text(text) == text


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udce4.mp4"])
def test_half_a_character_is_no_text(text: str) -> None:
    for check in (check_text, check_path, check_name, check_below):
        with pytest.raises(ValueError, match="half a character"):
            check(text)


@pytest.mark.parametrize("text", ["a", "a.mp4", ".a", "...", "line\nbreak", "-rf", "~", "a" * NAME_MAX_BYTES])
def test_names(text: str) -> None:
    assert check_name(text) == text
    assert check_below(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' cannot be the id of a plan: it is empty"),
        (".", "it leads to another folder"),
        ("..", "it leads to another folder"),
        ("a/b", "it leads to another folder"),
        ("/a", "it leads to another folder"),
        ("a/", "it leads to another folder"),
        ("a\0", r"'a\\x00' cannot be the id of a plan: it contains a NUL character"),
        ("a" * 256, "it is longer than 255 bytes"),
        ("ä" * 128, "it is longer than 255 bytes"),
    ],
)
def test_what_is_no_name(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        check_name(text, "the id of a plan")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("text", "given_back"), [("a/b.mp4", "a/b.mp4"), ("./a//b/./c", "a/b/c"), ("a/...", "a/...")])
def test_paths_below_a_folder(text: str, given_back: str) -> None:
    assert check_below(text) == given_back


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (".", "it is empty"),
        ("/a", "it begins with /"),
        ("//a", "it begins with /"),
        ("..", "leads out"),
        ("a/../b", "leads out"),
        ("a/\0", "NUL"),
        ("a/.dlcctr-attempt-x/b", "are dlcctr's own"),
    ],
)
def test_what_is_no_path_below_a_folder(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_below(text)


@given(st.text(st.characters() | st.sampled_from("/.\0")))
def test_what_is_taken_stays_below_and_can_be_written(text: str) -> None:
    try:
        path = check_below(text)
    except ValueError:
        return
    assert ".." not in PurePosixPath(path).parts
    assert PurePosixPath("/root", path).is_relative_to("/root")
    assert check_below(path) == path
    path.encode("utf-8")
