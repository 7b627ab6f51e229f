"""Journals in object storage: what an append costs, and opening a long log.

``python -m tests.benchmarks.bench_buckets [--batches N]``: in a folder, and on an S3 server on this
machine (moto's), where what is measured is the server's work too. The log is opened as it was left,
then after somebody has opened it to write, which puts its batches into one object.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

from duranb.record.events import Answered
from duranb.store.buckets import open_bucket
from duranb.store.objects import ObjectStore, read


@contextmanager
def s3() -> Iterator[str]:
    """The URL of a place in an S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
    }
    urlopen(Request(f"http://{host}:{port}/duranb", method="PUT")).close()
    yield "s3://duranb/bench"
    server.stop()


def measure(name: str, url: str, batches: int) -> None:
    """Print what appends and opening cost."""
    bucket = open_bucket(url)
    store = ObjectStore(bucket, "log")
    times = []
    for call in range(batches):
        began = time.perf_counter()
        store.append(Answered(call=call, value="x" * 1000)).wait()
        times.append(time.perf_counter() - began)
    store.close()
    print(f"{name}: an append takes {median(times) * 1e3:.2f} ms (median of {batches})")
    for what in ("as it was left", "put together"):
        began = time.perf_counter()
        events, _ = read(bucket, "log")
        took = time.perf_counter() - began
        print(f"{name}: {len(events)} batches are read in {took:.2f} s, {what}")
        if what == "as it was left":
            ObjectStore(bucket, "log", epoch=1).close()


def main() -> None:
    """Measure a folder, then S3."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=2000)
    batches = parser.parse_args().batches
    with tempfile.TemporaryDirectory() as folder:
        measure("folder", str(Path(folder) / "bucket"), batches)
    with s3() as url:
        measure("s3", url, batches)


if __name__ == "__main__":
    main()
