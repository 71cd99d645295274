"""Time of one training step (loss, gradient, Adam) of the plain classifier, of Multi-Head Product and of MHS.

    python recipes/studies/step_time.py [--labels 1000000] [--dim 256] [--batch 256] [--threads 2] [--json]

Features and labels are random, labels uniform, which is the dearest case for MHS: nearly every document has a group of
its own. Prints a table; --json writes it to step_time.json next to this file, too.
"""

import argparse
import gc
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from xmlc_mhe.neural.heads import HEADS
from xmlc_mhe.neural.optimisers import optimisers_of

CASES: dict[str, tuple[str, dict[str, Any], int, int]] = {  # title -> head, options, steps before and timed
    "softmax": ("softmax", {}, 2, 3),
    "mhp, H = 2": ("mhp", {"num_heads": 2}, 5, 50),
    "mhp, H = 3": ("mhp", {"num_heads": 3}, 5, 50),
    "mhs, MHS-1": ("mhs", {"sampled_groups": 1}, 60, 20),
    "mhs, MHS-2": ("mhs", {"sampled_groups": 2}, 60, 20),
}


def main() -> None:
    """Print the table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rows = []
    print(f"{'head':>12}{'parameters':>14}{'step, ms':>10}{'times faster':>14}")
    for title, (name, options, num_before, num_steps) in CASES.items():
        module = HEADS[name](args.labels, args.dim, **options)
        milliseconds = step_milliseconds(module, args, num_before, num_steps)
        num_parameters = sum(parameter.numel() for parameter in module.parameters())
        del module
        gc.collect()
        rows.append({"head": title, "parameters": num_parameters, "step_ms": round(milliseconds, 2)})
        rows[-1]["times_faster"] = round(rows[0]["step_ms"] / milliseconds, 1)
        print(f"{title:>12}{num_parameters:>14,}{milliseconds:>10.1f}{rows[-1]['times_faster']:>14.1f}", flush=True)
    if args.json:
        setting = {"labels": args.labels, "dim": args.dim, "batch": args.batch, "threads": args.threads}
        setting |= {"torch": torch.__version__, "machine": platform.machine()}
        text = json.dumps({"setting": setting, "rows": rows}, indent=1)
        Path(__file__).with_suffix(".json").write_text(text + "\n")


def step_milliseconds(module: Any, args: argparse.Namespace, num_before: int, num_steps: int) -> float:
    """Return the median time of num_steps steps, after num_before that make and touch the optimiser's arrays."""
    optimisers = optimisers_of(module, learning_rate=0.001)
    times = []
    for _ in range(num_before + num_steps):
        features = torch.randn(args.batch, args.dim, requires_grad=True)  # its gradient is part of the step
        labels = torch.randint(args.labels, (args.batch,))
        start = time.perf_counter()
        for optimiser in optimisers:
            optimiser.zero_grad()
        module.loss(features, labels).backward()
        for optimiser in optimisers:
            optimiser.step()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[num_before:])


if __name__ == "__main__":
    main()
