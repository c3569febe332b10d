"""The commands as a user types them: what they print, what they write, how they refuse."""

import json
import os
import random
import stat
import subprocess
import sys

import pytest

import eiwref
from eiwref.cli import main
from eiwref.corpus import builtin
from eiwref.tokenizers import all_specs

TEXT = b"".join(builtin.documents("held-out"))[:2000]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(TEXT)
    return tmp_path


def run(capsys, *arguments):
    """(exit code, stdout, stderr)"""
    try:
        code = main(list(arguments))
    except SystemExit as stop:  # argparse
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys, *arguments):
    """The one sentence of a refusal."""
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("eiwref")
    return sentence


def test_windows_shows_text_bits_and_tokens(here, capsys):
    code, out, _ = run(capsys, "windows", "the windows of a text")
    assert code == 0
    first = out.splitlines()[0]
    assert first.replace("|", "") == "the windows of a text"
    assert f"EqualInfoAC[b=16, v=65k]: 21 bytes, {first.count('|') + 1} windows" in out
    code, out, _ = run(capsys, "windows", "--file", "text", "--tokenizer", "EqualInfoAC[b=24, v=65k]", "--json")
    shown = json.loads(out)
    windows = shown["windows"]
    assert shown["bytes"] == len(TEXT) == windows[-1]["end"]
    ids = eiwref.tokenizer("EqualInfoAC[b=24, v=65k]").encode(TEXT).tolist()
    assert [token["id"] for token in windows[0]["tokens"]] == ids[:2]
    assert [token["id"] for token in windows[1]["tokens"]] == ids[1:3]  # they share the middle one
    assert all(len(window["bits"]) == 24 for window in windows)


def test_windows_says_where_greedy_goes_wrong(here, capsys):
    _, out, _ = run(capsys, "windows", "--file", "text", "--tokenizer", "EqualInfoAC[b=16, v=256, windows=greedy]")
    assert "DECODES TO" in out


def test_windows_of_nothing_and_of_anything(here, capsys):
    (here / "odd").write_bytes(b"\xff\x00\x1b[31m\n")
    assert run(capsys, "windows", "")[0] == 0
    code, out, _ = run(capsys, "windows", "--file", "odd")
    assert code == 0
    assert "\x1b" not in out  # a file must not steer the terminal
    assert r"\xff" in out


@pytest.mark.parametrize("spec", ["EqualInfoAC[b=16, v=65k]", "AC[v=256]", "GZip[v=65k]", "Bytes"])
def test_encode_and_decode(here, capsys, spec):
    assert run(capsys, "encode", "text", "-o", "t.eiw", "--tokenizer", spec)[0] == 0
    code, out, _ = run(capsys, "decode", "t.eiw", "-o", "back", "--json")
    assert code == 0
    assert json.loads(out)["tokenizer"] == spec
    assert (here / "back").read_bytes() == TEXT


def test_verify_prints_what_it_measured(here, capsys):
    (here / "empty").write_bytes(b"")
    code, out, _ = run(capsys, "verify", "text", "empty", "--limit", "500", "--json")
    assert code == 0
    shown = json.loads(out)
    rows = shown["rows"]
    assert shown["limit"] == 500
    assert [row["tokenizer"] for row in rows] == all_specs() * 2
    assert [row["file"] for row in rows] == ["text"] * len(all_specs()) + ["empty"] * len(all_specs())
    keys = {"tokens", "claims_lossless", "lossless", "windows", "failed_windows", "mb_per_s"}
    assert all(keys <= set(row) for row in rows)
    assert {row["bytes"] for row in rows} == {500, 0}
    code, out, _ = run(capsys, "verify", "text", "--tokenizer", "Bytes", "--tokenizer", "AC[v=65k]")
    assert code == 0
    assert "2 round trips, 0 broken promises" in out


def test_verify_exits_with_1_if_a_promise_is_broken(here, capsys, monkeypatch):
    from eiwref.tokenizers.plain import Bytes

    monkeypatch.setattr(Bytes, "decompress", lambda self, data, max_bytes=None: data[:-1])
    code, out, _ = run(capsys, "verify", "text", "--tokenizer", "Bytes")
    assert code == 1
    assert "NOT lossless" in out
    assert "1 broken promise" in out


def test_overlap_counts_what_stands_in_both(here, capsys):
    text = bytes(range(200))
    (here / "a").write_bytes(text + text[:50])
    (here / "b").write_bytes(b"x" + text[20:120])
    code, out, err = run(capsys, "overlap", "a", "b", "--others", "b", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert [found[name] for name in ("length", "documents", "bytes", "shared_bytes")] == [64, 2, 351, 201]
    assert (found["documents_with_a_shared_stretch"], found["documents_shared_by_half"]) == (2, 1)
    assert [text["name"] for text in found["others"]] == ["b"]
    code, out, _ = run(capsys, "overlap", "a", "--others", "b", "--length", "101")
    assert (code, out) == (
        0,
        "0 of 1 documents share 101 bytes or more with the others, 0 half of themselves or more; 0 of 250 bytes\n",
    )
    assert "missing: cannot be read" in refused(capsys, "overlap", "a", "--others", "missing")
    assert "positive integer" in refused(capsys, "overlap", "a", "--others", "b", "--length", "0")


def test_fit_and_use(here, capsys):
    code, out, _ = run(capsys, "fit", "ngram", "text", "builtin:train", "-o", "own", "--order", "2", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["texts"][0]["bytes"] == len(TEXT)
    assert report["file_bytes"] == (here / "own").stat().st_size
    assert run(capsys, "fit", "unigram", "text", "-o", "uni")[0] == 0
    for predictor in ("own", "uni"):
        assert run(capsys, "verify", "text", "--limit", "300", "--predictor", predictor)[0] == 0
    assert run(capsys, "encode", "text", "-o", "t.eiw", "--predictor", "own")[0] == 0
    assert "made with predictor" in refused(capsys, "decode", "t.eiw", "-o", "back")
    assert not (here / "back").exists()
    assert run(capsys, "decode", "t.eiw", "-o", "back", "--predictor", "own")[0] == 0


def test_bad_input_gets_one_sentence(here, capsys):
    os.mkdir("folder")
    run(capsys, "encode", "text", "-o", "t.eiw")
    packed = (here / "t.eiw").read_bytes()
    (here / "cut.eiw").write_bytes(packed[:-9])
    (here / "long.eiw").write_bytes(packed + b"\0")
    (here / "flip.eiw").write_bytes(packed[:200] + bytes([packed[200] ^ 1]) + packed[201:])
    for name in ("cut", "long", "flip"):
        assert f"{name}.eiw: at byte" in refused(capsys, "decode", f"{name}.eiw", "-o", "back")
    assert "folder: is a folder" in refused(capsys, "encode", "folder", "-o", "t2.eiw")
    assert "folder: is a folder" in refused(capsys, "encode", "text", "-o", "folder")
    assert "folder: is a folder" in refused(capsys, "verify", "folder")
    assert "folder: the folder holds no files" in refused(capsys, "fit", "ngram", "folder", "-o", "f")
    assert "none: cannot be read" in refused(capsys, "verify", "none")
    assert "'b=17' is not allowed" in refused(capsys, "windows", "x", "--tokenizer", "EqualInfoAC[b=17, v=256]")
    assert "'b=8' is not allowed" in refused(capsys, "verify", "text", "--tokenizer", "EqualInfoAC[b=8, v=65k]")
    assert "has no windows" in refused(capsys, "windows", "x", "--tokenizer", "AC[v=256]")
    assert "either a TEXT or --file" in refused(capsys, "windows")
    assert "order is 9" in refused(capsys, "fit", "ngram", "text", "-o", "f", "--order", "9")
    assert "precision" in refused(capsys, "fit", "unigram", "text", "-o", "f", "--precision", "5")
    assert "--order is not for unigram" in refused(capsys, "fit", "unigram", "text", "-o", "f", "--order", "3")
    assert "positive integer" in refused(capsys, "verify", "text", "--limit", "0")
    assert "not an eiwref predictor file" in refused(capsys, "windows", "x", "--predictor", "text")
    run(capsys, "fit", "unigram", "text", "-o", "p24", "--precision", "24")
    assert "precision at most 16, found 24" in refused(capsys, "verify", "text", "--predictor", "p24")
    assert "text: is not a folder" in refused(capsys, "demo", "--out", "text")
    assert "precision at most 16, found 24" in refused(capsys, "demo", "--predictor", "p24", "--out", "d")
    assert "integer from 0 on" in refused(capsys, "demo", "--seed", "-1")
    assert "cannot be read" in refused(capsys, "windows", "--file", "")
    assert "cannot be read" in refused(capsys, "windows", "x", "--predictor", "")
    (here / "empty").write_bytes(b"")
    for kind in ("unigram", "ngram"):
        assert "no text to count" in refused(capsys, "fit", kind, "empty", "-o", "f")
    assert "a name: cannot be read" in refused(capsys, "verify", "a\nname")
    assert "required" in refused(capsys, "encode", "text")
    assert "cannot be written" in refused(capsys, "encode", "text", "-o", "no/such/folder/t.eiw")
    assert "back" not in os.listdir()
    assert not [name for name in os.listdir() if name.startswith(".")]  # nothing half-written


@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict"])
def test_any_terminal_shows_any_text(here, encoding):
    (here / "odd").write_bytes("héllo – 世界 \xff".encode() + b"\xff")
    for more in ([], ["--json"]):
        command = [sys.executable, "-m", "eiwref", "windows", "--file", "odd", *more]
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
        if more:
            assert json.loads(done.stdout)["bytes"] == 21


def test_closed_and_full_outputs(here):
    command = f"{sys.executable} -m eiwref encode text -o t.eiw"
    done = subprocess.run(command + " >&-", shell=True, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    if os.path.exists("/dev/full"):
        done = subprocess.run(command + " > /dev/full", shell=True, capture_output=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr.startswith(b"eiwref: the system refused")
        assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_refused(here, capsys):
    os.mkdir("locked", mode=stat.S_IRUSR | stat.S_IXUSR)
    assert "locked: cannot be written to" in refused(capsys, "demo", "--out", "locked")


def test_a_backend_that_is_not_there(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    for command in (["fit", "unigram", "text", "-o", "f"], ["demo"]):
        assert "'cupy' is not installed" in refused(capsys, *command, "--backend", "cupy")


def test_a_reader_that_stops_reading_is_no_error(here):
    command = f"{sys.executable} -m eiwref windows --file text | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == b""


def test_colour_is_for_terminals(here):
    """Under a pseudo-terminal the windows are coloured, unless NO_COLOR asks for none."""
    pty = pytest.importorskip("pty")
    for no_colour, expected in (("", True), ("1", False)):
        parent, child = pty.openpty()
        environment = os.environ | {"NO_COLOR": no_colour}
        command = [sys.executable, "-m", "eiwref", "windows", "colour me"]
        subprocess.run(command, stdout=child, env=environment, timeout=60, check=True)
        os.close(child)
        assert (b"\x1b[30;46m" in os.read(parent, 10_000)) == expected
        os.close(parent)


@pytest.mark.slow
@pytest.mark.parametrize("spec", all_specs())
@pytest.mark.parametrize("name", ["same", "random"])
def test_a_megabyte_of_one_byte_and_of_random_bytes(here, capsys, spec, name):
    """Windows as long and as short as they get; run with --durations=0 to see the seconds of each."""
    data = b"a" * 1_000_000 if name == "same" else random.Random(0).randbytes(1_000_000)
    (here / name).write_bytes(data)
    assert run(capsys, "verify", name, "--tokenizer", spec)[0] == 0


def test_what_is_read_is_not_written_over(here, capsys):
    before = (here / "text").read_bytes()
    for command in (
        ["fit", "ngram", "text"],
        ["train", "m1", "text"],
        ["train", "m1", "builtin:held-out", "--held-out", "text"],
        ["quantise", "m1", "text"],
    ):
        sentence = "text: is to be read, name another file to write to"
        assert sentence in refused(capsys, *command, "-o", "text"), command
    assert (here / "text").read_bytes() == before


def test_a_pipe_gets_the_file_alone(here):
    command = [sys.executable, "-m", "eiwref"]
    (here / "short").write_bytes(b"a few words")
    done = subprocess.run([*command, "encode", "short", "-o", "/dev/stdout"], capture_output=True, check=True)
    (here / "packed").write_bytes(done.stdout)
    done = subprocess.run([*command, "decode", "packed", "-o", "/dev/stdout"], capture_output=True, check=True)
    assert done.stdout == b"a few words"
    assert b"11 bytes from" in done.stderr


def test_counts_have_an_end(here, capsys):
    assert "positive integer below 2^63" in refused(capsys, "verify", "text", "--limit", str(1 << 63))
    assert run(capsys, "verify", "text", "--limit", str((1 << 63) - 1), "--tokenizer", "Bytes")[0] == 0


def test_windows_by_table_are_the_schemes(here, capsys):
    """Of the M1 that travels with it, and of one whose tree is not at hand."""
    text = "The windows of a text are the same."
    for spec in ("EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=24, v=65k]"):
        for predictor in ("m1", "ngram"):
            out = run(capsys, "windows", text, "--tokenizer", spec, "--predictor", predictor, "--json")[1]
            rows = json.loads(out)["windows"]
            tokenizer = eiwref.tokenizer(spec, eiwref.shipped(predictor))
            cut = list(tokenizer.scheme.segment(text.encode()))
            assert [(row["start"], row["end"], int(row["bits"], 2)) for row in rows] == cut
            ids = tokenizer.encode(text)
            assert {token["id"] for row in rows for token in row["tokens"]} == set(ids.tolist())
            shown = run(capsys, "windows", text, "--tokenizer", spec, "--predictor", predictor)[1]
            assert f"{len(text)} bytes, {len(rows)} windows, {len(ids)} tokens" in shown
            spans = [tokenizer.scheme.bit_ranges(row["text"].encode()) for row in rows]
            first = [next(i for i, (_, high) in enumerate(span) if high > 0) for span in spans]
            assert all(
                row["tokens"][0]["text"].startswith(row["text"][i]) for row, i in zip(rows, first, strict=True)
            )
