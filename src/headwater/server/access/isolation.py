"""What browsers are told of answers that are not an operation's: they are data, not pages of the server.

What a neighbouring service gives out may be anybody's, an HTML page in a bucket say, and it
comes from the origin on which the server's own pages live. In a sandbox it is of no origin:
it runs no script, sends no form, loads nothing and is shown in nobody's frame.

Rules:
- a type is what the answer says it is, and never guessed;
- pages of other origins cannot take an answer in, as an image, a script or a style, unless they
  are trusted;
- a neighbour's own policies are dropped; a route of the server's own may have one, if it serves a page.

Refuses to know what the answers are.
"""

from __future__ import annotations

from headwater.server.access.cross_origin import Trust
from headwater.server.http.exchange import Fields

POLICY = "Content-Security-Policy"
SANDBOX = (
    POLICY,
    "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
NOT_GUESSED = ("X-Content-Type-Options", "nosniff")
NOT_TAKEN_IN = ("Cross-Origin-Resource-Policy", "same-origin")
POLICIES = frozenset(
    {
        "clear-site-data",
        "content-security-policy",
        "content-security-policy-report-only",
        "cross-origin-embedder-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "link",
        "nel",
        "origin-agent-cluster",
        "permissions-policy",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "set-cookie",
        "sourcemap",
        "speculation-rules",
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
    }
)
"""What a neighbour could say to a browser about the whole origin, or to undo what is said here."""


def of_neighbour(fields: Fields, trust: Trust) -> Fields:
    """The headers of an answer that anybody may have written."""
    return (*(field for field in fields if field[0].lower() not in POLICIES), SANDBOX, *_common(trust))


def of_own(fields: Fields, trust: Trust) -> Fields:
    """The headers of an answer of the server's own."""
    has_policy = any(name.lower() == POLICY.lower() for name, _ in fields)
    return (*fields, *(() if has_policy else (SANDBOX,)), *_common(trust))


def _common(trust: Trust) -> Fields:
    return (NOT_GUESSED,) if trust is Trust.NAMED else (NOT_GUESSED, NOT_TAKEN_IN)
