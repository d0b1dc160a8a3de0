"""Decides how a value that pydantic refused is described to a person: in words, without the value's type theory."""

from pydantic_core import ErrorDetails

# pydantic's error types (https://docs.pydantic.dev/latest/errors/validation_errors/); `{…}` come with the error.
_WORDS = {
    "missing": "is missing",
    "json_invalid": "is not valid JSON: {error}",
    "tuple_type": "must be a list, such as [one, another]",
    "list_type": "must be a list, such as [one, another]",
    "dataclass_type": "must be a mapping",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must not be longer than {max_length} characters",
    "string_too_short": "must not be shorter than {min_length} characters",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "time_type": 'must be a time, such as "07:30"',
    "time_parsing": 'must be a time, such as "07:30"',
    "date_from_datetime_parsing": "must be a date, such as 2026-11-18",
    "value_error": "{error}",
}


def in_words(error: ErrorDetails) -> str:
    """What is wrong with the value, as the end of a sentence that began with its key."""
    words = _WORDS.get(error["type"], error["msg"].replace("{", "{{").replace("}", "}}"))
    each = "each entry " if error["loc"] and isinstance(error["loc"][-1], int) else ""
    return each + words.format(**error.get("ctx", {}))
