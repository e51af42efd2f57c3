"""Attributes of a state that are checked when they are set, and say so when they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar, get_args, overload

import numpy as np

from napari_dpvae.errors import DataError

T = TypeVar("T")


class Observed(Generic[T]):
    """An attribute that can be set: its check runs first, then the owner's signal follows.

    The signal is the psygnal signal ``NAME_changed`` where the owner has one, else ``changed``.

    Parameters
    ----------
    check
        ``check(owner, value)`` gives what is kept, or raises. Its docstring is the attribute's.
    default
        Held before it is set.
    repeats
        Whether the signal also follows when the value is as before.
    """

    def __init__(self, check: Callable[[Any, Any], T], default: Any, *, repeats: bool) -> None:
        self._check, self._default, self._repeats = check, default, repeats
        self.__doc__ = check.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"
        own = f"{name}_changed"
        self._signal = own if hasattr(owner, own) else "changed"

    @overload
    def __get__(self, owner: None, kind: type) -> Observed[T]: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None) -> T: ...
    def __get__(self, owner: object, kind: type | None = None) -> Observed[T] | T:
        if owner is None:
            return self
        held: T = getattr(owner, self._name, self._default)
        return held

    def __set__(self, owner: Any, value: Any) -> None:
        before: Any = self.__get__(owner)
        value = self._check(owner, value)
        setattr(owner, self._name, value)
        if self._repeats or not np.array_equal(before, value):
            getattr(owner, self._signal).emit(value)


def observed(
    default: Any, *, repeats: bool = True
) -> Callable[[Callable[[Any, Any], T]], Observed[T]]:
    """Make a method that checks a value an attribute that holds it: see :class:`Observed`."""
    return partial(Observed, default=default, repeats=repeats)


def brief(value: object) -> str:
    """A value, as a sentence can name it."""
    return repr(value)[:60].replace("\n", " ")


def choice(kind: Any, value: Any) -> Any:
    """A value that is one of a Literal's.

    Raises
    ------
    DataError
        When it is not.
    """
    if not (isinstance(value, str) and value in get_args(kind)):
        raise DataError(
            f"{brief(value)} cannot be chosen: take one of {', '.join(get_args(kind))}."
        )
    return value
