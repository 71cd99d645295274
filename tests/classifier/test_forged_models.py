"""A model folder that someone forged is refused in one line of DataError, or tags documents; nothing else happens."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from forging import NESTED, read_raw, write_raw

from xmlc_mhe import TextFeatures, XMLCClassifier
from xmlc_mhe.classifier.options import HEADS
from xmlc_mhe.errors import DataError
from xmlc_mhe.neural.heads import HEADS as NEURAL_HEADS

TESTS = Path(__file__).parents[1]
OLD_MODELS = TESTS / "models" / "0.1.0"
COUNT, SEED = (int(os.environ.get(f"XMLC_FORGED_{name}", default)) for name, default in (("COUNT", 300), ("SEED", 0)))
ONE_LABEL = [["red"], ["blue"], ["green"]] * 4
TEXTS = ["red rose a", "blue sky a", "green grass a"] * 4
CLASSIFIERS = {  # name -> encoder, head, options; beside the models of version 0.1.0, which have one of each head
    "beam": (TextFeatures(min_df=1), "mhc", {"head_sizes": (2, 2, 2), "beam": 1, "cascade_scale": 0.5}),
    "wide": ("tfidf", "mhc", {"head_sizes": (2, 4096)}),
    "frozen": ("TINY", "mhc", {}),
    "hybrid": ("tfidf+TINY", "vanilla", {}),
    "learned": ("TINY", "neural-mhc", {"head_options": {"epochs": 1, "patience": 0}}),
    "learned-softmax": ("TINY", "softmax", {"head_options": {"epochs": 1, "patience": 0}}),
    "own": ("OWN", "mhc", {}),
    "own-neural": ("OWN", "softmax", {"head_options": {"epochs": 1, "patience": 0}}),
} | {f"head-{name}": ("tfidf", name, {}) for name in HEADS}
OWN_ENCODER = """
import torch

class Lengths(torch.nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.dim = dim
        self.layer = torch.nn.Linear(1, dim)

    def options(self):
        return {"dim": self.dim}

    def prepare(self, texts):
        return [list(text) for text in texts]

    def forward(self, documents):
        return self.layer(torch.tensor([[float(len(document))] for document in documents]))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of small models: of every head, and of every kind of features; and forged_encoder.py."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("models")
    tiny = tiny_transformer(folder / "tiny")
    (folder / "forged_encoder.py").write_text(OWN_ENCODER)
    spec = importlib.util.spec_from_file_location("forged_encoder", folder / "forged_encoder.py")
    forged_encoder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(forged_encoder)
    for name, (encoder, head, options) in CLASSIFIERS.items():
        if encoder == "OWN":
            encoder = forged_encoder.Lengths()
        elif isinstance(encoder, str):
            encoder = encoder.replace("TINY", str(tiny))
        if head in NEURAL_HEADS:
            options = {"head_options": {"epochs": 1, "dim": 4}} | options
        XMLCClassifier(encoder, head, threads=1, **options).fit(TEXTS, ONE_LABEL).save(folder / "saved" / name)
    return folder


def tiny_transformer(folder):
    """Save a transformer of a small layer and a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "rose", "blue", "sky", "green", "grass", "a"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=128, **sizes)).save_pretrained(folder)
    return folder


def test_a_forged_model_is_refused_in_one_line_or_tags_documents(models):
    """XMLC_FORGED_COUNT=3000 makes so many; XMLC_FORGED_SEED makes others."""
    folders = sorted(path for parent in (OLD_MODELS, models / "saved") for path in parent.iterdir() if path.is_dir())
    command = [sys.executable, TESTS / "forging.py", *folders, "--encoder-class", "forged_encoder:Lengths"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(models)])}
    command = [*map(str, command), "--count", str(COUNT), "--seed", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, "\n".join([*(lines[COUNT:] or lines[-1:]), done.stderr[-3000:]])
    outcomes = json.loads(lines[-1])
    assert sum(outcomes.values()) == COUNT
    assert outcomes["refused"] > COUNT / 2 and outcomes["predicts"] > COUNT / 100


def forged(folder, source, **changes):
    """Save a model with entries changed, by their names with "__" for a dot, or by a function of the value."""
    state = read_raw(source)
    for name, value in changes.items():
        name = name.replace("__", ".")
        state[name] = value(state[name]) if callable(value) else value
    write_raw(folder, state)
    return folder


@pytest.mark.parametrize(
    ("source", "changes", "message"),
    [
        (
            "mhc",
            {"encoder__idf": lambda idf: idf[1:]},
            r"encoder\.idf must be an array of float32 of shape \(14\)",
        ),
        ("mhc", {"encoder__idf": lambda idf: idf[None]}, r"Got an array of float32 of shape \(1, 14\) from 1\.7"),
        ("mhc", {"encoder__idf": lambda idf: idf.astype("f8")}, r"Got an array of float64 of shape \(14\)"),
        (
            "mhc",
            {"encoder__idf": lambda idf: idf * np.nan},
            r"encoder\.idf .*, finite\. Got .* from nan to nan; ",
        ),
        (
            "mhc",
            {"label_names": lambda names: names[1:]},
            r"label_counts must be an array of int64 of shape \(7\) ",
        ),
        ("mhc", {"label_names": {"a": 1}}, r"label_names must be a list of names\. Got an object of length 1; "),
        ("mhc", {"label_names": NESTED}, r"label_names\.json must be as it was saved\. Got RecursionError: "),
        ("mhc", {"params": NESTED}, r"must be a model folder\. Got one without a readable config\.json"),
        (
            "mhc",
            {"encoder__vocabulary": lambda words: words[:1] * 14},
            r"vocabulary must be a list of distinct words\. ",
        ),
        (
            "mhc",
            {"encoder__vocabulary": lambda words: ["", *words[1:]]},
            r"vocabulary must be a list of distinct words",
        ),
        ("mhc", {"encoder__vocabulary": []}, r"vocabulary must be a list of distinct words\. Got a list of length 0; "),
        (
            "mhc",
            {"encoder__ngram_range": "x"},
            r"ngram_range must be a list of 2, each a whole .*Got 'x'; ",
        ),
        (
            "mhc",
            {"head__beam_size": -(2**63)},
            r"beam_size must be null or a whole .*Got -9223372036854775808",
        ),
        (
            "mhc",
            {"head__head_sizes": [2**62, 16]},
            r"head_sizes must be a list of 2 to 64, .* Got a list of length 2",
        ),
        ("mhc", {"head__head_2__width": 8}, r"head\.head_2\.width must be one of 16\. Got 8; "),
        ("mhc", {"head__head_2__labels": lambda labels: labels[::-1]}, r"labels .*ascending within a feature\. Got "),
        ("mhc", {"head__head_2__labels": lambda labels: labels + 8}, r"head_2\.labels .*from 0 to 7, "),
        ("mhc", {"head__head_2__indptr": lambda indptr: indptr[::-1].copy()}, r"indptr .*from 0 on, ascending\. Got "),
        ("mhc", {"head__head_2__indptr": lambda indptr: indptr + 1}, r"indptr .*from 0 on, ascending\. Got "),
        ("mhc", {"head__order": lambda order: order * 0}, r"head\.order must be .*from 0 to 7, each once\. Got "),
        (
            "neural-mhc",
            {"head__order": lambda order: order + 1},
            r"head\.order must be .*Got .* from 1 to 8;",
        ),
        ("neural-mhc", {"head__module__first__weight": lambda weight: weight.T}, r"first\.weight .*shape \(1, 8\)"),
        (
            "neural-mhc",
            {"head__options": {"num_heads": 10**9}},
            r"num_heads must be .*from 1 to 64\. Got 10",
        ),
        ("neural-mhc", {"head__options": {"embedding_dim": 2**62}}, r"head\.options must be those of the head\. Got "),
        ("softmax", {"head__num_features": 2**40}, r"head\.num_features must be one of 14\. Got 1099511627776"),
        ("softmax", {"head__dim": 2**30}, r"module\.classifier\.weight must be .*shape \(4, 1073741824\)"),
        ("softmax", {"head_name": "rbf"}, r"head\.name must be one of rbf\. Got 'softmax'"),
        (
            "softmax",
            {"params": lambda params: params | {"C": -1}},
            r"params must be options .*Got .*C must be",
        ),
        ("softmax", {"params": lambda params: params | {"C": 10**400}}, r"Got ValueError: C must be a number above 0"),
        (
            "softmax",
            {"params": lambda params: params | {"x": 1}},
            r"params must be an object with names among ",
        ),
        ("softmax", {"params": lambda params: params | {"head": "mhc"}}, r"head must be one of softmax\. Got 'mhc'"),
        ("given", {"encoder__num_features": 7}, r"head_1\.indptr must be an array of int64 of shape \(8\)"),
        ("given", {"x\n" * 500: 1}, r"must have no entry '(x ){10,}.*\.\.\.'\. Got one; "),
        (
            "given",
            {"num_docs": "1\n" * 500},
            r"num_docs must be a whole .*Got '1\\n1.*\.\.\.; ",
        ),
    ],
)
def test_a_forged_model_is_told_what_must_hold_and_what_came(tmp_path, source, changes, message):
    if source in NEURAL_HEADS:
        pytest.importorskip("torch")
    with pytest.raises(DataError, match=message) as caught:
        XMLCClassifier.load(forged(tmp_path / "model", OLD_MODELS / source, **changes), threads=1)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


def in_config(**changes):
    return {"encoder__options": lambda options: options | {"config": options["config"] | changes}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder__tokenizer": "{}"}, r"tokenizer must be a tokenizer\.json that reads texts\. Got .*Model missing"),
        ({"encoder__tokenizer": None}, r"encoder\.options must be those of the encoder\. Got TypeError: "),
        ({"encoder__tokenizer": lambda text: text.replace('"a":10', '"a":99')}, r"id must be below 11, .*Got 99"),
        (
            {"encoder__tokenizer": lambda text: text.replace('"unk_token":"[UNK]"', '"unk_token":"x"')},
            r"tokenizer must be",
        ),
        ({"encoder__options": lambda options: options | {"pad_id": 11}}, r"pad_id must be a whole number from 0 to 10"),
        ({"encoder__options": lambda options: options | {"max_length": 2**62}}, r"max_length must be up to 2147483647"),
        ({"encoder__class": "os:system"}, r"the encoder's class must be given .*names os:system; "),
        (
            in_config(hidden_size=2**30),
            r"transformer\.embeddings\.word_embeddings\.weight .*\(11, 1073741824\)",
        ),
        (in_config(num_hidden_layers=10**9), r"num_hidden_layers must be up to 1000\. Got 1000000000"),
        (in_config(num_labels=10**9), r"num_labels must be up to 1000\. "),
        (in_config(num_attention_heads=0), r"encoder\.options must be those of the encoder\. Got ZeroDivisionError"),
        (in_config(model_type="gpt2"), r"weight\.transformer\.wte\.weight must be"),
        (in_config(hidden_act="none such"), r"encoder\.options must be those of the encoder\. Got "),
    ],
)
def test_a_forged_encoder_is_refused_before_it_takes_memory(models, tmp_path, changes, message):
    folder = forged(tmp_path / "model", models / "saved" / "frozen", **changes)
    with pytest.raises(DataError, match=message) as caught:
        XMLCClassifier.load(folder, threads=1)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000
    encoder = None
    with pytest.raises(ValueError, match=message):  # as a place to take an encoder from, too
        encoder = XMLCClassifier(str(folder), threads=1).fit(TEXTS, ONE_LABEL)
    assert encoder is None


def test_a_configuration_that_names_code_runs_none(models, tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    code = {"auto_map": {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}, "trust_remote_code": True}
    code |= {"attn_implementation": "someone/kernel", "_attn_implementation": "someone/kernel"}
    folder = forged(tmp_path / "model", models / "saved" / "frozen", **in_config(**code, _name_or_path=str(tmp_path)))
    labels = XMLCClassifier.load(folder, threads=1).predict(TEXTS[:3], 2).labels
    expected = XMLCClassifier.load(models / "saved" / "frozen", threads=1).predict(TEXTS[:3], 2).labels
    np.testing.assert_array_equal(labels, expected)


def test_every_model_loads_before_it_is_forged(models, monkeypatch):
    monkeypatch.syspath_prepend(models)
    for folder in (models / "saved").iterdir():
        model = XMLCClassifier.load(folder, threads=1, encoder_class="forged_encoder:Lengths")
        assert model.predict(TEXTS[:3], 2).labels.shape == (3, 2)
