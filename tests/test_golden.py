"""Coder output is a format. If this fails, files written before the change can no longer be read.

Either undo the change or make it a breaking one: a new version of the container, and new vectors by
`python -m tests.references.make_golden`.
"""

import json

from eiwref.files import data_path
from eiwref.tokenizers.container import unpack
from tests.references.make_golden import IN_A_FILE, make


def test_not_one_bit_of_output_has_changed():
    golden = json.loads(data_path("golden.json").read_text())
    found = make()
    assert found["predictor"] == golden["predictor"]
    assert found["frequencies"] == golden["frequencies"]
    assert found["tokens"].keys() == golden["tokens"].keys()
    for spec, texts in golden["tokens"].items():
        assert found["tokens"][spec] == texts, f"{spec} writes other tokens than it did"
    assert found["m1-tiny"] == {name: golden["m1-tiny"][name] for name in found["m1-tiny"]}
    assert found["m1"] == golden["m1"]
    assert found["coders"] == golden["coders"]
    assert found["file"] == golden["file"], "the container writes other files than it did"
    assert unpack(bytes.fromhex(golden["file"]))[0] == IN_A_FILE
