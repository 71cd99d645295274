"""`xmlc-mhe fit`: train a model and save it."""

import argparse
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from ..classifier.options import ENCODERS, HEADS, ClassifierOptions
from ..classifier.uses import USES, useless
from ..codes.orders import LABEL_ORDERS
from ..features.options import ANALYZERS, CASES, NORMAL_FORMS, WEIGHTINGS, WordOptions, without_analyzer
from ..model_files import check_new_model, model_bytes
from .common import add_command, add_data_options, read_options, size_of, whole_numbers

logger = logging.getLogger(__name__)


SPELLINGS = {  # of the options that are not called as in Python
    "ngram_range": "--ngrams",
    "char_ngram_range": "--char-ngrams",
    "sublinear_tf": "--raw-tf",
    "encoder_options": "--encoder-option",
    "head_options": "--head-option",
    "rank": "--no-rank",
    "neighbours": "--no-neighbours",
}

EXAMPLES = """examples:
  xmlc-mhe fit pydocs -m model                      the embedded data set
  xmlc-mhe fit records/ -m model --ngrams 1,2       a folder of train_texts.txt, train_labels.txt
  xmlc-mhe fit bibtex/ -m model --encoder given     a folder of train.txt in the repository's format
  xmlc-mhe fit all.csv -m model --label-column tags --label-separator ,
  xmlc-mhe fit eurlex-4k -m model --data-dir data/    a benchmark (xmlc-mhe data cards)"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_fit, title=title, examples=EXAMPLES)
    default = ClassifierOptions().get_params() | WordOptions().get_params()

    def add(option: str, *, to: Any = command, default_is: str | None = None, **more: Any) -> None:
        """Add an option that is missing from the arguments unless it was given, even with its default."""
        shown = default_is or default[option.removeprefix("--").replace("-", "_")]
        to.add_argument(option, default=argparse.SUPPRESS, help=f"(default: {shown})", **more)

    command.add_argument("data", metavar="DATA", help="a folder, a file, a benchmark, hub:NAME or pydocs")
    command.add_argument("-m", "--model", required=True, metavar="MODEL", help="the folder to write the model to")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier model")
    command.add_argument(
        "--encoder",
        metavar="NAME",
        help=f"{', '.join(ENCODERS)}, minilm, owner/name or folder of a transformer, package.module:Class, words and "
        "one of these, as tfidf+minilm (default: tfidf for texts, given for features)",
    )
    command.add_argument(
        "--encoder-option",
        dest="encoder_options",
        default=argparse.SUPPRESS,
        type=_head_option,
        action="append",
        metavar="NAME=VALUE",
        help="an option of a learned encoder, e.g. max_length=64 (repeatable)",
    )
    add("--dense-scale", type=float, metavar="S", default_is="of an encoder beside words, by dev")
    command.add_argument("--head", choices=HEADS, default=default["head"], help="(default: %(default)s)")
    command.add_argument(
        "--head-option",
        dest="head_options",
        default=argparse.SUPPRESS,
        type=_head_option,
        action="append",
        metavar="NAME=VALUE",
        help="an option of a neural head or of its training, e.g. epochs=30 (repeatable)",
    )
    add("--head-sizes", type=whole_numbers, metavar="M,N", default_is="two, by the number of labels")
    add("--label-order", choices=LABEL_ORDERS)
    add("--beam", type=_beam, metavar="K|all|auto")
    command.add_argument(
        "--no-rank",
        dest="rank",
        action="store_false",
        default=argparse.SUPPRESS,
        help="give margins: no ranking stage, which takes as long again to fit",
    )
    command.add_argument(
        "--no-neighbours",
        dest="neighbours",
        action="store_false",
        default=argparse.SUPPRESS,
        help="rank without the nearest training documents, which are then not in the model",
    )
    command.add_argument("--seed", type=int, default=default["seed"], metavar="S", help="(default: %(default)s)")
    solver = command.add_argument_group("training")
    add("--C", to=solver, type=float, default_is="0.5, or by dev")
    add("--positive-weight", to=solver, type=float)
    add("--bias-feature", to=solver, type=float)
    add("--train-beam", to=solver, type=int, metavar="K")
    add("--cascade-scale", to=solver, type=float)
    add("--passes", to=solver, type=int, metavar="N")
    add("--eps", to=solver, type=float)
    add("--prune", to=solver, type=float)
    words = command.add_argument_group("features of texts")
    add("--min-df", to=words, type=int, metavar="N")
    words.add_argument(
        "--analyzer",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help=f"{', '.join(ANALYZERS)}, or package.module:function of your own (default: {default['analyzer']})",
    )
    add("--ngrams", to=words, dest="ngram_range", type=whole_numbers, metavar="1,2", default_is="1,1")
    add("--char-ngrams", to=words, dest="char_ngram_range", type=whole_numbers, metavar="3,5", default_is="3,5")
    add("--normalization", to=words, type=_normal_form, metavar="|".join(map(_name_of_form, NORMAL_FORMS)))
    add("--case", to=words, choices=CASES)
    words.add_argument(
        "--strip-accents", action="store_true", default=argparse.SUPPRESS, help="count letters without their accents"
    )
    words.add_argument(
        "--token-pattern",
        default=argparse.SUPPRESS,
        metavar="REGEX",
        help="what a word is (default: two or more letters, digits or underscores)",
    )
    words.add_argument(
        "--stem", default=argparse.SUPPRESS, metavar="LANGUAGE", help="count words as their stems, e.g. german"
    )
    words.add_argument(
        "--stop-words",
        default=argparse.SUPPRESS,
        type=_stop_words,
        metavar="LANGUAGE|FILE",
        help="leave out the stop words of a language, or those of a file, a word a line",
    )
    add("--hashing-bits", to=words, type=int, metavar="B")
    words.add_argument(
        "--raw-tf",
        dest="sublinear_tf",
        action="store_false",
        default=argparse.SUPPRESS,
        help="tf in place of 1 + log tf",
    )
    add_data_options(command)


def run_fit(args: argparse.Namespace) -> None:
    """Train on the data's training part, save, and say what came out."""
    from ..classifier.classifier import XMLCClassifier
    from ..data.reading import has_part, load_dataset, load_part
    from ..features.words import TextFeatures

    _check_uses(args, args.encoder)
    check_new_model(args.model, overwrite=args.overwrite)
    (train,) = load_dataset(args.data, parts=("train",), options=read_options(args))
    encoder = args.encoder or ("given" if train.texts is None else "tfidf")
    _check_uses(args, encoder)
    if encoder in WEIGHTINGS:
        of_words = {name: value for name, value in vars(args).items() if name in WordOptions().get_params()}
        encoder = TextFeatures(encoder, **of_words)
    for options in ("head_options", "encoder_options"):
        if hasattr(args, options):
            setattr(args, options, dict(getattr(args, options)))
    names = ClassifierOptions().get_params().keys() & vars(args).keys() - {"encoder"}
    model = XMLCClassifier(encoder, **{name: getattr(args, name) for name in names})
    dev = None
    if model.learns_encoder and has_part(args.data, "dev", options=read_options(args)):
        dev = load_part(args.data, "dev", train.label_names, options=read_options(args))
    start = time.perf_counter()
    model.fit(train, dev=dev)
    seconds = time.perf_counter() - start
    if int(os.environ.get("RANK", "0")):  # under torchrun, the first process writes for all
        return
    model.save(args.model, overwrite=args.overwrite)
    logger.info(
        "%d documents, %d labels, %s; fitted in %.1f s; %s is %s",
        train.num_docs,
        train.num_labels,
        model.head_.describe(),
        seconds,
        args.model,
        size_of(model_bytes(args.model)),
    )


def _check_uses(args: argparse.Namespace, encoder: str | None) -> None:
    """Raise ValueError where an option was given that has no effect with the head, or with the encoder if it is known.

    A default that was given counts, too.
    """
    chosen = {"head": args.head, "encoder": encoder}
    for name, why, goes_with in useless([name for name in vars(args) if name in USES], args.head, encoder):
        raise ValueError(
            f"{_spelled(name)} must be left out with --{why} {chosen[why]}, where it has no effect. Got it; remove it, "
            f"or choose {goes_with}."
        )

    chosen_analyzer = getattr(args, "analyzer", WordOptions().analyzer)
    for name, analyzers in without_analyzer(list(vars(args)), chosen_analyzer):
        raise ValueError(
            f"{_spelled(name)} must be left out with --analyzer {chosen_analyzer}, where it has no effect. Got it; "
            f"remove it, or choose analyzer {analyzers}."
        )


def _spelled(name: str) -> str:
    """Return an option as the command line has it."""
    return SPELLINGS.get(name, f"--{name.replace('_', '-')}")


def _name_of_form(form: str | None) -> str:
    return form or "none"


def _normal_form(text: str) -> str | None:
    return {_name_of_form(form): form for form in NORMAL_FORMS}[text]


def _stop_words(text: str) -> str | list[str]:
    """Return the words of a file, or the language that is named."""
    path = Path(text)
    return path.read_text(encoding="utf-8").split() if path.is_file() else text


def _beam(text: str) -> int | str:
    return text if text in ("all", "auto") else int(text)


def _head_option(text: str) -> tuple[str, Any]:
    """Return name and value: a number, true, false, null or a list as in JSON; anything else is a string."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


_head_option.__name__ = "NAME=VALUE"  # what argparse calls them in its errors
_beam.__name__ = "beam"
_normal_form.__name__ = "normal form"
