"""Questions and answers: XLSForms, form definitions, submissions and the OpenRosa documents about them.

Knows nothing of databases, doors or merging, and imports neither the sync nor the server package.
"""
