"""Work in large pieces on several threads.

Torch splits every single operation over its threads and waits for the slowest of them before the next. For thousands of
short operations, beside other programs, that waiting takes longer than the work. Here each thread takes a piece, does
all of its operations alone, and comes back for the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

_ONE_AT_A_TIME = threading.Lock()  # the number of torch's threads belongs to the process


def spread(count: int, worker: Callable[[Iterator[int]], None]) -> None:
    """Call `worker` in as many threads as torch has, each with the same iterator over the pieces 0 to count - 1.

    A worker makes its own buffers, then works on pieces until there are none. What one raises is raised here.
    """
    pieces = iter(range(count))
    threads = torch.get_num_threads()
    if min(threads, count) <= 1:
        worker(pieces)
        return
    with _ONE_AT_A_TIME:
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(min(threads, count)) as pool:
                running = [pool.submit(_in_thread, worker, pieces) for _ in range(min(threads, count))]
                for future in running:
                    future.result()
        finally:
            torch.set_num_threads(threads)


def _in_thread(worker: Callable[[Iterator[int]], None], pieces: Iterator[int]) -> None:
    with torch.inference_mode():  # which each thread has of its own
        worker(pieces)
