"""All SQL. Functions take a Session first and, where people ask, a Scope; they commit nothing."""
