"""Who may use which route, door by door: tables written by hand, compared with what the gate really does."""
