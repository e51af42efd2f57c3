"""What can be set for training and for placement; every name, default, range and help text once.

magicgui makes the forms from these dataclasses, the command line its options, and
:class:`napari_dpvae.DPVAE` its arguments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from napari_dpvae.errors import DataError

GeneChoice = Literal["moran", "hvg"]
PairMask = Literal["all", "knn", "radius", "given"]
Regularisation = Literal["auto", "strong", "medium", "light"]
Device = Literal["auto", "all", "cpu", "cuda", "mps"]
Mode = Literal["anchored", "free", "impute"]
QueryCovers = Literal["any", "part", "whole"]
DomainChoice = Literal["near", "spots", "concave", "convex", "anywhere"]


def _setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
) -> Any:
    metadata = {"help": help, "low": low, "high": high, "step": step}
    return field(default=default, metadata=metadata)


class _Checked:
    """Refuses a value outside its stated range or choices."""

    @classmethod
    def of(cls, settings: Self | None, changes: Mapping[str, Any]) -> Self:
        """The settings, or the defaults if not given, with some fields changed.

        Parameters
        ----------
        settings
            To start from.
        changes
            Values by the names of fields.

        Raises
        ------
        DataError
            When they are no such settings, or a field is not among theirs.
        """
        if settings is not None and not isinstance(settings, cls):
            raise DataError(
                f"The settings are of the type {type(settings).__name__}: give {cls.__name__}, or "
                "its fields by name."
            )
        names = [spec.name for spec in dataclasses.fields(cls)]  # type: ignore[arg-type]
        unknown = [name for name in changes if name not in names]
        if unknown:
            raise DataError(f"There is no setting '{unknown[0]}': there are {', '.join(names)}.")
        return dataclasses.replace(settings or cls(), **changes)  # type: ignore[type-var]

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for spec in dataclasses.fields(self):  # type: ignore[arg-type]
            value = _checked(spec, hints[spec.name], getattr(self, spec.name))
            object.__setattr__(self, spec.name, value)


def _checked(spec: dataclasses.Field[Any], hint: Any, value: Any) -> Any:
    """The value as the type of its field: a whole float or a number of numpy's serves as well."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = ", ".join(map(str, get_args(hint)))
            raise DataError(f"{spec.name} is {value!r}: choose one of {choices}.")
        return value
    if hint is str and isinstance(value, str):
        return value
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, Real):
        raise DataError(f"{spec.name} is {value!r}: it must be of type {hint.__name__}.")
    if hint is int and value % 1 != 0:
        raise DataError(f"{spec.name} is {value}: it must be a whole number.")
    low, high = spec.metadata["low"], spec.metadata["high"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise DataError(f"{spec.name} is {value}: it must lie between {low} and {high}.")
    return hint(value)


@dataclass(frozen=True)
class TrainingSettings(_Checked):
    """How the gene panel is chosen and the dp-VAE is trained.

    Symbols are those of Zhou & Du, arXiv 2408.00911.

    Examples
    --------
    >>> dpv.TrainingSettings(alpha2=-1)
    Traceback (most recent call last):
    napari_dpvae.errors.DataError: alpha2 is -1: it must lie between 0 and 100000.0.
    """

    latent_dim: int = _setting(
        0,
        "Latent dimensions. 0 takes as many as the space has (2, or 3 for a volume), which is best "
        "with few spots; try 10 with thousands.",
        low=0,
        high=256,
    )
    alpha2: float = _setting(
        10.0,
        "Weight of the distance-preserving term. 0 is a plain VAE; 10 to 100 behave alike.",
        low=0,
        high=1e5,
        step=1.0,
    )
    epochs: int = _setting(
        0,
        "Passes over the reference. 0 takes as many as its size asks for: 150 of up to 1,000 "
        "spots, 57 of 5,000. More seldom helps: the rate falls to zero by the last one. "
        "Networks that hold out a block take half.",
        low=0,
        high=100_000,
    )
    genes: int = _setting(
        500,
        "Genes in the core of the panel, which are decoded. Fewer mean less noise, more mean more "
        "detail.",
        low=2,
        high=100_000,
    )
    wide_genes: int = _setting(
        2000,
        "Genes in the whole panel, of which a third of the networks read principal components: "
        "what many genes say together. No more than the core: there are no others.",
        low=0,
        high=100_000,
    )
    gene_choice: GeneChoice = _setting(
        "moran",
        "How genes are ranked: by spatial autocorrelation (moran) or by variance (hvg).",
    )
    mask: PairMask = _setting(
        "all",
        "Pairs of spots whose distance is preserved: all, near neighbours in space (knn), those "
        "within a radius, or the weights in an obsp entry of the reference (given).",
    )
    neighbours: str = _setting(
        "30",
        "Neighbours of each spot when the mask is knn. Several numbers, such as 10,30,100, make "
        "the union of their masks, in which a pair counts once for each that it is in.",
    )
    radius: float = _setting(
        5.0, "Radius in spot distances when the mask is radius.", low=0.1, high=1e5, step=0.5
    )
    pairs_key: str = _setting(
        "", "Entry of the reference's obsp with the weights of pairs, when the mask is given."
    )
    frame: str = _setting(
        "",
        "Section that cells are placed in, where the reference has several; the one with most "
        "spots if empty.",
    )
    members: int = _setting(
        8,
        "Networks in the ensemble, each trained with another part of the reference held out. In "
        "turn they read genes, and principal components of few and of many; those that place their "
        "parts better weigh more. More are a little better, and take longer.",
        low=2,
        high=50,
    )
    checks: int = _setting(
        2,
        "Parts of the reference, of as many as there are members, that are held out first, from "
        "the choice of genes as well. On them the regularisation is chosen, and what weighs "
        "more; they tell how far off the ensemble is. 0 saves their time, and some accuracy; "
        "regions are then too narrow with few spots, too wide with many.",
        low=0,
        high=50,
    )
    blocks: int = _setting(
        2,
        "Networks that are each trained without a contiguous block of the reference and then place "
        "it: they calibrate the wide regions, and place no other cells. 0 saves their time.",
        low=0,
        high=5,
    )
    regression: bool = _setting(
        True,
        "Whether a ridge regression of places on expression has a say beside the anchors: more, "
        "where these are less sure. It reaches tissue that the reference does not show.",
    )
    regularisation: Regularisation = _setting(
        "auto",
        "Noise and dropout while training: strong suits few spots, light suits thousands of spots "
        "with clean signal. auto tries each on the first checks parts of the reference, and keeps "
        "what places them best; without checks it is medium.",
    )
    hidden: int = _setting(128, "Units in each of the two hidden layers.", low=2, high=8192)
    alpha1: float = _setting(
        1.0, "Weight of the VAE's own objective (reconstruction and KL).", low=0, high=1e5, step=0.1
    )
    beta: float = _setting(
        1.0, "Weight of the KL divergence within the VAE's objective.", low=0, high=1e5, step=0.1
    )
    fixed_lambda: float = _setting(
        0.0,
        "Scale from space to latent. 0 learns it; another value fixes it.",
        low=0,
        high=1e3,
        step=0.1,
    )
    learning_rate: float = _setting(
        3e-3, "Peak of the one-cycle learning rate.", low=1e-6, high=1, step=1e-3
    )
    batch_size: int = _setting(
        256, "Spots per step. The distance term compares spots within a batch.", low=2, high=65_536
    )
    seed: int = _setting(0, "The same seed gives the same model.", low=0, high=2**31 - 1)
    device: Device = _setting(
        "auto",
        "Where to compute: auto takes a graphics card if there is one, all takes each of several.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.mask == "given") != bool(self.pairs_key):
            raise DataError(
                "mask given and pairs_key, the obsp entry with the weights, belong together: set "
                "both or neither."
            )
        try:
            numbers = self.neighbour_numbers
        except ValueError:
            numbers = []
        if not numbers or min(numbers) < 1:
            raise DataError(
                f"neighbours is {self.neighbours[:40]!r}: give whole numbers of 1 or more, such as "
                "30 or 10,30,100."
            )

    @property
    def neighbour_numbers(self) -> list[int]:
        """The numbers in :attr:`neighbours`."""
        return [int(number) for number in self.neighbours.split(",")]


@dataclass(frozen=True)
class PlacementSettings(_Checked):
    """How the cells' coordinates are solved from latent distances.

    Examples
    --------
    >>> dpv.PlacementSettings(probability=0.5).probability
    0.5
    """

    mode: Mode = _setting(
        "anchored",
        "anchored ties each cell to reference spots and solves it alone; free uses only distances "
        "between the cells (small n), and the reference only for the frame; impute also ties them "
        "to cells of the query whose places are known.",
    )
    anchors: int = _setting(
        16, "Reference spots, nearest in latent space, that each cell is tied to.", low=1, high=5000
    )
    domain: DomainChoice = _setting(
        "near",
        "Where cells may lie: within a tenth of the reference's diagonal of a spot, also where "
        "tissue is missing (near), within one spot distance (spots), inside the outline of all "
        "spots, following its bays (concave) or not (convex), or anywhere.",
    )
    query_covers: QueryCovers = _setting(
        "any",
        "What the query covers. whole: all of the tissue, as another section does; its genes are "
        "then centred by its own means, which helps. part: a part of it. any: whichever it looks "
        "like.",
    )
    probability: float = _setting(
        0.9,
        "Stated probability that a cell lies in its region: the more, the wider.",
        low=0.05,
        high=0.99,
        step=0.05,
    )
    draws: int = _setting(
        0,
        "Draws of each cell's place from where it may be, in obsm['dpvae_draws']. Placed cells "
        "bunch, as each lies at a mean; a draw of all of them is spread as a tissue is.",
        low=0,
        high=1000,
    )
    likeliest: bool = _setting(
        False,
        "Also a place at the likeliest spot of each cell, in obsm['dpvae_likeliest']. Such places "
        "are spread as a tissue is, as draws are, and keep more of which cells are neighbours.",
    )
