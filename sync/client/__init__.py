"""A device without a screen: downloads questionnaires, keeps reports in an outbox, sends them as ODK Collect does.

Speaks OpenRosa over `requests` with any server that does. Must not know Fieldpost's database or services.
"""
