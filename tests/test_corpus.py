import gzip
import json
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.corpus import builtin, overlap, sources
from eiwref.errors import CorpusError, EiwrefError


def as_c4(path, texts):
    with gzip.open(path, "wt") as lines:
        for text in texts:
            lines.write(
                json.dumps({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": "http://a.b"}) + "\n"
            )


def test_the_builtin_text_is_split_by_topic():
    train, held_out = builtin.documents("train"), builtin.documents("held-out")
    size = sum(map(len, train)) + sum(map(len, held_out))
    assert 400_000 < size < 700_000
    assert 0.15 < sum(map(len, held_out)) / size < 0.25
    assert builtin.documents("train") == train


def test_no_paragraph_of_the_held_out_text_is_trained_on():
    held_out = {part for text in builtin.documents("held-out") for part in text.split(b"\n\n")}
    assert not held_out & {part for text in builtin.documents("train") for part in text.split(b"\n\n")}


def test_the_split_does_not_depend_on_other_topics(monkeypatch):
    """Newer versions of Python have more topics; those of today stay where they are."""
    from pydoc_data import topics

    held_out = builtin.documents("held-out")
    monkeypatch.setattr(topics, "topics", topics.topics | {f"new{i}": f"text {i}" for i in range(50)})
    assert set(held_out) <= set(builtin.documents("held-out"))


def test_unknown_splits_are_refused():
    with pytest.raises(CorpusError, match="expected one of train, held-out"):
        list(sources.documents("builtin:test"))


def test_files_and_folders(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_bytes(b"two \xff")
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / ".hidden").write_bytes(b"no")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_bytes(b"no")
    as_c4(tmp_path / "c.json.gz", ["three", "four\nlines"])
    assert list(sources.documents(tmp_path)) == [b"one", b"three", b"four\nlines", b"two \xff"]
    assert list(sources.documents(str(tmp_path / "a.txt"))) == [b"one"]


def test_c4_is_streamed_and_never_read_whole(tmp_path):
    """The first document comes out although the stream breaks off long after it."""
    path = tmp_path / "c4.json.gz"
    rng = random.Random(0)
    as_c4(path, (rng.randbytes(500).hex() for _ in range(2000)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    stream = sources.documents(path)
    assert len(next(stream)) == 1000
    with pytest.raises(CorpusError, match=r"cut off after line \d+"):
        list(stream)


@pytest.mark.parametrize(
    "line",
    ["{", '{"url": "x"}', '{"text": 5}', "[1]", '"text"', "[" * 100_000, '{"text": "\\ud800"}'],
    ids=range(7),
)
def test_malformed_lines_are_named(tmp_path, line):
    path = tmp_path / "bad.json.gz"
    path.write_bytes(gzip.compress(b'{"text": "fine"}\n' + line.encode() + b"\n"))
    with pytest.raises(CorpusError, match=r"bad.json.gz: line 2 (is not|holds half a surrogate pair)"):
        list(sources.documents(path))


def test_missing_and_empty_sources_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.json.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "not.json.gz").write_bytes(b"plain text")
    for name in ("nowhere", "empty", "none.json.gz", "not.json.gz"):
        with pytest.raises(EiwrefError, match=name):
            list(sources.documents(tmp_path / name))


def test_what_cannot_be_read_is_refused_and_not_left_out(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one")
    os.symlink(tmp_path / "a.txt", tmp_path / "b.txt")
    assert list(sources.documents(tmp_path)) == [b"one", b"one"]
    os.symlink(tmp_path, tmp_path / "loop")
    with pytest.raises(CorpusError, match="loop: is a link to a folder, name that folder itself"):
        list(sources.documents(tmp_path))
    (tmp_path / "loop").unlink()
    os.symlink(tmp_path / "gone", tmp_path / "broken")
    with pytest.raises(CorpusError, match="broken: is no file that can be read"):
        list(sources.documents(tmp_path))


def test_a_runs_folder_is_no_text(tmp_path):
    for name in ("log.jsonl", "config.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(CorpusError, match="is the folder of a training run, where text is expected"):
        list(sources.documents(tmp_path))


def test_what_a_source_reads(tmp_path):
    (tmp_path / "d").mkdir()
    for name in ("d/a", "b", "c.json.gz"):
        (tmp_path / name).write_bytes(b"x")
    os.symlink(tmp_path / "b", tmp_path / "link")

    def reads(source, path):
        return sources.reads(source if ":" in source[:9] else str(tmp_path / source), str(tmp_path / path))

    assert reads("d", "d/a")
    assert reads("b", "b")
    assert reads("b", "link")
    assert reads("c.json.gz@0:1", "c.json.gz")
    assert not reads("d", "b")
    assert not reads("d", "d/new")
    assert not reads("b", "d/a")
    assert not reads("builtin:train", "b")


def test_a_text_has_a_name():
    with pytest.raises(CorpusError, match="a text without a name"):
        list(sources.documents(""))


def test_files_come_before_folders(tmp_path):
    for name in ("b", "a/x", "c/y", "a/b/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert list(sources.documents(tmp_path)) == [b"b", b"a/x", b"a/b/z", b"c/y"]


def test_a_tally_tells_documents_apart():
    def digest(texts):
        tally = sources.Tally()
        assert list(tally.count(texts)) == texts
        return tally.as_dict()

    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
    assert digest([b"ab", b"c"])["bytes"] == 3


def test_a_part_of_a_file_is_named_by_its_documents(tmp_path):
    path = tmp_path / "c.json.gz"
    as_c4(path, ["one", "two", "three"])

    def part(ends):
        return list(sources.documents(f"{path}@{ends}"))

    assert part("0:2") + part("2:") == part(":") == list(sources.documents(path))
    assert part(":1") == [b"one"]
    for ends, found in (
        ("1:1", "of 1:1 the end must be above the beginning"),
        ("0:4", "has 3 documents, too few for 0:4"),
        ("3:", "too few for 3:$"),
    ):
        with pytest.raises(CorpusError, match=found):
            part(ends)


def covered(text, others, length):
    """Bytes of stretches that stand in one of the others, counted one by one."""
    inside = set()
    for at in range(len(text) - length + 1):
        if any(text[at : at + length] in other for other in others):
            inside |= set(range(at, at + length))
    return len(inside)


SOME = st.lists(st.text("ab", max_size=30).map(str.encode), max_size=4)


@given(SOME, SOME, st.integers(1, 9))
def test_what_texts_share_is_what_one_finds_by_looking(texts, others, length):
    expected = [covered(text, others, length) for text in texts]
    assert overlap.shared_bytes(texts, iter(others), length) == expected


def test_real_texts_share_what_was_put_into_them():
    first, second, third, *_ = builtin.documents("held-out")
    mixed = second[:500] + first[100:300] + second[500:]
    assert overlap.shared_bytes([first, b"", third], [mixed]) == [200, 0, 0]
    assert overlap.shared_bytes([bytes(range(256)) * 3], [bytes(range(1, 256)) * 3]) == [3 * 255]
    with pytest.raises(CorpusError, match="stretches of 0 bytes"):
        overlap.shared_bytes([first], [second], 0)
