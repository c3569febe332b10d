"""A whole text through asymmetric numeral systems: ANS.

Paper, Appendix B.3, considered and left out there; the coder, and why it does not suit windows, is `coding.ans`.
The distributions and the end mark are those of AC, and the bits are nearly as many: five bytes more a text.

Last in, first out: the encoder puts the symbols on its state from the last to the first, so that the decoder
takes them off from the first to the last. Hence a text can be read as its tokens come, but not written so: its
first token depends on its last byte, and an M2 that is to go on from a prompt has no tokens to begin with.
"""

from eiwref.coding import ans
from eiwref.coding.frequencies import MAX_PRECISION
from eiwref.tokenizers.ac import StreamCoding


class AsymmetricNumerals(StreamCoding):
    """rANS by a predictor, its code of whole bytes."""

    coder = ans
    _REFILL = MAX_PRECISION // 8  # bytes: a symbol divides the state by 2^24 at most
    draws = ans.STATE_BYTES + _REFILL, _REFILL

    def _ranges(self, text, data):
        """A symbol is read off a state that the last five bytes taken in make up."""
        decoder, model = ans.Decoder(data), self._model
        state, ranges = model.start(), []
        for _ in text:
            ranges.append((8 * (decoder.read - ans.STATE_BYTES), 8 * decoder.read))
            state = model.advance(state, decoder.decode(model.cdf(state)))
        return ranges
