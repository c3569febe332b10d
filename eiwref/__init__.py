"""eiwref: a reference implementation of "Training LLMs over Neurally Compressed Text" (arXiv 2404.03626).

>>> import eiwref
>>> tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
>>> tokenizer.decode(tokenizer.encode("Text in, text out."))
'Text in, text out.'
"""

from eiwref.predictors.store import default_predictor, load_predictor, shipped
from eiwref.tokenizers.registry import tokenizer

__version__ = "0.2.1"
__all__ = ["__version__", "default_predictor", "load_predictor", "shipped", "tokenizer"]
