import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_dpvae.data.unfinished import Unfinished

PARTS = 4


def test_threads_that_are_done_at_once_each_keep_their_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As networks that read in different forms are, which are trained side by side."""
    kept = Unfinished(tmp_path / "model")
    kept.begin("a reference")
    make = Path.mkdir

    def slowly(folder: Path, **options: Any) -> None:
        time.sleep(0.05)
        make(folder, **options)

    monkeypatch.setattr(Path, "mkdir", slowly)
    with ThreadPoolExecutor(PARTS) as threads:
        list(threads.map(lambda i: kept.keep(i, {"weights": np.full(3, i)}), range(PARTS)))
    assert [kept.read(i)["weights"][0] for i in range(PARTS)] == [*range(PARTS)]
