"""Which names each module offers: data only, so that the host can look without importing them.

A name that some Python version lacks is left out there when the module is loaded.
"""

from __future__ import annotations

from types import MappingProxyType

_NAMES: dict[str, str] = {
    "array": "array typecodes",
    "base64": "a85decode a85encode b16decode b16encode b32decode b32encode b32hexdecode "
    "b32hexencode b64decode b64encode b85decode b85encode decodebytes encodebytes "
    "standard_b64decode standard_b64encode urlsafe_b64decode urlsafe_b64encode",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": "Calendar FRIDAY IllegalMonthError IllegalWeekdayError MONDAY SATURDAY SUNDAY "
    "THURSDAY TUESDAY TextCalendar WEDNESDAY calendar day_abbr day_name error firstweekday isleap "
    "leapdays month month_abbr month_name monthcalendar monthrange timegm weekday weekheader "
    "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER",
    "cmath": "acos acosh asin asinh atan atanh cos cosh e exp inf infj isclose isfinite isinf "
    "isnan log log10 nan nanj phase pi polar rect sin sinh sqrt tan tanh tau",
    "collections": "ChainMap Counter OrderedDict abc defaultdict deque namedtuple",
    "collections.abc": "Awaitable ByteString Callable Collection Container Generator Hashable "
    "ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping MutableSequence "
    "MutableSet Reversible Sequence Set Sized ValuesView",
    "contextlib": "AbstractContextManager ContextDecorator closing contextmanager nullcontext "
    "suppress",
    "copy": "Error copy deepcopy",
    "csv": "DictReader DictWriter Error QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC "
    "QUOTE_NOTNULL QUOTE_STRINGS list_dialects reader writer",
    "dataclasses": "FrozenInstanceError InitVar KW_ONLY MISSING asdict astuple dataclass field "
    "fields is_dataclass replace",
    "datetime": "MAXYEAR MINYEAR UTC date datetime time timedelta timezone tzinfo",
    "dateutil": "easter parser relativedelta rrule tz",
    "dateutil.easter": "EASTER_JULIAN EASTER_ORTHODOX EASTER_WESTERN easter",
    "dateutil.parser": "ParserError UnknownTimezoneWarning isoparse parse",
    "dateutil.relativedelta": "FR MO SA SU TH TU WE relativedelta weekday",
    "dateutil.rrule": "DAILY FR HOURLY MINUTELY MO MONTHLY SA SECONDLY SU TH TU WE WEEKLY YEARLY "
    "rrule rruleset rrulestr weekday",
    "dateutil.tz": "UTC gettz tzoffset tzutc",
    "decimal": "Clamped ConversionSyntax Decimal DecimalException DivisionByZero "
    "DivisionImpossible DivisionUndefined FloatOperation Inexact InvalidContext InvalidOperation "
    "MAX_EMAX MAX_PREC MIN_EMIN Overflow ROUND_05UP ROUND_CEILING ROUND_DOWN ROUND_FLOOR "
    "ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP Rounded Subnormal Underflow "
    "getcontext localcontext",
    "difflib": "Differ IS_CHARACTER_JUNK IS_LINE_JUNK Match SequenceMatcher context_diff "
    "get_close_matches ndiff restore unified_diff",
    "enum": "CONFORM EJECT Enum Flag FlagBoundary IntEnum IntFlag KEEP "
    "STRICT StrEnum auto member nonmember unique",
    "fractions": "Fraction",
    "functools": "cache cached_property cmp_to_key lru_cache partial reduce total_ordering wraps",
    "hashlib": "algorithms_available algorithms_guaranteed blake2b blake2s md5 new pbkdf2_hmac "
    "sha1 sha224 sha256 sha384 sha3_224 sha3_256 sha3_384 sha3_512 sha512 shake_128 shake_256",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "html": "escape unescape",
    "io": "BytesIO StringIO",
    "itertools": "accumulate batched chain combinations combinations_with_replacement compress "
    "count cycle dropwhile filterfalse groupby islice pairwise permutations product repeat "
    "starmap takewhile tee zip_longest",
    "json": "JSONDecodeError JSONDecoder JSONEncoder dumps loads",
    "math": "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist "
    "e erf erfc exp exp2 expm1 fabs factorial floor fma fmod frexp fsum gamma gcd hypot inf "
    "isclose isfinite isinf isnan isqrt lcm ldexp lgamma log log10 log1p log2 modf nan nextafter "
    "perm pi pow prod radians remainder sin sinh sqrt sumprod tan tanh tau trunc ulp",
    "numbers": "Complex Integral Number Rational Real",
    "operator": "abs add and_ attrgetter call concat contains countOf delitem eq floordiv ge "
    "getitem gt iadd iand iconcat ifloordiv ilshift imatmul imod imul index indexOf inv invert "
    "ior ipow irshift is_ is_not isub itemgetter itruediv ixor le length_hint lshift lt matmul "
    "methodcaller mod mul ne neg not_ or_ pos pow rshift setitem sub truediv truth xor",
    "random": "Random betavariate binomialvariate choice choices expovariate gammavariate gauss "
    "getrandbits getstate lognormvariate normalvariate paretovariate randbytes randint random "
    "randrange sample seed setstate shuffle triangular uniform vonmisesvariate weibullvariate",
    "re": "A ASCII DEBUG DOTALL I IGNORECASE L LOCALE M MULTILINE Match NOFLAG Pattern "
    "PatternError RegexFlag S U UNICODE VERBOSE X compile error escape findall finditer fullmatch "
    "match search split sub subn",
    "statistics": "NormalDist StatisticsError correlation covariance fmean geometric_mean "
    "harmonic_mean linear_regression mean median median_grouped median_high median_low mode "
    "multimode pstdev pvariance quantiles stdev variance",
    "string": "Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits "
    "octdigits printable punctuation whitespace",
    "sys": "byteorder float_info getrecursionlimit getsizeof hexversion int_info intern maxsize "
    "maxunicode setrecursionlimit version_info",
    "textwrap": "TextWrapper dedent fill indent shorten wrap",
    "time": "altzone asctime ctime daylight gmtime localtime mktime monotonic monotonic_ns "
    "perf_counter perf_counter_ns process_time process_time_ns strftime strptime struct_time "
    "thread_time thread_time_ns time time_ns timezone tzname",
    "typing": "AbstractSet Annotated Any AnyStr Awaitable ByteString Callable ChainMap ClassVar "
    "Collection Concatenate Container ContextManager Counter DefaultDict Deque Dict Final "
    "FrozenSet Generator Generic Hashable ItemsView Iterable Iterator KeysView List Literal "
    "LiteralString Mapping MappingView Match MutableMapping MutableSequence MutableSet NamedTuple "
    "Never NewType NoReturn NotRequired Optional OrderedDict ParamSpec Pattern Protocol ReadOnly "
    "Required Reversible Self Sequence Set Sized SupportsAbs SupportsBytes SupportsComplex "
    "SupportsFloat SupportsIndex SupportsInt SupportsRound TYPE_CHECKING Text Tuple Type "
    "TypeAlias TypeGuard TypeIs TypeVar TypeVarTuple TypedDict Union Unpack ValuesView "
    "assert_never assert_type cast final get_args get_origin no_type_check overload override "
    "reveal_type",
    "unicodedata": "bidirectional category combining decimal decomposition digit "
    "east_asian_width is_normalized lookup mirrored name normalize numeric unidata_version",
    "urllib": "parse",
    "urllib.parse": "DefragResult ParseResult SplitResult parse_qs parse_qsl quote "
    "quote_from_bytes quote_plus unquote unquote_plus unquote_to_bytes urldefrag urlencode "
    "urljoin urlparse urlsplit urlunparse urlunsplit",
    "uuid": "NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500 RESERVED_FUTURE "
    "RESERVED_MICROSOFT RESERVED_NCS RFC_4122 SafeUUID UUID uuid3 uuid4 uuid5",
    "zoneinfo": "ZoneInfo ZoneInfoNotFoundError available_timezones",
}

AVAILABLE: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {module: tuple(sorted(names.split())) for module, names in _NAMES.items()}
)
"""The modules, and the names in each. Packages list their modules among them."""
