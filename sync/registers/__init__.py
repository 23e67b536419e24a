"""Register files: which lists are registers, what their properties mean, how they are matched and merged.

A register is one TOML file; a new register needs no code. The loader refuses a faulty file with every fault named.
It must not know the database or the web.
"""

from sync.registers.loader import BUILTIN_DIR, load_registers, parse_register
from sync.registers.schema import (
    CertainRule,
    Learnt,
    Matching,
    NearRule,
    Property,
    Register,
    RegisterError,
    plain_register,
)

__all__ = [
    "BUILTIN_DIR",
    "CertainRule",
    "Learnt",
    "Matching",
    "NearRule",
    "Property",
    "Register",
    "RegisterError",
    "load_registers",
    "parse_register",
    "plain_register",
]
