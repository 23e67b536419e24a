"""Register files: which lists are registers, what their properties mean, how they are matched and merged.

A register is one TOML file; a new register needs no code. The loader refuses a faulty file with every fault named.
It must not know the database or the web.
"""

from sync.registers.loader import BUILTIN_DIR, load_registers, parse_register
from sync.registers.schema import (
    CONSENT,
    CertainRule,
    Held,
    KeepAway,
    Learnt,
    Matching,
    NearRule,
    Property,
    Register,
    RegisterError,
    RowRule,
    Section,
    plain_register,
)
from sync.registers.states import Move, StateField, States

__all__ = [
    "BUILTIN_DIR",
    "CONSENT",
    "CertainRule",
    "Held",
    "KeepAway",
    "Learnt",
    "Matching",
    "Move",
    "NearRule",
    "Property",
    "Register",
    "RegisterError",
    "RowRule",
    "Section",
    "StateField",
    "States",
    "load_registers",
    "parse_register",
    "plain_register",
]
