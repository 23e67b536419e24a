"""What XPath functions and paths work with: the environment of a form and the context of one expression."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from random import Random
from typing import Final

from forms.fields import FormDefinition
from forms.nodes import ListData, Lists, Node
from forms.xpath_parser import XPathProblem
from forms.xpath_values import Value, to_number, to_string

WORK_LIMIT: Final = 2_000_000
"""Nodes one environment may visit; a form of 1,000 questions needs some ten thousand."""


@dataclass
class Environment:
    """What expressions may know beside the answers. `now` is aware; its zone is the one dates are read in.

    `missing` collects the ids of lists that were asked for and are not known.
    """

    definition: FormDefinition
    root: Node
    lists: Lists
    now: datetime
    rng: Random
    language: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    work_left: int = WORK_LIMIT

    @property
    def zone(self) -> tzinfo:
        """The zone of `now`."""
        zone = self.now.tzinfo
        if zone is None:
            raise ValueError("`now` must be an aware datetime")
        return zone

    def spend(self, nodes: int) -> None:
        """Count visited nodes; raises XPathProblem when an expression would run without end."""
        self.work_left -= nodes
        if self.work_left < 0:
            raise XPathProblem("The form's expressions visit too many nodes; the evaluation was stopped.")


@dataclass(slots=True)
class Context:
    """Where an expression stands. `current` is the node the whole expression belongs to.

    `pins` are the repeat instances (by path) that absolute paths are read in: those around `current`.
    """

    environment: Environment
    node: Node
    current: Node
    pins: Mapping[str, Node]
    position: int = 1
    size: int = 1


Run = Callable[[Context], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """An XPath function: it gets its arguments unevaluated, `least` to `most` (None: any number) of them."""

    call: Callable[[Context, Sequence[Run]], Value]
    least: int
    most: int | None


def text_of(context: Context, argument: Run) -> str:
    """An argument as text."""
    return to_string(argument(context))


def number_of(context: Context, argument: Run) -> float:
    """An argument as a number; dates become days."""
    return to_number(argument(context), context.environment.zone)


def nodes_of(context: Context, argument: Run) -> list[Node]:
    """An argument that must be a node set."""
    value = argument(context)
    if not isinstance(value, list):
        raise XPathProblem("A function was given a value where it needs nodes.")
    return value


def pins_around(node: Node) -> dict[str, Node]:
    """A node and its ancestors by path."""
    pins: dict[str, Node] = {}
    each: Node | None = node
    while each is not None:
        pins[each.path] = each
        each = each.parent
    return pins


def find_list(environment: Environment, instance_id: str) -> ListData | None:
    """The list of that id; one that is not known is noted in `environment.missing`."""
    data = environment.lists.get(instance_id)
    if data is None:
        environment.missing.add(instance_id)
    return data
