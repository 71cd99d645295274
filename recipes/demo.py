"""The main job on the embedded data set: fit the Multi-Head Cascade and one-vs-rest, predict, measure, show documents.

Run by `make demo`; prints the table and five documents. The same as JSON: python recipes/demo.py --json demo.json
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from xmlc_mhe import XMLCClassifier, evaluate, label_propensity, load_dataset, metric_names
from xmlc_mhe.experiments.runs import compile_kernels
from xmlc_mhe.model_files import model_bytes

METRICS = metric_names()


def main() -> None:
    """Print one row for each head and the tags of five test documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="pydocs", help="a data set with texts (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument("--threads", type=int, help="(default: all cores)")
    args = parser.parse_args()

    train, test = load_dataset(args.data)
    print(f"{args.data}: {train.num_docs:,} + {test.num_docs:,} documents, {train.num_labels:,} labels")
    propensity = label_propensity(train.Y, num_labels=test.Y.shape[1])
    compile_kernels("mhc")  # so that no time below has it
    rows = {}
    for head in ("vanilla", "mhc"):
        model = XMLCClassifier(head=head, threads=args.threads)
        start = time.perf_counter()
        model.fit(train)
        fitted = time.perf_counter()
        predictions = model.predict(test.texts, k=5)
        done = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder, "model"))
            megabytes = model_bytes(Path(folder, "model")) / 1e6
        rows[head] = evaluate(test.Y, predictions, METRICS, propensity=propensity)
        rows[head] |= {"fit_seconds": fitted - start, "predict_seconds": done - fitted, "model_megabytes": megabytes}

    print("\n" + f"{'%':>8}" + "".join(f"{name:>8}" for name in METRICS) + "   fit s  predict s  model MB")
    for head, row in rows.items():
        shares = "".join(f"{100 * row[name]:8.2f}" for name in METRICS)
        print(f"{head:>8}{shares}{row['fit_seconds']:8.1f}{row['predict_seconds']:11.2f}{row['model_megabytes']:10.1f}")
    for doc in range(0, test.num_docs, -(-test.num_docs // 5)):
        true = {model.label_names_[label] for label in test.Y[[doc]].indices if label < train.num_labels}
        names = model.predict_names([test.texts[doc]], k=5)[0]
        print(f"\n{test.texts[doc][:150]}\n  predicted: {' '.join(f'[{n}]' if n in true else n for n in names)}")
        print(f"  true:      {' '.join(sorted(true))}")
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
