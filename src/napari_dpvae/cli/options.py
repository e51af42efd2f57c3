"""Options of the commands; those of settings come from the dataclasses."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_dpvae.settings import PlacementSettings, TrainingSettings


def word(text: str) -> str:
    """A word that says something: an empty one may be a variable of the shell that is not set.

    Raises
    ------
    argparse.ArgumentTypeError
        When it is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: say what is meant, or leave it out")
    return text


def add_reading(parser: argparse.ArgumentParser, *, sections: bool) -> None:
    """Options for how a file is read."""
    parser.add_argument(
        "--layer",
        help="layer with the raw counts, raw for .raw, X for X (else where counts are)",
    )
    if sections:
        parser.add_argument("--section-key", help="obs column with the section of each spot")
        parser.add_argument(
            "--coordinates", metavar="TABLE", help="coordinates of spots whose file has none"
        )
        parser.add_argument(
            "--also",
            metavar="REFERENCE",
            action="append",
            default=[],
            help="another section of the reference, may be given again: each file is a section",
        )
        parser.add_argument("--image", help="image of its own to lie under the spots")
        parser.add_argument(
            "--image-affine",
            default="1",
            metavar="NUMBERS",
            help="from the image's pixels to coordinates: side of a pixel, a,b,c,d,e,f, or a CSV",
        )


def add_screenshot(parser: argparse.ArgumentParser) -> None:
    """The option that writes a picture in place of a window."""
    parser.add_argument(
        "--screenshot", metavar="FILE.png", help="write a picture of the window and close it"
    )


def add_settings(
    parser: argparse.ArgumentParser, settings: type[TrainingSettings] | type[PlacementSettings]
) -> None:
    """An option for each field, with its default and help."""
    hints = get_type_hints(settings)
    group = parser.add_argument_group(settings.__name__)
    for spec in dataclasses.fields(settings):
        hint = hints[spec.name]
        kind: dict[str, Any] = {"type": hint}
        if get_origin(hint) is Literal:
            kind = {"choices": get_args(hint)}
        elif hint is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        group.add_argument(
            f"--{spec.name.replace('_', '-')}",
            default=spec.default,
            help=spec.metadata["help"].replace("%", "%%"),
            **kind,
        )


def read_settings(options: Any, settings: type[Any]) -> Any:
    """The settings that the options hold."""
    return settings(
        **{spec.name: getattr(options, spec.name) for spec in dataclasses.fields(settings)}
    )
