"""XPath functions of dates and times, all in the zone of the environment's `now`."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from forms.values import read_time
from forms.xpath_context import Context, Function, Run, text_of
from forms.xpath_parser import XPathProblem
from forms.xpath_values import SECONDS_PER_DAY, Moment, Value, to_moment

Arguments = Sequence[Run]


def _now(context: Context, arguments: Arguments) -> Value:
    return Moment(context.environment.now, True)


def _today(context: Context, arguments: Arguments) -> Value:
    return _without_time(Moment(context.environment.now, True))


def _without_time(moment: Moment) -> Moment:
    return Moment(moment.at.replace(hour=0, minute=0, second=0, microsecond=0), False)


def _date(context: Context, arguments: Arguments) -> Value:
    found = to_moment(arguments[0](context), context.environment.zone)
    return _without_time(found) if found is not None else ""


def _date_time(context: Context, arguments: Arguments) -> Value:
    found = to_moment(arguments[0](context), context.environment.zone)
    return Moment(found.at, True) if found is not None else ""


def _decimal_date_time(context: Context, arguments: Arguments) -> Value:
    found = to_moment(arguments[0](context), context.environment.zone)
    return found.days() if found is not None else math.nan


def _decimal_time(context: Context, arguments: Arguments) -> Value:
    value = arguments[0](context)
    moment = value if isinstance(value, Moment) else None
    clock = moment.at.timetz() if moment else read_time(text_of(context, arguments[0]), context.environment.zone)
    if clock is None:
        return math.nan
    return (clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6) / SECONDS_PER_DAY


def _format_date(context: Context, arguments: Arguments) -> Value:
    """`%Y-%m-%d` and the like; "" when the first argument is no date."""
    found = to_moment(arguments[0](context), context.environment.zone)
    return _formatted(found, text_of(context, arguments[1])) if found is not None else ""


def _formatted(moment: Moment, pattern: str) -> str:
    parts = pattern.split("%")
    made = [parts[0]]
    rest = iter(parts[1:])
    for part in rest:
        if part == "":  # "%%"
            made += ["%", next(rest, "")]
            continue
        directive = _DIRECTIVES.get(part[0])
        if directive is None:
            raise XPathProblem(f"format-date() does not know “%{part[0]}”.")
        made += [directive(moment), part[1:]]
    return "".join(made)


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DIRECTIVES: Final[Mapping[str, Callable[[Moment], str]]] = {
    "Y": lambda moment: f"{moment.at.year:04d}",
    "y": lambda moment: f"{moment.at.year % 100:02d}",
    "m": lambda moment: f"{moment.at.month:02d}",
    "n": lambda moment: str(moment.at.month),
    "b": lambda moment: _MONTHS[moment.at.month - 1],
    "d": lambda moment: f"{moment.at.day:02d}",
    "e": lambda moment: str(moment.at.day),
    "H": lambda moment: f"{moment.at.hour:02d}",
    "h": lambda moment: str(moment.at.hour),
    "M": lambda moment: f"{moment.at.minute:02d}",
    "S": lambda moment: f"{moment.at.second:02d}",
    "3": lambda moment: f"{moment.at.microsecond // 1000:03d}",
    "a": lambda moment: _DAYS[moment.at.weekday()],
    "w": lambda moment: str(moment.at.isoweekday() % 7),
    "W": lambda moment: f"{moment.at.isocalendar().week:02d}",
    "j": lambda moment: f"{moment.at.timetuple().tm_yday:03d}",
    "Z": lambda moment: moment.at.strftime("%z"),
}

DATE_FUNCTIONS: Final[Mapping[str, Function]] = {
    "now": Function(_now, 0, 0),
    "today": Function(_today, 0, 0),
    "date": Function(_date, 1, 1),
    "date-time": Function(_date_time, 1, 1),
    "decimal-date-time": Function(_decimal_date_time, 1, 1),
    "decimal-date": Function(_decimal_date_time, 1, 1),
    "decimal-time": Function(_decimal_time, 1, 1),
    "format-date": Function(_format_date, 2, 2),
    "format-date-time": Function(_format_date, 2, 2),
}
