"""A function's signature as the properties of an arguments object, each with how it is passed."""

from __future__ import annotations

import copy
import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, NoReturn, NotRequired, Required, get_args, get_origin

import pydantic
import typing_extensions
from pydantic.fields import FieldInfo

from structured.annotations import NOTHING, Interpreted, clean, interpret, joined
from structured.callables import is_in_class, partials, plain_function
from structured.errors import SchemaError, ToolDefinitionError
from structured.keywords import UNUSABLE_TYPE
from structured.output import OutputSchema
from structured.scopes import Scope, UnresolvedAnnotation

Passing = Literal["positional", "keyword", "*", "**"]
_Kind = inspect.Parameter
_WRAP = "wrap it in a function with annotated parameters"
_UNPACK = (typing.Unpack, typing_extensions.Unpack)
_QUALIFIERS: tuple[Any, ...] = (Required, NotRequired, typing_extensions.ReadOnly)


@dataclass(frozen=True, slots=True)
class Argument:
    """One property of the arguments object."""

    name: str
    """The parameter's name; the property has its alias, where it has one."""
    passing: Passing
    """How the value reaches the function; ``*`` and ``**`` spread an array or an object."""
    field: Any
    """The annotation for a ``TypedDict``: type, description, default, whether required."""


class SignatureReader:
    """Reads the signature of one function that is to be a tool.

    Args:
        function: The function.
        tool: The tool's name, for errors.
        skip_first: Leave out the first parameter (``self`` of a function in a class body).

    Raises:
        ToolDefinitionError: The signature cannot be read, or the first parameter is missing
            or is a ``self`` without an object.
    """

    def __init__(self, function: Callable[..., Any], *, tool: str, skip_first: bool) -> None:
        self._tool = tool
        plain = plain_function(function)
        self._editable = hasattr(plain, "__code__")  # what is written in C is not
        owner = getattr(function, "__self__", None)
        self._scope = Scope(plain, owner if isinstance(owner, type) else type(owner))
        try:
            signature = inspect.signature(function)
        except (ValueError, TypeError, NameError) as error:
            self._fail("", f"its signature cannot be read: {error}", _WRAP)
        self._return = signature.return_annotation
        self._parameters = list(signature.parameters.values())
        first = self._parameters[0] if self._parameters else None
        if skip_first:
            if first is None or first.kind in (_Kind.KEYWORD_ONLY, _Kind.VAR_KEYWORD):
                self._fail("", "a method needs a first parameter", "write `self`")
            if first.kind is not _Kind.VAR_POSITIONAL:
                del self._parameters[0]
        elif first and first.name in ("self", "cls") and is_in_class(plain):
            self._fail(
                first.name,
                "this is a method without its object",
                f"give the bound method: instance.{plain.__name__}",
            )
        # What a partial binds by name stays in the signature, as a default.
        self._bound = {name for part in partials(function) for name in part.keywords}

    def names(self) -> frozenset[str]:
        """The parameters' names, with the keys of an unpacked ``TypedDict``."""
        names = {parameter.name for parameter in self._parameters}
        for parameter in self._parameters:
            if parameter.kind is _Kind.VAR_KEYWORD and parameter.annotation is not NOTHING:
                unpacked = self._unpacked(parameter, self._resolve(parameter))
                names |= getattr(unpacked, "__annotations__", {}).keys()
        return frozenset(names)

    def arguments(self, texts: Mapping[str, str]) -> tuple[Argument, ...]:
        """The arguments object's properties, in the order of the parameters.

        A parameter that a ``functools.partial`` binds is left out if a model could not fill it
        anyway, because it has no type or a type without a JSON Schema.

        Args:
            texts: What the docstring says about each; an annotation's own text comes first.

        Raises:
            ToolDefinitionError: A parameter has no annotation, or one that cannot be read.
        """
        spreads = any(p.kind is _Kind.VAR_POSITIONAL for p in self._parameters)
        found: dict[str, Argument] = {}
        for parameter in self._parameters:
            for argument in self._read(parameter, texts, spreads):
                if argument.name in found:
                    self._fail(argument.name, "two parameters have this name", "rename one")
                found[argument.name] = argument
        return tuple(found.values())

    def result(self) -> Interpreted | None:
        """What the return annotation says, ``None`` when there is none.

        Raises:
            ToolDefinitionError: It cannot be read.
        """
        if self._return is NOTHING:
            return None
        return self._interpret("return", self._resolve(None))

    def _read(
        self, parameter: inspect.Parameter, texts: Mapping[str, str], spreads: bool
    ) -> Iterator[Argument]:
        name, kind = parameter.name, parameter.kind
        if parameter.annotation is NOTHING:
            if name not in self._bound:
                shown = f"{parameter.replace(default=NOTHING)}: {_guess(parameter)}"
                self._fail(name, "it has no type", f"write `{shown}`" if self._editable else _WRAP)
            return
        annotation = self._resolve(parameter)
        if (unpacked := self._unpacked(parameter, annotation)) is not None:
            yield from self._read_typed_dict(name, unpacked, texts)
            return
        it = self._interpret(name, annotation)
        text = texts.get(name, "")
        if kind is _Kind.VAR_POSITIONAL:
            many: Any = list.__class_getitem__(it.type)
            field = _with_field(many, it.description or text)
            yield Argument(name, "*", NotRequired[field])
        elif kind is _Kind.VAR_KEYWORD:
            many = dict.__class_getitem__((str, it.type))
            field = _with_field(many, it.description or text)
            yield Argument(name, "**", NotRequired[field])
        elif name not in self._bound or _has_schema(it.type):
            positional = kind is _Kind.POSITIONAL_ONLY or (
                spreads and kind is _Kind.POSITIONAL_OR_KEYWORD
            )
            field = self._field(name, it, parameter.default, text)
            yield Argument(name, "positional" if positional else "keyword", field)

    def _unpacked(self, parameter: inspect.Parameter, annotation: Any) -> Any:
        """The ``TypedDict`` of ``**kwargs: Unpack[TypedDict]``, ``None`` for anything else."""
        starred = getattr(annotation, "__unpacked__", False)  # *args: *tuple[int, str]
        if get_origin(annotation) not in _UNPACK and not starred:
            return None
        inner = get_args(annotation)[0]
        if parameter.kind is not _Kind.VAR_KEYWORD or not typing_extensions.is_typeddict(inner):
            self._fail(parameter.name, "Unpack is read for `**kwargs` and a TypedDict only")
        return inner

    def _read_typed_dict(
        self, name: str, type_: Any, texts: Mapping[str, str]
    ) -> Iterator[Argument]:
        """The keys of ``**name: Unpack[type_]``: they are keyword arguments, says PEP 692."""
        try:
            hints = typing_extensions.get_type_hints(type_, include_extras=True)
        except NameError as error:
            self._fail(name, f"{error} (in {type_.__name__})")
        for key, hint in hints.items():
            required = key in type_.__required_keys__
            qualifier: Any
            while (qualifier := get_origin(hint)) in _QUALIFIERS:
                required = (required or qualifier is Required) and qualifier is not NotRequired
                (hint,) = get_args(hint)
            it = self._interpret(key, hint)
            field = self._field(key, it, NOTHING, texts.get(key, ""))
            if not required and get_origin(field) is not NotRequired:
                field = NotRequired[field]
            yield Argument(key, "keyword", field)

    def _field(self, name: str, it: Interpreted, default: Any, text: str) -> Any:
        """The field of a parameter that takes one value."""
        type_, description = it.type, it.description
        if isinstance(default, FieldInfo):  # count: int = Field(3, ge=0)
            type_ = Annotated[type_, default]
            description = joined(description, clean(default.description or ""))
            default = NOTHING
        infos = [x for x in getattr(type_, "__metadata__", ()) if isinstance(x, FieldInfo)]
        if any(not isinstance(info.validation_alias, (str, NoneType)) for info in infos):
            self._fail(name, "a schema can show one name only", "give the alias as one string")
        if it.default is not NOTHING:
            if default is not NOTHING and default != it.default:
                self._fail(name, f"it has two defaults, {default!r} and {it.default!r}")
            default = it.default
        text = description or text
        if default is NOTHING:
            field = _with_field(type_, text)
            return field if all(info.is_required() for info in infos) else NotRequired[field]
        if name in self._bound and _mutable(default):  # the very object that was bound
            factory = functools.partial(_same, default)
            return NotRequired[_with_field(type_, text, default_factory=factory)]
        if _is_valid(type_, default):
            return NotRequired[_with_field(type_, text, default=default)]
        # `unit: Unit = ""`: the function may be called so, but not by a model. What a factory
        # makes is not shown in the schema.
        factory = functools.partial(copy.deepcopy if _mutable(default) else _same, default)
        return NotRequired[_with_field(type_, text, default_factory=factory)]

    def _resolve(self, parameter: inspect.Parameter | None) -> Any:
        """The type of a parameter; of the result for ``None``."""
        try:
            return self._scope.resolve(parameter.annotation if parameter else self._return)
        except UnresolvedAnnotation as error:
            self._fail(parameter.name if parameter else "return", str(error), error.hint)

    def _interpret(self, name: str, annotation: Any) -> Interpreted:
        try:
            return interpret(annotation)
        except SchemaError as error:
            self._fail(name, error.message, error.hint)

    def _fail(self, parameter: str, problem: str, hint: str = "") -> NoReturn:
        raise definition_error(self._tool, parameter, problem, hint)


def definition_error(tool: str, parameter: str, problem: str, hint: str) -> ToolDefinitionError:
    """The error that says what is wrong with one parameter (or ``"return"``, or ``""``: none)."""
    where = ", return type" if parameter == "return" else f", parameter {parameter!r}"
    return ToolDefinitionError(
        f"tool {tool!r}{where if parameter else ''}: {problem}",
        tool=tool,
        parameter=parameter,
        hint=hint,
    )


def _with_field(type_: Any, text: str, **options: Any) -> Any:
    if text:
        options["description"] = text
    return Annotated[type_, pydantic.Field(**options)] if options else type_


def _guess(parameter: inspect.Parameter) -> str:
    unknown = parameter.default is NOTHING or parameter.default is None
    return "int" if unknown else type(parameter.default).__name__


def _has_schema(type_: Any) -> bool:
    try:
        OutputSchema.of(type_)
    except SchemaError:
        return False
    return True


def _is_valid(type_: Any, default: Any) -> bool:
    if type(default) is type_:
        return True
    try:
        pydantic.TypeAdapter(type_).validate_python(default)
    except pydantic.ValidationError:
        return False
    except UNUSABLE_TYPE:
        return True  # the type itself is at fault, and its own error will say so
    return True


def _same(value: Any) -> Any:
    return value


def _mutable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return True
    return False
