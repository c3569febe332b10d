"""A container gives back the text or refuses: every bit, every cut, every lie; in pieces, in little memory."""

import hashlib
import os
import random
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

import eiwref
from eiwref import cli_files, files
from eiwref.cli import main
from eiwref.coding.bits import Bits
from eiwref.errors import CodeError, ContainerError
from eiwref.predictors.static import Unigram
from eiwref.predictors.store import digest
from eiwref.tokenizers import all_specs
from eiwref.tokenizers.container import BLOCK_BYTES, MAGIC, pack, pack_pieces, unpack, unpack_pieces
from eiwref.tokenizers.plain import Bytes

TEXT = b"A container refuses what does not match. "
SPECS = [spec for spec in all_specs() if "greedy" not in spec and ("b=16" in spec or "b=" not in spec)]
OWN = Unigram.fit([TEXT])
SHORT = TEXT[:24]
BLOCK = 17  # three blocks of TEXT, the last one shorter
HEADER, HEAD, FOOTER = 43, 8, 56  # bytes: of the header before the name, of a block before its ids, of the footer


def in_blocks(spec, data, block=BLOCK):
    return b"".join(pack_pieces(eiwref.tokenizer(spec, OWN), [data], block))


def sealed(part):
    return part + struct.pack(">I", zlib.crc32(part))


def forged(spec, blocks, block=BLOCK, predictor=OWN, **header):
    """A file with valid checksums, by the layout in the docstring: the words of someone with ill intent.

    `blocks`: (bytes of text as said, tokens as said, bytes of the tokens); what goes before the footer.
    """
    name = header.get("name", spec.encode())
    bits = header.get("bits", eiwref.tokenizer(spec, OWN).token_bits)
    print_ = bytes(32) if predictor is None else bytes.fromhex(digest(predictor))
    packed = sealed(struct.pack(">4sBBBI32s", MAGIC, 3, bits, len(name), block, print_) + name)
    for size, count, ids in blocks:
        packed += sealed(struct.pack(">II", size, count) + ids)
    return packed


def footer(blocks, length, text):
    return sealed(struct.pack(">IQQ32s", 0, blocks, length, hashlib.sha256(text).digest()))


def refusal(packed, predictor=OWN):
    with pytest.raises(ContainerError, match=r"^data: at byte \d+, ") as error:
        unpack(packed, predictor)
    return str(error.value)


def place(error):
    return int(re.search(r"at byte (\d+),", str(error))[1])


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(spec):
    for data in (b"", b"x", TEXT * 5, bytes(range(256))):
        assert unpack(pack(eiwref.tokenizer(spec, OWN), data), OWN) == (data, spec)


@given(st.binary(max_size=60), st.sampled_from(SPECS), st.integers(1, 70), st.lists(st.integers(0, 9), max_size=9))
def test_round_trip_in_pieces(data, spec, block, sizes):
    """How a stream falls into pieces, on either side, is of no account."""

    def pieces(whole):
        at = 0
        for size in sizes:
            yield whole[at : at + size]
            at += size
        yield whole[at:]

    packed = in_blocks(spec, data, block)
    assert b"".join(pack_pieces(eiwref.tokenizer(spec, OWN), pieces(data), block)) == packed
    reader, texts = unpack_pieces(pieces(packed), OWN)
    assert reader.spec == spec
    assert list(texts) == [data[at : at + block] for at in range(0, len(data), block)]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_the_layout_is_the_documented_one(spec, size):
    text = (TEXT * 2)[:size]
    tokenizer = eiwref.tokenizer(spec, OWN)
    cut = [text[at : at + BLOCK] for at in range(0, size, BLOCK)]
    ids = [tokenizer.encode(each).astype(f">u{tokenizer.token_bits // 8}") for each in cut]
    blocks = [(len(each), len(i), i.tobytes()) for each, i in zip(cut, ids, strict=True)]
    expected = forged(spec, blocks, predictor=tokenizer.predictor) + footer(len(cut), size, text)
    assert in_blocks(spec, text) == expected


def test_blocks_are_of_a_mebibyte():
    for size, blocks in ((BLOCK_BYTES, 1), (BLOCK_BYTES + 1, 2)):
        packed = pack(eiwref.tokenizer("Bytes"), bytes(size))
        assert len(packed) == HEADER + len("Bytes") + 4 + size + blocks * (HEAD + 4) + FOOTER
        assert unpack(packed)[0] == bytes(size)
    for size in (0, -1, BLOCK_BYTES + 1):
        with pytest.raises(ContainerError, match="expected 1 to 1048576"):
            in_blocks("Bytes", TEXT, size)
    for piece in (None, 7):
        with pytest.raises(CodeError, match="must be str or bytes"):
            list(pack_pieces(eiwref.tokenizer("Bytes"), [piece]))


def parts(spec, packed):
    """Where header, blocks and footer begin."""
    begins, width = [0, HEADER + len(spec) + 4], eiwref.tokenizer(spec, OWN).token_bits // 8
    while begins[-1] < len(packed) - FOOTER:
        (count,) = struct.unpack_from(">I", packed, begins[-1] + 4)
        begins.append(begins[-1] + HEAD + count * width + 4)
    assert begins[-1] == len(packed) - FOOTER
    return begins


@pytest.mark.parametrize("spec", SPECS)
def test_every_flipped_bit_is_found_where_it_is(spec):
    packed = in_blocks(spec, SHORT, 10)
    begins = parts(spec, packed)
    assert len(begins) == 5
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        texts = []
        with pytest.raises(ContainerError) as error:
            texts.extend(unpack_pieces([bytes(damaged)], OWN)[1])  # keeps what came before the error
        part = sum(begin <= bit // 8 for begin in begins) - 1
        assert begins[part] <= place(error.value) <= len(packed)
        assert len(texts) == max(part - 1, 0)  # not one block more than those before the damage
        assert SHORT.startswith(b"".join(texts))


@pytest.mark.parametrize("spec", SPECS)
def test_every_cut_and_extension_is_found(spec):
    packed = in_blocks(spec, SHORT, 10)
    for length in range(4):
        assert "at byte 0, found" in refusal(packed[:length])
    for length in range(4, len(packed)):
        said = re.search(
            rf"at byte {length}, the file ends inside .*, expected (\d+) bytes? more", refusal(packed[:length])
        )
        assert 0 < int(said[1]) <= len(packed) - length
    for more in (b"\0", b"\0\0\0\0", packed[-FOOTER:], packed):
        assert f"at byte {len(packed)}, the file goes on, expected its end" in refusal(packed + more)


def damages(rng, packed, flips, cuts):
    for bit in rng.sample(range(8 * len(packed)), flips):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        yield bytes(damaged)
    for length in rng.sample(range(len(packed)), cuts):
        yield packed[:length]


def large(spec, size):
    return in_blocks(spec, random.Random(1).randbytes(size // 2) + TEXT * (size // 2 // len(TEXT)), 1 << 12)


@pytest.mark.parametrize("spec", ["Bytes", "GZip[v=65k]", "StaticAC[v=65k]", "EqualInfoAC[b=24, v=65k]"])
def test_damage_to_larger_files_is_found(spec):
    fast = spec in ("Bytes", "GZip[v=65k]")
    packed = large(spec, 100_000 if fast else 10_000)
    for damaged in damages(random.Random(2), packed, *((400, 100) if fast else (8, 4))):
        refusal(damaged)


@pytest.mark.slow
def test_damage_to_larger_files_is_found_a_hundred_thousand_times():
    found = {}
    for spec, size, flips, cuts in (
        ("Bytes", 300_000, 40_000, 10_000),
        ("GZip[v=256]", 300_000, 40_000, 10_000),
        ("StaticAC[v=65k]", 20_000, 400, 100),
        ("AC[v=256]", 20_000, 400, 100),
        ("EqualInfoAC[b=16, v=65k]", 20_000, 400, 100),
        ("EqualInfoAC[b=24, v=65k]", 20_000, 400, 100),
        ("EqualInfoAC[b=128, v=256, windows=delay]", 20_000, 40, 10),
    ):
        for damaged in damages(random.Random(3), large(spec, size), flips, cuts):
            refusal(damaged)
        found[spec] = (flips, cuts)
    print("\nrefused (flips, cuts):", found, "in all", sum(map(sum, found.values())))
    assert sum(map(sum, found.values())) > 100_000


@given(st.binary(max_size=200))
def test_garbage_is_refused(data):
    for damaged in (data, MAGIC + data, MAGIC + b"\x03" + data, forged("Bytes", [], predictor=None) + data):
        refusal(damaged)


@given(st.sampled_from(SPECS), st.integers(1, BLOCK), st.binary(max_size=40))
def test_tokens_that_nobody_wrote_are_refused_behind_valid_checksums(spec, size, ids):
    """Or they are the tokens of some text, and then the SHA-256 says of which."""
    tokenizer = eiwref.tokenizer(spec, OWN)
    ids += bytes(len(ids) % (tokenizer.token_bits // 8))
    blocks = [(size, 8 * len(ids) // tokenizer.token_bits, ids)]
    refusal(forged(spec, blocks, predictor=tokenizer.predictor) + footer(1, size, b"something else"))


@pytest.mark.parametrize("version", [1, 2])
def test_versions_before_are_refused(version):
    packed = pack(eiwref.tokenizer("Bytes"), TEXT)
    expected = f"at byte 4, found version {version} of the format, expected 3"
    assert expected in refusal(MAGIC + bytes((version,)) + packed[5:])


SPEC = "EqualInfoAC[b=16, v=256]"
IDS = eiwref.tokenizer(SPEC, OWN).encode(TEXT[:BLOCK]).astype("u1").tobytes()
GOOD = (BLOCK, len(IDS), IDS)
FIRST = HEADER + len(SPEC) + 4  # where the first block begins
END = FIRST + HEAD + len(IDS) + 4  # and where it ends


@pytest.mark.parametrize(
    ("packed", "offset", "sentence"),
    [
        (forged(SPEC, [], block=0), 7, "blocks of 0 bytes of text, expected 1 to 1048576"),
        (forged(SPEC, [], block=BLOCK_BYTES + 1), 7, "blocks of 1048577 bytes"),
        (forged(SPEC, [], block=2**32 - 1), 7, "blocks of 4294967295 bytes"),
        (forged(SPEC, [], bits=16), 5, "tokens of 16 bits, expected 8"),
        (forged(SPEC, [], bits=0), 5, "tokens of 0 bits, expected 8"),
        (forged(SPEC, [], name=b""), HEADER, "is not known"),
        (forged(SPEC, [], name=b"\xff" * 255), HEADER, "is not known"),
        (forged(SPEC, [], name=b"EqualInfoAC[b=17, v=256]"), HEADER, "is not allowed there"),
        (forged(SPEC, [], name=b"EqualInfoAC[v=256,b=16 ]"), HEADER, f"expected '{SPEC}'"),
        (forged(SPEC, [], name=b"\xffqualInfoAC[b=16, v=256]"), HEADER, "is not known"),
        (forged(SPEC, [], predictor=None), 11, "made with predictor 0000000000000000"),
        (forged("Bytes", []), 11, "but the one at hand is 0000000000000000"),
        (forged(SPEC, [(BLOCK + 1, len(IDS), IDS)]), FIRST, "a block of 18 bytes of text, expected at most 17"),
        (forged(SPEC, [(2**32 - 1, len(IDS), IDS)]), FIRST, "a block of 4294967295 bytes"),
        (forged(SPEC, [(BLOCK, 2**32 - 1, IDS)]), FIRST + 4, "4294967295 tokens for 17 bytes of text"),
        (forged(SPEC, [(BLOCK, 337, IDS)]), FIRST + 4, "337 tokens for 17 bytes of text, expected at most 336"),
        (forged(SPEC, [(BLOCK - 1, len(IDS), IDS)]), FIRST + HEAD, "goes on after the 16 bytes"),
        (forged(SPEC, [(BLOCK, len(IDS) - 2, IDS[:-2])]), FIRST + HEAD, "bytes of text, expected 17"),
        (forged(SPEC, [(BLOCK, len(IDS) - 1, IDS[:-1])]), FIRST + HEAD, "the code ends at bit"),
        (forged(SPEC, [(BLOCK, 0, b"")]), FIRST + HEAD, "give 0 bytes of text, expected 17"),
        (forged(SPEC, [GOOD], block=BLOCK + 1) + sealed(struct.pack(">II", 1, 0)), END, "1 bytes of text follow"),
        (forged(SPEC, [GOOD]) + footer(2, BLOCK, TEXT[:BLOCK]), END + 4, "there were 1 blocks, expected 2"),
        (forged(SPEC, [GOOD]) + footer(2**63, BLOCK, TEXT[:BLOCK]), END + 4, "expected 9223372036854775808"),
        (forged(SPEC, [GOOD]) + footer(1, 2**63, TEXT[:BLOCK]), END + 12, "expected 9223372036854775808"),
        (forged(SPEC, [GOOD]) + footer(1, 2**64 - 1, TEXT[:BLOCK]), END + 12, "there were 17 bytes of text"),
        (forged(SPEC, [GOOD]) + footer(1, BLOCK, TEXT), END + 20, "the text's SHA-256 is"),
        (forged(SPEC, [GOOD, GOOD]) + footer(1, BLOCK, TEXT[:BLOCK]), 2 * END - FIRST + 4, "there were 2 blocks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_lies_are_found_behind_valid_checksums_without_memory_for_them(packed, offset, sentence):
    assert sentence in refusal(packed)  # once before the count, for what is made but once
    tracemalloc.start()
    try:
        assert place(refusal(packed)) == offset
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()
    assert unpack(forged(SPEC, [GOOD]) + footer(1, BLOCK, TEXT[:BLOCK]), OWN) == (TEXT[:BLOCK], SPEC)  # no lie


def test_blocks_that_change_places_are_found():
    packed = in_blocks("Bytes", TEXT)
    begin, second, third, last = parts("Bytes", packed)[1:]
    swapped = packed[:begin] + packed[second:third] + packed[begin:second] + packed[third:]
    assert "the text's SHA-256 is" in refusal(swapped)
    assert "there were 2 blocks, expected 3" in refusal(packed[:second] + packed[third:])
    assert "follow a block that was not full" in refusal(packed[:second] + packed[third:last] + packed[second:])


def test_a_decoder_that_computes_otherwise_is_found(monkeypatch):
    """An M1 in floating point on another machine, say: the checksums are right and the text is not."""
    packed = in_blocks("Bytes", TEXT)
    monkeypatch.setattr(Bytes, "decompress", lambda self, data, max_bytes=None, bar=iter: data[::-1])
    assert "the text's SHA-256 is" in refusal(packed)


def test_another_predictor_is_refused_before_any_text():
    packed = pack(eiwref.tokenizer("AC[v=256]", OWN), TEXT)
    for other in (None, Unigram(OWN.counts, precision=14)):
        with pytest.raises(ContainerError, match=r"byte 11, .* made with predictor .* right one with --predictor"):
            unpack_pieces([packed], other)


def peak(work):
    """Bytes that were allocated at once, at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_not_unpacked():
    """The length that a block declares bounds what is made, whatever its stream would give."""
    bomb = eiwref.tokenizer("GZip[v=256]").encode(bytes(10_000_000)).astype("u1").tobytes()
    packed = forged("GZip[v=256]", [(1000, len(bomb), bomb)], block=BLOCK_BYTES, predictor=None)
    assert peak(lambda: refusal(packed)) < 300_000
    assert "after the 1000 bytes" in refusal(packed)


def test_windows_without_end_are_not_decoded():
    ids = random.Random(0).randbytes(128_000)  # as many as 8,000 bytes may have
    packed = forged(SPEC, [(8_000, len(ids), ids)], block=BLOCK_BYTES)
    assert "after the 8000 bytes" in refusal(packed)
    assert peak(lambda: refusal(packed)) < 600_000


def test_a_tokenizer_whose_code_no_reader_would_take_is_refused():
    class Wide(Bytes):
        def compress(self, data):
            return Bits(data * 81, 8 * 81 * len(data))

    with pytest.raises(ContainerError, match="makes 81 tokens of a block, expected at most 80"):
        pack(Wide("Bytes", 8), b"x")


def test_greedy_is_refused_in_the_block_that_loses_text():
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=256, windows=greedy]", OWN)
    rng = random.Random(0)
    lost = set()
    for _ in range(60):
        data = bytes(rng.choices(TEXT, k=20))
        blocks = [data[at : at + 8] for at in range(0, len(data), 8)]
        wrong = [at for at, text in enumerate(blocks) if tokenizer.decode_bytes(tokenizer.encode(text)) != text]
        lost.add(wrong[0] if wrong else None)
        if wrong:
            said = f"loses this text, somewhere in its {len(blocks[wrong[0]])} bytes from byte {8 * wrong[0]} on"
            with pytest.raises(ContainerError, match=said):
                list(pack_pieces(tokenizer, [data], 8))
        else:
            assert unpack(b"".join(pack_pieces(tokenizer, [data], 8)), OWN)[0] == data
    assert lost == {None, 0, 1, 2}


def peaks(spec, folder, sizes):
    """(encoding, decoding) for each size, from file to file."""
    tokenizer, piece = eiwref.tokenizer(spec, OWN), TEXT * 1000
    tokenizer.encode(piece)
    for size in sizes:
        text = (piece for _ in range(size // len(piece)))
        yield (
            peak(lambda text=text: files.write_pieces(folder / "t.eiw", pack_pieces(tokenizer, text))),
            peak(
                lambda: files.write_pieces(
                    folder / "t", unpack_pieces(files.read_pieces(folder / "t.eiw"), OWN)[1]
                )
            ),
        )
        assert (folder / "t").stat().st_size == size // len(piece) * len(piece)


@pytest.mark.parametrize("spec", ["Bytes", "GZip[v=65k]"])
def test_memory_does_not_grow_with_the_file(tmp_path, spec):
    (encode, decode), *longer = peaks(spec, tmp_path, [3 << 20, 12 << 20])
    assert max(encode, decode) < 16 << 20
    for more_encode, more_decode in longer:
        assert more_encode < 1.1 * encode
        assert more_decode < 1.1 * decode


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "size"), [("Bytes", 50_000_000), ("StaticAC[v=256]", 3_000_000)])
def test_long_files_in_the_memory_of_a_block(tmp_path, spec, size):
    """Tracing makes StaticAC several times slower, hence fewer bytes of it."""
    ((encode, decode),) = peaks(spec, tmp_path, [size])
    print(f"\n{spec}, {size:,} bytes: at most {encode / 1e6:.1f} MB to encode, {decode / 1e6:.1f} MB to decode")
    assert max(encode, decode) < 16 << 20


PLAIN = ["--tokenizer", "Bytes"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(random.Random(0).randbytes(2 * BLOCK_BYTES + 7))
    return tmp_path


def test_files_of_several_blocks(here, capsys):
    assert main(["encode", "text", "-o", "t.eiw", "--tokenizer", "GZip[v=256]"]) == 0
    assert main(["decode", "t.eiw", "-o", "back"]) == 0
    text, packed = (here / "text").read_bytes(), (here / "t.eiw").read_bytes()
    assert (here / "back").read_bytes() == text
    assert packed == pack(eiwref.tokenizer("GZip[v=256]"), text)
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"back: {len(text):,} bytes from {len(packed):,}, GZip[v=256]"
    assert err == ""


def test_a_file_may_take_the_place_of_its_source(here, capsys):
    text = (here / "text").read_bytes()
    for command in (["encode", "text", "-o", "text", *PLAIN], ["decode", "text", "-o", "text"]):
        assert main(command) == 0
    assert (here / "text").read_bytes() == text


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="has no /dev/stdin")
def test_text_may_come_through_a_pipe(here):
    eiwref_command = f"{sys.executable} -m eiwref"
    command = (
        f"cat text | {eiwref_command} encode /dev/stdin -o t.eiw --tokenizer Bytes"
        f" && cat t.eiw | {eiwref_command} decode /dev/stdin -o back && cmp text back"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_left_of_a_text_that_is_not_the_right_one(here, capsys):
    main(["encode", "text", "-o", "t.eiw", *PLAIN])
    packed = (here / "t.eiw").read_bytes()
    (here / "flip.eiw").write_bytes(packed[:-10] + bytes([packed[-10] ^ 1]) + packed[-9:])
    (here / "cut.eiw").write_bytes(packed[:-1])
    (here / "long.eiw").write_bytes(packed + b"\0")
    (here / "kept").write_bytes(b"as it was")
    before = sorted(os.listdir())
    for name in ("flip", "cut", "long"):
        for out in ("back", "kept"):
            assert main(["decode", f"{name}.eiw", "-o", out]) == 2
            assert f"{name}.eiw: at byte" in capsys.readouterr().err
    assert sorted(os.listdir()) == before
    assert (here / "kept").read_bytes() == b"as it was"


@pytest.mark.parametrize("method", ["compress", "decompress"])
def test_nothing_is_left_of_an_interrupted_run(here, capsys, monkeypatch, method):
    main(["encode", "text", "-o", "t.eiw", *PLAIN])
    before, inner, blocks = sorted(os.listdir()), getattr(Bytes, method), []

    def interrupted(self, data, *limit, **limits):
        blocks.append([name for name in os.listdir() if name not in before])
        if len(blocks) == 3:
            raise KeyboardInterrupt
        return inner(self, data, *limit, **limits)

    monkeypatch.setattr(Bytes, method, interrupted)
    command = {
        "compress": ["encode", "text", "-o", "out", *PLAIN],
        "decompress": ["decode", "t.eiw", "-o", "out"],
    }[method]
    assert main(command) == 130
    assert len(blocks) == 3
    assert all(len(new) == 1 and new[0].startswith(".eiwref-") for new in blocks)  # two blocks under another name
    assert sorted(os.listdir()) == before


def test_outputs_that_cannot_be_written(here, capsys):
    os.mkdir("folder")
    main(["encode", "text", "-o", "t.eiw", *PLAIN])
    for out in ("folder", "none/out", "n" * 300):
        for command in (["encode", "text", *PLAIN], ["decode", "t.eiw"]):
            assert main([*command, "-o", out]) == 2
            assert re.search(r"is a folder|cannot be written", capsys.readouterr().err)
    assert sorted(os.listdir()) == ["folder", "t.eiw", "text"]


def test_nothing_is_left_when_the_disk_is_full(here, capsys):
    """Or the file as long as it may be, which stops a write in its middle all the same."""
    resource = pytest.importorskip("resource")
    main(["encode", "text", "-o", "t.eiw", *PLAIN])
    before, limits = sorted(os.listdir()), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * BLOCK_BYTES // 2, limits[1]))
    try:
        codes = [main([*command, "-o", "out"]) for command in (["encode", "text", *PLAIN], ["decode", "t.eiw"])]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert codes == [2, 2]
    assert capsys.readouterr().err.count("out: cannot be written") == 2
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_for_terminals(here, capsys, monkeypatch, terminal):
    monkeypatch.setattr(cli_files, "tqdm", lambda **options: tqdm(**options | {"delay": 0}))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert main(["encode", "text", "-o", "t.eiw", *PLAIN]) == 0
    assert ("encode: 100%" in capsys.readouterr().err) == terminal


def test_a_bar_shows_what_is_done_and_not_what_was_read(here, monkeypatch):
    """Two blocks, which the second bar goes through one by one."""
    told, blocks = [], []

    def watched(parts):
        blocks.append(len(parts))
        return iter(parts)

    def update(bar, n=1):
        told.append(n)
        return tqdm.update(bar, n)

    monkeypatch.setattr(cli_files, "tqdm", type("Told", (tqdm,), {"update": update}))
    monkeypatch.setattr(cli_files, "BLOCK_BAR", watched)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    text = (b"abc " * BLOCK_BYTES)[: BLOCK_BYTES + 5]
    with open("long", "wb") as file:
        file.write(text)
    assert main(["encode", "long", "-o", "l.eiw", "--tokenizer", "StaticAC[v=256]"]) == 0
    assert blocks == [BLOCK_BYTES, 5]
    assert sum(told) == len(text)
    assert max(told) >= BLOCK_BYTES  # not before the first block was through
    blocks.clear()
    assert main(["decode", "l.eiw", "-o", "l"]) == 0
    assert len(blocks) == 2
    assert sum(blocks) < os.path.getsize("l.eiw")


def test_a_source_that_cannot_be_read_is_named(here, capsys):
    """Not the output, which is being written at the time."""
    os.mkdir("folder")
    for source, why in (
        ("folder", "is a folder"),
        ("none", "cannot be read"),
        ("/proc/self/mem", "cannot be read"),
    ):
        if source.startswith("/proc") and not os.path.exists(source):
            continue
        for command in (["encode", source, *PLAIN], ["decode", source]):
            assert main([*command, "-o", "out"]) == 2
            assert f"{source}: {why}" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["folder", "text"]
