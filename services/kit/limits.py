"""Every limit in one place. docs/limits.md is made from this module."""

BODY_BYTES = 1 << 20
"""Largest request body; an import may send IMPORT_BODY_BYTES."""
IMPORT_BODY_BYTES = 5 << 20
ARRAY_ITEMS = 1_000
"""Most items of one array: events in a request, ids in a batch."""
JSON_DEPTH = 64
PAGE_DEFAULT = 20
PAGE_MOST = 100
TREE_DEPTH = 64
MEMBERS = 200_000
"""Most members of one tenant's organisation."""
METRICS = 200
"""Most metrics of one tenant's catalogue."""
PLAN_DEPTH = 16
"""Most splits between a plan's target and a leaf."""
PLAN_TARGETS = 20_000
"""Most targets of a plan's tree."""
POOL_CONNECTIONS = 4
"""Database connections a process keeps per service."""
STATEMENT_MILLIS = 10_000
LOCK_MILLIS = 3_000
IDLE_IN_TRANSACTION_MILLIS = 15_000
MIN_OFFSET_WAIT_SECONDS = 2.0
LONG_POLL_SECONDS = 25.0
WRITER_QUEUE_ITEMS = 20_000
"""Items waiting in a process's writer before it answers 503 or 429."""
WRITER_QUEUE_BYTES = 64 << 20
"""Bodies waiting there, likewise."""
FLUSH_ITEMS = 1_000
"""Items that one append stores at most."""
FEED_PAGE = 1_000
PROJECTION_BATCH = 500
"""Log entries a projection takes in one transaction."""
IDEMPOTENCY_HOURS = 24
FUTURE_HOURS = 24
"""How far ahead of now an event's time may lie before it is quarantined."""
SIGNATURE_SKEW_SECONDS = 300
RETENTION_DAYS = 180
"""How long raw deliveries are kept."""
TOKEN_LEEWAY_SECONDS = 30
SERVICE_TOKEN_SECONDS = 300
GRAPHQL_DEPTH = 16
GRAPHQL_ALIASES = 30
GRAPHQL_FRAGMENTS = 60
"""Fragment spreads of a document: validation compares what they select pair by pair."""
GRAPHQL_TOKENS = 2_000
GRAPHQL_COST = 5_000
"""Objects a document may ask for, lists counted at their `first`."""
SUBSCRIPTIONS_PER_SOCKET = 20
GRAPHQL_BODY_BYTES = 64 << 10
"""Largest GraphQL request, and largest message on a subscription socket."""
GRAPHQL_SECONDS = 1.2
"""Within this a document is answered, with what there is; waiting for an offset comes on top."""
GRAPHQL_IDENTITY_SECONDS = 0.4
"""Within this targets says who a board is about; after it the board goes on without the name."""
GRAPHQL_GATHER_SECONDS = 0.3
"""How long places of a document that ask the same wait for each other, to share a call."""
GRAPHQL_LEADERBOARDS = 20
"""Units of one document that may show their leaderboard: each is a call."""
GRAPHQL_MUTATION_SECONDS = 10.0
"""A mutation's own: an act is not given up while it may still happen."""
GRAPHQL_DOCUMENTS = 500
"""Prepared documents a gateway keeps, of GRAPHQL_DOCUMENT_TOKENS together."""
GRAPHQL_DOCUMENT_TOKENS = 50_000
SOCKET_INIT_SECONDS = 10.0
"""A subscription socket that has not said who it is by then is closed."""
