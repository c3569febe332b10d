"""A file is written whole or not at all, and nothing but a file is replaced."""

import os
import threading

import pytest

from eiwref import files
from eiwref.errors import EiwrefError


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_links_are_followed(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    os.symlink("target", tmp_path / "link")
    files.write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_pipes_are_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    files.check_writable(tmp_path / "pipe")
    files.write_bytes(tmp_path / "pipe", b"through")
    reader.join(10)
    assert got == [b"through"]
    assert os.listdir(tmp_path) == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_long_names_are_fine_and_too_long_ones_refused(tmp_path):
    files.write_bytes(tmp_path / ("n" * 250), b"x")
    for write in (lambda path: files.write_bytes(path, b"x"), files.check_writable):
        with pytest.raises(EiwrefError, match=r"cannot be written|is a folder"):
            write(tmp_path)
        with pytest.raises(EiwrefError, match="cannot be written"):
            write(tmp_path / "none" / "x")
        with pytest.raises(EiwrefError, match="cannot be written"):
            write(tmp_path / ("n" * 300))


def test_only_as_much_is_read_as_asked_for():
    assert files.read_bytes("/dev/zero", 10) == bytes(10)


def test_pieces_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f"
    assert files.write_pieces(path, iter([b"one", b"", b"two"])) == 6
    assert path.read_bytes() == b"onetwo"

    def broken(error):
        yield b"half"
        assert path.read_bytes() == b"onetwo"
        assert len(os.listdir(tmp_path)) == 2
        raise error

    for error in (EiwrefError("damaged"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as raised:
            files.write_pieces(path, broken(error))
        assert raised.value is error
        assert path.read_bytes() == b"onetwo"
        assert os.listdir(tmp_path) == ["f"]


def test_a_pipe_gets_nothing_of_a_text_that_breaks_off(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def broken():
        yield b"half"
        raise EiwrefError("damaged")

    with pytest.raises(EiwrefError, match="damaged"):  # at once: no reader is waited for
        files.write_pieces(tmp_path / "pipe", broken())


def test_pieces_are_read_to_the_end(tmp_path):
    for size in (0, 1, files.PIECE_BYTES, 2 * files.PIECE_BYTES + 1):
        (tmp_path / "f").write_bytes(bytes(size))
        sizes = [len(piece) for piece in files.read_pieces(tmp_path / "f")]
        assert sum(sizes) == size
        assert set(sizes[:-1]) <= {files.PIECE_BYTES}
    for path, why in ((tmp_path, "is a folder"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(EiwrefError, match=why):
            list(files.read_pieces(path))
