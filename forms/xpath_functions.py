"""All XPath functions ODK's clients know, by name without prefix (`jr:choice-name` is "choice-name")."""

from collections.abc import Mapping
from typing import Final

from forms.xpath_context import Function
from forms.xpath_dates import DATE_FUNCTIONS
from forms.xpath_logic import LOGIC_FUNCTIONS
from forms.xpath_math import MATH_FUNCTIONS
from forms.xpath_places import PLACE_FUNCTIONS
from forms.xpath_selects import SELECT_FUNCTIONS
from forms.xpath_text import TEXT_FUNCTIONS

FUNCTIONS: Final[Mapping[str, Function]] = {
    **LOGIC_FUNCTIONS,
    **SELECT_FUNCTIONS,
    **TEXT_FUNCTIONS,
    **MATH_FUNCTIONS,
    **DATE_FUNCTIONS,
    **PLACE_FUNCTIONS,
}
