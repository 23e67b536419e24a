"""Forms as odd as real ones are, and whether what is sent on them comes back whole on every way out."""
