"""Requests a second and the times of answers, of `xmlc-mhe serve` and of Annif with its omikuji backend, in one run.

    python recipes/compare/serving.py MODEL texts.txt[.xz] [--annif http://127.0.0.1:5000/v1/projects/ID/suggest]

starts `xmlc-mhe serve MODEL`, sends it the texts from 1 and from 16 clients, each with a connection of its own and a
request after the other, and prints a row for each. Annif must run already; its rows come in turns with ours, so that
both see the same machine. --soak N sends N more requests and prints how the memory grew.
"""

import argparse
import asyncio
import json
import lzma
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from itertools import cycle, islice
from pathlib import Path

import numpy as np

CLIENTS = (1, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path, help="a text a line")
    parser.add_argument("--annif", metavar="URL", help="where Annif suggests")
    parser.add_argument("--requests", type=int, default=4000, help="of each measurement of ours (default: %(default)s)")
    parser.add_argument("--annif-requests", type=int, default=400, help="and of Annif's (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--soak", type=int, default=0, metavar="N")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="JSON of all rows")
    args = parser.parse_args()
    bodies = read_bodies(args.texts)
    server, address = start_server(args.model)
    try:
        targets = {"xmlc-mhe": (f"{address}v1/projects/model/suggest", args.requests)}
        if args.annif:
            targets["annif"] = (args.annif, args.annif_requests)
        rows = []
        for url, _ in targets.values():
            asyncio.run(measure(url, bodies, num_clients=4, num_requests=40))  # warm
        for round_number in range(args.rounds):
            for num_clients in CLIENTS:
                for name, (url, num_requests) in targets.items():
                    seconds, wall = asyncio.run(
                        measure(url, bodies, num_clients=num_clients, num_requests=num_requests)
                    )
                    row = {"server": name, "round": round_number, "clients": num_clients}
                    rows.append({**row, **summary(seconds, wall)})
                    print(row_line(rows[-1]), flush=True)
        for name in targets:
            for num_clients in CLIENTS:
                of_both = [row for row in rows if (row["server"], row["clients"]) == (name, num_clients)]
                print("median", row_line({**of_both[0], **{key: float(np.median([row[key] for row in of_both]))
                      for key in ("requests_per_second", "p50_ms", "p99_ms")}}))  # fmt: skip
        if args.soak:
            rows.append(soak(targets["xmlc-mhe"][0], address, bodies, args.soak))
        if args.output:
            args.output.write_text(json.dumps(rows, indent=1) + "\n")
    finally:
        server.send_signal(signal.SIGTERM)
        print(f"ended with {server.wait(timeout=60)}")


def read_bodies(path: Path) -> list[bytes]:
    """Return the form of a request for each text."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
        texts = [line.rstrip("\n") for line in file if line.strip()]
    return [urllib.parse.urlencode({"text": text, "limit": 10}).encode() for text in texts]


def start_server(model: Path, *options: str) -> tuple[subprocess.Popen, str]:
    """Start our server, and return it with its address, when it has said that."""
    command = [sys.executable, "-m", "xmlc_mhe.cli", "serve", f"model={model}", "--port", "0", *options]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if found := re.search(r"http://\S+", line):
            return server, found[0]
    raise SystemExit(f"the server did not start: {server.wait()}")


async def measure(url: str, bodies: list[bytes], *, num_clients: int, num_requests: int) -> tuple[np.ndarray, float]:
    """Return the seconds of each request, and of all of them together."""
    parts = urllib.parse.urlsplit(url)
    waiting = islice(cycle(bodies), num_requests)  # all clients draw from it
    seconds: list[float] = []
    start = time.perf_counter()
    await asyncio.gather(*(_client(parts, waiting, seconds) for _ in range(num_clients)))
    return np.array(seconds), time.perf_counter() - start


async def _client(parts, waiting, seconds: list[float]) -> None:
    reader = writer = None
    for body in waiting:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        start = time.perf_counter()
        if writer is None:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{parts.netloc} answered {answer.splitlines()[0].decode()}")
        headers = answer.lower()
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", headers)[1]))
        seconds.append(time.perf_counter() - start)
        if b"connection: close" in headers:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()


def summary(seconds: np.ndarray, wall: float) -> dict[str, float]:
    p50, p99 = 1000 * np.percentile(seconds, [50, 99])
    return {"requests_per_second": len(seconds) / wall, "p50_ms": float(p50), "p99_ms": float(p99)}


def row_line(row: dict) -> str:
    return (
        f"{row['server']:>9} {row['clients']:3d} clients {row['requests_per_second']:8.1f} requests/s"
        f"  p50 {row['p50_ms']:7.2f} ms  p99 {row['p99_ms']:7.2f} ms"
    )


def soak(url: str, address: str, bodies: list[bytes], num_requests: int) -> dict:
    """Send many requests from 16 clients, and return the server's memory after each tenth, in MB."""
    memory = []
    for _ in range(10):
        asyncio.run(measure(url, bodies, num_clients=16, num_requests=num_requests // 10))
        memory.append(resident_mb(address))
        print(f"{len(memory) * num_requests // 10} requests: {memory[-1]:.1f} MB", flush=True)
    return {"server": "xmlc-mhe", "soak_requests": num_requests, "resident_mb": memory}


def resident_mb(address: str) -> float:
    with urllib.request.urlopen(f"{address}metrics") as answer:
        return float(re.search(r"^process_resident_memory_bytes (\d+)", answer.read().decode(), re.MULTILINE)[1]) / 1e6


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
