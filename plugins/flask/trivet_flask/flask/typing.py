"""``flask.typing``: types for annotations."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

HeaderValue: TypeAlias = str | list[str] | tuple[str, ...]
HeadersValue: TypeAlias = Headers | Mapping[str, HeaderValue] | Sequence[tuple[str, HeaderValue]]
ResponseValue: TypeAlias = Any
ResponseReturnValue: TypeAlias = Any
ResponseClass: TypeAlias = Response
StatusCode: TypeAlias = int
WSGIApplication: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

AppOrBlueprintKey: TypeAlias = str | None
AfterRequestCallable: TypeAlias = Callable[[Any], Any]
BeforeFirstRequestCallable: TypeAlias = Callable[[], None] | Callable[[], Awaitable[None]]
BeforeRequestCallable: TypeAlias = Callable[[], Any]
ShellContextProcessorCallable: TypeAlias = Callable[[], dict[str, Any]]
TeardownCallable: TypeAlias = Callable[[BaseException | None], Any]
TemplateContextProcessorCallable: TypeAlias = Callable[[], Any]
TemplateFilterCallable: TypeAlias = Callable[..., Any]
TemplateGlobalCallable: TypeAlias = Callable[..., Any]
TemplateTestCallable: TypeAlias = Callable[..., bool]
URLDefaultCallable: TypeAlias = Callable[[str, dict[str, Any]], None]
URLValuePreprocessorCallable: TypeAlias = Callable[[str | None, dict[str, Any] | None], None]
ErrorHandlerCallable: TypeAlias = Callable[[Any], Any]
RouteCallable: TypeAlias = Callable[..., Any]
