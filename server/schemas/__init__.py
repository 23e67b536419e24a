"""Shapes of requests and answers (marshmallow)."""
