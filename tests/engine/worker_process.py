"""A real worker, with a handler for the topic `uji` that writes its job's id into a file: run as a process of its own.

Usage: python -m tests.engine.worker_process FOLDER
"""

import random
import sys
import time

from engine import handlers, worker
from engine.process_engine import open_engine


@handlers.handler("uji")
def note(pe, job, now):
    """Append the job's id to `effects`, somewhere in a call that takes a few milliseconds."""
    time.sleep(random.uniform(0, 0.02))
    with open(pe.folder / "effects", "a") as file:
        file.write(job.id + "\n")
    time.sleep(random.uniform(0, 0.02))
    return {"tautan": f"https://example.org/{job.id}"}


if __name__ == "__main__":
    worker.main(open_engine(sys.argv[1]), concurrency=2)
