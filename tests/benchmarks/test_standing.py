"""The summary: who is best where, and by how much."""

from pathlib import Path

import pandas as pd
from benchmarks.standing import summary


def rows(method: str, disparities: dict[str, list[float]]) -> list[dict[str, object]]:
    return [
        {
            "method": method,
            "case": case,
            "seed": seed,
            "procrustes": value,
            "distance_spearman": 1 - value,
            "median_error_percent": 1.0,
            "coverage_0.9": 0.9,
            "wide_coverage_0.9": 1.0,
            "seconds": 1.0,
            "peak_mb": 1.0,
        }
        for case, values in disparities.items()
        for seed, value in enumerate(values)
    ]


def test_best_within_noise_and_behind_are_told_apart(tmp_path: Path) -> None:
    ours = rows("dp-VAE", {"a-b": [0.2, 0.2], "a-random": [0.5, 0.3], "a-block": [0.8, 0.8]})
    vanilla = rows(
        "vanilla VAE", {"a-b": [0.5, 0.5], "a-random": [0.6, 0.6], "a-block": [0.7, 0.7]}
    )
    peer = rows("peer", {"a-b": [0.4, 0.4], "a-random": [0.3, 0.4], "a-block": [0.6, 0.61]})
    pd.DataFrame(peer).to_csv(tmp_path / "peers.csv")
    text = summary(pd.DataFrame(ours + vanilla), tmp_path / "peers.csv")
    assert "| another section | 1 | 1 | 1 | 50.0 % | 50.0 % | 1 of 1 |" in text
    assert "| random spots | 1 | 0 | 1 | -14.3 % | -14.3 % | 1 of 1 |" in text
    assert "| a block | 1 | 0 | 0 | -32.2 % | -32.2 % | 0 of 1 |" in text
    assert "| all | 3 | 1 | 2 | -3.3 % | 1.2 % | 2 of 3 |" in text
    assert "| dp-VAE | 2.0 | 2.0 | 3 |" in text


def test_cases_without_signal_do_not_count(tmp_path: Path) -> None:
    ours = rows("dp-VAE", {"a-b": [0.2], "c-random": [0.97]})
    peer = rows("peer", {"a-b": [0.4], "c-random": [0.96]})
    pd.DataFrame(peer).to_csv(tmp_path / "peers.csv")
    text = summary(pd.DataFrame(ours), tmp_path / "peers.csv")
    assert "| all | 1 | 1 | 1 | 50.0 % | 50.0 % | 0 of 0 |" in text


def test_seeds_that_only_one_has_run_are_not_compared(tmp_path: Path) -> None:
    ours = rows("dp-VAE", {"a-b": [0.2, 0.8], "c-d": [0.5]})
    peer = [*rows("peer", {"a-b": [0.4]}), *rows("peer", {"e-f": [0.1]})]
    pd.DataFrame(peer).to_csv(tmp_path / "peers.csv")
    assert "| all | 1 | 1 | 1 | 50.0 % |" in summary(pd.DataFrame(ours), tmp_path / "peers.csv")


def test_without_ours_there_is_nothing_to_tell(tmp_path: Path) -> None:
    vanilla = pd.DataFrame(rows("vanilla VAE", {"a-b": [0.2]}))
    assert "not run" in summary(vanilla, tmp_path / "peers.csv")
