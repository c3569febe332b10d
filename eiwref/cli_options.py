"""Numbers as options of commands: what is none, or out of range, is refused in a sentence."""


def _number(kind: type, name: str, allowed):
    """A parser of numbers for argparse, which calls what it refuses by `name`."""

    def parse(text: str):
        value = kind(text)
        if not allowed(value):
            raise ValueError
        return value

    parse.__name__ = name
    return parse


count = _number(int, "positive integer", lambda value: value > 0)
seed = _number(int, "integer from 0 on", lambda value: value >= 0)
positive = _number(float, "positive number", lambda value: 0 < value < float("inf"))
