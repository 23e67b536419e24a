"""The demo mission: a made-up mission of three months, seeded, sent through the real devices' door.

Nothing here is used by a real mission. Places, people and events are invented; the district codes are samples.
"""
