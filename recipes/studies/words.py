"""Time of counting words, beside scikit-learn's CountVectorizer on the same texts in the same run.

    python recipes/studies/words.py FOLDER... [--documents 12000] [--repeats 3]

Each folder has train texts, of which the first ones are taken. Each figure is the least of several runs, ours and
scikit-learn's in turn, so that other work on the machine meets both. Prints a table and writes it to words.json next to
this file.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np
import sklearn
from sklearn.feature_extraction.text import CountVectorizer

from xmlc_mhe import TextFeatures
from xmlc_mhe.data.reading import load_dataset
from xmlc_mhe.features.counting import VocabularyCounter

THREADS = (1, 2)
WORDS_OF_A_TEXT = 200


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--documents", type=int, default=12_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    VocabularyCounter.fit_transform(["one word", "two wörds"])[0].transform(["one"])  # compiles the kernels
    rows = []
    print(f"{'data':>18}{'threads':>9}{'fit, s':>9}{'ours':>9}{'times':>7}{'transform, s':>14}{'ours':>9}{'times':>7}")
    for folder in args.data:
        texts = load_dataset(folder, parts=("train",))[0].texts[: args.documents]
        row: dict[str, Any] = {"data": folder.name, "documents": len(texts), "characters": sum(map(len, texts))}
        row |= measure(texts, args.repeats)
        rows.append(row)
        for threads in THREADS:
            fit, transform = row["fit_seconds"], row["transform_seconds"]
            print(
                f"{folder.name:>18}{threads:>9}"
                f"{fit['sklearn']:>9.3f}{fit[f'{threads}']:>9.3f}{fit['sklearn'] / fit[f'{threads}']:>7.1f}"
                f"{transform['sklearn']:>14.3f}{transform[f'{threads}']:>9.3f}"
                f"{transform['sklearn'] / transform[f'{threads}']:>7.1f}"
            )
        print(
            f"{'':>18} one text of {WORDS_OF_A_TEXT} words: {row['text_microseconds']:.0f} µs; "
            f"{row['words']:,} words read again: {row['load_milliseconds']:.1f} ms",
            flush=True,
        )
    setting = {"repeats": args.repeats, "machine": platform.machine()}
    setting |= {"numpy": np.__version__, "sklearn": sklearn.__version__}
    Path(__file__).with_suffix(".json").write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n")


def measure(texts: list[str], repeats: int) -> dict[str, Any]:
    """Return the least times of fit_transform and transform, scikit-learn's and ours by threads, and of one text."""
    reference = CountVectorizer(min_df=2, dtype=np.float32).fit(texts)
    counter, _ = VocabularyCounter.fit_transform(texts, min_df=2)
    assert counter.vocabulary == reference.get_feature_names_out().tolist()
    fits: dict[str, Callable[[], Any]] = {"sklearn": lambda: clone_of(reference).fit_transform(texts)}
    transforms: dict[str, Callable[[], Any]] = {"sklearn": lambda: reference.transform(texts)}
    for threads in THREADS:
        fits[f"{threads}"] = lambda threads=threads: VocabularyCounter.fit_transform(texts, min_df=2, threads=threads)
        transforms[f"{threads}"] = lambda threads=threads: counter.transform(texts, threads=threads)
    features = TextFeatures().fit(texts)
    text = " ".join(" ".join(texts[:WORDS_OF_A_TEXT]).split()[:WORDS_OF_A_TEXT])
    return {
        "words": len(counter.vocabulary),
        "fit_seconds": least_seconds(fits, repeats),
        "transform_seconds": least_seconds(transforms, repeats),
        "text_microseconds": 1e6 * least_seconds({"": lambda: features.transform([text])}, 1000)[""],
        "load_milliseconds": 1e3 * least_seconds({"": lambda: VocabularyCounter(counter.vocabulary)}, repeats)[""],
    }


def clone_of(counter: CountVectorizer) -> CountVectorizer:
    """Return the same counter, not fitted."""
    return CountVectorizer(**counter.get_params())


def least_seconds(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the least time of each of some calls, which are made in turn."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            least[name] = min(least[name], time.perf_counter() - start)
    return {name: common.significant(seconds) for name, seconds in least.items()}


if __name__ == "__main__":
    main()
