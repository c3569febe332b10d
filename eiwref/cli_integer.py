"""The commands about exactness: `eiwref quantise` makes an M1 in integers, `eiwref doctor` tries one here."""

from collections.abc import Callable

import eiwref
from eiwref import files
from eiwref.cli_options import check_out, report
from eiwref.corpus import sources
from eiwref.errors import PredictorError
from eiwref.experiments.result import environment
from eiwref.predictors.integer import bits_per_symbol, quantised
from eiwref.predictors.network import Network
from eiwref.predictors.store import digest, dump


def add_commands(add: Callable, texts: dict) -> None:
    """Give the parser its `quantise` and `doctor`; `add` adds all others, `texts` says how a TEXT is named."""
    command = add("quantise", _quantise, "make an M1 that computes in exact integers from a trained one", False)
    command.add_argument("model", metavar="M1", help="made by eiwref train m1")
    command.add_argument("texts", **texts | {"help": "like those it was trained on, named as for fit"})
    command.add_argument("-o", "--out", required=True, metavar="FILE", help="to write to, for --predictor FILE")

    add("doctor", _doctor, "does this machine decode what others encoded? exit code 1 if it does not", False)


def _quantise(options) -> int:
    check_out(options, options.model, *options.texts)
    m1 = eiwref.load_predictor(options.model)
    if not isinstance(m1, Network):
        raise PredictorError(f"{options.model}: is no M1 in floats, expected one made by eiwref train m1")
    documents, tallies = sources.counted(options.texts)
    texts = list(documents)
    integer = quantised(m1, texts)
    packed = dump(integer)
    files.write_bytes(options.out, packed)
    found = {
        "command": options.command,
        "file": options.out,
        "digest": digest(integer),
        "file_bytes": len(packed),
        "quantised": digest(m1),
        "texts": [{"name": name} | tally.as_dict() for name, tally in tallies],
        "bits_per_symbol": bits_per_symbol(integer, texts),
        "bits_per_symbol_in_floats": bits_per_symbol(m1, texts),
        "environment": environment(),
    }
    return report(options, found)


def _doctor(options) -> int:
    from eiwref import doctor

    found = doctor.examine()
    if options.json:
        report(options, {"command": options.command} | found)
    else:
        print("\n".join(doctor.lines(found)))
    return 0 if found["agrees"] else 1
