"""XPath functions of numbers, and of chance (from the environment's generator)."""

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from forms.xpath_context import Context, Function, Run, number_of, text_of
from forms.xpath_parser import XPathProblem
from forms.xpath_values import Value, to_number, to_string

Arguments = Sequence[Run]


def _numbers(context: Context, arguments: Arguments) -> list[float]:
    """All arguments as numbers, each node of a node set on its own; empty answers are left out."""
    zone = context.environment.zone
    found: list[float] = []
    for argument in arguments:
        value = argument(context)
        members: list[Value] = [[node] for node in value] if isinstance(value, list) else [value]
        found += [to_number(member, zone) for member in members if to_string(member).strip() != ""]
    return found


def _number(context: Context, arguments: Arguments) -> float:
    if not arguments:
        return to_number([context.node], context.environment.zone)
    return number_of(context, arguments[0])


def _int(context: Context, arguments: Arguments) -> float:
    """Cuts the decimals off, towards zero."""
    number = number_of(context, arguments[0])
    return float(math.trunc(number)) if math.isfinite(number) else number


def _round(context: Context, arguments: Arguments) -> float:
    """Rounds half up; a second argument gives the decimals (negative: tens, hundreds...)."""
    number = number_of(context, arguments[0])
    places = number_of(context, arguments[1]) if len(arguments) > 1 else 0.0
    if not math.isfinite(number) or not math.isfinite(places) or abs(places) > 20 or abs(number) > 1e18:
        return number
    exact = Decimal(repr(number)).scaleb(int(places))
    # Half up means towards positive infinity, also below zero: round(-2.5) is -2.
    rounded = (
        -((-exact).quantize(Decimal(1), rounding="ROUND_HALF_DOWN"))
        if exact < 0
        else exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    )
    return float(rounded.scaleb(-int(places)))


def _sum(context: Context, arguments: Arguments) -> float:
    numbers = _numbers(context, arguments)
    return math.fsum(numbers) if all(map(math.isfinite, numbers)) else math.nan


def _least(context: Context, arguments: Arguments) -> float:
    numbers = _numbers(context, arguments)
    return math.nan if not numbers or any(map(math.isnan, numbers)) else min(numbers)


def _most(context: Context, arguments: Arguments) -> float:
    numbers = _numbers(context, arguments)
    return math.nan if not numbers or any(map(math.isnan, numbers)) else max(numbers)


def _safe(function: Callable[..., float], count: int) -> Function:
    def call(context: Context, arguments: Arguments) -> float:
        try:
            return float(function(*(number_of(context, argument) for argument in arguments)))
        except (ValueError, OverflowError, ZeroDivisionError):
            return math.nan

    return Function(call, count, count)


def _whole(function: Callable[[float], int]) -> Function:
    return _safe(lambda number: float(function(number)) if math.isfinite(number) else number, 1)


def _random(context: Context, arguments: Arguments) -> float:
    return context.environment.rng.random()


def _uuid(context: Context, arguments: Arguments) -> str:
    """A version 4 UUID; with a length, that many hexadecimal digits."""
    made = uuid.UUID(int=context.environment.rng.getrandbits(128), version=4)
    if not arguments:
        return str(made)
    length = number_of(context, arguments[0])
    if not 1 <= length <= 32:
        raise XPathProblem(f"uuid() cannot be {text_of(context, arguments[0])} digits long.")
    return made.hex[: int(length)]


MATH_FUNCTIONS: Final[Mapping[str, Function]] = {
    "number": Function(_number, 0, 1),
    "int": Function(_int, 1, 1),
    "round": Function(_round, 1, 2),
    "floor": _whole(math.floor),
    "ceiling": _whole(math.ceil),
    "ceil": _whole(math.ceil),
    "sum": Function(_sum, 1, None),
    "min": Function(_least, 1, None),
    "max": Function(_most, 1, None),
    "abs": _safe(abs, 1),
    "pow": _safe(math.pow, 2),
    "sqrt": _safe(math.sqrt, 1),
    "exp": _safe(math.exp, 1),
    "exp10": _safe(lambda number: math.pow(10, number), 1),
    "log": _safe(lambda number: math.log(number) if number != 0 else -math.inf, 1),
    "log10": _safe(lambda number: math.log10(number) if number != 0 else -math.inf, 1),
    "sin": _safe(math.sin, 1),
    "cos": _safe(math.cos, 1),
    "tan": _safe(math.tan, 1),
    "asin": _safe(math.asin, 1),
    "acos": _safe(math.acos, 1),
    "atan": _safe(math.atan, 1),
    "atan2": _safe(math.atan2, 2),
    "pi": Function(lambda context, arguments: math.pi, 0, 0),
    "random": Function(_random, 0, 0),
    "uuid": Function(_uuid, 0, 1),
}
