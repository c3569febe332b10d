"""The README's figures are those of the committed files. (Its example is run as a doctest.)"""

import json
import re
from pathlib import Path

import eiwref

CHECKOUT = Path(eiwref.__file__).parent.parent
README = (CHECKOUT / "README.md").read_text()


def test_the_finding_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "greedy.json").read_text())["verify"]["rows"]
    found = {row["tokenizer"]: row for row in rows}
    lines = re.findall(
        r"^\| (\d+) \| ([\d.]+) % of ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| \*\*([\d.]+)\*\* \|$", README, re.M
    )
    assert [int(line[0]) for line in lines] == [16, 24, 32, 64, 128]
    for bits, share, windows, *bytes_per_window in lines:
        schemes = [f"EqualInfoAC[b={bits}, v=256{end}]" for end in (", windows=greedy", ", windows=delay", "")]
        greedy, delay, stop = (found[scheme] for scheme in schemes)
        assert share == f"{100 * greedy['failed_windows'] / greedy['windows']:.1f}"
        assert windows == f"{greedy['windows']:,}"
        assert bytes_per_window == [f"{row['bytes'] / row['windows']:.3f}" for row in (greedy, delay, stop)]
        assert delay["lossless"]
        assert stop["lossless"]


def test_line_counts_are_right():
    rows = re.findall(r"^\| (`eiwref/.*?) \| (\d+) \|", README, re.M)
    assert len(rows) > 5
    for names, lines in rows:
        files = [CHECKOUT / name for name in re.findall(r"`([^`]+)`", names)]
        assert sum(len(file.read_text().splitlines()) for file in files) == int(lines), names


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (CHECKOUT / target).exists(), target
