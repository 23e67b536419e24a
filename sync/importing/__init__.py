"""A partner's list as matching needs it: which column is which field, what a row says, whether positions are shifted. Pure."""
