"""The model file: whole or not at all, and clear about what it cannot read."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_dpvae.model import checkpoint

Refuses = Callable[[str], AbstractContextManager[None]]

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 2], np.uint8)}
HEADER = {"name": "test", "values": [1, 2.5, None]}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, TENSORS, HEADER)
    return path


def test_tensors_and_header_come_back(saved: Path) -> None:
    tensors, header = checkpoint.load(saved)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        np.testing.assert_array_equal(tensor, TENSORS[name])
    assert HEADER.items() <= header.items()


def test_a_transposed_array_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, {"a": TENSORS["a"].T}, {})
    np.testing.assert_array_equal(checkpoint.load(path)[0]["a"], TENSORS["a"].T)


def test_any_share_of_a_truncated_file_is_refused(saved: Path, refuses: Refuses) -> None:
    whole = saved.read_bytes()
    for length in (0, 4, 8, 50, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with refuses("damaged"):
            checkpoint.load(saved)


def test_noise_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with refuses("not a napari-dpvae model file"):
        checkpoint.load(path)


def test_a_safetensors_file_of_someone_else_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "other.safetensors"
    save_file(TENSORS, path)
    with refuses("not a napari-dpvae model file"):
        checkpoint.load(path)


@pytest.mark.parametrize("header", ["not json", "{}", "[]", '{"version": "new"}', "null"])
def test_a_header_that_is_none_of_ours_is_refused(
    tmp_path: Path, refuses: Refuses, header: str
) -> None:
    path = tmp_path / "other.safetensors"
    save_file(TENSORS, path, metadata={checkpoint.FORMAT: header})
    with refuses("damaged"):
        checkpoint.load(path)


@pytest.mark.parametrize("version", [b"1", b"2", b"3"])
def test_another_version_does_not_spare_a_file_its_checksum(
    saved: Path, refuses: Refuses, version: bytes
) -> None:
    data = saved.read_bytes()
    said = b'\\"version\\": %d' % checkpoint.VERSION
    assert data.count(said) == 1
    saved.write_bytes(data.replace(said, said[:-1] + version))
    with refuses("its contents are not those that were saved"):
        checkpoint.load(saved)


def test_a_file_of_a_newer_version_asks_for_an_update(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "newer.safetensors"
    newer: dict[str, Any] = {"format": checkpoint.FORMAT, "version": checkpoint.VERSION + 1}
    save_file(TENSORS, path, metadata={checkpoint.FORMAT: json.dumps(newer)})
    with refuses("update napari-dpvae"):
        checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path: Path, refuses: Refuses) -> None:
    with refuses("no file or folder .*nowhere"):
        checkpoint.load(tmp_path / "nowhere.safetensors")
    with refuses("is no model file"):
        checkpoint.load(tmp_path)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(TypeError):
        checkpoint.save(saved, TENSORS, {"cannot": object()})
    with pytest.raises(Exception, match=r"(?i)dtype|type"):
        checkpoint.save(saved, {"cannot": np.array(["text"])}, {})
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_save_replaces_the_old_file(saved: Path) -> None:
    checkpoint.save(saved, {"c": np.ones(3)}, {})
    assert list(checkpoint.load(saved)[0]) == ["c"]
    assert list(saved.parent.iterdir()) == [saved]


def test_a_missing_folder_is_named(tmp_path: Path, refuses: Refuses) -> None:
    with refuses("folder .*nowhere does not exist"):
        checkpoint.save(tmp_path / "nowhere" / "model.safetensors", TENSORS, HEADER)


@pytest.mark.parametrize("version", [0, True, "3"])
def test_a_version_that_there_never_was_is_damage(
    saved: Path, refuses: Refuses, version: object
) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    ours = json.loads(header["__metadata__"][checkpoint.FORMAT])
    header["__metadata__"][checkpoint.FORMAT] = json.dumps(ours | {"version": version})
    written = json.dumps(header).encode()
    saved.write_bytes(len(written).to_bytes(8, "little") + written + content[8 + length :])
    with refuses("not a napari-dpvae model file, or it is damaged"):
        checkpoint.load(saved)
