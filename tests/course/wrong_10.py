"""Answers to the exercises of tutorial 10 as careless students write them."""

import numpy as np


def losses_compared_as_they_are(loss, bytes_a_token, other_bytes_a_token):
    return loss


def the_wrong_way_round(loss, bytes_a_token, other_bytes_a_token):
    return loss * bytes_a_token / other_bytes_a_token


def bits_per_byte_instead(loss, bytes_a_token, other_bytes_a_token):
    return loss / float(np.log(2)) / bytes_a_token


def in_bits_a_token(loss, bytes_a_token, other_bytes_a_token):
    return loss / float(np.log(2)) / bytes_a_token * other_bytes_a_token


def as_if_one_were_bytes(loss, bytes_a_token, other_bytes_a_token):
    return loss * other_bytes_a_token


def without_smoothing(train, test, vocab_size):
    counts = np.bincount(train, minlength=vocab_size)
    with np.errstate(divide="ignore"):
        return float(-np.log2(counts[test] / counts.sum()).sum())


def counted_on_the_test(train, test, vocab_size):
    counts = np.bincount(test, minlength=vocab_size) + 1
    return float(-np.log2(counts[test] / counts.sum()).sum())


def probabilities_that_add_up_to_more(train, test, vocab_size):
    counts = np.bincount(train, minlength=vocab_size)
    return float(-np.log2((counts[test] + 1) / counts.sum()).sum())


def in_nats(train, test, vocab_size):
    counts = np.bincount(train, minlength=vocab_size) + 1
    return float(-np.log(counts[test] / counts.sum()).sum())


def bits_a_token(train, test, vocab_size):
    counts = np.bincount(train, minlength=vocab_size) + 1
    return float(-np.log2(counts[test] / counts.sum()).mean())


def vocabulary_of_what_was_seen(train, test, vocab_size):
    counts = np.bincount(train) + 1
    return float(-np.log2(counts[test] / counts.sum()).sum())


def _pieces(document, context, end, last=True, start=None, shift=True, carry=False, short=True):
    """Right if nothing is changed."""
    whole = np.append(document, end).astype(np.int64) if last else np.asarray(document, dtype=np.int64)
    found, before = [], end + 1 if start is None else start
    for at in range(0, len(whole), context):
        targets = whole[at : at + context]
        if len(targets) < context and not short:
            break
        found.append((np.append(before, targets[:-1]) if shift else targets, targets))
        before = targets[-1] if carry else before
    return found


def end_is_free(document, context, end):
    return _pieces(document, context, end, last=False)


def end_instead_of_start(document, context, end):
    return _pieces(document, context, end, start=end)


def inputs_are_the_targets(document, context, end):
    return _pieces(document, context, end, shift=False)


def pieces_go_on(document, context, end):
    return _pieces(document, context, end, carry=True)


def short_piece_left_out(document, context, end):
    return _pieces(document, context, end, short=False)


def pieces_in_lists(document, context, end):
    return [(inputs.tolist(), targets.tolist()) for inputs, targets in _pieces(document, context, end)]


def _flops(layers, d_model, d_mlp, symbols, bytes_per_token, two=2, attention=4, mlp=2, embedding=0):
    inner = layers * (attention * d_model**2 + mlp * d_model * d_mlp) + embedding * d_model * symbols
    return two * inner / bytes_per_token, two * (inner + d_model * symbols) / bytes_per_token


def one_flop_a_weight(*shape):
    return _flops(*shape, two=1)


def three_matrices_in_the_mlp(*shape):
    return _flops(*shape, mlp=3)


def attention_without_output(*shape):
    return _flops(*shape, attention=3)


def embedding_counted(*shape):
    return _flops(*shape, embedding=1)


def flops_a_token(layers, d_model, d_mlp, symbols, bytes_per_token):
    return tuple(bytes_per_token * value for value in _flops(layers, d_model, d_mlp, symbols, bytes_per_token))


def softmax_only(*shape):
    without, both = _flops(*shape)
    return without, both - without


def _each(unit, bytes_a_token, flops_a_token):
    return {"tokens": 1, "bytes": bytes_a_token, "FLOPs": 3 * flops_a_token}[unit]


def rounded_to_the_nearest(budget, unit, tokens_a_step, bytes_a_token, flops_a_token):
    return round(budget / (tokens_a_step * _each(unit, bytes_a_token, flops_a_token)))


def forward_pass_only(budget, unit, tokens_a_step, bytes_a_token, flops_a_token):
    return int(budget // (tokens_a_step * _each(unit, bytes_a_token, flops_a_token / 3)))


def tokens_a_byte(budget, unit, tokens_a_step, bytes_a_token, flops_a_token):
    return int(budget // (tokens_a_step * _each(unit, 1 / bytes_a_token, flops_a_token)))


def tokens_instead_of_steps(budget, unit, tokens_a_step, bytes_a_token, flops_a_token):
    return int(budget // _each(unit, bytes_a_token, flops_a_token))


def steps_as_a_float(budget, unit, tokens_a_step, bytes_a_token, flops_a_token):
    return float(budget // (tokens_a_step * _each(unit, bytes_a_token, flops_a_token)))


WRONG = {
    "10.1": [
        *(losses_compared_as_they_are, the_wrong_way_round, bits_per_byte_instead, in_bits_a_token),
        as_if_one_were_bytes,
    ],
    "10.2": [
        *(without_smoothing, counted_on_the_test, probabilities_that_add_up_to_more, in_nats, bits_a_token),
        vocabulary_of_what_was_seen,
    ],
    "10.3": [
        *(end_is_free, end_instead_of_start, inputs_are_the_targets, pieces_go_on, short_piece_left_out),
        pieces_in_lists,
    ],
    "10.4": [
        *(one_flop_a_weight, three_matrices_in_the_mlp, attention_without_output, embedding_counted),
        *(flops_a_token, softmax_only),
    ],
    "10.5": [
        *(rounded_to_the_nearest, forward_pass_only, tokens_a_byte, tokens_instead_of_steps, steps_as_a_float),
    ],
}
