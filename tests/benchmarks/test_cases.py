import numpy as np
import pytest
from benchmarks.cases import PAIRS, SECTIONS, SPLITS, Case, cases


def test_every_case_has_a_name_of_its_own():
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names) <= len(PAIRS) + len(SECTIONS) * len(SPLITS)


@pytest.mark.parametrize("split", SPLITS)
def test_held_out_spots_come_without_their_coordinates(dataset, split):
    dataset(SECTIONS["layer1"])
    task = Case("layer1", "layer1", split=split).load(seed=1)
    assert task.reference.n_obs + task.query.n_obs == 254
    assert task.true.shape == (task.query.n_obs, 2)
    assert not task.query.obsm and task.query.obs.empty and not task.query.uns
    again = Case("layer1", "layer1", split=split).load(seed=2)
    assert not np.array_equal(task.true, again.true)


def test_a_pair_keeps_both_sections_whole(dataset):
    dataset(SECTIONS["layer1"])
    dataset(SECTIONS["layer2"])
    task = Case("pair", "layer1", query="layer2").load()
    assert (task.reference.n_obs, task.query.n_obs) == (254, 251)
    assert not task.query.obsm and len(task.true) == 251
