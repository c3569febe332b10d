"""Answers to the exercises of tutorial 06 as careless students write them."""

from heapq import heapify, heappop, heappush

import numpy as np


def texts_backwards(parents, symbols):
    texts = []
    for parent, symbol in zip(parents, symbols, strict=True):
        texts.append(bytes([symbol]) + (texts[parent] if parent >= 0 else b""))
    return texts


def last_text_for_the_root(parents, symbols):
    texts = [b""] * len(parents)
    texts[-1] = b"?"
    for code, (parent, symbol) in enumerate(zip(parents, symbols, strict=True)):
        texts[code] = texts[parent] + bytes([symbol])
    return texts


def texts_as_strings(parents, symbols):
    texts = []
    for parent, symbol in zip(parents, symbols, strict=True):
        texts.append((texts[parent] if parent >= 0 else "") + chr(symbol))
    return texts


def zeros_for_a_symbol(parents, symbols):
    texts = []
    for parent, symbol in zip(parents, symbols, strict=True):
        texts.append((texts[parent] if parent >= 0 else b"") + bytes(symbol))
    return texts


def the_code_before(depths):
    return np.where(depths == 1, -1, np.arange(len(depths)) - 1)


def the_newest_shallower_code_of_any_depth(depths):
    parents = np.full(len(depths), -1)
    for code in range(1, len(depths)):
        shallower = np.flatnonzero(depths[:code] < depths[code] - 1)
        parents[code] = shallower[-1] if len(shallower) else -1
    return parents


def the_first_code_one_shorter(depths):
    return np.array([-1 if d == 1 else np.flatnonzero(depths == d - 1)[0] for d in depths])


def root_as_its_own_parent(depths):
    newest, parents = {0: 0}, []
    for code, depth in enumerate(depths.tolist()):
        parents.append(newest[depth - 1])
        newest[depth] = code
    return np.array(parents)


def parents_in_a_list(depths):
    newest, parents = {0: -1}, []
    for code, depth in enumerate(depths.tolist()):
        parents.append(newest[depth - 1])
        newest[depth] = code
    return parents


def _tunstall(p, room, likeliest=True, keep=False, over=False):
    """Right if nothing is changed."""
    heap = [((-1 if likeliest else 1) * each, bytes([symbol])) for symbol, each in enumerate(p.tolist())]
    heapify(heap)
    kept = []
    while len(heap) + len(kept) + len(p) - 1 + keep <= room + over * (len(p) - 1):
        chance, text = heappop(heap)
        kept += [text] if keep else []
        for symbol, each in enumerate(p.tolist()):
            heappush(heap, (chance * each, text + bytes([symbol])))
    return kept + [text for _, text in heap]


def rarest_split_first(p, room):
    return _tunstall(p, room, likeliest=False)


def split_texts_kept(p, room):
    return _tunstall(p, room, keep=True)


def one_split_too_many(p, room):
    return _tunstall(p, room, over=True)


def shortest_split_first(p, room):
    texts = [bytes([symbol]) for symbol in range(len(p))]
    while len(texts) + len(p) - 1 <= room:
        text = min(texts, key=len)
        texts.remove(text)
        texts += [text + bytes([symbol]) for symbol in range(len(p))]
    return texts


def texts_as_lists(p, room):
    return [list(text) for text in _tunstall(p, room)]


def shortest_match(codes, text):
    return [codes[text[place : place + 1]] for place in range(len(text))]


def last_window_forgotten(codes, text):
    found, start = [], 0
    for end in range(1, len(text) + 1):
        if text[start:end] not in codes:
            found.append(codes[text[start : end - 1]])
            start = end - 1
    return found


def first_symbol_of_the_next_dropped(codes, text):
    found, start, end = [], 0, 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[start : end + 1] in codes:
            end += 1
        found.append(codes[text[start:end]])
        start = end + 1
    return found


def at_most_two_symbols(codes, text):
    found, start = [], 0
    while start < len(text):
        end = start + 2 if text[start : start + 2] in codes and start + 2 <= len(text) else start + 1
        found.append(codes[text[start:end]])
        start = end
    return found


def pieces_for_codes(codes, text):
    found, start = [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[start : end + 1] in codes:
            end += 1
        found.append(text[start:end])
        start = end
    return found


def full_windows_not_led_to_the_root(table, root, texts):
    entry, found = np.full(len(texts), root), []
    for symbols in texts.T:
        entry = table[symbols, np.clip(entry, 0, table.shape[1] - 2)]
        found.append(entry)
    return np.array(found).T


def row_and_column_swapped(table, root, texts):
    entry, found = np.full(len(texts), root), []
    for symbols in texts.T:
        entry = table[np.minimum(entry, root), symbols]
        found.append(entry)
    return np.array(found).T


def begins_at_row_0(table, root, texts):
    entry, found = np.zeros(len(texts), dtype=int), []
    for symbols in texts.T:
        entry = table[symbols, np.minimum(entry, root)]
        found.append(entry)
    return np.array(found).T


def steps_before_lanes(table, root, texts):
    entry, found = np.full(len(texts), root), []
    for symbols in texts.T:
        entry = table[symbols, np.minimum(entry, root)]
        found.append(entry)
    return np.array(found)


def entries_as_floats(table, root, texts):
    found = np.empty(texts.shape)
    entry = np.full(len(texts), root)
    for step, symbols in enumerate(texts.T):
        entry = table[symbols, np.minimum(entry, root)]
        found[:, step] = entry
    return found


def text_by_text(table, root, texts):
    found = np.empty(texts.shape, dtype=table.dtype)
    for lane, text in enumerate(texts):
        entry = root
        for step, symbol in enumerate(text):
            entry = found[lane, step] = table[symbol, min(entry, root)]
    return found


def always_from_the_root(table, root, texts):
    return table[texts, root]


WRONG = {
    "06.1": [texts_backwards, last_text_for_the_root, texts_as_strings, zeros_for_a_symbol],
    "06.2": [
        *(the_code_before, the_newest_shallower_code_of_any_depth, the_first_code_one_shorter),
        *(root_as_its_own_parent, parents_in_a_list),
    ],
    "06.3": [
        *(rarest_split_first, split_texts_kept, one_split_too_many, shortest_split_first, texts_as_lists),
    ],
    "06.4": [
        *(shortest_match, last_window_forgotten, first_symbol_of_the_next_dropped, at_most_two_symbols),
        pieces_for_codes,
    ],
    "06.5": [
        *(full_windows_not_led_to_the_root, row_and_column_swapped, begins_at_row_0, steps_before_lanes),
        *(entries_as_floats, always_from_the_root, text_by_text),
    ],
}
