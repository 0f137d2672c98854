"""The JSON-Schema-Test-Suite, judged by the validator and by the grammar, with a ratchet.

``python -m tests.structured.json_schema_suite --draft 2020-12 [--json] [--update]``
"""
