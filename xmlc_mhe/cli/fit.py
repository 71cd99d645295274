"""`xmlc-mhe fit`: train a model and save it."""

import argparse
import json
import logging
import os
import time
from typing import Any

from ..classifier.options import ENCODERS, HEADS, ClassifierOptions
from ..codes.orders import LABEL_ORDERS
from ..features.options import WordOptions
from ..model_files import check_new_model, model_bytes
from .common import add_command, add_data_options, read_options, whole_numbers

logger = logging.getLogger(__name__)


EXAMPLES = """examples:
  xmlc-mhe fit pydocs -m model                      the embedded data set
  xmlc-mhe fit records/ -m model --ngrams 1,2       a folder of train_texts.txt, train_labels.txt
  xmlc-mhe fit bibtex/ -m model --encoder given     a folder of train.txt in the repository's format
  xmlc-mhe fit all.csv -m model --label-column tags --label-separator ,
  xmlc-mhe fit eurlex-4k -m model --data-dir data/    a benchmark (xmlc-mhe data cards)"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_fit, title=title, examples=EXAMPLES)
    default = ClassifierOptions().get_params()
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
        type=_head_option,
        action="append",
        metavar="NAME=VALUE",
        help="an option of a learned encoder, e.g. max_length=64 (repeatable)",
    )
    command.add_argument("--dense-scale", type=float, metavar="S", help="of an encoder beside words (default: by dev)")
    command.add_argument("--head", choices=HEADS, default=default["head"], help="(default: %(default)s)")
    command.add_argument(
        "--head-option",
        dest="head_options",
        type=_head_option,
        action="append",
        metavar="NAME=VALUE",
        help="an option of a neural head or of its training, e.g. epochs=30 (repeatable)",
    )
    command.add_argument("--head-sizes", type=whole_numbers, metavar="M,N", help="lengths of the heads, e.g. 257,16")
    command.add_argument(
        "--label-order", choices=LABEL_ORDERS, default=default["label_order"], help="(default: %(default)s)"
    )
    command.add_argument(
        "--beam", type=_beam, default=default["beam"], metavar="K|all|auto", help="(default: %(default)s)"
    )
    command.add_argument("--seed", type=int, default=default["seed"], metavar="S", help="(default: %(default)s)")
    solver = command.add_argument_group("training")
    solver.add_argument("--C", type=float, default=default["C"], help="(default: 0.5, or by dev)")
    solver.add_argument(
        "--positive-weight", type=float, default=default["positive_weight"], help="(default: %(default)s)"
    )
    solver.add_argument("--bias-feature", type=float, default=default["bias_feature"], help="(default: %(default)s)")
    solver.add_argument(
        "--train-beam", type=int, default=default["train_beam"], metavar="K", help="(default: %(default)s)"
    )
    solver.add_argument("--cascade-scale", type=float, default=default["cascade_scale"], help="(default: %(default)s)")
    solver.add_argument("--passes", type=int, default=default["passes"], metavar="N", help="(default: %(default)s)")
    solver.add_argument("--eps", type=float, default=default["eps"], help="(default: %(default)s)")
    solver.add_argument("--prune", type=float, default=default["prune"], help="(default: %(default)s)")
    words = command.add_argument_group("features of texts")
    text = WordOptions().get_params()
    words.add_argument("--min-df", type=int, default=text["min_df"], metavar="N", help="(default: %(default)s)")
    words.add_argument(
        "--ngrams", type=whole_numbers, default=text["ngram_range"], metavar="1,2", help="(default: 1,1)"
    )
    words.add_argument(
        "--hashing-bits", type=int, default=text["hashing_bits"], metavar="B", help="(default: %(default)s)"
    )
    words.add_argument("--raw-tf", action="store_true", help="tf in place of 1 + log tf")
    add_data_options(command)


def run_fit(args: argparse.Namespace) -> None:
    """Train on the data's training part, save, and say what came out."""
    from ..classifier.classifier import XMLCClassifier
    from ..data.reading import has_part, load_dataset, load_part
    from ..features.words import TextFeatures

    check_new_model(args.model, overwrite=args.overwrite)
    (train,) = load_dataset(args.data, parts=("train",), options=read_options(args))
    encoder = args.encoder or ("given" if train.texts is None else "tfidf")
    if encoder in ("tfidf", "bow"):
        encoder = TextFeatures(
            encoder,
            sublinear_tf=not args.raw_tf,
            min_df=args.min_df,
            ngram_range=args.ngrams,
            hashing_bits=args.hashing_bits,
        )
    for options in ("head_options", "encoder_options"):
        setattr(args, options, dict(getattr(args, options)) if getattr(args, options) else None)
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
        "%d documents, %d labels, %s; fitted in %.1f s; %s is %.1f MB",
        train.num_docs,
        train.num_labels,
        model.head_.describe(),
        seconds,
        args.model,
        model_bytes(args.model) / 1e6,
    )


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
