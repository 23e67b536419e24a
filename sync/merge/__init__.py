"""From answers to one record per thing, step by step: observations, blocking, matching, judgements, clustering, golden.

Every step is a pure function of facts and register files; `engine` runs them on what a fact touches. Must not know
the database or the web: it reads and writes through `sync.store`.
"""
