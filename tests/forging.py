"""Saved models with a few things changed and the checksums made to fit, as someone who means harm would make them.

    python tests/forging.py MODEL... --count 400 --seed 0

makes so many forged models out of the folders, one after the other, loads each and lets it tag three documents. It
prints what was done to each, at last a table of what came of it; the exit status is 1 where anything but predictions or
one line of DataError did. It is a program of its own so that a crash of compiled code ends it and not the tests: the
last line then says what was being tried.
"""

import argparse
import copy
import faulthandler
import hashlib
import json
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

MOST_MESSAGE = 1000  # characters of a message
TEXTS = ["red rose word1", "", "a blue sky of rose and green grass " * 40]
ODD_VALUES = [None, True, False, 0, 1, -1, 2**31, -(2**63), 10**40, 0.5, float("nan"), float("inf"), -1e300, "", "x"]
ODD_VALUES += ["\ud800\n" * 3000, [], {}, [None], ["x", "x"], [[1, 2], [3]], {"a": {"b": [1]}}, [2**62, 2**62]]
NESTED = "\0nested"  # becomes lists in each other, deeper than a parser follows


# --- arrays -----------------------------------------------------------------------------------------------------------


def another_dtype(array, rng):
    dtype = rng.choice(["?", "u1", "u2", "i4", "i8", "u8", "f2", "f4", "f8"])
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def one_more_dimension(array, rng):
    return array[None] if rng.random() < 0.5 else array[..., None]


def one_dimension_less(array, rng):
    return array.ravel() if array.ndim != 1 or not len(array) else array[0]


def shorter(array, rng):
    return array[: rng.integers(0, len(array))] if array.ndim and len(array) else array


def longer(array, rng):
    return np.concatenate([array, array[: rng.integers(1, len(array) + 1)]]) if array.ndim and len(array) else array


def empty(array, rng):
    return array[:0] if array.ndim else array


def value_replaced(array, rng):
    array = array.copy()
    if array.size:
        is_float = array.dtype.kind == "f"
        odd = [np.nan, np.inf, -np.inf, -1.0, 3e38] if is_float else [-1, -(2**31), 2**31 - 1, 2**62, -(2**63), 255]
        with np.errstate(all="ignore"):
            array.flat[rng.integers(array.size)] = np.array(odd[rng.integers(len(odd))]).astype(array.dtype)
    return array


def all_replaced(array, rng):
    odd = [0, 1, -1, 2**62] if array.dtype.kind != "f" else [0, np.nan, np.inf, 1e38, -1e38]
    with np.errstate(all="ignore"):
        return np.full_like(array, np.array(odd[rng.integers(len(odd))]).astype(array.dtype))


def permuted(array, rng):
    return rng.permutation(array.ravel()).reshape(array.shape)


def transposed(array, rng):
    return np.ascontiguousarray(array.T)


def widened(array, rng):
    return np.concatenate([array, array], axis=-1) if array.ndim else array


ARRAY_CHANGES = [another_dtype, one_more_dimension, one_dimension_less, shorter, longer, empty, value_replaced]
ARRAY_CHANGES += [all_replaced, permuted, transposed, widened]


# --- JSON -------------------------------------------------------------------------------------------------------------


def replaced(value, rng):
    return copy.deepcopy(ODD_VALUES[rng.integers(len(ODD_VALUES))])


def nested_deeply(value, rng):
    return NESTED


def number_changed(value, rng):
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value + 1, value - 1, -value, value * 1000, value * 2**40, float(value)][rng.integers(6)]
    return replaced(value, rng)


def list_changed(value, rng):
    if not (isinstance(value, list) and value):
        return replaced(value, rng)
    place = int(rng.integers(len(value)))
    odd = replaced(value, rng)
    changed = [value[:-1], value + value, [*value, value[0]], value[::-1], [*value[:place], odd, *value[place + 1 :]]]
    changed += [[value[0]] * len(value), ["", *value[1:]], dict.fromkeys(map(str, value)), [value]]
    return changed[rng.integers(len(changed))]


def inside(value, rng):
    """A value within the objects and lists changed."""
    if isinstance(value, dict) and value:
        name = list(value)[rng.integers(len(value))]
        return value | {name: JSON_CHANGES[rng.integers(len(JSON_CHANGES))](value[name], rng)}
    return list_changed(value, rng)


def text_cut(value, rng):
    if isinstance(value, str) and value:
        start = int(rng.integers(len(value)))
        return [value[:start], value[:start] + "9" + value[start + 1 :], value[:start] + value][rng.integers(3)]
    return replaced(value, rng)


JSON_CHANGES = [replaced, nested_deeply, number_changed, list_changed, inside, inside, inside, text_cut]


# --- models -----------------------------------------------------------------------------------------------------------


def read_raw(folder):
    """The arrays and the JSON values of a saved model, without a check: a dict."""
    config = json.loads((folder / "config.json").read_text())
    state = {"format": config.pop("format")}
    for name in config.pop("sha256"):
        path = folder / name
        state |= load_file(path) if path.suffix == ".safetensors" else {path.stem: json.loads(path.read_text())}
    return state | config


def write_raw(folder, state):
    """Write what `read_raw` gave, changed; the checksums fit."""
    folder.mkdir()
    arrays = {name: np.ascontiguousarray(value) for name, value in state.items() if isinstance(value, np.ndarray)}
    save_file({name: value.reshape(state[name].shape) for name, value in arrays.items()}, folder / "arrays.safetensors")
    in_file = {name for name, value in state.items() if name in ("label_names", "encoder.vocabulary")}
    for name in in_file:
        (folder / f"{name}.json").write_text(as_json(state[name]))
    checksums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    config = {name: value for name, value in state.items() if name not in arrays and name not in in_file}
    (folder / "config.json").write_text(as_json(config | {"sha256": checksums}))


def as_json(value):
    text = json.dumps(value, default=lambda value: value.tolist())
    return text.replace(json.dumps(NESTED), "[" * 100_000 + "]" * 100_000)


def forge(state, rng):
    """A changed state, and what was changed, in a few words."""
    state, said = dict(state), []
    for _ in range(1 if rng.random() < 0.8 else 2):
        names = [name for name in state if name != "format"]
        is_array = rng.random() < 0.5  # as many as JSON values, of which some models have few beside their arrays
        of_kind = [name for name in names if isinstance(state[name], np.ndarray) == is_array]
        name = of_kind[rng.integers(len(of_kind))]
        chance = rng.random()
        if chance < 0.05:
            del state[name]
            said.append(f"{name} removed")
        elif chance < 0.1:
            other = names[rng.integers(len(names))]
            state[other] = state[name]
            said.append(f"{other} = {name}")
        elif chance < 0.12:
            state[f"{name}\n" * 200] = state[name]
            said.append(f"{name} again under a long name")
        else:
            changes = ARRAY_CHANGES if isinstance(state[name], np.ndarray) and chance < 0.95 else JSON_CHANGES
            change = changes[rng.integers(len(changes))]
            value = state[name]
            value = value.tolist() if changes is JSON_CHANGES and isinstance(value, np.ndarray) else value
            state[name] = change(value, rng)
            said.append(f"{name} {change.__name__} -> {str(state[name])[:60]!r}")
    return state, "; ".join(said)


def outcome_of(folder, documents, options):
    """What comes of loading the model and tagging documents: "predicts", "refused", or a traceback."""
    from xmlc_mhe import XMLCClassifier
    from xmlc_mhe.errors import DataError

    try:
        labels, _ = XMLCClassifier.load(folder, threads=1, **options).predict(documents, 2)
        assert labels.shape == (3, 2)
        return "predicts"
    except DataError as error:
        message = str(error)
        if len(message) <= MOST_MESSAGE and message.isprintable():
            return "refused"
        return f"a message of {len(message)} characters, {len(message.splitlines())} lines: {message[:300]!r}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "".join(traceback.format_exception(error)[-4:])


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder-class", default=None)
    args = parser.parse_args(arguments)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    rng = np.random.default_rng(args.seed)
    states = {folder: read_raw(folder) for folder in args.folders}
    outcomes, wrong = Counter(), []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(args.count):
            source = args.folders[number % len(args.folders)]
            state, said = forge(states[source], rng)
            place = Path(scratch, str(number))
            write_raw(place, state)
            print(f"{number}: {source.name}: {said}"[:400].encode("ascii", "replace").decode(), flush=True)
            is_given = states[source]["encoder_class"] == "GivenFeatures"
            num_columns = states[source].get("encoder.num_features", 0)
            documents = np.eye(3, num_columns, dtype=np.float32) if is_given else TEXTS
            options = {"encoder_class": args.encoder_class} if args.encoder_class else {}
            outcome = outcome_of(place, documents, options)
            outcomes[outcome if outcome in ("predicts", "refused") else "wrong"] += 1
            if outcome not in ("predicts", "refused"):
                wrong.append(f"{number}: {source.name}: {said[:300]!r}\n{outcome}")
    print("\n".join(wrong).encode("ascii", "replace").decode())
    print(json.dumps(outcomes))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
