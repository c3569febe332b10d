"""Every error that bad input can cause, as one small family.

The API raises them; the command line prints the sentence and exits with code 2. Anything else that
escapes is a fault of ours.
"""


class EiwrefError(Exception):
    """Base of all of them: `str(error)` is one sentence that says what was wrong and where."""


class SpecError(EiwrefError):
    """A tokenizer's name does not follow the paper's notation, or asks for what does not exist."""


class PredictorError(EiwrefError):
    """A predictor is damaged, or does not fit what it was asked to do."""


class CodeError(EiwrefError):
    """Bits or token ids that no encoder could have written."""


class ContainerError(EiwrefError):
    """A `.eiw` file is damaged, or was made with another tokenizer or predictor."""


class CorpusError(EiwrefError):
    """A source of text is missing, empty or malformed."""


class BackendError(EiwrefError):
    """The array library that was asked for is not installed or has no device."""


class ModelError(EiwrefError):
    """A network's config, weights or input do not fit together."""


class Diverged(ModelError):
    """Training went wrong: a loss or a gradient that is not finite, or a spike."""


class CourseError(EiwrefError):
    """An exercise, a tutorial or a folder of notebooks that is not there."""
